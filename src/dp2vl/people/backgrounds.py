"""Places behind a person: plain studio, indoor, street and park, lit and a little out of focus."""

from functools import lru_cache

import cv2
import numpy as np

from dp2vl.people.canvas import Array, Canvas, Linear, Radial, ellipse_points
from dp2vl.people.look import PLACE_VARIANTS, PLACES, Setting

_ROWS = 144  # backgrounds are out of focus: they are painted small and enlarged


def paint_background(canvas: Canvas, setting: Setting) -> None:
    """Fill the whole canvas with the setting's place: a part of it, maybe mirrored, in the setting's light."""
    place = _place(setting.place, setting.variant, max(8, round(_ROWS * canvas.aspect)))
    rng = np.random.default_rng([setting.texture_seed, 9])
    part, flip = rng.uniform(0.74, 1.0), -1 if rng.random() < 0.5 else 1
    scale = part * _ROWS / canvas.height
    left, top = rng.uniform(0, 1 - part) * place.shape[1], rng.uniform(0, 1 - part) * _ROWS
    start = left if flip > 0 else left + part * place.shape[1] - 1
    view = np.array([[flip * scale, 0, start + 0.5 * flip * scale - 0.5], [0, scale, top + 0.5 * scale - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(place, view, (canvas.width, canvas.height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    side = np.linspace(1 - 0.22 * setting.light[0], 1 + 0.22 * setting.light[0], canvas.width, dtype=np.float32)
    level = side[:, None] * np.array(setting.light_colour, np.float32) * np.float32(0.70 + 0.36 * setting.ambient)
    np.clip(picture * level, 0, 1, out=canvas.pixels)


@lru_cache(maxsize=4 * PLACE_VARIANTS)
def _place(kind: str, variant: int, width_px: int) -> Array:
    """Return a place without light (rows, columns, 3); drawn once, for many photos are taken there."""
    small = Canvas(width_px, _ROWS)
    layout = np.random.default_rng([PLACES.index(kind), variant, 77])
    _PAINTERS[kind](small, layout)
    return cv2.GaussianBlur(small.pixels, (0, 0), 1.4)


def _tone(rng: np.random.Generator, value: tuple[float, float], colour: float) -> Array:
    """Return a random colour: its brightness from a range, its saturation up to `colour`."""
    hue, s, v = rng.uniform(0, 360), rng.uniform(0.2, 1) * colour, rng.uniform(*value)
    return cv2.cvtColor(np.array([[[hue, s, v]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]


def _box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _paint_plain(c: Canvas, layout: np.random.Generator) -> None:
    base = _tone(layout, (0.35, 0.92), 0.55)
    middle = (c.aspect * layout.uniform(0.2, 0.8), layout.uniform(0.15, 0.6))
    c.fill(_box(0, 0, c.aspect, 1), Radial(middle, 1.05, [(0, np.minimum(base * 1.18, 1)), (1, base * 0.62)]))
    kind = layout.integers(4)
    if kind == 0:
        for _ in range(30):
            x, y = layout.uniform(0, c.aspect), layout.uniform(0, 1)
            c.fill(
                ellipse_points(x, y, 0.14, 0.09, n=12),
                base * layout.uniform(0.6, 1.3),
                opacity=0.16,
                soft=0.04,
            )
    elif kind == 1:
        rows = np.arange(0.0, 1.0, 0.075)
        lines = [[(0, y), (c.aspect, y)] for y in rows]
        lines += [
            [(x + 0.1 * (i % 2), y), (x + 0.1 * (i % 2), y + 0.075)]
            for i, y in enumerate(rows)
            for x in np.arange(-0.1, c.aspect, 0.2)
        ]
        c.stroke(lines, base * 0.6, 0.012, opacity=0.5)
    elif kind == 2:
        c.stroke(
            [[(x, 0), (x, 1)] for x in np.arange(0.05, c.aspect, 0.16)],
            base * 0.7,
            0.03,
            opacity=0.35,
            soft=0.012,
        )


def _paint_indoor(c: Canvas, layout: np.random.Generator) -> None:
    a, wall = c.aspect, _tone(layout, (0.55, 0.9), 0.35)
    lamp = (a * layout.uniform(0.1, 0.9), layout.uniform(0.1, 0.4))
    c.fill(_box(0, 0, a, 1), Radial(lamp, 1.2, [(0, np.minimum(wall * 1.15, 1)), (1, wall * 0.62)]))
    floor = layout.uniform(0.74, 0.9)
    c.fill(_box(0, floor, a, 1), Linear((0, floor), (0, 1), [(0, (0.36, 0.25, 0.17)), (1, (0.55, 0.40, 0.28))]))
    c.fill(_box(0, floor - 0.03, a, floor), (0.9, 0.88, 0.84))
    spots = layout.permutation([0.02, 0.40, 0.72])
    for what, x in zip(layout.permutation(5)[:3], spots, strict=True):
        _FURNITURE[what](c, x * a, floor, layout)
    c.fill(
        ellipse_points(*lamp, 0.3, 0.3),
        Radial(lamp, 0.3, [(0, (1, 0.95, 0.8)), (1, wall)]),
        opacity=0.25,
        soft=0.1,
    )


def _window(c: Canvas, x: float, floor: float, layout: np.random.Generator) -> None:
    c.fill(_box(x, 0.06, x + 0.34, 0.58), (0.93, 0.92, 0.90))
    c.fill(
        _box(x + 0.02, 0.08, x + 0.32, 0.56),
        Linear(
            (0, 0.08),
            (0, 0.56),
            [(0, (0.70, 0.85, 0.98)), (0.7, (0.93, 0.96, 0.98)), (1, (0.55, 0.68, 0.48))],
        ),
    )
    c.stroke([[(x + 0.17, 0.07), (x + 0.17, 0.57)], [(x, 0.32), (x + 0.34, 0.32)]], (0.93, 0.92, 0.9), 0.015)
    curtain = _tone(layout, (0.5, 0.9), 0.5)
    for x0, x1 in ((x - 0.06, x + 0.05), (x + 0.29, x + 0.40)):
        c.fill(
            _box(x0, 0.02, x1, 0.68),
            Linear((x0, 0), (x1, 0), [(0, curtain * 0.7), (0.3, curtain), (0.6, curtain * 0.75), (1, curtain)]),
        )


def _shelf(c: Canvas, x: float, floor: float, layout: np.random.Generator) -> None:
    wood = np.array([0.42, 0.29, 0.19]) * layout.uniform(0.6, 1.4)
    c.fill(_box(x, 0.08, x + 0.36, floor), wood * 0.5)
    for y in np.arange(0.12, floor - 0.1, 0.19):
        left = x + 0.02
        while left < x + 0.32:
            w, h = layout.uniform(0.018, 0.04), layout.uniform(0.10, 0.15)
            c.fill(_box(left, y + 0.165 - h, left + w, y + 0.165), _tone(layout, (0.3, 0.85), 0.7))
            left += w + 0.003
        c.fill(_box(x, y + 0.165, x + 0.36, y + 0.185), wood)


def _picture(c: Canvas, x: float, floor: float, layout: np.random.Generator) -> None:
    w, h = layout.uniform(0.16, 0.3), layout.uniform(0.16, 0.3)
    c.fill(_box(x + 0.012, 0.14, x + w + 0.012, 0.14 + h), (0, 0, 0), opacity=0.3, soft=0.012)
    c.fill(_box(x, 0.12, x + w, 0.12 + h), _tone(layout, (0.15, 0.9), 0.3))
    c.fill(
        _box(x + 0.02, 0.14, x + w - 0.02, 0.10 + h),
        Linear(
            (0, 0.12),
            (0, 0.12 + h),
            [(0, _tone(layout, (0.5, 0.95), 0.6)), (1, _tone(layout, (0.2, 0.6), 0.7))],
        ),
    )


def _plant(c: Canvas, x: float, floor: float, layout: np.random.Generator) -> None:
    green = np.array([0.22, 0.42, 0.20]) * layout.uniform(0.7, 1.3)
    for _ in range(26):
        angle, reach = layout.uniform(-2.6, -0.5), layout.uniform(0.08, 0.26)
        px, py = x + 0.15 + reach * np.cos(angle), floor - 0.18 + reach * 1.3 * np.sin(angle)
        c.fill(ellipse_points(px, py, 0.055, 0.02, angle=angle, n=12), green * layout.uniform(0.6, 1.5))
    pot = _tone(layout, (0.4, 0.9), 0.5)
    c.fill(
        [
            (x + 0.07, floor - 0.18),
            (x + 0.23, floor - 0.18),
            (x + 0.21, floor + 0.03),
            (x + 0.09, floor + 0.03),
        ],
        Linear((x + 0.07, 0), (x + 0.23, 0), [(0, pot * 0.7), (0.4, pot), (1, pot * 0.55)]),
    )


def _sofa(c: Canvas, x: float, floor: float, layout: np.random.Generator) -> None:
    cloth = _tone(layout, (0.3, 0.75), 0.55)
    top = floor - 0.26
    c.fill(
        _box(x - 0.06, top, x + 0.5, floor + 0.05),
        Linear((0, top), (0, floor), [(0, np.minimum(cloth * 1.2, 1)), (1, cloth * 0.6)]),
        soft=0.01,
    )
    c.fill(
        _box(x - 0.08, top + 0.12, x + 0.52, floor + 0.06),
        Linear((0, top + 0.1), (0, floor), [(0, np.minimum(cloth * 1.3, 1)), (1, cloth * 0.5)]),
        soft=0.008,
    )
    c.fill(_box(x + 0.02, top - 0.02, x + 0.16, top + 0.13), _tone(layout, (0.5, 0.9), 0.7), soft=0.008)


_FURNITURE = (_window, _shelf, _picture, _plant, _sofa)


def _paint_street(c: Canvas, layout: np.random.Generator) -> None:
    a, dusk = c.aspect, layout.random() < 0.3
    high, low = ((0.22, 0.26, 0.46), (0.90, 0.58, 0.42)) if dusk else ((0.46, 0.68, 0.93), (0.88, 0.93, 0.97))
    c.fill(_box(0, 0, a, 1), Linear((0, 0), (0, 0.7), [(0, high), (1, low)]))
    ground, x = layout.uniform(0.70, 0.82), -0.1
    while x < a:
        w, top = layout.uniform(0.2, 0.42), layout.uniform(0.02, 0.42)
        wall = _tone(layout, (0.38, 0.85), 0.45) * (0.55 if dusk else 1.0)
        c.fill(_box(x, top, x + w, ground), Linear((x, 0), (x + w, 0), [(0, wall), (1, wall * 0.72)]))
        glass = np.array([0.98, 0.85, 0.5]) if dusk else np.array([0.30, 0.38, 0.46])
        for wx in np.arange(x + 0.03, x + w - 0.05, 0.075):
            for wy in np.arange(top + 0.04, ground - 0.14, 0.105):
                c.fill(_box(wx, wy, wx + 0.042, wy + 0.062), glass * layout.uniform(0.5, 1.05))
        c.fill(_box(x + 0.02, ground - 0.1, x + w - 0.02, ground), _tone(layout, (0.2, 0.8), 0.6))
        x += w + layout.choice([0.0, 0.0, 0.12])
    c.fill(
        _box(0, ground, a, 1),
        Linear(
            (0, ground),
            (0, 1),
            [
                (0, (0.52, 0.51, 0.50)),
                (0.15, (0.60, 0.58, 0.56)),
                (0.16, (0.33, 0.33, 0.35)),
                (1, (0.24, 0.24, 0.26)),
            ],
        ),
    )
    for _ in range(layout.integers(1, 4)):
        x, paint = layout.uniform(-0.1, a), _tone(layout, (0.3, 0.9), 0.8)
        c.fill(ellipse_points(x, ground + 0.02, 0.11, 0.07), paint * 0.8)
        c.fill(
            _box(x - 0.19, ground, x + 0.19, ground + 0.09),
            Linear((0, ground), (0, ground + 0.09), [(0, np.minimum(paint * 1.2, 1)), (1, paint * 0.5)]),
            soft=0.008,
        )
    _bokeh(c, layout, 10 if dusk else 4, 0.75)


def _paint_park(c: Canvas, layout: np.random.Generator) -> None:
    a, autumn = c.aspect, layout.random() < 0.25
    c.fill(_box(0, 0, a, 1), Linear((0, 0), (0, 0.7), [(0, (0.50, 0.72, 0.95)), (1, (0.92, 0.95, 0.96))]))
    horizon = layout.uniform(0.5, 0.68)
    for far in (0.5, 1.0):
        leaf = (np.array([0.62, 0.40, 0.16]) if autumn else np.array([0.24, 0.44, 0.20])) * layout.uniform(0.8, 1.25)
        leaf = leaf * far + np.array([0.62, 0.72, 0.74]) * (1 - far)
        for _ in range(int(6 + 4 * far)):
            x, r = layout.uniform(-0.1, a + 0.1), layout.uniform(0.13, 0.26)
            y = horizon - r * layout.uniform(0.7, 1.5) * (0.6 + 0.6 * far)
            c.stroke([[(x, y), (x, horizon + 0.03)]], leaf * (0.55, 0.42, 0.4), 0.03 * far + 0.01)
            for _ in range(5):
                dx, dy = layout.normal(0, 0.4 * r, 2)
                spot = (x + dx - 0.03, y + dy - 0.05)
                c.fill(
                    ellipse_points(x + dx, y + dy, 0.6 * r, 0.5 * r, n=16),
                    Radial(spot, 0.75 * r, [(0, np.minimum(leaf * 1.35, 1)), (1, leaf * 0.62)]),
                    soft=0.012,
                )
    c.fill(
        _box(0, horizon, a, 1),
        Linear(
            (0, horizon),
            (0, 1),
            [(0, (0.50, 0.62, 0.30)), (0.3, (0.38, 0.55, 0.24)), (1, (0.24, 0.40, 0.16))],
        ),
    )
    if layout.random() < 0.6:
        x = a * layout.uniform(0.2, 0.8)
        c.fill(
            [(x - 0.02, horizon), (x + 0.02, horizon), (x + 0.5, 1), (x - 0.25, 1)],
            (0.78, 0.70, 0.56),
            soft=0.01,
        )
    if layout.random() < 0.4:
        c.fill(
            _box(0, horizon - 0.01, a, horizon + 0.10),
            Linear((0, horizon), (0, horizon + 0.1), [(0, (0.72, 0.84, 0.90)), (1, (0.36, 0.54, 0.66))]),
        )
    _bokeh(c, layout, 12, 0.65)


def _bokeh(c: Canvas, rng: np.random.Generator, count: int, low: float) -> None:
    """Scatter discs of light out of focus above y = `low`."""
    for _ in range(count):
        x, y, r = rng.uniform(0, c.aspect), rng.uniform(0, low), rng.uniform(0.012, 0.04)
        c.fill(
            ellipse_points(x, y, r, r, n=14),
            (1.0, 0.94, 0.78),
            opacity=float(rng.uniform(0.08, 0.3)),
            soft=0.004,
        )


_PAINTERS = {"plain": _paint_plain, "indoor": _paint_indoor, "street": _paint_street, "park": _paint_park}
