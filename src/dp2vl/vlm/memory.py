"""What memory a checkpoint takes, told by its files without reading its weights, against what is free."""

import json
import math
import re
from pathlib import Path
from typing import Any

from dp2vl.errors import ModelError
from dp2vl.vlm.hub import Wanted, weight_files

EVA, CONNECTORS = "eva_vit_g.pth", ("minigptv2_checkpoint.pth", "minigptv2_checkpoint.safetensors")
MINIGPT_PARTS = (*CONNECTORS, EVA)
"""Files that only a folder of MiniGPT-v2 has."""
QWEN_VISUAL = "transformer.visual."
SMALLER = "use a smaller model such as mini-llava"
VISION = re.compile(r"(model\.)?(visual|vision_tower|vision_model)\.(vision_model\.)?")
"""Where names of the tower's tensors begin in files of transformers' families, today's and older ones."""


def is_qwen_visual(tensor: str) -> bool:
    """Return whether a tensor of a Qwen-VL checkpoint belongs to tower or resampler."""
    return tensor.startswith(QWEN_VISUAL)


def is_visual(tensor: str) -> bool:
    """Return whether a tensor belongs to the vision side of a Qwen-VL or of a model of transformers."""
    return is_qwen_visual(tensor) or VISION.match(tensor) is not None


def count_bytes(folder: Path, itemsize: int, *, tower: bool = False) -> int:
    """Return the memory that the weights of a checkpoint take once loaded, at `itemsize` bytes per number.

    Counted are the tensors that are loaded: of a MiniGPT-v2's BLIP-2 repository the tower, of its checkpoint not the
    optimiser. Of a damaged file two bytes per number are assumed; loading says what is wrong with it.

    Args:
        tower: of the vision tower alone.
    """
    return itemsize * sum(_count_numbers(path, wanted) for path, wanted in _find_parts(folder, tower))


def _find_parts(folder: Path, tower: bool) -> list[tuple[Path, Wanted]]:
    """Return the files that loading reads, each with what it takes of their tensors."""
    if not any((folder / name).is_file() for name in MINIGPT_PARTS):
        wanted = is_visual if tower else _is_any
        return [(path, wanted) for path in _find_weights(folder)]
    parts: list[tuple[Path, Wanted]] = []
    if (folder / EVA).is_file():
        parts += [(folder / EVA, _is_any)]
    else:
        parts += [(path, _is_blip_tower) for path in _find_weights(folder / "vision")]
    if not tower:
        connector = next((folder / name for name in CONNECTORS if (folder / name).is_file()), None)
        parts += [(path, _is_any) for path in (*_find_weights(folder / "llama"), *([connector] if connector else []))]
    return parts


def _find_weights(folder: Path) -> list[Path]:
    return [path for name in weight_files(folder) if (path := folder / name).is_file()]


def _is_any(tensor: str) -> bool:
    return True


def _is_blip_tower(tensor: str) -> bool:
    return tensor.startswith("vision_model.")


def _count_numbers(path: Path, wanted: Wanted) -> int:
    """Return how many numbers the wanted tensors of a file hold."""
    try:
        shapes = _read_header(path) if path.suffix == ".safetensors" else _read_outline(path)
        return sum(math.prod(shape) for name, shape in shapes.items() if wanted(name))
    except Exception:  # torch raises whatever the damage led to
        return path.stat().st_size // 2


def _read_header(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError(f"expected a header within the file, got {length} bytes")
        header: dict[str, Any] = json.loads(file.read(length))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


def _read_outline(path: Path) -> dict[str, tuple[int, ...]]:
    """Return names and shapes out of a file of torch; of one that holds more than a model, the model's."""
    import torch

    found = torch.load(path, map_location="meta", weights_only=True)
    found = found.get("model", found)
    return {name: tuple(value.shape) for name, value in found.items() if isinstance(value, torch.Tensor)}


def check_memory(name: str, *, need_bytes: int, device: str, hint: str = SMALLER) -> None:
    """Raise a `ModelError` if a model does not fit into what is free, here and on the device: it is read here first.

    Raises:
        ModelError: says how much it needs, how much there is, and what is smaller.
    """
    for place in dict.fromkeys(("cpu", device)):
        free = _free_bytes(place)
        if free is not None and need_bytes > free:
            message = f"{name} needs {need_bytes / 1e9:.1f} GB of memory on {place}, {free / 1e9:.1f} GB are free"
            raise ModelError(message, hint)


def _free_bytes(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        free: Any = torch.cuda.mem_get_info(device)[0]
        return int(free)
    if device != "cpu":
        return None
    import psutil

    return int(psutil.virtual_memory().available)
