"""Settings of eight family photos. That a setting stands for a relation is a convention of this set, no fact of life.

A photo cannot show that somebody is a cousin; without a cue in the picture nothing could be learned from it. So each
relation always has the same setting: partner a flower arch, sibling bunk beds and matching jumpers, parent a kitchen
and a cake, cousin a barbecue, grandparent a fireside and a knitted blanket, in-law a formal dinner, adult child a
graduation, aunt or uncle a garden gate and presents.
"""

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


def _wall(pen: Pen, colour: Sequence[float], floor: Sequence[float] = WOOD, skirting: float = 0.16) -> None:
    pen.rect(-WIDE, skirting, WIDE, 1.05, colour)
    pen.rect(-WIDE, -0.1, WIDE, skirting, floor)


def _garden(pen: Pen) -> None:
    pen.sky(0.45, pen.vary((0.52, 0.74, 0.95), 0.06))
    for u in np.arange(-0.9, 1.0, 0.24):
        pen.disc(u + pen.rng.uniform(-0.06, 0.06), 0.56, 0.19, pen.vary((0.33, 0.56, 0.30)),
            pen.rng.uniform(0.14, 0.24))
    pen.rect(-WIDE, -0.1, WIDE, 0.48, pen.vary((0.44, 0.66, 0.30)))


def _rose(pen: Pen, u: float, v: float, r: float, colour: Sequence[float]) -> None:
    pen.disc(u, v, r, colour)
    pen.disc(u - 0.1 * r, v + 0.1 * r, 0.55 * r, [c * 0.8 for c in colour], flat=True)
    pen.disc(u, v + 0.15 * r, 0.25 * r, [min(1, c * 1.2) for c in colour], flat=True)


def _table(pen: Pen, v: float, colour: Sequence[float]) -> None:
    pen.rect(-WIDE, -0.1, WIDE, v, [c * 0.8 for c in colour])
    pen.rect(-WIDE, v - 0.05, WIDE, v, colour, flat=True)


def _partner_back(pen: Pen) -> None:
    _garden(pen)
    pen.line([(-0.42, 0.0), (-0.42, 0.62), (-0.28, 0.88), (0.0, 0.96), (0.28, 0.88), (0.42, 0.62), (0.42, 0.0)], WHITE,
        0.07, smooth=True)
    rose = pen.colour(light=(0.85, 1.0), strong=(0.25, 0.6))
    for t in np.linspace(-0.25, np.pi + 0.25, 24):
        u, v = 0.42 * np.cos(t), 0.58 + 0.37 * np.sin(t)
        pen.disc(u + 0.03, v, 0.05, LEAF, flat=True)
        _rose(pen, u + pen.rng.uniform(-0.02, 0.02), v, pen.rng.uniform(0.026, 0.044),
            rose if pen.rng.random() < 0.6 else WHITE)


def _partner_front(pen: Pen) -> None:
    rose = pen.colour(light=(0.85, 1.0), strong=(0.25, 0.6))
    pen.fill([(-0.05, 0.22), (0.05, 0.22), (0.025, -0.02), (-0.025, -0.02)], LEAF)
    for u, v in [(0.13 * np.cos(a) * r, 0.27 + 0.10 * np.sin(a) * r) for r in (1.0, 0.5)
        for a in np.arange(8) * 0.785 + r]:
        pen.disc(u, v - 0.01, 0.05, LEAF, flat=True)
        _rose(pen, u, v, 0.042, rose if pen.rng.random() < 0.6 else WHITE)
    pen.fill([(-0.03, 0.16), (-0.12, 0.02), (-0.05, 0.03), (0.0, 0.15), (0.05, 0.03), (0.12, 0.02), (0.03, 0.16)],
        WHITE)
    for u in (-0.30, -0.235):
        pen.lines([ring(u, 0.10, 0.055)], (0.90, 0.72, 0.25), 0.018, closed=True)
    pen.fill([(-0.265, 0.165), (-0.205, 0.165), (-0.235, 0.125)], (0.80, 0.92, 1.0))
    heart = [(0.29, 0.05), (0.20, 0.14), (0.22, 0.19), (0.265, 0.19), (0.29, 0.165), (0.315, 0.19), (0.36, 0.19),
        (0.38, 0.14)]
    pen.blob(heart, (0.88, 0.20, 0.30))


