"""Eight places of work with their tools; everybody wears a lanyard."""

from collections.abc import Sequence

import numpy as np

from dp2vl.people.objects.pen import (
    BARK,
    BLACK,
    BRICK,
    CREAM,
    DARK,
    GLASS,
    LEAF,
    STEEL,
    WHITE,
    WOOD,
    Pen,
    Stage,
    ring,
    rounded,
)

WIDE = 1.2


def _badges(pen: Pen) -> None:
    strap = pen.colour(strong=(0.6, 0.9))
    for u, v, size in pen.heads:
        pen.lines([[(u - 0.28 * size, v - 0.78 * size), (u, v - 1.40 * size), (u + 0.28 * size, v - 0.78 * size)]],
            strap, 0.055 * size)
        pen.fill(rounded(u - 0.15 * size, v - 1.82 * size, u + 0.15 * size, v - 1.40 * size, 0.03 * size), WHITE)
        pen.rect(u - 0.07 * size, v - 1.66 * size, u + 0.07 * size, v - 1.47 * size, strap)
        pen.lines([[(u - 0.09 * size, v - 1.74 * size), (u + 0.09 * size, v - 1.74 * size)]], DARK, 0.03 * size)


def _bench(pen: Pen, v: float, colour: Sequence[float]) -> None:
    pen.rect(-WIDE, -0.1, WIDE, v, [c * 0.72 for c in colour])
    pen.rect(-WIDE, v - 0.045, WIDE, v, colour, flat=True)


def _shelves(pen: Pen, colour: Sequence[float], levels: Sequence[float]) -> None:
    for v in levels:
        pen.rect(-WIDE, v - 0.03, WIDE, v, colour)


def _flask(pen: Pen, u: float, v: float, h: float, liquid: Sequence[float]) -> None:
    pen.fill([(u - 0.10 * h, v + h), (u + 0.10 * h, v + h), (u + 0.10 * h, v + 0.62 * h), (u + 0.42 * h, v + 0.06 * h),
        (u + 0.36 * h, v), (u - 0.36 * h, v), (u - 0.42 * h, v + 0.06 * h), (u - 0.10 * h, v + 0.62 * h)],
        (0.85, 0.92, 0.96), opacity=0.8)
    pen.fill([(u - 0.25 * h, v + 0.36 * h), (u + 0.25 * h, v + 0.36 * h), (u + 0.41 * h, v + 0.06 * h),
        (u + 0.35 * h, v), (u - 0.35 * h, v), (u - 0.41 * h, v + 0.06 * h)], liquid)
    pen.lines([[(u - 0.13 * h, v + h), (u + 0.13 * h, v + h)]], WHITE, 0.05 * h)
    pen.disc(u - 0.08 * h, v + 0.45 * h, 0.035 * h, WHITE, flat=True)


def _lab_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.80, 0.88, 0.90), 0.06))
    _shelves(pen, STEEL, (0.52, 0.74, 0.92))
    for v in (0.52, 0.74):
        for u in np.arange(-0.56, 0.6, 0.12):
            colour = pen.colour(light=(0.6, 0.9))
            h = pen.rng.uniform(0.08, 0.13)
            pen.rect(u - 0.035, v, u + 0.035, v + h, colour)
            pen.rect(u - 0.02, v + h, u + 0.02, v + h + 0.025, WHITE)
            pen.rect(u - 0.03, v + 0.03, u + 0.03, v + 0.06, WHITE, flat=True)


def _lab_front(pen: Pen) -> None:
    _badges(pen)
    _bench(pen, 0.10, (0.88, 0.90, 0.92))
    grey = pen.vary((0.90, 0.90, 0.92), 0.05)  # a microscope
    pen.fill(rounded(-0.16, 0.05, 0.16, 0.10, 0.02), DARK)
    pen.line([(0.10, 0.09), (0.15, 0.22), (0.10, 0.36), (0.02, 0.38)], grey, 0.06, smooth=True)
    pen.rect(-0.13, 0.165, 0.12, 0.19, DARK)
    tube = pen.turned(0.30, around=(0.0, 0.32))
    tube.rect(-0.045, 0.24, 0.045, 0.45, grey)
    tube.rect(-0.03, 0.45, 0.03, 0.52, BLACK)
    tube.rect(-0.022, 0.19, 0.022, 0.25, STEEL)
    pen.disc(0.14, 0.17, 0.03, STEEL)
    for u, h in ((-0.34, 0.26), (0.34, 0.22)):
        _flask(pen, u, 0.04, h, pen.colour(light=(0.8, 1.0), strong=(0.7, 1.0)))
    for k in range(4):
        u = -0.535 + 0.045 * k
        pen.rect(u - 0.012, 0.07, u + 0.012, 0.22, (0.9, 0.95, 0.97))
        pen.rect(u - 0.012, 0.07, u + 0.012, 0.15, pen.colour(light=(0.7, 1.0)))
    pen.rect(-0.56, 0.04, -0.37, 0.10, WOOD)


