"""Models by name: a bundled mini model, a folder, or a hub id that is on this machine. Does not import torch."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dp2vl.errors import ModelError
from dp2vl.vlm.hub import HUB_ID, find_checkpoint, weight_files

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
_TYPES = {"llava": "llava", "qwen": "qwen_vl", "minigpt_v2": "minigpt_v2"}
_MINIGPT_PARTS = ("minigptv2_checkpoint.pth", "minigptv2_checkpoint.safetensors", "eva_vit_g.pth")
QWEN_VISUAL = "transformer.visual."
VISION = re.compile(r"(model\.)?(visual|vision_tower|vision_model)\.(vision_model\.)?")
"""Where names of the tower's tensors begin in files of the modern families, today's and older ones."""
BUNDLED = Path(__file__).parent / "mini" / "weights"
_SPARE = 1.15
"""Memory that loading takes beyond the weights themselves."""


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
    if folder.is_dir() and any((folder / part).exists() for part in _MINIGPT_PARTS):
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


def is_qwen_visual(tensor: str) -> bool:
    """Return whether a tensor of a Qwen-VL checkpoint belongs to tower or resampler."""
    return tensor.startswith(QWEN_VISUAL)


def is_visual(tensor: str) -> bool:
    """Return whether a tensor belongs to the vision side of a Qwen-VL or of a modern family."""
    return is_qwen_visual(tensor) or VISION.match(tensor) is not None


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
        return _TYPES.get(str(model_type), str(model_type))
    if any((folder / part).exists() for part in _MINIGPT_PARTS):
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
    check_memory(name, need_bytes=int(_SPARE * count_bytes(folder, dtype.itemsize)), device=device)
    model: VLM = import_module(FAMILIES.get(family, MODERN)).load(name, folder, dtype=dtype)
    return model.to(device)


def load_tower(name: str) -> "VisionTower | ModernTower":
    """Return the vision tower of a model, float32, without the language model.

    Raises:
        ModelError: it is not on this machine, of another family, incomplete or damaged.
    """
    folder = find_tower(name)
    module = import_module(FAMILIES.get(find_family(name, folder), MODERN_TOWERS))
    tower: VisionTower | ModernTower = module.load_tower(name, folder)
    return tower


def count_bytes(folder: Path, itemsize: int) -> int:
    """Return the memory that the weights of a checkpoint take, from its files, which hold two bytes per number."""
    parts = [folder, *(p for p in folder.iterdir() if p.is_dir())]
    files = {f for part in parts for f in (part / name for name in weight_files(part)) if f.is_file()}
    files |= {f for part in _MINIGPT_PARTS if (f := folder / part).is_file()}
    return sum(f.stat().st_size for f in files) * itemsize // 2


def check_memory(name: str, *, need_bytes: int, device: str) -> None:
    """Raise a `ModelError` if a model does not fit into what is free.

    Raises:
        ModelError: says how much it needs, how much there is, and what is smaller.
    """
    free = _free_bytes(device)
    if free is not None and need_bytes > free:
        raise ModelError(
            f"{name} needs {need_bytes / 1e9:.1f} GB of memory on {device}, {free / 1e9:.1f} GB are free",
            "load it with dtype bfloat16, or use a smaller model such as mini-llava",
        )


def _free_bytes(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        free: Any = torch.cuda.mem_get_info(device)[0]
        return int(free)
    if device != "cpu":
        return None
    import psutil

    return int(psutil.virtual_memory().available)