def _sibling_back(pen: Pen) -> None:
    _wall(pen, pen.colour(light=(0.75, 0.9), strong=(0.15, 0.35)))
    wood, low, high = pen.vary((0.72, 0.52, 0.32)), pen.colour(), pen.colour()
    for v, sheet in ((0.26, low), (0.70, high)):
        pen.rect(-0.50, v, 0.50, v + 0.08, WHITE)
        pen.rect(-0.50, v - 0.02, 0.50, v + 0.055, sheet)
        pen.fill(rounded(-0.45, v + 0.05, -0.22, v + 0.14, 0.035), WHITE)
        pen.rect(-0.52, v - 0.07, 0.52, v, wood)
    for u in (-0.50, 0.50):
        pen.rect(u - 0.03, 0.0, u + 0.03, 1.0, [c * 0.9 for c in wood])
    pen.lines([[(-0.5, 0.84), (0.25, 0.84)]], wood, 0.035)
    pen.lines([[(0.30, 0.1), (0.30, 1.0)], [(0.44, 0.1), (0.44, 1.0)]] + [[(0.30, v), (0.44, v)] for v in np.arange(0.2,
        1.0, 0.12)], [c * 0.75 for c in wood], 0.028)


def _sibling_front(pen: Pen) -> None:
    fur = pen.vary((0.66, 0.45, 0.26))
    for s in (-1, 1):
        pen.disc(s * 0.075, 0.285, 0.04, fur)
        pen.disc(s * 0.12, 0.10, 0.05, fur, 0.065)
        pen.disc(s * 0.075, 0.02, 0.06, fur, 0.05)
    pen.disc(0.0, 0.09, 0.11, fur, 0.12)
    pen.disc(0.0, 0.23, 0.095, fur, 0.085)
    pen.disc(0.0, 0.205, 0.045, CREAM, 0.035)
    for u in (-0.035, 0.035):
        pen.disc(u, 0.255, 0.012, BLACK, flat=True)
    pen.disc(0.0, 0.22, 0.016, BLACK, 0.011, flat=True)
    for k, (u, v) in enumerate(((-0.42, 0.0), (-0.30, 0.0), (-0.36, 0.12))):
        colour = ((0.90, 0.25, 0.2), (0.2, 0.5, 0.9), (0.95, 0.75, 0.2))[k]
        pen.rect(u, v, u + 0.11, v + 0.115, colour)
        pen.lines([rounded(u + 0.02, v + 0.02, u + 0.09, v + 0.095, 0.01)], [c * 0.7 for c in colour], 0.01,
            closed=True)
    ball = pen.colour()
    pen.disc(0.34, 0.08, 0.09, ball)
    pen.line([(0.26, 0.10), (0.34, 0.05), (0.42, 0.10)], WHITE, 0.03, smooth=True)


def _parent_back(pen: Pen) -> None:
    _wall(pen, pen.vary((0.86, 0.88, 0.82)), (0.7, 0.66, 0.6))
    door = pen.colour(strong=(0.25, 0.5))
    tile = [[(u, 0.40), (u, 0.66)] for u in np.arange(-0.9, 0.9, 0.075)] + [[(-0.9, v), (0.9, v)]
        for v in np.arange(0.42, 0.68, 0.075)]
    pen.lines(tile, WHITE, 0.012)
    for u in (-0.80, -0.55, 0.22, 0.47):
        pen.rect(u, 0.70, u + 0.24, 1.02, door)
        pen.lines([rounded(u + 0.03, 0.73, u + 0.21, 0.99, 0.01)], [c * 0.75 for c in door], 0.012, closed=True)
        pen.disc(u + 0.20, 0.76, 0.012, DARK)
    pen.rect(-0.27, 0.86, 0.18, 0.90, STEEL)
    for u, r in ((-0.20, 0.055), (-0.05, 0.045), (0.10, 0.06)):  # pans on hooks
        pen.lines([[(u, 0.87), (u, 0.80)]], DARK, 0.014)
        pen.disc(u, 0.75 - r + 0.05, r, (0.75, 0.45, 0.28))
    pen.rect(-WIDE, 0.34, WIDE, 0.40, (0.35, 0.33, 0.32))
    pen.rect(0.52, 0.0, 0.9, 0.68, (0.92, 0.93, 0.94))
    pen.disc(-0.46, 0.46, 0.07, pen.colour())
    pen.line([(-0.40, 0.45), (-0.36, 0.50)], STEEL, 0.025)