def _loaf(pen: Pen, u: float, v: float, w: float, crust: Sequence[float]) -> None:
    pen.blob([(u - w, v), (u - 0.95 * w, v + 0.45 * w), (u - 0.5 * w, v + 0.75 * w), (u + 0.5 * w, v + 0.75 * w),
        (u + 0.95 * w, v + 0.45 * w), (u + w, v)], crust)
    pen.lines([[(u + d * w, v + 0.62 * w), (u + (d + 0.2) * w, v + 0.30 * w)] for d in (-0.55, -0.1, 0.35)], CREAM,
        0.13 * w)


def _bakery_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.90, 0.80, 0.66)))
    crust = pen.vary((0.76, 0.50, 0.24))
    for v in (0.50, 0.70, 0.89):
        for u in np.arange(-0.55, 0.6, 0.185):
            _loaf(pen, u + pen.rng.uniform(-0.01, 0.01), v, 0.08, [c * pen.rng.uniform(0.85, 1.12) for c in crust])
    _shelves(pen, BARK, (0.50, 0.70, 0.89))
    pen.lines([[(-0.58, 0.36), (-0.44, 0.72)], [(-0.52, 0.36), (-0.38, 0.70)]], crust, 0.055)


def _bakery_front(pen: Pen) -> None:
    for u, v, size in pen.heads[1:]:
        pen.rect(u - 0.33 * size, v + 0.36 * size, u + 0.33 * size, v + 0.62 * size, WHITE)
        for d, h in ((-0.26, 0.76), (0.0, 0.86), (0.26, 0.76)):
            pen.disc(u + d * size, v + h * size, 0.25 * size, (0.97, 0.97, 0.96), 0.21 * size)
    for u, v, size in pen.heads:
        pen.fill([(u - 0.30 * size, v - 1.05 * size), (u + 0.30 * size, v - 1.05 * size),
            (u + 0.60 * size, v - 2.4 * size), (u - 0.60 * size, v - 2.4 * size)], WHITE)
    _badges(pen)
    _bench(pen, 0.09, pen.vary(WOOD))
    crust = pen.vary((0.80, 0.54, 0.26))
    _loaf(pen, 0.0, 0.07, 0.155, crust)
    pen.fill([(-0.50, 0.0), (-0.24, 0.0), (-0.21, 0.15), (-0.53, 0.15)], (0.66, 0.46, 0.25))
    for d in (-0.10, -0.04, 0.03, 0.09):
        pen.lines([[(-0.37 + d, 0.12), (-0.37 + 2.2 * d, 0.36)]], crust, 0.052)
        pen.lines([[(-0.37 + 1.3 * d - 0.015, 0.19 + k), (-0.37 + 1.3 * d + 0.015, 0.21 + k)] for k in (0.0, 0.06,
            0.11)], CREAM, 0.010)
    pen.lines([[(-0.52, v), (-0.22, v)] for v in (0.04, 0.09, 0.13)], (0.45, 0.30, 0.16), 0.012)
    for u in (0.25, 0.38, 0.51):
        icing = pen.colour(light=(0.9, 1.0), strong=(0.25, 0.5))
        pen.fill([(u - 0.05, 0.14), (u + 0.05, 0.14), (u + 0.035, 0.05), (u - 0.035, 0.05)], (0.60, 0.38, 0.24))
        for r, v in ((0.06, 0.15), (0.045, 0.19), (0.028, 0.22)):
            pen.disc(u, v, r, icing, 0.03)
        pen.disc(u, 0.25, 0.018, (0.85, 0.12, 0.15))


