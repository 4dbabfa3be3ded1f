"""What encoders do to a photo before they look at it, differentiable: resize as Pillow does, crop or pad, normalise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from dp2vl.errors import PhotoRefused

Interpolation = Literal["bilinear", "bicubic", "lanczos"]
Resize = Literal["squash", "shortest_crop", "pad"]
Triple = tuple[float, float, float]

CLIP_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Triple = (0.26862954, 0.26130258, 0.27577711)
HALF: Triple = (0.5, 0.5, 0.5)
SMALLEST_PX = 24
"""Smaller photos show nobody, and little fits into them."""


def check_size(height: int, width: int) -> None:
    """Raise a `PhotoRefused` if a side of a photo is shorter than `SMALLEST_PX`."""
    if min(height, width) < SMALLEST_PX:
        raise PhotoRefused(
            f"expected at least {SMALLEST_PX} pixels on each side, got {width}x{height}",
            "enlarge it, or leave it out",
        )


@dataclass(frozen=True)
class Preprocess:
    """The way from a photo of any size to the square of numbers that an encoder takes.

    Equals the Pillow processors of transformers within 2/255 before normalisation, and still closer with
    `round_8bit`. The resize is two products with cached matrices: cost grows with the photo's pixels
    times `side_px`, gradients are the same on every run and device, and padding is never stored.

    Args:
        side_px: side of the square.
        resize: `squash` changes the aspect ratio; `shortest_crop` brings the short side to `side_px` and cuts the
            middle out; `pad` makes the photo square by bars in the colour of `mean` (LLaVA's expand2square).
        interpolation: filter of the resize, widened when the photo shrinks.
        mean, std: per channel, in [0, 1] units; the defaults leave the values alone.
        round_8bit: round to 8 bits where Pillow does; gradients pass as if there were no rounding.

    Raises:
        ValueError: a setting is out of range.
    """

    side_px: int
    resize: Resize = "squash"
    interpolation: Interpolation = "bicubic"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    round_8bit: bool = False

    def __post_init__(self) -> None:
        if self.side_px < 1:
            raise ValueError(f"expected side_px >= 1, got {self.side_px}")
        for value, known in ((self.resize, get_args(Resize)), (self.interpolation, get_args(Interpolation))):
            if value not in known:
                raise ValueError(f"expected one of {', '.join(known)}, got {value!r}")

    def __call__(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 side side"]:
        """Return the normalised squares of `images` (sRGB in [0, 1])."""
        return (self.squares(images) - _column(self.mean, images)) / _column(self.std, images)

    def squares(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 side side"]:
        """Return the squares of `images` before normalisation, in [0, 1].

        Raises:
            ValueError: `images` is not a batch of three-channel floats.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(f"expected floats of shape (n, 3, h, w), got {images.dtype} {tuple(images.shape)}")
        down, right = self._windows(*images.shape[-2:])
        bars = tuple(int(m * 255) / 255 for m in self.mean) if self.resize == "pad" else None
        with torch.autocast(images.device.type, enabled=False):  # half precision has fewer levels than a photo
            return _resized(images, down, right, self.interpolation, self.round_8bit, bars)

    def _windows(self, *sizes: int) -> "Iterator[_Window]":
        """Yield the window of each side of a photo."""
        short, long, side = min(sizes), max(sizes), self.side_px
        for size in sizes:
            if self.resize == "pad":
                yield _Window(size, side, total=long, scaled=side, offset=(long - size) // 2)
            else:
                scaled = int(side * size / short) if self.resize == "shortest_crop" else side
                yield _Window(size, side, total=size, scaled=scaled)


def resize(
    images: Float[Tensor, "*n 3 h w"], size: tuple[int, int], interpolation: Interpolation, *, round_8bit: bool = True
) -> Float[Tensor, "*n 3 height width"]:
    """Return `images` ([0, 1]) at another size, (height, width) in pixels, as Pillow resizes 8-bit photos."""
    down, right = (_Window(old, new, total=old, scaled=new) for old, new in zip(images.shape[-2:], size, strict=True))
    return _resized(images, down, right, interpolation, round_8bit, None)


def _resized(
    images: Tensor,
    down: "_Window",
    right: "_Window",
    interpolation: Interpolation,
    round_8bit: bool,
    bars: tuple[float, ...] | None,
) -> Tensor:
    """Return `images` after both passes of the resize, in [0, 1]; Pillow clips and rounds after each.

    Args:
        bars: colour of what a window has beyond the photo.
    """
    for axis in (-2, -1) if _rows_first(down, right) else (-1, -2):
        matrix = _resize_matrix(down if axis == -2 else right, interpolation, images.dtype, images.device)
        images = matrix @ images if axis == -2 else images @ matrix.T
        if bars:  # what a row of weights lacks to 1 falls on them
            lacking = 1 - matrix.sum(1)
            images = images + _column(bars, images) * (lacking[:, None] if axis == -2 else lacking)
        images = images.clamp(0, 1)
        if round_8bit:
            images = images + ((images * 255).round() / 255 - images).detach()
    return images


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values).to(like)[:, None, None]


class _Window(NamedTuple):
    """One axis of a resize: a line of `total` pixels becomes `scaled` pixels, of which the middle `side` are wanted.

    The photo is `size` of the `total` pixels, from `offset` on; the others are bars.
    """

    size: int
    side: int
    total: int
    scaled: int
    offset: int = 0


def _rows_first(down: _Window, right: _Window) -> bool:
    """Return whether Pillow (13 and later) reduces the height before the width; both clip, so the order shows."""
    lost = down.total - down.scaled
    return lost > max(0, 2 * (right.total - right.scaled))


@lru_cache(maxsize=32)
def _resize_matrix(
    window: _Window, interpolation: Interpolation, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "side size"]:
    """Return the weights of one pass of Pillow's resize, each row the share of the photo's pixels in one result."""
    support, curve = _FILTERS[interpolation]
    step = window.total / window.scaled
    stretch = max(step, 1.0)
    first = (window.scaled - window.side) // 2
    centres = (np.arange(first, first + window.side) + 0.5) * step
    low = np.maximum(np.floor(centres - support * stretch + 0.5), 0).astype(int)
    at = low[:, None] + np.arange(int(2 * support * stretch) + 2)
    weights = np.where(at < window.total, curve((at + 0.5 - centres[:, None]) / stretch), 0.0)
    weights /= weights.sum(1, keepdims=True)
    at -= window.offset
    inside = (at >= 0) & (at < window.size)
    # what falls on bars goes to a last column, which is cut off
    matrix = np.zeros((window.side, window.size + 1))
    np.put_along_axis(matrix, np.where(inside, at, window.size), np.where(inside, weights, 0.0), axis=1)
    return torch.from_numpy(matrix[:, :-1].copy()).to(device=device, dtype=dtype)


Curve = Callable[[NDArray[Any]], NDArray[Any]]


def _bilinear(x: NDArray[Any]) -> NDArray[Any]:
    return np.maximum(1 - np.abs(x), 0)


def _bicubic(x: NDArray[Any], a: float = -0.5) -> NDArray[Any]:
    x = np.minimum(np.abs(x), 2)
    return np.where(x < 1, ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a)


def _lanczos(x: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


_FILTERS: dict[str, tuple[float, Curve]] = {
    "bilinear": (1.0, _bilinear),
    "bicubic": (2.0, _bicubic),
    "lanczos": (3.0, _lanczos),
}
"""Half width in pixels at scale 1, and the curve; Pillow's bicubic has a = -0.5."""
