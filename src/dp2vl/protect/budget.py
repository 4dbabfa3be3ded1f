"""How far a photo may move: where the eye forgives a change, and how a change becomes whole grey levels."""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dp2vl.protect.quality import WINDOW_PX as SSIM_PX

STABILISER = 0.03
"""SSIM's second constant: what even the flattest area forgives."""
FITTING_ROUNDS = 3
BAND_ROWS = 16


def hiding_power(images: Tensor) -> Tensor:
    """Return how large a change each pixel hides, relative to the photo's mean, shape (n, 1, h, w).

    What a small change costs in SSIM is its square over twice the local variance (and a constant): texture hides what
    flat areas (sky, walls, smooth skin) show.

    Args:
        images: sRGB in [0, 1], shape (n, c, h, w).
    """
    mean, square = _local_mean(images), _local_mean(images * images)
    power = (2 * (square - mean * mean).clamp_min(0) + STABILISER**2).sqrt().mean(1, keepdim=True)
    return power / power.mean((1, 2, 3), keepdim=True)


def _local_mean(x: Tensor) -> Tensor:
    pad = SSIM_PX // 2
    return _box(F.pad(x, (pad,) * 4, mode="replicate"), SSIM_PX)


def _box(x: Tensor, size: int) -> Tensor:
    """Return means over squares of `size` pixels within `x` (n, c, h, w); a convolution takes several times as long."""
    return x.unfold(-1, size, 1).mean(-1).unfold(-2, size, 1).mean(-1)


class Similarity:
    """How similar photos are to given ones: `dp2vl.protect.quality.ssim` on tensors, with what stays computed once.

    With a the photo's mean over a window, v its variance, and m, k, w the change's mean, covariance with the photo and
    variance, similarity with t times the change is l s / ((l + m^2 t^2) (s + w t^2)), where l = 2 a^2 + 2 a m t and
    s = 2 v + 2 k t, both with their constants: so only t is new in each round of `fit`.

    Args:
        before: (n, c, h, w), range [0, 1]. Photos narrower than the window are compared with a smaller one.
    """

    def __init__(self, before: Tensor) -> None:
        self._size = min(SSIM_PX, *before.shape[-2:])
        self._unbiased = self._size**2 / max(1, self._size**2 - 1)
        self._before, self._mean = before, _box(before, self._size)
        variance = (_box(before * before, self._size) - self._mean.square()) * self._unbiased
        self._light, self._structure = 2 * self._mean.square() + 0.01**2, 2 * variance + STABILISER**2

    def of(self, after: Tensor) -> Tensor:
        """Return the similarity of each photo of the same shape, (n,)."""
        return self._describe(after - self._before).times(torch.ones_like(after[:, :1, :1, :1]))

    @torch.no_grad()
    def fit(self, change: Tensor, ssim: float) -> Tensor:
        """Return `change` (n, c, h, w), cut where the photo has no room and made smaller until it is similar enough.

        What a small change costs grows with its square; a large one costs less than that, so the factor is found in
        rounds.

        Args:
            change: c may be 1: then all channels share it. ssim: of each photo with its change, at least about.
        """
        shared = change.shape[1] != self._before.shape[1]
        darkest, brightest = self._before.aminmax(dim=1, keepdim=True) if shared else (self._before, self._before)
        change = change.clamp(-darkest, 1 - brightest)
        similarity, factor = self._describe(change), torch.ones_like(change[:, :1, :1, :1])
        for _ in range(FITTING_ROUNDS):
            lost = 1 - similarity.times(factor)
            shrink = ((1 - ssim) / lost.clamp_min(1e-9)).sqrt().clamp(max=1)
            if bool((shrink == 1).all()):
                break
            factor = factor * shrink[:, None, None, None]
        return change * factor

    def _describe(self, change: Tensor) -> "_Changed":
        mean = _box(change, self._size)
        product, square = _box(self._before * change, self._size), _box(change * change, self._size)
        both, squared = self._mean * mean, mean * mean
        return _Changed(
            light=(self._light, 2 * both, squared),
            structure=(self._structure, 2 * self._unbiased * (product - both), self._unbiased * (square - squared)),
        )


class _Changed(NamedTuple):
    """Similarity of photos with a change, by its size: of each factor what does not depend on it, what it is
    multiplied with, and what its square is multiplied with."""

    light: tuple[Tensor, Tensor, Tensor]
    structure: tuple[Tensor, Tensor, Tensor]

    def times(self, size: Tensor) -> Tensor:
        """Return the similarity of each photo with `size` (n, 1, 1, 1) times the change, (n,)."""
        (light, more_light), (structure, more) = (
            (top := torch.addcmul(fixed, once, size), torch.addcmul(top, twice, size * size))
            for fixed, once, twice in self
        )
        return (light * structure / (more_light * more)).mean((1, 2, 3))


def to_levels(change: NDArray[np.float32], levels: int) -> NDArray[np.int16]:
    """Return a change in [-1, 1] as whole grey levels of an 8-bit file, none larger than `levels`."""
    scaled = change * np.float32(255)
    return np.rint(scaled, out=scaled).clip(-levels, levels, out=scaled).astype(np.int16)


def apply_change(pixels: NDArray[Any], change: NDArray[np.float32], *, levels: int) -> NDArray[Any]:
    """Return a photo with a small change enlarged to its size and added, rounded and clipped to the file's range.

    The work goes in bands of rows, so the memory beyond the result does not grow with the photo's height.

    Args:
        pixels: the untouched photo, uint8 or uint16, shape (h, w, c) with c 1 (grey) or 3.
        change: shape (c, h2, w2), in [-1, 1] of the full range, at most as large as the photo.
        levels: bound in 8-bit grey levels that no pixel passes, whatever the enlargement does.

    Returns:
        Same shape and dtype as `pixels`. 16-bit photos change in the same whole 8-bit levels.
    """
    height, width = pixels.shape[:2]
    unit = 257 if pixels.dtype == np.uint16 else 1
    top = np.iinfo(pixels.dtype).max
    wide = np.ascontiguousarray(_stretch(change, width, axis=2).transpose(1, 2, 0))
    out = np.empty_like(pixels)
    for start in range(0, height, BAND_ROWS):
        stop = min(start + BAND_ROWS, height)
        band = to_levels(_stretch(wide, height, axis=0, start=start, stop=stop), levels)
        changed = pixels[start:stop] + (band if unit == 1 else unit * band.astype(np.int32))
        out[start:stop] = changed.clip(0, top, out=changed)
    return out


def _stretch(
    values: NDArray[np.float32], length: int, *, axis: int, start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Return samples `start`..`stop` of `values` enlarged linearly to `length` along `axis` (pixel centres aligned)."""
    stop = length if stop is None else stop
    size = values.shape[axis]
    if size == length:
        return values.take(range(start, stop), axis)
    at = ((np.arange(start, stop) + 0.5) * size / length - 0.5).clip(0, size - 1)
    low = np.floor(at).astype(int)
    shape = [1] * values.ndim
    shape[axis] = -1
    part = (at - low).astype(np.float32).reshape(shape)
    return values.take(low, axis) * (1 - part) + values.take(np.minimum(low + 1, size - 1), axis) * part