def _school_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.90, 0.86, 0.72)))
    pen.rect(-0.62, 0.40, 0.62, 0.98, WOOD)
    pen.rect(-0.59, 0.43, 0.59, 0.95, pen.vary((0.16, 0.34, 0.26), 0.06))
    for k, letter in enumerate("ABC  2+3=5"):
        u = -0.54 + 0.115 * k  # written from the left even where the picture is mirrored
        if letter == " ":
            continue
        paths = [[(pen.hand * (u + 0.05 * a), 0.82 + 0.045 * b) for a, b in path] for path in _CHALK[letter]]
        pen.lines(paths, (0.95, 0.95, 0.90), 0.013)
    pen.lines([ring(-0.50, 0.64, 0.06)], (0.95, 0.85, 0.5), 0.012, closed=True)
    pen.lines([[(0.44, 0.56), (0.56, 0.56), (0.50, 0.70), (0.44, 0.56)]], (0.95, 0.7, 0.7), 0.012)


_CHALK: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 0), (0.5, 2), (1, 0)], [(0.25, 0.8), (0.75, 0.8)]],
        "B": [[(0, 0), (0, 2), (0.8, 1.7), (0.8, 1.2), (0, 1), (1, 0.7), (1, 0.2), (0, 0)]],
    "C": [[(1, 1.7), (0.5, 2), (0, 1.4), (0, 0.6), (0.5, 0), (1, 0.3)]],
        "2": [[(0, 1.6), (0.5, 2), (1, 1.5), (0, 0), (1, 0)]],
    "3": [[(0, 2), (1, 2), (0.4, 1.2), (1, 0.7), (0.5, 0), (0, 0.2)]],
        "5": [[(1, 2), (0, 2), (0, 1.1), (1, 0.9), (0.9, 0.1), (0, 0)]],
    "+": [[(0.5, 0.5), (0.5, 1.5)], [(0, 1), (1, 1)]], "=": [[(0, 0.7), (1, 0.7)], [(0, 1.3), (1, 1.3)]],
}  # fmt: skip


def _school_front(pen: Pen) -> None:
    _badges(pen)
    _bench(pen, 0.09, pen.vary(WOOD))
    pen.lines([[(-0.30, 0.08), (-0.30, 0.14)]], BARK, 0.03)  # a globe
    pen.disc(-0.30, 0.075, 0.085, BARK, 0.022)
    pen.line([(-0.30 + 0.165 * np.cos(t), 0.27 + 0.165 * np.sin(t)) for t in np.linspace(-1.9, 1.5, 12)],
        (0.75, 0.6, 0.3), 0.02)
    pen.disc(-0.30, 0.27, 0.145, (0.25, 0.55, 0.85))
    for shape in ([(-0.40, 0.36), (-0.30, 0.38), (-0.29, 0.30), (-0.36, 0.27), (-0.41, 0.30)],
        [(-0.34, 0.25), (-0.28, 0.24), (-0.31, 0.15), (-0.35, 0.19)],
        [(-0.23, 0.34), (-0.17, 0.31), (-0.18, 0.22), (-0.24, 0.24)]):
        pen.blob(shape, (0.35, 0.65, 0.30))
    for k in range(3):
        v, d = 0.07 + 0.05 * k, 0.02 * (-1) ** k
        pen.rect(0.10 + d, v, 0.42 + d, v + 0.048, pen.colour())
        pen.rect(0.11 + d, v + 0.010, 0.425 + d, v + 0.038, CREAM, flat=True, opacity=0.25)
    pen.blob([(0.20, 0.30), (0.26, 0.32), (0.32, 0.30), (0.33, 0.25), (0.29, 0.215), (0.23, 0.215), (0.19, 0.25)],
        (0.85, 0.14, 0.14))
    pen.line([(0.26, 0.31), (0.27, 0.355)], BARK, 0.012)
    pen.disc(0.30, 0.345, 0.032, LEAF, 0.014, angle=0.4)
    for k, u in enumerate((-0.08, -0.03, 0.02)):
        pen.lines([[(u, 0.10), (u * 1.6, 0.26)]], ((0.95, 0.75, 0.2), (0.85, 0.25, 0.2), (0.2, 0.45, 0.85))[k], 0.022)
    pen.rect(-0.11, 0.05, 0.05, 0.17, pen.colour())


def _envelope(pen: Pen, u: float, v: float, w: float, colour: Sequence[float] = CREAM) -> None:
    h = 0.62 * w
    pen.rect(u, v, u + w, v + h, colour)
    pen.lines([[(u, v + h), (u + w / 2, v + 0.42 * h), (u + w, v + h)],
        [(u, v), (u, v + h), (u + w, v + h), (u + w, v), (u, v)]], (0.55, 0.50, 0.42), 0.035 * w)


