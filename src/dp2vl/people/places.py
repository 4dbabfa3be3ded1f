"""Backgrounds: painted small and enlarged, which costs little and gives the soft look of a lens."""

from functools import lru_cache

import cv2
import numpy as np

from dp2vl.people.canvas import Canvas, Linear, Radial, ellipse_points
from dp2vl.people.look import Setting

SMALL_PX = 56
"""Height at which places are painted; the enlargement to the photo's size is their blur."""


def paint_background(canvas: Canvas, setting: Setting) -> None:
    """Cover the whole canvas with the setting's place, lit and out of focus."""
    small = _place(setting.place, setting.variant, max(1, round(SMALL_PX * canvas.aspect)))
    lit = Radial(
        (canvas.aspect * (0.5 + 0.6 * setting.light[0]), 0.35 + 0.3 * setting.light[1]), 1.5,
        [(0, np.full(3, 1.12)), (1, np.full(3, 0.74))],
    )
    picture = small.pixels * lit(small.x, small.y) * np.array(setting.light_colour, np.float32)
    big = cv2.resize(picture, (canvas.width, canvas.height), interpolation=cv2.INTER_CUBIC)
    canvas.pixels[:] = np.clip(big, 0, 1)


@lru_cache(maxsize=128)
def _place(kind: str, variant: int, width_px: int) -> Canvas:
    """Return a place without light; drawn once, for many photos are taken there."""
    small = Canvas(width_px, SMALL_PX)
    _PAINTERS[kind](small, np.random.default_rng([variant, sum(map(ord, kind))]))
    small.pixels = cv2.GaussianBlur(small.pixels, (0, 0), 0.7)
    return small


def _colour(rng: np.random.Generator, low: float = 0.35, high: float = 0.85, spread: float = 0.2) -> np.ndarray:
    base = rng.uniform(low, high)
    return np.clip(base + rng.uniform(-spread, spread, 3), 0.03, 0.98)


def _box(canvas: Canvas, x0: float, y0: float, x1: float, y1: float, paint: object) -> None:
    canvas.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], paint)  # type: ignore[arg-type]


def _plain(canvas: Canvas, rng: np.random.Generator) -> None:
    colour = _colour(rng, 0.3, 0.85, 0.25)
    canvas.pixels[:] = Linear((0, 0), (0.3, 1), [(0, colour * 1.1), (1, colour * 0.75)])(canvas.x, canvas.y)


def _indoor(canvas: Canvas, rng: np.random.Generator) -> None:
    wall, aspect = _colour(rng, 0.5, 0.85, 0.14), canvas.aspect
    canvas.pixels[:] = Linear((0, 0), (aspect, 0.6), [(0, wall * 1.08), (1, wall * 0.8)])(canvas.x, canvas.y)
    if rng.random() < 0.6:
        x, w = rng.uniform(0, 0.6) * aspect, rng.uniform(0.25, 0.4)
        _box(canvas, x - 0.02, 0.06, x + w + 0.02, 0.62, (0.93, 0.92, 0.9))
        _box(canvas, x, 0.08, x + w, 0.6, Linear((0, 0.08), (0, 0.6), [(0, (0.75, 0.88, 1.0)), (1, (0.8, 0.9, 0.75))]))
        _box(canvas, x + w / 2 - 0.008, 0.08, x + w / 2 + 0.008, 0.6, (0.9, 0.9, 0.88))
    for _ in range(int(rng.integers(1, 4))):
        x, y, w, h = rng.uniform(0, aspect), rng.uniform(0.05, 0.4), rng.uniform(0.1, 0.25), rng.uniform(0.12, 0.25)
        _box(canvas, x, y, x + w, y + h, _colour(rng, 0.15, 0.4, 0.1))
        _box(canvas, x + 0.02, y + 0.02, x + w - 0.02, y + h - 0.02, _colour(rng, 0.3, 0.9, 0.35))
    if rng.random() < 0.7:
        shelf = rng.uniform(0.45, 0.7)
        x0 = rng.uniform(-0.2, 0.7) * aspect
        _box(canvas, x0, shelf, x0 + 0.7, shelf + 0.03, (0.42, 0.28, 0.18))
        x = x0 + 0.02
        while x < x0 + 0.62:
            w, h = rng.uniform(0.025, 0.06), rng.uniform(0.1, 0.2)
            _box(canvas, x, shelf - h, x + w, shelf, _colour(rng, 0.2, 0.8, 0.35))
            x += w + 0.006
    if rng.random() < 0.6:
        cx, cy = rng.uniform(0, aspect), rng.uniform(0.2, 0.5)
        canvas.fill(ellipse_points(cx, cy, 0.3, 0.3), (1.0, 0.9, 0.65), opacity=0.25, soft=0.1)
        canvas.fill([(cx - 0.05, cy - 0.07), (cx + 0.05, cy - 0.07), (cx + 0.09, cy + 0.06), (cx - 0.09, cy + 0.06)], (1.0, 0.92, 0.72))
    floor = _colour(rng, 0.3, 0.55, 0.1) * (1.1, 0.95, 0.8)
    _box(canvas, -0.1, 0.86, aspect + 0.1, 1.1, floor)


