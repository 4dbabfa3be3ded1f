"""Anti-aliased soft shapes with shaded paint: the one place that turns geometry into pixels.

OpenCV's polygon fill is the rasteriser: it installs by pip, needs no OpenGL library, and repeats bit for bit.

Convention: coordinates are in units of the picture's height, x to the right, y down, origin at the top left corner;
so a picture of 4:3 spans x in [0, 4/3] and y in [0, 1] at every size in pixels. Colours are sRGB floats in [0, 1].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Floats: pixels and masks are float32, geometry may be either."""
Points = NDArray[np.floating] | Sequence[tuple[float, float]]
Colour = Sequence[float] | NDArray[np.floating]
Paint = Colour | Callable[[Array, Array], Array]
"""A flat colour, or a function of coordinates x, y, each of shape (rows, columns), to colours (rows, columns, 3)."""

PARTS = ("place", "thing", "clothes", "skin", "hair", "eyes", "mouth", "beard", "glasses", "other person")
"""What a pixel can show; the first is where nothing else is painted."""

_SHIFT = 4  # sub-pixel bits of OpenCV's fixed-point coordinates
_SHOWS = 0.4  # opacity from which on a pixel shows what is painted over it
_RAMP = 512  # steps of a colour ramp, finer than 8 bits can show


@dataclass(frozen=True)
class Linear:
    """Paint that fades along the line from `start` to `end`; `stops` are (position in [0, 1], colour)."""

    start: tuple[float, float]
    end: tuple[float, float]
    stops: Sequence[tuple[float, Colour]]

    def __call__(self, x: Array, y: Array) -> Array:
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        if dy == 0 and x.ndim == 2:  # every row is alike
            row = ramp((x[:1] - self.start[0]) * (1 / dx if dx else 1e9), self.stops)
            return np.broadcast_to(row, (*x.shape, 3))
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
    at = np.array([s[0] for s in stops])
    steps = np.linspace(at[0], at[-1], _RAMP)
    table = np.stack([np.interp(steps, at, [s[1][c] for s in stops]) for c in range(3)], -1).astype(np.float32)
    index = (np.asarray(position, np.float32) - np.float32(at[0])) * np.float32((_RAMP - 1) / max(at[-1] - at[0], 1e-9))
    return table[np.clip(index + np.float32(0.5), 0, _RAMP - 1).astype(np.int32)]


def ellipse_points(
    cx: float,
    cy: float,
    rx: float,
    ry: float,
    *,
    angle: float = 0.0,
    start: float = 0.0,
    stop: float = 2 * np.pi,
    n: int = 40,
) -> Array:
    """Return `n` points (n, 2) on an ellipse; `angle` (radians, clockwise on screen) turns the whole ellipse."""
    unit = _arc(start, stop, n)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y = unit[:, 0] * np.float32(rx), unit[:, 1] * np.float32(ry)
    out = np.empty((n, 2), np.float32)
    out[:, 0], out[:, 1] = cx + c * x - s * y, cy + s * x + c * y
    return out


@lru_cache(maxsize=256)
def _arc(start: float, stop: float, n: int) -> Array:
    t = np.linspace(start, stop, n, endpoint=not np.isclose(stop - start, 2 * np.pi))
    return np.stack([np.cos(t), np.sin(t)], -1).astype(np.float32)


def smooth_points(points: Points, *, closed: bool = True, per_span: int = 8) -> Array:
    """Return a Catmull-Rom curve through `points` (n, 2): shape (n * per_span, 2), or one span less if open."""
    p = np.asarray(points, np.float32)
    q = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    spans = np.stack([q[:-3], q[1:-2], q[2:-1], q[3:]], 1)  # (spans, 4, 2)
    curve = (_weights(per_span) @ spans).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def tapered(line: Any, width: Any) -> Array:
    """Return the polygon around an open line (n, 2) whose width (n,) varies along it."""
    points = np.asarray(line, np.float32)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-6
    across = np.column_stack([-along[:, 1], along[:, 0]]) * (np.asarray(width, np.float32)[:, None] / 2)
    return np.concatenate([points + across, (points - across)[::-1]])


@lru_cache(maxsize=16)
def _weights(per_span: int) -> Array:
    t = (np.arange(per_span) / per_span)[:, None]
    return (
        0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    ).astype(np.float32)


@lru_cache(maxsize=16)
def _coordinates(width: int, height: int) -> tuple[Array, Array]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / np.float32(height), (y + 0.5) / np.float32(height)