def _post_back(pen: Pen) -> None:
    wood = pen.vary((0.62, 0.46, 0.28))
    pen.rect(-WIDE, -0.1, WIDE, 1.05, [c * 0.5 for c in wood])
    for v in np.arange(0.30, 1.0, 0.135):
        for u in np.arange(-0.62, 0.62, 0.155):
            for k in range(int(pen.rng.integers(1, 4))):
                pen.rect(u + 0.02, v + 0.014 * k, u + 0.125, v + 0.014 * k + 0.010, CREAM)
            if pen.rng.random() < 0.4:
                _envelope(pen, u + 0.025, v + 0.04, 0.095)
    pen.lines([[(u, -0.1), (u, 1.05)] for u in np.arange(-0.63, 0.65, 0.155)] + [[(-0.8, v), (0.8, v)]
        for v in np.arange(0.30, 1.1, 0.135)], wood, 0.024)


def _post_front(pen: Pen) -> None:
    _badges(pen)
    _bench(pen, 0.08, pen.vary((0.62, 0.46, 0.28)))
    card = pen.vary((0.76, 0.58, 0.36), 0.08)
    for u, v, w, h in ((-0.52, 0.04, 0.30, 0.20), (-0.46, 0.24, 0.20, 0.13), (0.22, 0.04, 0.32, 0.24)):
        pen.rect(u, v, u + w, v + h, card)
        pen.rect(u + 0.42 * w, v, u + 0.58 * w, v + h, (0.86, 0.74, 0.52))
        pen.rect(u + 0.62 * w, v + 0.15 * h, u + 0.94 * w, v + 0.48 * h, WHITE)
        pen.lines([[(u + 0.66 * w, v + d * h), (u + 0.9 * w, v + d * h)] for d in (0.25, 0.37)], DARK, 0.007)
    _envelope(pen, -0.15, 0.02, 0.30, (0.97, 0.95, 0.90))
    stamp = pen.colour(strong=(0.5, 0.9))
    pen.rect(0.085, 0.14, 0.135, 0.195, stamp)
    pen.disc(0.11, 0.167, 0.014, WHITE, flat=True)
    _envelope(pen, 0.26, 0.28, 0.22, (0.86, 0.91, 0.97))
    pen.lines([[(0.0, 0.30), (0.0, 0.24)]], BARK, 0.03)  # a rubber stamp
    pen.disc(0.0, 0.32, 0.032, BARK)
    pen.rect(-0.05, 0.215, 0.05, 0.245, BLACK)


def _hammer(pen: Pen, u: float, v: float, s: float) -> None:
    pen.lines([[(u, v), (u, v + 0.20 * s)]], WOOD, 0.03 * s)
    pen.fill([(u - 0.07 * s, v + 0.20 * s), (u + 0.05 * s, v + 0.20 * s), (u + 0.09 * s, v + 0.23 * s),
        (u + 0.05 * s, v + 0.255 * s), (u - 0.07 * s, v + 0.255 * s)], STEEL)


def _wrench(pen: Pen, u: float, v: float, s: float) -> None:
    pen.lines([[(u, v), (u, v + 0.18 * s)]], STEEL, 0.028 * s)
    for d in (-0.01, 0.20):
        pen.lines([[(u + 0.035 * s * np.cos(t), v + d * s + 0.035 * s * np.sin(t)) for t in np.linspace(0.7,
            2 * np.pi - 0.7 + 0.7, 12) + (1.2 if d > 0 else 4.4)]], STEEL, 0.024 * s)


def _saw(pen: Pen, u: float, v: float, s: float) -> None:
    pen.fill([(u, v), (u, v + 0.09 * s), (u + 0.28 * s, v + 0.05 * s), (u + 0.28 * s, v + 0.02 * s)], STEEL)
    pen.lines([[(u + d * s, v), (u + (d + 0.01) * s, v - 0.012 * s)] for d in np.arange(0.0, 0.27, 0.02)], STEEL, 0.008)
    pen.blob([(u + 0.01 * s, v - 0.02 * s), (u + 0.01 * s, v + 0.11 * s), (u - 0.09 * s, v + 0.10 * s),
        (u - 0.11 * s, v + 0.0 * s)], WOOD)
    pen.disc(u - 0.045 * s, v + 0.045 * s, 0.022 * s, BARK, flat=True)