def _parent_front(pen: Pen) -> None:
    _table(pen, 0.13, pen.vary(WOOD))
    icing, sponge = pen.colour(light=(0.9, 1.0), strong=(0.15, 0.4)), pen.vary((0.82, 0.60, 0.36))
    pen.disc(0.0, 0.11, 0.27, WHITE, 0.035)
    for v, r, h in ((0.11, 0.21, 0.12), (0.23, 0.145, 0.10)):
        pen.fill([(-r, v), (r, v), (r, v + h), (-r, v + h)], sponge)
        pen.disc(0.0, v, r, sponge, 0.03)
        drip = [(-r, v + h), *[(u, v + h - 0.03 - 0.025 * (i % 2)) for i, u in enumerate(np.linspace(-r, r, 10))],
            (r, v + h)]
        pen.blob(drip, icing)
        pen.disc(0.0, v + h, r, icing, 0.03)
    for k, u in enumerate(np.linspace(-0.11, 0.11, 5)):
        pen.rect(u - 0.008, 0.33, u + 0.008, 0.405, (WHITE, (0.95, 0.5, 0.55), (0.5, 0.75, 0.95))[k % 3])
        pen.disc(u, 0.425, 0.012, (1.0, 0.80, 0.25), 0.022, flat=True)
    for u in (-0.40, 0.40):
        pen.disc(u, 0.08, 0.10, WHITE, 0.022)
        pen.rect(u - 0.035, 0.10, u + 0.035, 0.18, pen.colour())


def _cousin_back(pen: Pen) -> None:
    _garden(pen)
    pen.lines([[(0.37, 0.15), (0.32, 0.42)], [(0.53, 0.15), (0.56, 0.42)]], DARK, 0.025)
    for k in range(4):
        pen.disc(0.45 + 0.03 * (-1) ** k, 0.66 + 0.10 * k, 0.05 + 0.02 * k, (0.85, 0.86, 0.88), 0.045, soft=0.02,
            opacity=0.55)
    pen.blob([(0.28, 0.50), (0.32, 0.62), (0.45, 0.67), (0.58, 0.62), (0.62, 0.50)], pen.vary((0.72, 0.16, 0.14), 0.2))
    pen.blob([(0.28, 0.50), (0.34, 0.40), (0.45, 0.37), (0.56, 0.40), (0.62, 0.50)], BLACK)
    pen.rect(0.27, 0.49, 0.63, 0.515, STEEL)
    flags = np.linspace(-0.9, 0.9, 15)
    for k, u in enumerate(flags):
        v = 0.90 + 0.05 * (u / 0.9) ** 2
        pen.fill([(u, v + 0.03), (u + 0.09, v + 0.03), (u + 0.045, v - 0.07)],
            ((0.9, 0.3, 0.25), (0.98, 0.8, 0.3), (0.3, 0.6, 0.85))[k % 3])


