"""What the modern families' processors make of a photo, differentiable.

Each function of `VIEWS` equals one official image processor (its Pillow variant) within 2/255 before normalisation:
all the tiles it cuts, in its order. Sizes and grids come from the official code, which is pure arithmetic; resizing is
ours, because theirs works on 8-bit arrays.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dp2vl.preprocess import Interpolation, resize
from dp2vl.vlm.checkpoint import PILLOW_FILTERS

Photo = Float[Tensor, "3 h w"]


def square(settings: Any, photo: Photo) -> dict[str, Tensor]:
    """The whole photo, squashed: PaliGemma, and Gemma 3 without pan and scan. `pixel_values` (1, 3, side, side)."""
    return {"pixel_values": normalise(settings, [resize(photo, _size(settings), _filter(settings))])}


def patches(settings: Any, photo: Photo) -> dict[str, Tensor]:
    """The whole photo near its own size, as rows of patches: Qwen2-VL to Qwen3-VL.

    `pixel_values` (patches, 3 * frames * patch * patch) in blocks of merge x merge, and `image_grid_thw` (1, 3).

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    side, merge, frames = settings.patch_size, settings.merge_size, settings.temporal_patch_size
    least, most = settings.size["shortest_edge"], settings.size["longest_edge"]
    size = smart_resize(photo.shape[-2], photo.shape[-1], side * merge, least, most)
    pixels = normalise(settings, [resize(photo, size, _filter(settings))])[0]
    down, right = size[0] // side, size[1] // side
    blocks = pixels.reshape(3, down // merge, merge, side, right // merge, merge, side)
    blocks = blocks.permute(1, 4, 2, 5, 0, 3, 6)  # (down/merge, right/merge, merge, merge, 3, side, side)
    blocks = blocks.unsqueeze(5).expand(*blocks.shape[:5], frames, side, side)  # a photo is a film of equal frames
    grid = torch.tensor([[1, down, right]], device=photo.device)
    return {"pixel_values": blocks.reshape(down * right, -1), "image_grid_thw": grid}


def any_resolution(settings: Any, photo: Photo) -> dict[str, Tensor]:
    """The squashed photo, then tiles of it on black bars: LLaVA-OneVision.

    `pixel_values` (1, tiles, 3, side, side) and `image_sizes` (1, 2).
    """
    from transformers.image_processing_utils import get_patch_output_size, select_best_resolution

    size = (photo.shape[-2], photo.shape[-1])
    height, width = select_best_resolution(size, settings.image_grid_pinpoints)
    inner = get_patch_output_size(photo, (height, width), "channels_first")
    down, right = (height - inner[0]) // 2, (width - inner[1]) // 2
    canvas = photo.new_zeros(3, height, width)
    canvas[:, down : down + inner[0], right : right + inner[1]] = resize(photo, inner, _filter(settings))
    base = resize(photo, _size(settings), _filter(settings))
    pixels = normalise(settings, [base, *_tiles(canvas, *_size(settings))])
    return {"pixel_values": pixels[None], "image_sizes": torch.tensor([size], device=photo.device)}


def split(settings: Any, photo: Photo) -> dict[str, Tensor]:
    """Tiles of the enlarged photo, then the whole, squashed: Idefics3 and SmolVLM.

    `pixel_values` (1, tiles, 3, side, side).
    """
    from transformers.models.idefics3.image_processing_pil_idefics3 import get_resize_output_image_size

    side = settings.max_image_size["longest_edge"]
    shape: Any = photo  # only its shape is read
    size = get_resize_output_image_size(shape, settings.size["longest_edge"])
    photo = resize(photo, size, _filter(settings))
    if settings.do_image_splitting:
        photo = resize(photo, _multiple(size, side), _filter(settings))
    whole = resize(photo, (side, side), _filter(settings))
    tiles = _tiles(photo, side, side) if settings.do_image_splitting and photo.shape[1:] != (side, side) else []
    return {"pixel_values": normalise(settings, [*tiles, whole])[None]}


def _multiple(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return multiples of `side` not below `size`, as Idefics3 rounds: the longer side first."""
    height, width = size
    ratio = width / height
    if width >= height:
        width = math.ceil(width / side) * side
        height = math.ceil(int(width / ratio) / side) * side
    else:
        height = math.ceil(height / side) * side
        width = math.ceil(int(height * ratio) / side) * side
    return height, width


def canvas(settings: Any, photo: Photo) -> dict[str, Tensor]:
    """Tiles of the photo, squashed to the nearest grid, then the whole if they are several: InternVL.

    `pixel_values` (tiles, 3, side, side).
    """
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

    height, width = _size(settings)
    size = (photo.shape[-2], photo.shape[-1])
    columns, rows = get_optimal_tiled_canvas(size, (height, width), settings.min_patches, settings.max_patches)
    tiles = _tiles(resize(photo, (rows * height, columns * width), _filter(settings)), height, width)
    whole = [resize(photo, (height, width), _filter(settings))] if len(tiles) > 1 else []
    return {"pixel_values": normalise(settings, [*tiles, *whole])}


VIEWS: dict[str, Callable[[Any, Photo], dict[str, Tensor]]] = {
    "square": square,
    "patches": patches,
    "any_resolution": any_resolution,
    "split": split,
    "canvas": canvas,
}
"""By name: (settings of the official image processor, photo) -> the arguments of `get_image_features`."""


def features_of(out: Any) -> Float[Tensor, "tokens width"]:
    """Return the projected tokens of one photo, however the family packs them."""
    packed = [out.pooler_output, *(getattr(out, "deepstack_features", None) or ())]
    # a list or tuple has one element per photo, a tensor one per tile
    parts = [p.flatten(0, -2) if isinstance(p, Tensor) else torch.cat(list(p)) for p in packed]
    return torch.cat(parts, -1)


def normalise(settings: Any, views: Sequence[Tensor]) -> Float[Tensor, "n 3 height width"]:
    """Return views of equal size in one tensor, with mean 0 and variance 1 as the processor has it."""
    stacked = torch.stack(list(views))
    mean, std = (torch.tensor(list(v)).to(stacked)[:, None, None] for v in (settings.image_mean, settings.image_std))
    return (stacked - mean) / std


def _filter(settings: Any) -> Interpolation:
    return PILLOW_FILTERS[int(settings.resample)]


def _size(settings: Any) -> tuple[int, int]:
    return settings.size["height"], settings.size["width"]


def _tiles(photo: Photo, height: int, width: int) -> list[Tensor]:
    """Return the tiles of a photo row by row."""
    return [tile for row in photo.split(height, dim=-2) for tile in row.split(width, dim=-1)]
