"""Models by name: a bundled mini model, a folder, or a hub id that is on this machine. Does not import torch."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from dp2vl.errors import ModelError
from dp2vl.vlm.hub import HUB_ID, find_checkpoint
from dp2vl.vlm.memory import MINIGPT_PARTS, SMALLER, check_memory, count_bytes, is_visual

if TYPE_CHECKING:
    import torch

    from dp2vl.vlm.base import VLM
    from dp2vl.vlm.modern_towers import ModernTower
    from dp2vl.vlm.tower import VisionTower

FAMILIES = MappingProxyType(
    {"llava": "dp2vl.vlm.llava", "minigpt_v2": "dp2vl.vlm.minigpt_v2", "qwen_vl": "dp2vl.vlm.qwen_vl"}
)
"""Family -> its module, imported on use; each has `load`, `load_tower` and `write`."""
MODERN, MODERN_TOWERS = "dp2vl.vlm.auto", "dp2vl.vlm.modern_towers"
"""Load every family of transformers that is not one of ours, and the towers of those."""
TYPES = {"llava": "llava", "qwen": "qwen_vl", "minigpt_v2": "minigpt_v2"}
"""`model_type` of config.json -> one of our families."""
BUNDLED = Path(__file__).parent / "mini" / "weights"
_SPARE = 1.15
"""Memory that loading takes beyond the weights themselves."""
_HALF = "bfloat16 takes half: `models check --dtype bfloat16`, or `load_vlm(..., dtype=torch.bfloat16)`"


def bundled_names() -> list[str]:
    """Return the names of the mini models that come with this package, in alphabetical order."""
    return sorted(p.parent.name for p in BUNDLED.glob("*/card.json"))


def find_source(name: str, wanted: Callable[[str], bool] | None = None) -> Path:
    """Return the folder of a model on this machine; no network.

    Args:
        name: a bundled mini model, a folder, or a hub id, perhaps with @revision.
        wanted: tensors that are needed; see `find_checkpoint`.

    Raises:
        ModelError: it is not here, or files are missing.
    """
    if name in bundled_names():
        return BUNDLED / name
    folder = Path(name).expanduser()
    if folder.is_dir() and any((folder / part).exists() for part in MINIGPT_PARTS):
        return folder
    if not folder.is_dir() and not HUB_ID.fullmatch(name):
        known = ", ".join(bundled_names())
        raise ModelError(f"unknown model {name!r}", f"give a folder, a hub id, or one of {known}")
    tower = f"vlm:{name}"  # fetches the tower alone, the name without a kind everything
    return find_checkpoint(tower, wanted, pull=tower if wanted else name)


def find_tower(name: str) -> Path:
    """Return the folder of a model of which the tower, at least, is on this machine; no network.

    LLaVA and MiniGPT-v2 may lack no files, others those without the tower: of Qwen-VL's ten, three are needed.

    Raises:
        ModelError: it is not here, or files are missing.
    """
    try:
        return find_source(name)
    except ModelError:
        folder = find_source(name, is_visual)
        if find_family(name, folder) in ("llava", "minigpt_v2"):
            raise
        return folder


def find_family(name: str, folder: Path) -> str:
    """Return the family of a checkpoint, a key of `FAMILIES`, or its `model_type` where it is none of ours.

    Raises:
        ModelError: there is no telling.
    """
    if (folder / "config.json").is_file():
        try:
            model_type = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "")
        except (ValueError, AttributeError) as error:
            raise ModelError(f"{folder / 'config.json'} is not a JSON object", "copy the checkpoint again") from error
        return TYPES.get(str(model_type), str(model_type))
    if any((folder / part).exists() for part in MINIGPT_PARTS):
        return "minigpt_v2"
    raise ModelError(f"{name} has no config.json", "give the folder of a whole checkpoint")


def load_vlm(name: str, *, device: str = "cpu", dtype: "torch.dtype | None" = None) -> "VLM":
    """Return a vision-language model, in evaluation mode, its weights frozen; never downloads.

    Args:
        name: a bundled mini model, a folder, or a hub id that was fetched.
        device: cpu, cuda or mps.
        dtype: of the weights; float32 on a CPU and bfloat16 elsewhere if not given.

    Raises:
        ModelError: it is not on this machine, incomplete or damaged, of a family that is not known, or too large.
    """
    import torch

    folder = find_source(name)
    family = find_family(name, folder)
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    hint = f"{_HALF}; or use a smaller model such as mini-llava" if dtype.itemsize > 2 else SMALLER
    check_memory(name, need_bytes=int(_SPARE * count_bytes(folder, dtype.itemsize)), device=device, hint=hint)
    model: VLM = import_module(FAMILIES.get(family, MODERN)).load(name, folder, dtype=dtype)
    return model.to(device)


def load_tower(name: str) -> "VisionTower | ModernTower":
    """Return the vision tower of a model, float32, without the language model.

    Raises:
        ModelError: it is not on this machine, of another family, incomplete, damaged or too large.
    """
    folder = find_tower(name)
    check_memory(name, need_bytes=int(_SPARE * count_bytes(folder, 4, tower=True)), device="cpu")
    module = import_module(FAMILIES.get(find_family(name, folder), MODERN_TOWERS))
    tower: VisionTower | ModernTower = module.load_tower(name, folder)
    return tower