def _cousin_front(pen: Pen) -> None:
    cloth = pen.vary((0.82, 0.16, 0.18), 0.15)
    pen.rect(-WIDE, -0.1, WIDE, 0.20, WHITE, flat=True)
    for i, v in enumerate((0.0, 0.05, 0.10, 0.15)):
        for u in np.arange(-0.9 + 0.08 * (i % 2), 0.9, 0.16):
            pen.rect(u, v, u + 0.08, v + 0.05, cloth, flat=True)
    straw = pen.vary((0.70, 0.48, 0.25))
    pen.line([(-0.36, 0.20), (-0.30, 0.37), (-0.16, 0.37), (-0.10, 0.20)], [c * 0.8 for c in straw], 0.026, smooth=True)
    pen.disc(-0.17, 0.25, 0.03, (0.85, 0.15, 0.15))
    pen.line([(-0.36, 0.22), (-0.25, 0.31)], (0.85, 0.66, 0.36), 0.06)
    pen.fill([(-0.40, 0.24), (-0.06, 0.24), (-0.09, 0.08), (-0.37, 0.08)], straw)
    pen.lines([[(-0.39, v), (-0.07, v)] for v in (0.12, 0.16, 0.20)] + [[(u, 0.08), (u, 0.24)] for u in np.arange(-0.36,
        -0.08, 0.045)], [c * 0.65 for c in straw], 0.008)
    slice_ = [(0.16 + 0.15 * np.cos(t), 0.20 + 0.14 * np.sin(t)) for t in np.linspace(np.pi, 2 * np.pi, 14)]
    pen.fill([(0.16 + 1.0 * (u - 0.16), v) for u, v in slice_], (0.20, 0.50, 0.24))
    pen.fill([(0.16 + 0.86 * (u - 0.16), 0.20 + 0.84 * (v - 0.20)) for u, v in slice_], (0.92, 0.28, 0.30))
    pen.lines([[(u, v), (u, v - 0.018)] for u, v in ((0.08, 0.17), (0.16, 0.14), (0.24, 0.17), (0.12, 0.19),
        (0.20, 0.19))], BLACK, 0.012)
    pen.fill([(0.36, 0.08), (0.44, 0.08), (0.455, 0.24), (0.345, 0.24)], (0.95, 0.65, 0.2))
    pen.lines([[(0.41, 0.22), (0.44, 0.33)]], (0.9, 0.3, 0.3), 0.012)


def _grandparent_back(pen: Pen) -> None:
    _wall(pen, pen.colour(light=(0.5, 0.7), strong=(0.25, 0.45)), BARK)
    stripe = [[(u, 0.16), (u, 1.05)] for u in np.arange(-0.9, 0.9, 0.09)]
    pen.lines(stripe, WHITE, 0.02, opacity=0.16)
    pen.rect(0.18, 0.0, 0.72, 0.60, (0.72, 0.68, 0.62))
    pen.rect(0.14, 0.60, 0.80, 0.65, BARK)
    pen.rect(0.26, 0.0, 0.64, 0.46, BLACK)
    for k, (u, h) in enumerate(((0.36, 0.26), (0.45, 0.36), (0.54, 0.26), (0.43, 0.20))):
        pen.blob([(u - 0.07, 0.06), (u - 0.05, 0.06 + 0.5 * h), (u, 0.06 + h), (u + 0.05, 0.06 + 0.5 * h),
            (u + 0.07, 0.06)], ((0.92, 0.40, 0.12), (0.98, 0.60, 0.15), (0.92, 0.40, 0.12), (1.0, 0.85, 0.4))[k])
    pen.disc(0.45, 0.77, 0.085, BARK)
    pen.disc(0.45, 0.77, 0.068, CREAM)
    pen.lines([[(0.45, 0.77), (0.45, 0.82)], [(0.45, 0.77), (0.485, 0.76)]], BLACK, 0.012)
    for u, v in ((-0.62, 0.76), (-0.40, 0.82), (-0.12, 0.84), (0.14, 0.84)):
        pen.disc(u, v, 0.085, (0.75, 0.58, 0.28), 0.105)
        pen.disc(u, v, 0.062, (0.55, 0.48, 0.40), 0.082)
        pen.disc(u, v + 0.02, 0.026, (0.88, 0.76, 0.65))
        pen.disc(u, v - 0.05, 0.042, (0.35, 0.32, 0.30), 0.03)
    chair = pen.colour(light=(0.35, 0.55))
    pen.blob([(-0.52, 0.0), (-0.54, 0.45), (-0.46, 0.70), (-0.20, 0.74), (0.10, 0.70), (0.18, 0.45), (0.16, 0.0)],
        chair)
    pen.lines([[(u, v), (u + 0.001, v)] for u in (-0.38, -0.18, 0.02) for v in (0.50, 0.62)], [c * 0.6 for c in chair],
        0.025)


