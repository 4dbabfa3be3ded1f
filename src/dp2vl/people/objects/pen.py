"""A pen that draws in an object's own units, so that each object is written once and placed anywhere."""

import colorsys
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dp2vl.people.canvas import Array, Canvas, Paint, Points, ellipse_points, smooth_points

Pair = tuple[float, float]
RGB = tuple[float, float, float]
WHITE, BLACK, DARK = (0.95, 0.95, 0.93), (0.07, 0.07, 0.08), (0.16, 0.16, 0.18)
STEEL, GLASS, BRICK = (0.66, 0.68, 0.72), (0.55, 0.70, 0.80), (0.62, 0.30, 0.22)
WOOD, BARK, LEAF, CREAM = (0.62, 0.42, 0.24), (0.36, 0.24, 0.15), (0.27, 0.50, 0.22), (0.93, 0.88, 0.76)


class Pen:
    """Draws on a canvas in an object's own coordinates: u to the right, v *up*, origin on the ground below its middle.

    Shapes are lighter at their top and darker at their foot unless `flat`, which gives them volume.

    Args:
        canvas: what to draw on.
        x, y: canvas coordinates of the object's origin. scale: canvas units per unit of the object.
        rng: decides the object's own colours and proportions (not its place).
        mirror: whether u runs to the left. tint: colour of the light.

    `heads` are the people in a scene, the person first: centre u, v and height of each head in the object's units.
    """

    def __init__(
        self, canvas: Canvas, x: float, y: float, scale: float, rng: np.random.Generator, *,
        mirror: bool = False, tint: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:  # fmt: skip
        self.canvas, self.rng, self.scale, self.tint = canvas, rng, scale, np.asarray(tint, np.float32)
        self._origin = np.array([x, y])
        self._axes = np.diag([-scale if mirror else scale, -scale])
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self.hand = -1 if mirror else 1  # multiply by it what must not be mirrored, such as digits
        self.heads: list[tuple[float, float, float]] = []

    def turned(self, angle: float, *, around: Pair = (0.0, 0.0)) -> "Pen":
        """Return a pen whose drawing is turned by `angle` (radians, anticlockwise unless mirrored) around a point."""
        other = copy.copy(self)
        c, s = np.cos(angle), np.sin(angle)
        other._axes = np.array([[c, s], [-s, c]]) @ self._axes
        other._origin = self._origin + np.asarray(around) @ self._axes - np.asarray(around) @ other._axes
        return other

    def at(self, points: Points) -> Array:
        """Return canvas coordinates (n, 2) of the object's points (n, 2)."""
        return (self._origin + np.asarray(points, np.float64) @ self._axes).astype(np.float32)

    def box(self) -> list[float]:
        """Return left, top, right, bottom, in canvas units, of what was drawn and lies in the picture."""
        size = (self.canvas.aspect, 1.0)
        low, high = np.clip(self._low, 0, size), np.clip(self._high, 0, size)
        return [round(float(v), 4) for v in (*low, *high)]

    def colour(self, *, light: Pair = (0.45, 0.85), strong: Pair = (0.45, 0.85)) -> RGB:
        """Return a random colour of the object's own."""
        rng = self.rng
        return colorsys.hsv_to_rgb(rng.random(), rng.uniform(*strong), rng.uniform(*light))

    def vary(self, colour: Sequence[float], amount: float = 0.12) -> RGB:
        """Return a colour like `colour`, another for each object."""
        level = 1 + self.rng.uniform(-amount, amount)
        r, g, b = (float(np.clip(c * level + self.rng.uniform(-amount, amount) * 0.4, 0.02, 1)) for c in colour)
        return r, g, b

    def fill(self, points: Points, colour: Sequence[float], *, flat: bool = False, soft: float = 0.0,
        opacity: float = 1.0) -> None:
        """Fill a polygon. `soft` is in the object's units."""
        shape = self.at(points)
        self._grow(shape)
        self.canvas.fill(shape, self._paint(shape, colour, flat), soft=soft * self.scale, opacity=opacity)

    def blob(self, points: Points, colour: Sequence[float], *, flat: bool = False, soft: float = 0.0,
        opacity: float = 1.0) -> None:
        """Fill the smooth closed curve through `points`."""
        self.fill(smooth_points(points, per_span=5), colour, flat=flat, soft=soft, opacity=opacity)

    def rect(self, u0: float, v0: float, u1: float, v1: float, colour: Sequence[float], *, flat: bool = False,
        opacity: float = 1.0) -> None:
        """Fill an upright rectangle."""
        self.fill([(u0, v0), (u1, v0), (u1, v1), (u0, v1)], colour, flat=flat, opacity=opacity)

    def disc(
        self, u: float, v: float, ru: float, colour: Sequence[float], rv: float | None = None, *,
        angle: float = 0.0, flat: bool = False, soft: float = 0.0, opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Fill an ellipse turned by `angle` (radians, anticlockwise for an object that is not mirrored)."""
        n = 14 if ru * self.scale < 0.02 else 26
        self.fill(ellipse_points(u, v, ru, rv or ru, angle=angle, n=n), colour, flat=flat, soft=soft, opacity=opacity)

    def line(
        self, points: Points, colour: Sequence[float], width: float, *,
        smooth: bool = False, closed: bool = False, opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Draw a line of `width` (object's units)."""
        path = smooth_points(points, closed=closed, per_span=5) if smooth else points
        self.lines([path], colour, width, closed=closed, opacity=opacity)

    def lines(self, paths: Sequence[Points], colour: Sequence[float], width: float, *, closed: bool = False,
        opacity: float = 1.0) -> None:
        """Draw many lines at once, which costs little more than one."""
        shapes = [self.at(p) for p in paths]
        for shape in shapes:
            self._grow(shape)
        self.canvas.stroke(shapes, np.asarray(colour, np.float32) * self.tint, width * self.scale, closed=closed,
            opacity=opacity)

    def sky(self, horizon: float, colour: Sequence[float]) -> None:
        """Fill everything above `horizon`, paler towards it."""
        base = np.asarray(colour, np.float32) * self.tint
        top, bottom = 0.0, float(self.at([(0.0, horizon)])[0, 1])
        pale = 0.35 * (1 - base) + base

        def paint(x: Array, y: Array) -> Array:
            share = ((y[:, :1] - top) / max(bottom - top, 1e-6)).clip(0, 1)[..., None]
            return base + share * (pale - base)

        wide = self.canvas.aspect
        self.canvas.fill([(0, 0), (wide, 0), (wide, bottom), (0, bottom)], paint)

    def shadow(self, u0: float, u1: float, *, depth: float = 0.035, v: float = 0.0, opacity: float = 0.5) -> None:
        """Darken the ground between u0 and u1 softly."""
        points = self.at(ellipse_points((u0 + u1) / 2, v, (u1 - u0) / 2, depth))
        self.canvas.fill(points, (0.05, 0.05, 0.07), soft=0.4 * depth * self.scale, opacity=opacity)

    def _grow(self, shape: Array) -> None:
        np.minimum(self._low, shape.min(0), out=self._low)  # in place: turned pens share the box
        np.maximum(self._high, shape.max(0), out=self._high)

    def _paint(self, shape: Array, colour: Sequence[float], flat: bool) -> Paint:
        base = np.asarray(colour, np.float32) * self.tint
        if flat:
            return base
        top, bottom = float(shape[:, 1].min()), float(shape[:, 1].max())
        # One colour per row is enough for a vertical ramp; it is spread over the columns when blended.
        return lambda x, y: base * (1.14 - 0.38 * ((y[:, :1] - top) / max(bottom - top, 1e-6)).clip(0, 1))[..., None]


Painter = Callable[[Pen], None]
"""Draws one object with a pen; everything random comes from the pen's own generator."""


def rounded(u0: float, v0: float, u1: float, v1: float, r: float) -> list[Pair]:
    """Return the outline of a rectangle with corners of radius `r`."""
    turns = [(u1 - r, v1 - r, 0), (u0 + r, v1 - r, 1), (u0 + r, v0 + r, 2), (u1 - r, v0 + r, 3)]
    angles = np.linspace(0, np.pi / 2, 5)
    return [
        (float(u + r * np.cos(a + q * np.pi / 2)), float(v + r * np.sin(a + q * np.pi / 2)))
        for u, v, q in turns
        for a in angles
    ]


def ring(u: float, v: float, r: float, n: int = 28) -> Array:
    """Return a circle's points (n, 2), for a closed line."""
    return ellipse_points(u, v, r, r, n=n)


@dataclass(frozen=True)
class Stage:
    """What surrounds people in a scene: drawn behind and in front of them in units of the picture's height.

    The origin is the middle of the picture's lower edge. `alike` is a garment and a pattern that all people share.
    """

    back: Painter
    front: Painter
    alike: tuple[str, str] | None = None