class Canvas:
    """A picture being painted: `pixels` is float32 sRGB in [0, 1], shape (height, width, 3).

    `parts` (height, width) tells of each pixel which of `PARTS` it shows, uint8.
    `x` and `y` (height, width) are the coordinates of its pixels' centres; they are shared, so never written to.
    """

    def __init__(self, width: int, height: int, paint: Paint = (0.5, 0.5, 0.5)) -> None:
        self.width, self.height = width, height
        self.x, self.y = _coordinates(width, height)
        self.pixels = np.empty((height, width, 3), np.float32)
        self.pixels[:] = paint(self.x, self.y) if callable(paint) else np.asarray(paint, np.float32)
        self.parts = np.zeros((height, width), np.uint8)
        self._part = 0

    @property
    def aspect(self) -> float:
        """Width of the picture in its own units (height is 1)."""
        return self.width / self.height

    @contextmanager
    def showing(self, part: str) -> Iterator[None]:
        """Let what is painted inside count as one of `PARTS`; of two around each other the outer one counts."""
        outer = self._part
        self._part = outer or PARTS.index(part)
        try:
            yield
        finally:
            self._part = outer

    def fill(
        self,
        points: Points,
        paint: Paint,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        clip: Array | None = None,
    ) -> None:
        """Paint the inside of a polygon (n, 2).

        `soft` is the standard deviation of the blurred edge (units of height); `clip` is a mask (height, width) in
        [0, 1], as `mask` returns it, outside which nothing is painted. Cost grows with the polygon's bounding box.
        """
        self._blend(*self._coverage([points], soft, None), paint, opacity, clip)

    def fill_all(
        self,
        shapes: Sequence[Points],
        paint: Paint,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        clip: Array | None = None,
    ) -> None:
        """Paint the insides of several polygons that do not overlap, at the cost of one `fill` around them all."""
        self._blend(*self._coverage(shapes, soft, None), paint, opacity, clip)

    def stroke(
        self,
        lines: Sequence[Points],
        paint: Paint,
        width: float,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        closed: bool = False,
        clip: Array | None = None,
    ) -> None:
        """Paint open (or closed) lines of `width` (units of height), if any; many in one call cost one blend."""
        if not lines:
            return
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
        arrays = [np.asarray(s, np.float32) for s in shapes]
        joined = (arrays[0] if len(arrays) == 1 else np.concatenate(arrays)) * np.float32(self.height)
        sigma = soft * self.height
        thick = 0.0 if width is None else width * self.height
        margin = 1 + thick / 2 + 3 * sigma
        low_x, low_y, wide, tall = cv2.boundingRect(joined)
        left, top = max(floor(low_x - margin), 0), max(floor(low_y - margin), 0)
        right, bottom = (
            min(ceil(low_x + wide + margin), self.width),
            min(ceil(low_y + tall + margin), self.height),
        )
        if right <= left or bottom <= top:
            return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32)
        # Pixel centres lie at +0.5 in our convention and at whole numbers in OpenCV's.
        joined -= np.array((left + 0.5, top + 0.5), np.float32)
        fixed = np.rint(joined * (1 << _SHIFT)).astype(np.int32)
        lines = [fixed] if len(arrays) == 1 else _split(fixed, arrays)
        cover = np.zeros((bottom - top, right - left), np.uint8)
        faint = 1.0
        if width is None:
            cv2.fillPoly(cover, lines, 255, cv2.LINE_AA, _SHIFT)
        else:
            faint = min(thick, 1.0)  # a line thinner than a pixel is drawn one pixel wide and fainter
            cv2.polylines(cover, lines, closed, 255, max(1, round(thick)), cv2.LINE_AA, _SHIFT)
        if sigma > 0.3:
            cover = _soften(cover, sigma)
        alpha = np.multiply(cover, np.float32(faint / 255), dtype=np.float32)
        return slice(top, bottom), slice(left, right), alpha

    def _blend(
        self, rows: slice, columns: slice, coverage: Array, paint: Paint, opacity: float, clip: Array | None
    ) -> None:
        if coverage.size == 0:
            return
        alpha = coverage if clip is None else coverage * clip[rows, columns]
        alpha = alpha * np.float32(opacity)
        if self._part and opacity > _SHOWS:  # shadows and shine leave a part what it is
            self.parts[rows, columns][alpha > _SHOWS] = self._part
        region = self.pixels[rows, columns]
        wide = cv2.cvtColor(
            alpha, cv2.COLOR_GRAY2BGR
        )  # same-shaped operands are several times faster than broadcasting
        if callable(paint):
            region += wide * (paint(self.x[rows, columns], self.y[rows, columns]) - region)
        else:
            region -= wide * region
            region += cv2.merge([alpha * np.float32(c) for c in np.asarray(paint).tolist()])


def _soften(cover: Array, sigma: float) -> Array:
    """Return the coverage blurred by a bell of `sigma` pixels; wide bells are applied to a smaller copy."""
    shrink = 1 if sigma < 6 else int(sigma / 3)
    if shrink == 1:
        return cv2.GaussianBlur(cover, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    rows, columns = cover.shape
    small = cv2.resize(cover, (ceil(columns / shrink), ceil(rows / shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)


def _split(points: Array, arrays: list[Array]) -> list[Array]:
    ends = np.cumsum([len(a) for a in arrays]).tolist()
    return [points[end - len(a) : end] for a, end in zip(arrays, ends, strict=True)]