def _grandparent_front(pen: Pen) -> None:
    colours = [pen.colour(light=(0.6, 0.9), strong=(0.35, 0.65)) for _ in range(4)]
    for i, v in enumerate(np.arange(-0.02, 0.26, 0.095)):
        for j, u in enumerate(np.arange(-0.52, 0.5, 0.115)):
            pen.rect(u, v, u + 0.112, v + 0.092, colours[(i * 3 + j) % 4])
            pen.disc(u + 0.056, v + 0.046, 0.028, colours[(i + j * 3 + 1) % 4], flat=True)
    knit = [[(u, v), (u + 0.012, v - 0.012), (u + 0.024, v)] for v in np.arange(0.0, 0.27, 0.03)
        for u in np.arange(-0.5, 0.5, 0.05)]
    pen.lines(knit, BLACK, 0.005, opacity=0.25)
    pen.lines([[(u, -0.02), (u + 0.01, -0.06)] for u in np.arange(-0.5, 0.5, 0.03)], WHITE, 0.01)
    yarn = pen.colour()
    pen.lines([[(0.18, 0.16), (0.42, 0.40)], [(0.44, 0.16), (0.22, 0.40)]], STEEL, 0.018)
    pen.disc(0.32, 0.20, 0.095, yarn)
    pen.lines([[(0.24, 0.19), (0.34, 0.28)], [(0.26, 0.15), (0.39, 0.25)], [(0.25, 0.24), (0.38, 0.15)],
        [(0.30, 0.28), (0.41, 0.20)]], [c * 0.7 for c in yarn], 0.010)


def _in_law_back(pen: Pen) -> None:
    _wall(pen, pen.vary((0.30, 0.16, 0.18), 0.2), BARK)
    curtain = pen.vary((0.50, 0.10, 0.14), 0.2)
    pen.lines([rounded(u, 0.30, u + 0.30, 0.92, 0.01) for u in (-0.62, -0.24, 0.14, 0.50)], (0.78, 0.62, 0.32), 0.014,
        closed=True)
    for s in (-1, 1):
        pen.blob([(s * 0.44, 1.05), (s * 0.70, 1.05), (s * 0.80, 0.0), (s * 0.52, 0.0), (s * 0.46, 0.4)], curtain)
        pen.lines([[(s * u, 1.0), (s * (u + 0.02), 0.0)] for u in (0.50, 0.55, 0.60)], [c * 0.6 for c in curtain],
            0.014)
    pen.lines([[(0.0, 1.05), (0.0, 0.90)]], (0.85, 0.70, 0.35), 0.02)
    pen.line([(-0.26, 0.93), (-0.12, 0.84), (0.0, 0.88), (0.12, 0.84), (0.26, 0.93)], (0.85, 0.70, 0.35), 0.022,
        smooth=True)
    for u in (-0.26, -0.12, 0.0, 0.12, 0.26):
        pen.disc(u, 0.965, 0.05, (1.0, 0.9, 0.6), soft=0.02, opacity=0.6)
        pen.disc(u, 0.955, 0.016, (1.0, 0.97, 0.8), 0.028, flat=True)
    for u in np.arange(-0.22, 0.23, 0.055):
        pen.disc(u, 0.82, 0.010, (0.85, 0.93, 1.0), 0.022)