def _workshop_back(pen: Pen) -> None:
    board = pen.vary((0.80, 0.66, 0.44))
    pen.rect(-WIDE, -0.1, WIDE, 1.05, board)
    dots = [[(u, v), (u + 0.001, v)] for u in np.arange(-0.75, 0.76, 0.06) for v in np.arange(0.4, 1.0, 0.06)]
    pen.lines(dots, [c * 0.6 for c in board], 0.010)
    _hammer(pen, -0.46, 0.66, 1.1)
    _hammer(pen, -0.30, 0.72, 0.9)
    _saw(pen, -0.10, 0.86, 1.2)
    _wrench(pen, 0.32, 0.68, 1.1)
    _wrench(pen, 0.42, 0.70, 0.9)
    for k, u in enumerate((-0.02, 0.06, 0.50)):  # screwdrivers
        pen.lines([[(u, 0.60), (u, 0.70)]], STEEL, 0.014)
        pen.lines([[(u, 0.70), (u, 0.78)]], ((0.9, 0.3, 0.2), (0.2, 0.5, 0.85), (0.95, 0.75, 0.2))[k], 0.034)
    pen.rect(-WIDE, 0.30, WIDE, 0.36, BARK)


def _workshop_front(pen: Pen) -> None:
    _badges(pen)
    wood = pen.vary((0.74, 0.54, 0.32))
    _bench(pen, 0.11, wood)
    pen.lines([[(-0.9, v), (0.9, v)] for v in (-0.02, 0.03)], [c * 0.55 for c in wood], 0.008)
    paint = pen.colour(light=(0.4, 0.7))  # a vice
    pen.rect(-0.46, 0.09, -0.26, 0.15, paint)
    pen.rect(-0.46, 0.15, -0.40, 0.28, paint)
    pen.rect(-0.31, 0.15, -0.25, 0.28, paint)
    pen.rect(-0.40, 0.22, -0.31, 0.36, WOOD)
    pen.lines([[(-0.25, 0.20), (-0.15, 0.20)], [(-0.15, 0.14), (-0.15, 0.26)]], STEEL, 0.022)
    for k, v in enumerate((0.08, 0.115)):
        pen.rect(0.02 + 0.04 * k, v, 0.56, v + 0.034, [c * (1.12 - 0.14 * k) for c in wood])
    _saw(pen, 0.16, 0.17, 1.35)
    _hammer(pen.turned(1.25, around=(0.0, 0.06)), 0.0, -0.05, 1.35)
    shavings = pen.rng.uniform((-0.2, 0.0), (0.5, 0.08), (12, 2))
    pen.lines([[(u + 0.014 * np.cos(t), v + 0.014 * np.sin(t)) for t in np.linspace(0, 4.5, 7)] for u, v in shavings],
        CREAM, 0.008)


def _studio_back(pen: Pen) -> None:
    foam = pen.vary((0.25, 0.25, 0.30), 0.1)
    pen.rect(-WIDE, -0.1, WIDE, 1.05, foam)
    for i, u in enumerate(np.arange(-0.66, 0.66, 0.11)):
        for j, v in enumerate(np.arange(0.40, 1.05, 0.11)):
            low, high = [c * 0.75 for c in foam], [c * 1.45 for c in foam]
            pen.fill([(u, v), (u + 0.11, v), (u + 0.055, v + 0.055)] if (i + j) % 2
                else [(u, v), (u, v + 0.11), (u + 0.055, v + 0.055)], high, flat=True)
            pen.fill([(u, v + 0.11), (u + 0.11, v + 0.11), (u + 0.055, v + 0.055)] if (i + j) % 2
                else [(u + 0.11, v), (u + 0.11, v + 0.11), (u + 0.055, v + 0.055)], low, flat=True)
    for u in (-0.46, 0.46):
        pen.rect(u - 0.11, 0.56, u + 0.11, 0.92, BLACK)
        pen.disc(u, 0.67, 0.08, (0.30, 0.30, 0.33))
        pen.disc(u, 0.67, 0.035, (0.12, 0.12, 0.13))
        pen.disc(u, 0.83, 0.042, (0.30, 0.30, 0.33))
    pen.fill(rounded(-0.13, 0.91, 0.13, 0.98, 0.02), (0.90, 0.16, 0.14))
    pen.lines([[(-0.08, 0.945), (0.08, 0.945)]], WHITE, 0.02)


