"""How visible a change is, measured between two decoded files."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.protect.flip import mean_flip

TILE_PX = 1024
TILES = 6
"""Large photos are judged on this many tiles, spread over the photo, so that memory and time stay bounded."""
SCREEN_PX = 1_000_000
"""ꟻLIP is asked about the photo as a screen shows it: reduced to at most so many pixels."""
BAND_ROWS = 32
WINDOW_PX = 7
STABILISERS = 0.01**2, 0.03**2
"""Of means and of variances, for values in [0, 1]."""


def largest_change(before: NDArray[Any], after: NDArray[Any]) -> int:
    """Return the largest difference of any channel in 8-bit grey levels (16-bit photos: rounded up to whole levels)."""
    unit = 257 if before.dtype == np.uint16 else 1
    starts = range(0, len(before), BAND_ROWS)
    worst = max(int(cv2.absdiff(before[r : r + BAND_ROWS], after[r : r + BAND_ROWS]).max()) for r in starts)
    return -(-worst // unit)


def ssim(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the structural similarity (Wang et al. 2004; mean over channels), 1 for equal photos.

    The numbers of scikit-image's `structural_similarity` with its defaults, in a quarter of the time. Photos narrower
    than the window are compared as if their border pixels went on. Photos above about six megapixels are judged on
    evenly spread tiles.

    Args:
        before, after: same shape (h, w, c) and dtype, uint8 or uint16.
    """
    tiles = _tiles(*before.shape[:2])
    return float(np.mean([_ssim_of_tile(_grown(before[tile]), _grown(after[tile])) for tile in tiles]))


def _ssim_of_tile(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the mean over all windows within the tile; in bands of rows, whose steps stay in the processor's cache."""
    edge, height = WINDOW_PX // 2, len(before)
    total, count = 0.0, 0
    for start in range(edge, height - edge, BAND_ROWS):
        rows = np.s_[start - edge : min(start + BAND_ROWS, height - edge) + edge]
        alike = _ssim_of_windows(before[rows], after[rows])
        total, count = total + float(alike.sum(dtype=np.float64)), count + alike.size
    return total / count


def _ssim_of_windows(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    unit = np.float32(1 / np.iinfo(before.dtype).max)
    x, y = before.astype(np.float32) * unit, after.astype(np.float32) * unit
    edge, count = WINDOW_PX // 2, WINDOW_PX**2
    inside = np.s_[edge : x.shape[0] - edge, edge : x.shape[1] - edge]

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = cv2.blur(values, (WINDOW_PX, WINDOW_PX)).reshape(values.shape)
        return found[inside]

    small, smaller = map(np.float32, STABILISERS)
    mean_x, mean_y, sample = mean(x), mean(y), np.float32(count / (count - 1))
    means, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    spread, both = sample * (mean(x * x + y * y) - squares), sample * (mean(x * y) - means)
    alike: NDArray[Any] = (2 * means + small) * (2 * both + smaller) / ((squares + small) * (spread + smaller))
    return alike


def flip(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the mean ꟻLIP (Andersson et al. 2020): 0 for equal photos, 1 for black against white.

    It models what a person sees when the two are swapped on a screen at reading distance (67 pixels per degree).
    """
    return mean_flip(_for_screen(before), _for_screen(after))


def _tiles(height: int, width: int) -> list[tuple[slice, slice]]:
    if height * width <= TILES * TILE_PX**2:
        return [(slice(None), slice(None))]
    tops = np.linspace(0, max(height - TILE_PX, 0), 2 if width > height else 3).astype(int)
    lefts = np.linspace(0, max(width - TILE_PX, 0), 3 if width > height else 2).astype(int)
    return [(slice(y, y + TILE_PX), slice(x, x + TILE_PX)) for y in tops for x in lefts]


def _grown(pixels: NDArray[Any]) -> NDArray[Any]:
    down, right = (max(0, WINDOW_PX - side) for side in pixels.shape[:2])
    return np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else pixels


def _for_screen(pixels: NDArray[Any]) -> NDArray[np.float32]:
    height, width = pixels.shape[:2]
    part = min(1.0, (SCREEN_PX / (height * width)) ** 0.5)
    if part < 1:
        size = (max(1, round(width * part)), max(1, round(height * part)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    floats = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return np.ascontiguousarray(np.repeat(floats, 3, axis=2) if floats.shape[2] == 1 else floats)