def _in_law_front(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 0.15, (0.96, 0.95, 0.93))
    pen.lines([[(u, -0.1), (u * 0.97, 0.10)] for u in np.arange(-0.9, 0.9, 0.13)], (0.75, 0.74, 0.76), 0.014,
        opacity=0.7)
    gold = (0.82, 0.66, 0.30)
    pen.lines([[(0.0, 0.10), (0.0, 0.34)]], gold, 0.022)
    pen.disc(0.0, 0.11, 0.07, gold, 0.02)
    pen.line([(-0.12, 0.30), (-0.09, 0.22), (0.0, 0.20), (0.09, 0.22), (0.12, 0.30)], gold, 0.018, smooth=True)
    for u, v in ((-0.12, 0.30), (0.0, 0.34), (0.12, 0.30)):
        pen.rect(u - 0.013, v, u + 0.013, v + 0.10, WHITE)
        pen.disc(u, v + 0.125, 0.03, (1.0, 0.85, 0.4), 0.045, soft=0.012, opacity=0.7)
        pen.disc(u, v + 0.12, 0.010, (1.0, 0.95, 0.7), 0.020, flat=True)
    wine = (0.45, 0.06, 0.12)
    for u in (-0.40, 0.40):
        pen.disc(u * 0.68, 0.08, 0.115, (0.86, 0.86, 0.88), 0.030)
        pen.disc(u * 0.68, 0.085, 0.075, WHITE, 0.018)
        pen.lines([[(u, 0.10), (u, 0.20)]], GLASS, 0.012)
        pen.disc(u, 0.10, 0.04, GLASS, 0.010)
        pen.blob([(u - 0.045, 0.30), (u - 0.05, 0.24), (u, 0.19), (u + 0.05, 0.24), (u + 0.045, 0.30)],
            (0.86, 0.90, 0.93))
        pen.blob([(u - 0.045, 0.26), (u - 0.045, 0.23), (u, 0.20), (u + 0.045, 0.23), (u + 0.045, 0.26)], wine)
        pen.fill([(u * 0.68 - 0.05, 0.08), (u * 0.68, 0.20), (u * 0.68 + 0.05, 0.08)], WHITE)


def _graduation_back(pen: Pen) -> None:
    pen.sky(0.3, pen.vary((0.50, 0.70, 0.92), 0.08))
    stone = pen.vary((0.84, 0.80, 0.72), 0.06)
    pen.rect(-0.72, 0.2, 0.72, 0.74, [c * 0.85 for c in stone])
    pen.fill([(-0.78, 0.74), (0.0, 0.98), (0.78, 0.74)], stone)
    pen.fill([(-0.52, 0.77), (0.0, 0.93), (0.52, 0.77)], [c * 0.85 for c in stone])
    for u in np.linspace(-0.66, 0.66, 7):
        pen.rect(u - 0.045, 0.2, u + 0.045, 0.74, stone)
    pen.rect(-WIDE, -0.1, WIDE, 0.24, pen.vary((0.45, 0.62, 0.32)))
    for u, v, a in ((-0.42, 0.90, 0.4), (0.10, 0.95, -0.3), (0.44, 0.86, 0.25)):
        _mortarboard(pen.turned(a, around=(u, v)), u, v, 0.10)


def _mortarboard(pen: Pen, u: float, v: float, r: float) -> None:
    pen.fill([(u - 0.62 * r, v), (u + 0.62 * r, v), (u + 0.55 * r, v - 0.42 * r), (u - 0.55 * r, v - 0.42 * r)],
        (0.14, 0.14, 0.2))
    pen.fill([(u - 1.15 * r, v + 0.05 * r), (u, v + 0.42 * r), (u + 1.15 * r, v + 0.05 * r), (u, v - 0.28 * r)], BLACK)
    pen.lines([[(u, v + 0.08 * r), (u + 0.85 * r, v - 0.02 * r), (u + 0.88 * r, v - 0.55 * r)]], (0.92, 0.75, 0.25),
        0.09 * r)
    pen.disc(u + 0.88 * r, v - 0.62 * r, 0.10 * r, (0.92, 0.75, 0.25), 0.2 * r)


def _graduation_front(pen: Pen) -> None:
    for u, v, size in pen.heads[1:2]:
        _mortarboard(pen, u, v + 0.46 * size, 0.50 * size)
    ribbon = pen.colour(strong=(0.6, 0.9))
    pen.line([(-0.20, 0.07), (0.20, 0.19)], CREAM, 0.11)
    pen.disc(0.20, 0.19, 0.035, (0.80, 0.74, 0.60), 0.055, angle=0.3)
    pen.line([(-0.005, 0.075), (-0.02, 0.19)], ribbon, 0.035)
    pen.fill([(-0.02, 0.12), (-0.09, 0.0), (-0.03, 0.02), (0.0, 0.11), (0.05, 0.0), (0.08, 0.03), (0.01, 0.13)], ribbon)
    pen.disc(-0.01, 0.13, 0.035, [min(1, c * 1.2) for c in ribbon])
    flags = np.linspace(-0.55, 0.50, 9)
    for k, u in enumerate(flags):
        v = 0.33 + 0.07 * (u / 0.55) ** 2
        pen.fill([(u, v), (u + 0.10, v), (u + 0.05, v - 0.09)], ((0.25, 0.4, 0.8), (0.95, 0.78, 0.3))[k % 2])
    pen.line([(u, 0.33 + 0.07 * (u / 0.55) ** 2) for u in (-0.7, -0.5, -0.25, 0.0, 0.25, 0.5, 0.7)], WHITE, 0.012)