def _studio_front(pen: Pen) -> None:
    _badges(pen)
    for u, v, size in pen.heads[1:]:  # the colleague wears headphones
        pen.line([(u - 0.42 * size, v), (u - 0.38 * size, v + 0.42 * size), (u, v + 0.62 * size),
            (u + 0.38 * size, v + 0.42 * size), (u + 0.42 * size, v)], BLACK, 0.075 * size, smooth=True)
        for s in (-1, 1):
            pen.disc(u + s * 0.43 * size, v - 0.02 * size, 0.10 * size, DARK, 0.17 * size)
    pen.fill([(-0.60, -0.1), (0.60, -0.1), (0.52, 0.20), (-0.52, 0.20)], (0.22, 0.23, 0.26))
    for k, u in enumerate(np.linspace(-0.46, 0.46, 14)):
        level = pen.rng.uniform(0.02, 0.09)
        pen.lines([[(u, 0.0), (u * 0.98, 0.10)]], BLACK, 0.010)
        pen.rect(u - 0.017, level - 0.012, u + 0.017, level + 0.012, (WHITE, (0.9, 0.3, 0.25), (0.3, 0.6, 0.9))[k % 3])
        pen.disc(u * 0.96, 0.135, 0.013, (0.75, 0.75, 0.78))
        pen.disc(u * 0.95, 0.17, 0.011, ((0.3, 0.9, 0.4), (0.95, 0.8, 0.2))[k % 2], flat=True)
    pen.line([(0.50, 0.06), (0.34, 0.20), (0.06, 0.24)], STEEL, 0.020)
    pen.fill(rounded(-0.075, 0.22, 0.075, 0.44, 0.07), (0.72, 0.73, 0.76))
    pen.rect(-0.075, 0.28, 0.075, 0.30, DARK)
    mesh = [[(-0.06, v), (0.06, v)] for v in np.arange(0.32, 0.43, 0.022)] + [[(u, 0.31), (u, 0.425)]
        for u in np.arange(-0.05, 0.06, 0.025)]
    pen.lines(mesh, (0.35, 0.36, 0.40), 0.006)
    pen.lines([rounded(-0.12, 0.20, 0.12, 0.46, 0.11)], BLACK, 0.014, closed=True)


def _tyre(pen: Pen, u: float, v: float, r: float) -> None:
    pen.disc(u, v, r, BLACK)
    pen.lines([ring(u, v, 0.86 * r)], (0.30, 0.30, 0.32), 0.05 * r, closed=True)
    pen.disc(u, v, 0.58 * r, STEEL)
    pen.lines([[(u, v), (u + 0.5 * r * np.cos(a), v + 0.5 * r * np.sin(a))] for a in np.arange(5) * 1.257], DARK,
        0.10 * r)


def _garage_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.66, 0.69, 0.70), 0.06))
    pen.lines([[(-0.9, v), (0.9, v)] for v in np.arange(0.35, 1.05, 0.06)], (0.52, 0.55, 0.57), 0.008)
    body = pen.colour()
    pen.blob([(-0.50, 0.80), (-0.50, 0.87), (-0.38, 0.90), (-0.26, 1.00), (0.14, 1.00), (0.28, 0.90), (0.46, 0.88),
        (0.50, 0.80)], body)  # a car on the lift
    pen.fill([(-0.30, 0.90), (-0.22, 0.97), (0.12, 0.97), (0.20, 0.90)], GLASS)
    for u in (-0.32, 0.32):
        _tyre(pen, u, 0.79, 0.075)
    pen.rect(-0.54, 0.68, 0.54, 0.715, (0.90, 0.70, 0.10))
    for u in (-0.52, 0.48):
        pen.rect(u, 0.2, u + 0.05, 1.05, (0.25, 0.40, 0.70))
    pen.rect(-WIDE, -0.1, WIDE, 0.22, (0.45, 0.45, 0.46))