def _street(canvas: Canvas, rng: np.random.Generator) -> None:
    aspect, dusk = canvas.aspect, rng.random() < 0.25
    sky = [(0.30, 0.34, 0.52), (0.85, 0.6, 0.5)] if dusk else [(0.52, 0.70, 0.92), (0.86, 0.91, 0.95)]
    canvas.pixels[:] = Linear((0, 0), (0, 0.7), [(0, sky[0]), (1, sky[1])])(canvas.x, canvas.y)
    x = -0.1
    while x < aspect:
        w, top = rng.uniform(0.22, 0.45), rng.uniform(-0.05, 0.35)
        wall = _colour(rng, 0.35, 0.75, 0.15) * (0.6 if dusk else 1.0)
        _box(canvas, x, top, x + w, 0.84, Linear((x, 0), (x + w, 0), [(0, wall * 1.1), (1, wall * 0.8)]))
        glass = np.array([1.0, 0.85, 0.5]) if dusk else np.array([0.45, 0.55, 0.65])
        for wx in np.arange(x + 0.04, x + w - 0.05, 0.085):
            for wy in np.arange(top + 0.06, 0.72, 0.13):
                _box(canvas, wx, wy, wx + 0.045, wy + 0.075, glass * rng.uniform(0.6, 1.1))
        x += w + rng.uniform(0, 0.04)
    _box(canvas, -0.1, 0.82, aspect + 0.1, 0.88, (0.62, 0.61, 0.6))
    _box(canvas, -0.1, 0.88, aspect + 0.1, 1.1, (0.33, 0.33, 0.35))


def _park(canvas: Canvas, rng: np.random.Generator) -> None:
    aspect = canvas.aspect
    season = rng.choice(4, p=(0.35, 0.35, 0.2, 0.1))
    leaf = np.array([(0.24, 0.48, 0.20), (0.36, 0.55, 0.22), (0.72, 0.42, 0.14), (0.72, 0.76, 0.78)][season])
    canvas.pixels[:] = Linear((0, 0), (0, 0.7), [(0, (0.50, 0.72, 0.94)), (1, (0.88, 0.93, 0.96))])(canvas.x, canvas.y)
    for _ in range(int(rng.integers(1, 4))):
        canvas.fill(ellipse_points(rng.uniform(0, aspect), rng.uniform(0.05, 0.25), 0.22, 0.05), (1, 1, 1), opacity=0.7, soft=0.02)
    horizon = rng.uniform(0.5, 0.7)
    for _ in range(int(rng.integers(3, 8))):
        x, r = rng.uniform(-0.1, aspect + 0.1), rng.uniform(0.12, 0.28)
        y = horizon - r * rng.uniform(0.6, 1.3)
        _box(canvas, x - 0.018, y, x + 0.018, horizon + 0.02, (0.30, 0.21, 0.14))
        shade = leaf * rng.uniform(0.7, 1.25)
        canvas.fill(ellipse_points(x, y, r * 0.9, r), Radial((x - 0.06, y - 0.08), r * 1.2, [(0, shade * 1.3), (1, shade * 0.65)]), soft=0.012)
    grass = leaf * (1.0, 1.05, 0.8)
    _box(canvas, -0.1, horizon, aspect + 0.1, 1.1, Linear((0, horizon), (0, 1), [(0, grass * 1.15), (1, grass * 0.75)]))
    if rng.random() < 0.5:
        x = rng.uniform(0.1, 0.9) * aspect
        canvas.fill([(x, horizon), (x + 0.06, horizon), (x + 0.35, 1.1), (x - 0.25, 1.1)], (0.74, 0.66, 0.54))


_PAINTERS = {"plain": _plain, "indoor": _indoor, "street": _street, "park": _park}