def _aunt_back(pen: Pen) -> None:
    _garden(pen)
    hedge = pen.vary((0.24, 0.45, 0.22))
    for s in (-1, 1):
        pen.blob([(s * 0.30, 0.05), (s * 0.29, 0.66), (s * 0.45, 0.73), (s * 0.72, 0.70), (s * 0.95, 0.66),
            (s * 0.95, 0.05)], hedge)
    gate = pen.vary((0.95, 0.95, 0.92), 0.03)
    pen.rect(-0.32, 0.0, -0.25, 0.82, BRICK)
    pen.rect(0.25, 0.0, 0.32, 0.82, BRICK)
    pen.disc(-0.285, 0.86, 0.05, STEEL)
    pen.disc(0.285, 0.86, 0.05, STEEL)
    pen.lines([[(u, 0.1), (u, 0.86 - 1.2 * u * u)] for u in np.arange(-0.22, 0.23, 0.055)] + [[(-0.25, 0.70),
        (0.25, 0.70)], [(-0.25, 0.3), (0.25, 0.3)]], gate, 0.02)
    for u, v in ((-0.60, 0.80), (-0.44, 0.88), (0.46, 0.84), (0.64, 0.90)):  # sunflowers
        pen.lines([[(u, 0.3), (u, v)]], (0.25, 0.5, 0.2), 0.02)
        for a in np.arange(9) * 0.698:
            pen.disc(u + 0.055 * np.cos(a), v + 0.055 * np.sin(a), 0.032, (0.98, 0.78, 0.15), 0.018, angle=a, flat=True)
        pen.disc(u, v, 0.04, (0.36, 0.22, 0.10))


def _aunt_front(pen: Pen) -> None:
    for u, w, h in ((-0.42, 0.26, 0.20), (-0.10, 0.22, 0.27), (0.17, 0.28, 0.18)):
        box, ribbon = pen.colour(), pen.colour(light=(0.85, 1.0))
        pen.rect(u, -0.02, u + w, h, box)
        pen.rect(u - 0.015, h - 0.05, u + w + 0.015, h, [c * 0.85 for c in box])
        pen.rect(u + w / 2 - 0.02, -0.02, u + w / 2 + 0.02, h, ribbon)
        for s in (-1, 1):
            pen.blob([(u + w / 2, h), (u + w / 2 + s * 0.05, h + 0.065), (u + w / 2 + s * 0.10, h + 0.05),
                (u + w / 2 + s * 0.08, h + 0.005)], ribbon)
        pen.disc(u + w / 2, h + 0.012, 0.022, [c * 0.85 for c in ribbon])
    for u, v in ((-0.44, 0.50), (0.44, 0.47)):
        balloon = pen.colour(light=(0.8, 1.0))
        pen.line([(u, v - 0.10), (u + 0.02, v - 0.2), (u * 0.9, 0.15)], WHITE, 0.006, smooth=True)
        pen.disc(u, v, 0.075, balloon, 0.095)
        pen.disc(u - 0.02, v + 0.04, 0.02, WHITE, 0.03, flat=True, opacity=0.5)


FAMILY: dict[str, Stage] = {
    "sibling": Stage(_sibling_back, _sibling_front, alike=("turtleneck", "stripes")),
    "parent": Stage(_parent_back, _parent_front),
    "partner": Stage(_partner_back, _partner_front),
    "cousin": Stage(_cousin_back, _cousin_front),
    "grandparent": Stage(_grandparent_back, _grandparent_front),
    "in-law": Stage(_in_law_back, _in_law_front),
    "adult child": Stage(_graduation_back, _graduation_front),
    "aunt-or-uncle": Stage(_aunt_back, _aunt_front),
}
"""Value of the scenario `family` -> what is behind and in front of the people."""
