"""Anti-aliased soft shapes with shaded paint: the one place that turns geometry into pixels.

OpenCV's polygon fill is the rasteriser: it installs by pip, needs no OpenGL library, and repeats bit for bit.

Convention: coordinates are in units of the picture's height, x to the right, y down, origin at the top left corner;
so a picture of 4:3 spans x in [0, 4/3] and y in [0, 1] at every size in pixels. Colours are sRGB floats in [0, 1].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Points = NDArray[np.floating] | Sequence[tuple[float, float]]
Colour = Sequence[float] | NDArray[np.floating]
Paint = Colour | Callable[[Array, Array], Array]
"""A flat colour, or a function of coordinates x, y, each of shape (rows, columns), to colours (rows, columns, 3)."""

_SHIFT = 4  # sub-pixel bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True)
class Linear:
    """Paint that fades along the line from `start` to `end`; `stops` are (position in [0, 1], colour)."""

    start: tuple[float, float]
    end: tuple[float, float]
    stops: Sequence[tuple[float, Colour]]

    def __call__(self, x: Array, y: Array) -> Array:
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        along = ((x - self.start[0]) * dx + (y - self.start[1]) * dy) / max(dx * dx + dy * dy, 1e-9)
        return ramp(along, self.stops)


@dataclass(frozen=True)
class Radial:
    """Paint that fades with the distance from `centre`, reaching the last stop at `radius`."""

    centre: tuple[float, float]
    radius: float | tuple[float, float]
    stops: Sequence[tuple[float, Colour]]

    def __call__(self, x: Array, y: Array) -> Array:
        rx, ry = self.radius if isinstance(self.radius, tuple) else (self.radius, self.radius)
        return ramp(np.hypot((x - self.centre[0]) / rx, (y - self.centre[1]) / ry), self.stops)


def ramp(position: Array, stops: Sequence[tuple[float, Colour]]) -> Array:
    """Return colours (..., 3) for positions (...) by linear interpolation between `stops`."""
    at = [s[0] for s in stops]
    return np.stack([np.interp(position, at, [s[1][c] for s in stops]) for c in range(3)], -1).astype(np.float32)


def ellipse_points(
    cx: float, cy: float, rx: float, ry: float, *, angle: float = 0.0, start: float = 0.0, stop: float = 2 * np.pi, n: int = 40
) -> Array:
    """Return `n` points (n, 2) on an ellipse; `angle` (radians, clockwise on screen) turns the whole ellipse."""
    t = np.linspace(start, stop, n, endpoint=abs(stop - start - 2 * np.pi) > 1e-6)
    c, s = np.cos(angle), np.sin(angle)
    x, y = rx * np.cos(t), ry * np.sin(t)
    return np.stack([cx + c * x - s * y, cy + s * x + c * y], -1).astype(np.float32)


def smooth_points(points: Points, *, closed: bool = True, per_span: int = 8) -> Array:
    """Return a Catmull-Rom curve through `points` (n, 2): shape (n * per_span, 2), or one span less if open."""
    p = np.asarray(points, np.float32)
    q = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = (np.arange(per_span, dtype=np.float32) / per_span)[:, None, None]
    a, b, c, d = q[:-3], q[1:-2], q[2:-1], q[3:]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.transpose(1, 0, 2).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


@lru_cache(maxsize=16)
def _coordinates(width: int, height: int) -> tuple[Array, Array]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / np.float32(height), (y + 0.5) / np.float32(height)


class Canvas:
    """A picture being painted: `pixels` is float32 sRGB in [0, 1], shape (height, width, 3).

    `x` and `y` (height, width) are the coordinates of its pixels' centres; they are shared, so never written to.
    """

    def __init__(self, width: int, height: int, paint: Paint = (0.5, 0.5, 0.5)) -> None:
        self.width, self.height = width, height
        self.x, self.y = _coordinates(width, height)
        self.pixels = np.empty((height, width, 3), np.float32)
        self.pixels[:] = paint(self.x, self.y) if callable(paint) else np.asarray(paint, np.float32)

    @property
    def aspect(self) -> float:
        """Width of the picture in its own units (height is 1)."""
        return self.width / self.height

    def fill(self, points: Points, paint: Paint, *, opacity: float = 1.0, soft: float = 0.0, clip: Array | None = None) -> None:
        """Paint the inside of a polygon (n, 2).

        `soft` is the standard deviation of the blurred edge (units of height); `clip` is a mask (height, width) in
        [0, 1], as `mask` returns it, outside which nothing is painted. Cost grows with the polygon's bounding box.
        """
        self._blend(*self._coverage([points], soft, None), paint, opacity, clip)

    def stroke(
        self, lines: Sequence[Points], paint: Paint, width: float, *, opacity: float = 1.0, soft: float = 0.0,
        closed: bool = False, clip: Array | None = None,
    ) -> None:
        """Paint open (or closed) lines of `width` (units of height); many lines in one call cost one blend."""
        self._blend(*self._coverage(lines, soft, width, closed), paint, opacity, clip)

    def mask(self, points: Points, *, soft: float = 0.0) -> Array:
        """Return the coverage of a polygon as a full-size array (height, width) in [0, 1], for use as `clip`."""
        full = np.zeros((self.height, self.width), np.float32)
        rows, columns, coverage = self._coverage([points], soft, None)
        full[rows, columns] = coverage
        return full

    def to_uint8(self) -> NDArray[np.uint8]:
        """Return the picture rounded to 8 bits, shape (height, width, 3)."""
        return (self.pixels.clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def _coverage(
        self, shapes: Sequence[Points], soft: float, width: float | None, closed: bool = False
    ) -> tuple[slice, slice, Array]:
        arrays = [np.asarray(s, np.float64) * self.height for s in shapes]
        sigma = soft * self.height
        thick = 0.0 if width is None else width * self.height
        margin = 2 + thick / 2 + 3 * sigma
        low = np.min([a.min(0) for a in arrays], 0) - margin
        high = np.max([a.max(0) for a in arrays], 0) + margin
        left, top = np.maximum(np.floor(low), 0).astype(int)
        right, bottom = np.minimum(np.ceil(high), (self.width, self.height)).astype(int)
        if right <= left or bottom <= top:
            return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32)
        # Pixel centres lie at +0.5 in our convention and at whole numbers in OpenCV's.
        fixed = [np.rint((a - (left + 0.5, top + 0.5)) * (1 << _SHIFT)).astype(np.int32) for a in arrays]
        cover = np.zeros((bottom - top, right - left), np.uint8)
        faint = 1.0
        if width is None:
            cv2.fillPoly(cover, fixed, 255, cv2.LINE_AA, _SHIFT)
        else:
            faint = min(thick, 1.0)  # a line thinner than a pixel is drawn one pixel wide and fainter
            cv2.polylines(cover, fixed, closed, 255, max(1, round(thick)), cv2.LINE_AA, _SHIFT)
        alpha = cover.astype(np.float32) * (faint / 255)
        if sigma > 0.3:
            alpha = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        return slice(top, bottom), slice(left, right), alpha

    def _blend(self, rows: slice, columns: slice, coverage: Array, paint: Paint, opacity: float, clip: Array | None) -> None:
        if coverage.size == 0:
            return
        alpha = coverage * opacity if clip is None else coverage * clip[rows, columns] * opacity
        region = self.pixels[rows, columns]
        colour = paint(self.x[rows, columns], self.y[rows, columns]) if callable(paint) else np.asarray(paint, np.float32)
        region += alpha[..., None] * (colour - region)