def _garage_front(pen: Pen) -> None:
    _badges(pen)
    red = pen.vary((0.80, 0.14, 0.12), 0.12)
    pen.rect(-0.20, -0.1, 0.24, 0.24, red)  # tool trolley
    for v in (0.03, 0.10, 0.17):
        pen.rect(-0.17, v, 0.21, v + 0.055, [c * 1.2 for c in red])
        pen.rect(-0.06, v + 0.025, 0.10, v + 0.04, STEEL)
    pen.rect(-0.23, 0.235, 0.27, 0.265, DARK)
    _wrench(pen.turned(-1.0, around=(-0.10, 0.28)), -0.10, 0.27, 1.1)
    _wrench(pen.turned(-1.9, around=(0.10, 0.29)), 0.10, 0.22, 1.2)
    for u, v, r in ((-0.40, 0.10, 0.155), (0.42, 0.06, 0.14), (0.42, 0.24, 0.12)):
        _tyre(pen, u, v, r)
    pen.fill(rounded(-0.36, 0.25, -0.24, 0.37, 0.012), (0.20, 0.45, 0.30))
    pen.rect(-0.33, 0.37, -0.29, 0.40, DARK)


def _books(pen: Pen, v: float, u0: float, u1: float, high: tuple[float, float]) -> None:
    u = u0
    while u < u1:
        w, h = pen.rng.uniform(0.028, 0.055), pen.rng.uniform(*high)
        colour = pen.colour(light=(0.35, 0.8), strong=(0.3, 0.75))
        pen.rect(u, v, u + w - 0.004, v + h, colour)
        pen.rect(u, v + 0.7 * h, u + w - 0.004, v + 0.78 * h, CREAM, flat=True, opacity=0.7)
        u += w


def _library_back(pen: Pen) -> None:
    wood = pen.vary((0.42, 0.28, 0.17))
    pen.rect(-WIDE, -0.1, WIDE, 1.05, [c * 0.55 for c in wood])
    for v in (0.44, 0.63, 0.82):
        _books(pen, v, -0.56, 0.56, (0.11, 0.155))
    for v in (0.24, 0.44, 0.63, 0.82):
        pen.rect(-WIDE, v - 0.026, WIDE, v, wood)
    for u in (-0.56, 0.0, 0.56):
        pen.rect(u - 0.02, -0.1, u + 0.02, 1.05, wood)


def _library_front(pen: Pen) -> None:
    _badges(pen)
    _bench(pen, 0.08, pen.vary(WOOD))
    for u, count in ((-0.52, 4), (0.28, 5)):
        for k in range(count):
            d, v = pen.rng.uniform(-0.02, 0.02), 0.05 + 0.052 * k
            colour = pen.colour(light=(0.4, 0.8))
            pen.rect(u + d, v, u + 0.26 + d, v + 0.05, colour)
            pen.rect(u + 0.02 + d, v + 0.012, u + 0.265 + d, v + 0.038, CREAM, flat=True)
            pen.rect(u + d, v, u + 0.03 + d, v + 0.05, colour)
    cover = pen.colour(light=(0.3, 0.6))
    pen.fill([(-0.22, 0.03), (0.22, 0.03), (0.20, 0.19), (-0.20, 0.19)], cover)
    for s in (-1, 1):
        pen.blob([(0.0, 0.045), (s * 0.10, 0.07), (s * 0.20, 0.045), (s * 0.19, 0.20), (s * 0.10, 0.225), (0.0, 0.195)],
            (0.97, 0.95, 0.88))
        pen.lines([[(s * 0.03, v), (s * 0.165, v + 0.005)] for v in (0.09, 0.115, 0.14, 0.165)], (0.45, 0.44, 0.42),
            0.007)
    lamp = (0.12, 0.45, 0.30)
    pen.lines([[(-0.28, 0.06), (-0.28, 0.30)]], BRICK, 0.018)
    pen.blob([(-0.40, 0.30), (-0.36, 0.375), (-0.20, 0.375), (-0.16, 0.30)], lamp)
    pen.disc(-0.28, 0.295, 0.09, (1.0, 0.93, 0.65), 0.02, flat=True)


WORKPLACES: dict[str, Stage] = {
    "lab": Stage(_lab_back, _lab_front, alike=("jacket", "plain")), "bakery": Stage(_bakery_back, _bakery_front),
    "school": Stage(_school_back, _school_front), "post office": Stage(_post_back, _post_front),
    "workshop": Stage(_workshop_back, _workshop_front), "studio": Stage(_studio_back, _studio_front),
    "garage": Stage(_garage_back, _garage_front), "library": Stage(_library_back, _library_front),
}  # fmt: skip
"""Value of the scenario `work` -> what is behind and in front of the people."""
