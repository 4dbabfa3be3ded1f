"""ꟻLIP: what a person sees when two pictures are swapped on a screen (Andersson et al. 2020, LDR).

The numbers of `flip-evaluator`, the authors' own package, in a tenth of the time. Theirs keeps Python's lock while it
works, so that photos stood still while the last one was judged; OpenCV and numpy give it back. Constants and their
names are the paper's.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

PIXELS_PER_DEGREE = 67.0
"""Of a screen of 0.7 m and 3840 pixels, seen from 0.7 m."""
CONTRAST = (((1.0, 0.0047),), ((1.0, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))
"""Of lightness, red to green, and blue to yellow: Gaussians (a, b) whose sum is what the eye passes on."""
FEATURE_DEGREES = 0.082
"""Width of the edges and points that are looked for."""
QC, QF = 0.7, 0.5
PC, PT = 0.4, 0.95
"""Colour differences up to `PC` of the largest are spread over `PT` of the range."""
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""From linear sRGB."""
OVER_WHITE = TO_XYZ / TO_XYZ.sum(1, keepdims=True)
"""Linear sRGB to XYZ over that of white."""
OPPONENT = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]]) @ OVER_WHITE
"""Linear sRGB to (Y, Cx, Cz), but for the 16 that Y is lower by."""
FROM_OPPONENT = np.linalg.inv(OPPONENT)


def mean_flip(before: Image, after: Image) -> float:
    """Return the mean ꟻLIP of two sRGB pictures (h, w, 3) in [0, 1]: 0 for equal ones, 1 for black against white.

    Takes about 0.15 s of one core for a megapixel.
    """
    one, other = (_apply(OPPONENT, _linear(picture)) for picture in (before, after))
    edges = _feature_difference(one[..., 0] / np.float32(116), other[..., 0] / np.float32(116))
    colours = _colour_difference(one, other)
    return float(np.mean(colours ** (1 - edges), dtype=np.float64))


def _linear(picture: Image) -> Image:
    low = picture / np.float32(12.92)
    return np.where(picture > 0.04045, ((picture + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4), low)


def _apply(matrix: NDArray[np.float64], colours: Image) -> Image:
    """Return each colour (..., 3) times a matrix."""
    return np.asarray(colours @ matrix.T.astype(np.float32), np.float32)


def _colour_difference(one: Image, other: Image) -> Image:
    """Return the difference of colours as the eye resolves them, (h, w) in [0, 1]."""
    green, blue = (_hunt(np.array([[colour]], np.float32)) for colour in ((0, 1, 0), (0, 0, 1)))
    largest = float(_hyab(green, blue)[0, 0]) ** QC
    difference = _hyab(_hunt(_seen(one)), _hunt(_seen(other))) ** np.float32(QC)
    limit = PC * largest
    beyond = PT + (difference - limit) * ((1 - PT) / (largest - limit))
    return np.where(difference < limit, difference * (PT / limit), beyond).clip(0, 1).astype(np.float32)


def _seen(opponent: Image) -> Image:
    """Return linear sRGB of what the eye passes on of opponent colours."""
    blurred = np.stack([_blur(opponent[..., channel], CONTRAST[channel]) for channel in range(3)], axis=-1)
    return _apply(FROM_OPPONENT, blurred).clip(0, 1)


def _blur(channel: Image, gaussians: tuple[tuple[float, float], ...]) -> Image:
    widest = max(b for _, b in gaussians)
    radius = int(np.ceil(3 * np.sqrt(widest / (2 * np.pi**2)) * PIXELS_PER_DEGREE))
    at = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    lines = [np.exp(-(np.pi**2) * at**2 / b) for _, b in gaussians]
    heights = [a * np.sqrt(np.pi / b) for a, b in gaussians]
    total = sum(height * line.sum() ** 2 for height, line in zip(heights, lines, strict=True))
    parts = [_filter(channel, line * height / total, line) for height, line in zip(heights, lines, strict=True)]
    blurred: Image = np.sum(parts, axis=0, dtype=np.float32)
    return blurred


def _hunt(colours: Image) -> Image:
    """Return CIELAB of linear sRGB, with less colour where it is dark, as Hunt found."""
    ratios = _apply(OVER_WHITE, colours)
    delta = 6 / 29
    roots = np.where(ratios > delta**3, np.cbrt(ratios), ratios / np.float32(3 * delta**2) + np.float32(4 / 29))
    lightness = 116 * roots[..., 1] - 16
    red_green, blue_yellow = 500 * (roots[..., 0] - roots[..., 1]), 200 * (roots[..., 1] - roots[..., 2])
    return np.stack([lightness, 0.01 * lightness * red_green, 0.01 * lightness * blue_yellow], axis=-1)


def _hyab(one: Image, other: Image) -> Image:
    apart = one - other
    distance: Image = np.abs(apart[..., 0]) + np.hypot(apart[..., 1], apart[..., 2])
    return distance


def _feature_difference(one: Image, other: Image) -> Image:
    """Return how much edges and points of two lightnesses in [0, 1] differ, (h, w) in [0, 1]."""
    sigma = 0.5 * FEATURE_DEGREES * PIXELS_PER_DEGREE
    at = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    bell = np.exp(-(at**2) / (2 * sigma**2))
    across = bell / bell.sum()
    edge, point = (_signed_to_one(kernel) for kernel in (-at * bell, (at**2 / sigma**2 - 1) * bell))

    def strength(picture: Image, along: NDArray[np.float64]) -> Image:
        found: Image = np.hypot(_filter(picture, along, across), _filter(picture, across, along))
        return found

    edges, points = (np.abs(strength(one, along) - strength(other, along)) for along in (edge, point))
    strongest = np.maximum(edges, points) / np.float32(np.sqrt(2))
    return np.asarray(strongest**QF, np.float32)


def _signed_to_one(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a kernel whose positive weights add up to 1, and its negative ones to -1."""
    return np.where(kernel < 0, kernel / -kernel[kernel < 0].sum(), kernel / kernel[kernel > 0].sum())


def _filter(channel: Image, across: NDArray[np.float64], down: NDArray[np.float64]) -> Image:
    kernels = across[::-1], down[::-1]  # OpenCV correlates
    found = cv2.sepFilter2D(channel, cv2.CV_32F, *kernels, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
