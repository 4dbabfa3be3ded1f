"""Eight homes, about one unit wide and high, on ground v = 0; each brings its own sky, ground or room."""

from collections.abc import Sequence

import numpy as np

from dp2vl.people.objects.pen import (
    BARK,
    BRICK,
    CREAM,
    DARK,
    GLASS,
    LEAF,
    RGB,
    STEEL,
    WHITE,
    WOOD,
    Painter,
    Pen,
    rounded,
)

WIDE = 2.0  # half of how far ground and sky reach beyond the picture
ROOF: RGB = (0.45, 0.24, 0.19)


def _outdoors(pen: Pen, ground: Sequence[float], *, horizon: float = 0.10) -> None:
    """Paint sky, a few clouds, far trees and ground."""
    sky = pen.vary((0.50, 0.71, 0.93), 0.08)
    pen.sky(horizon, sky)
    for _ in range(3):
        pen.disc(pen.rng.uniform(-0.6, 0.6), pen.rng.uniform(0.6, 0.95), 0.16, WHITE, 0.035, soft=0.02, opacity=0.75)
    for u in np.arange(-0.9, 1.0, 0.22):
        pen.disc(u + pen.rng.uniform(-0.08, 0.08), horizon + 0.04, 0.16, pen.vary((0.36, 0.55, 0.36)),
            pen.rng.uniform(0.08, 0.17), soft=0.01)
    pen.rect(-WIDE, -0.6, WIDE, horizon, ground)


def _window(pen: Pen, u: float, v: float, w: float, h: float, frame: Sequence[float] = WHITE, *,
    cross: bool = True) -> None:
    """Paint a window whose lower left corner is at (u, v)."""
    pen.rect(u - 0.012, v - 0.012, u + w + 0.012, v + h + 0.012, frame)
    pen.rect(u, v, u + w, v + h, GLASS)
    pen.fill([(u, v + h), (u + 0.6 * w, v + h), (u, v + 0.3 * h)], (0.85, 0.93, 0.97), flat=True, opacity=0.5)
    if cross:
        pen.lines([[(u + w / 2, v), (u + w / 2, v + h)], [(u, v + h / 2), (u + w, v + h / 2)]], frame, 0.009)


def _door(pen: Pen, u: float, v: float, w: float, h: float, colour: Sequence[float]) -> None:
    pen.rect(u - 0.012, v, u + w + 0.012, v + h + 0.014, WHITE)
    pen.rect(u, v, u + w, v + h, colour)
    pen.lines([rounded(u + 0.2 * w, v + 0.1 * h, u + 0.8 * w, v + 0.5 * h, 0.005),
        rounded(u + 0.2 * w, v + 0.58 * h, u + 0.8 * w, v + 0.92 * h, 0.005)], [c * 0.65 for c in colour], 0.006,
        closed=True)
    pen.disc(u + 0.85 * w, v + 0.5 * h, 0.008, (0.9, 0.8, 0.4))


def _courses(pen: Pen, u0: float, v0: float, u1: float, v1: float, colour: Sequence[float],
    step: float = 0.035) -> None:
    """Paint the joints of bricks or boards."""
    pen.lines([[(u0, v), (u1, v)] for v in np.arange(v0 + step, v1, step)], colour, 0.005, opacity=0.6)


def _flowers(pen: Pen, u0: float, u1: float, v: float, size: float = 0.016) -> None:
    colour = pen.colour(light=(0.8, 1.0))
    for u in np.arange(u0, u1, size * 1.7):
        pen.disc(u, v - size * 0.6, size, LEAF, flat=True)
    for u in np.arange(u0, u1, size * 2):
        pen.disc(u, v + pen.rng.uniform(0, size), size * 0.62, colour, flat=True)


def _houseboat(pen: Pen) -> None:
    _outdoors(pen, (0.25, 0.46, 0.58), horizon=0.22)
    hull, cabin, trim = pen.colour(light=(0.3, 0.5)), pen.vary(CREAM), pen.colour()
    pen.disc(0.0, 0.02, 0.56, (0.12, 0.25, 0.34), 0.05, soft=0.03, opacity=0.7)
    pen.blob([(-0.56, 0.24), (-0.53, 0.10), (-0.46, 0.03), (0.0, 0.01), (0.42, 0.03), (0.52, 0.12), (0.60, 0.28),
        (0.50, 0.215), (0.0, 0.19), (-0.46, 0.20)], hull)
    pen.line([(-0.55, 0.205), (-0.4, 0.175), (0.4, 0.18), (0.57, 0.245)], WHITE, 0.014, smooth=True)
    pen.rect(-0.44, 0.19, 0.32, 0.47, cabin)
    _courses(pen, -0.44, 0.19, 0.32, 0.47, [c * 0.8 for c in cabin])
    pen.fill([(-0.50, 0.465), (0.38, 0.465), (0.33, 0.52), (-0.45, 0.52)], trim)
    for u in (-0.38, -0.22, 0.14):
        _window(pen, u, 0.28, 0.11, 0.12)
    _door(pen, -0.02, 0.19, 0.10, 0.24, trim)
    pen.rect(-0.34, 0.52, -0.27, 0.66, DARK)
    pen.fill([(-0.36, 0.655), (-0.25, 0.655), (-0.305, 0.70)], DARK)
    _flowers(pen, 0.0, 0.28, 0.545, 0.022)
    for u in (-0.38, -0.14, 0.10, 0.32):
        pen.disc(u, 0.105, 0.032, STEEL)
        pen.disc(u, 0.105, 0.021, (0.2, 0.3, 0.38), flat=True)
    pen.lines([[(0.34, 0.36), (0.56, 0.38)], [(0.40, 0.2), (0.40, 0.365)], [(0.48, 0.21), (0.48, 0.37)],
        [(0.55, 0.24), (0.55, 0.38)]], WHITE, 0.012)
    pen.disc(0.44, 0.29, 0.045, (0.9, 0.35, 0.15))
    pen.disc(0.44, 0.29, 0.024, (0.55, 0.7, 0.85), flat=True)
    ripples = [[(u, v), (u + w, v)] for u, v, w in pen.rng.uniform((-1, -0.5, 0.1), (1, -0.01, 0.3), (16, 3))]
    pen.lines(ripples, (0.72, 0.86, 0.92), 0.008, opacity=0.55)


def _cottage(pen: Pen) -> None:
    _outdoors(pen, pen.vary((0.36, 0.56, 0.28)))
    wall, door, thatch = pen.vary(CREAM), pen.colour(light=(0.35, 0.6)), pen.vary((0.62, 0.47, 0.26))
    pen.fill([(0.02, 0.0), (0.16, 0.0), (0.34, -0.6), (-0.2, -0.6)], (0.76, 0.70, 0.60))
    pen.rect(0.24, 0.55, 0.35, 0.85, pen.vary(BRICK))
    pen.rect(0.225, 0.83, 0.365, 0.87, DARK)
    pen.rect(-0.40, 0.0, 0.44, 0.40, wall)
    pen.blob([(-0.52, 0.35), (-0.50, 0.42), (-0.30, 0.70), (-0.18, 0.77), (0.22, 0.77), (0.34, 0.70), (0.54, 0.42),
        (0.55, 0.34), (0.45, 0.35), (0.34, 0.41), (0.20, 0.37), (0.06, 0.38), (-0.10, 0.37), (-0.26, 0.41),
        (-0.40, 0.36)], thatch)
    straw = [[(u, v), (u + 0.05 * u, v - w)] for u, v, w in pen.rng.uniform((-0.42, 0.47, 0.04), (0.42, 0.74, 0.10),
        (46, 3))]
    pen.lines(straw, [c * 0.7 for c in thatch], 0.007, opacity=0.7)
    pen.blob([(-0.20, 0.75), (-0.18, 0.80), (0.22, 0.80), (0.24, 0.75), (0.02, 0.735)], [c * 0.75 for c in thatch])
    for u in (-0.26, 0.26):
        _window(pen, u - 0.06, 0.44, 0.12, 0.10)
        pen.line([(u - 0.11, 0.53), (u, 0.60), (u + 0.11, 0.53)], [c * 0.8 for c in thatch], 0.045, smooth=True)
        _window(pen, u - 0.085, 0.13, 0.17, 0.16)
        _flowers(pen, u - 0.09, u + 0.10, 0.105, 0.02)
    pen.fill([*rounded(0.015, -0.1, 0.165, 0.30, 0.074)[:10], (0.015, 0.0), (0.165, 0.0)], WHITE)
    pen.fill([*rounded(0.03, -0.1, 0.15, 0.285, 0.06)[:10], (0.03, 0.0), (0.15, 0.0)], door)
    pen.disc(0.13, 0.13, 0.009, (0.9, 0.8, 0.4))
    for u, v in pen.rng.uniform((-0.42, 0.05), (-0.34, 0.42), (14, 2)):
        pen.disc(u, v, 0.025, LEAF, flat=True)
        pen.disc(u, v, 0.012, (0.92, 0.45, 0.55), flat=True)
    pickets = [[(u, -0.09), (u, 0.045)] for u in (*np.arange(-0.9, 0.0, 0.05), *np.arange(0.2, 1.0, 0.05))]
    pen.lines([*pickets, [(-0.9, 0.0), (-0.02, 0.0)], [(0.2, 0.0), (0.95, 0.0)]], WHITE, 0.02)


def _tower_flat(pen: Pen) -> None:
    _outdoors(pen, (0.50, 0.54, 0.50))
    wall, panel = pen.vary((0.72, 0.71, 0.69)), pen.colour(strong=(0.3, 0.6))
    for u, h in ((-0.72, 0.5), (0.70, 0.62)):
        pen.rect(u - 0.16, 0.05, u + 0.16, h, (0.60, 0.66, 0.72))
        pen.lines([[(u - 0.12, v), (u + 0.12, v)] for v in np.arange(0.12, h - 0.03, 0.06)], (0.45, 0.52, 0.6), 0.024)
    pen.rect(-0.36, 0.0, 0.38, 1.5, wall)
    pen.rect(0.26, 0.0, 0.38, 1.5, [c * 0.82 for c in wall])
    rows = np.arange(0.14, 1.1, 0.125)
    lit = pen.rng.random((len(rows), 4))
    for i, v in enumerate(rows):
        for j, u in enumerate((-0.32, -0.175, -0.03, 0.115)):
            pen.rect(u, v, u + 0.115, v + 0.085, (0.98, 0.88, 0.58) if lit[i, j] < 0.25 else (0.36, 0.48, 0.58))
        pen.rect(-0.335, v - 0.015, -0.19, v + 0.03, panel)
        pen.rect(-0.045, v - 0.015, 0.10, v + 0.03, panel)
    pen.lines([[(-0.36, v - 0.022), (0.38, v - 0.022)] for v in rows], [c * 0.6 for c in wall], 0.008)
    pen.lines([[(0.32, v), (0.32, v + 0.07)] for v in rows], (0.36, 0.48, 0.58), 0.035)
    _flowers(pen, -0.33, -0.20, rows[3] + 0.045, 0.016)
    pen.rect(-0.10, 0.0, 0.14, 0.105, (0.25, 0.32, 0.36))
    pen.rect(-0.14, 0.10, 0.18, 0.125, panel)
    pen.lines([[(0.02, 0.0), (0.02, 0.1)]], STEEL, 0.01)


def _farmhouse(pen: Pen) -> None:
    _outdoors(pen, pen.vary((0.62, 0.58, 0.30)))
    barn, white = pen.vary((0.66, 0.17, 0.13), 0.10), pen.vary((0.93, 0.91, 0.86), 0.05)
    pen.rect(-0.60, 0.02, -0.46, 0.70, pen.vary((0.72, 0.74, 0.76)))
    pen.blob([(-0.605, 0.69), (-0.58, 0.77), (-0.53, 0.80), (-0.48, 0.77), (-0.455, 0.69)], STEEL)
    pen.lines([[(-0.60, v), (-0.46, v)] for v in np.arange(0.1, 0.7, 0.09)], (0.5, 0.52, 0.55), 0.008)
    pen.fill([(-0.46, 0.0), (-0.46, 0.36), (-0.40, 0.54), (-0.23, 0.66), (-0.06, 0.54), (0.0, 0.36), (0.0, 0.0)], barn)
    pen.lines([[(-0.50, 0.33), (-0.42, 0.55), (-0.23, 0.685), (-0.04, 0.55), (0.04, 0.33)]], DARK, 0.045)
    pen.lines([[(u, 0.0), (u, 0.42)] for u in np.arange(-0.43, 0.0, 0.045)], [c * 0.8 for c in barn], 0.006)
    pen.rect(-0.36, 0.0, -0.10, 0.29, [c * 0.85 for c in barn])
    pen.lines([[(-0.36, 0.0), (-0.36, 0.29), (-0.10, 0.29), (-0.10, 0.0)], [(-0.23, 0.0), (-0.23, 0.29)],
        [(-0.36, 0.0), (-0.23, 0.29)], [(-0.23, 0.0), (-0.36, 0.29)], [(-0.23, 0.0), (-0.10, 0.29)],
        [(-0.10, 0.0), (-0.23, 0.29)]], WHITE, 0.016)
    pen.rect(-0.29, 0.38, -0.17, 0.50, DARK)
    pen.lines([rounded(-0.29, 0.38, -0.17, 0.50, 0.004)], WHITE, 0.014, closed=True)
    pen.rect(0.05, 0.0, 0.60, 0.38, white)
    _courses(pen, 0.05, 0.0, 0.60, 0.38, [c * 0.8 for c in white], 0.03)
    pen.fill([(0.0, 0.37), (0.10, 0.56), (0.55, 0.56), (0.65, 0.37)], ROOF)
    pen.rect(0.44, 0.52, 0.51, 0.68, BRICK)
    for u in (0.10, 0.43):
        _window(pen, u, 0.22, 0.11, 0.11)
        _window(pen, u, 0.05, 0.11, 0.11)
    _door(pen, 0.275, 0.0, 0.10, 0.20, pen.colour(light=(0.3, 0.5)))
    for u, v in ((-0.56, 0.0), (-0.44, -0.02)):
        pen.disc(u, v + 0.06, 0.075, (0.85, 0.68, 0.30))
        pen.lines([_spiral(u, v + 0.06, 0.065)], (0.62, 0.46, 0.18), 0.008)
    rails = [[(-1.0, v), (1.0, v)] for v in (-0.12, -0.06)]
    pen.lines([*rails, *([(u, -0.17), (u, -0.02)] for u in np.arange(-1, 1, 0.2))], (0.88, 0.86, 0.8), 0.018)


def _spiral(u: float, v: float, r: float) -> list[tuple[float, float]]:
    return [(u + r * t / 14 * np.cos(t), v + r * t / 14 * np.sin(t)) for t in np.linspace(0, 14, 40)]


def _loft(pen: Pen) -> None:
    brick = pen.vary((0.60, 0.34, 0.26))
    pen.rect(-WIDE, -0.6, WIDE, 1.6, brick)
    _courses(pen, -1.0, 0.05, 1.0, 1.2, [c * 0.72 for c in brick], 0.042)
    ends = np.arange(0.05, 1.2, 0.042)
    pen.lines([[(u + 0.05 * (i % 2), v), (u + 0.05 * (i % 2), v + 0.042)] for i, v in enumerate(ends)
        for u in np.arange(-0.9, 0.95, 0.1)], [c * 0.72 for c in brick], 0.005, opacity=0.6)
    pen.rect(-WIDE, -0.6, WIDE, 0.06, pen.vary(WOOD))
    pen.lines([[(u, 0.06), (u * 1.8, -0.6)] for u in np.arange(-1, 1.05, 0.12)], BARK, 0.006, opacity=0.5)
    pen.rect(-0.46, 0.14, 0.20, 0.86, (0.12, 0.13, 0.15))
    columns, rows = np.linspace(-0.445, 0.075, 5), np.linspace(0.155, 0.715, 5)
    sky = pen.vary((0.68, 0.82, 0.93), 0.08)
    for i, v in enumerate(rows):
        for u in columns:
            pen.rect(u, v, u + 0.112, v + 0.128, [c * (0.8 + 0.05 * i) for c in sky])
    pen.fill([(-0.42, 0.16), (-0.42, 0.30), (-0.34, 0.30), (-0.34, 0.42), (-0.24, 0.42), (-0.24, 0.25), (-0.12, 0.25),
        (-0.12, 0.36), (-0.02, 0.36), (-0.02, 0.21), (0.16, 0.21), (0.16, 0.16)], (0.45, 0.55, 0.66), opacity=0.6)
    pen.lines([[(u - 0.008, 0.14), (u - 0.008, 0.86)] for u in columns[1:]] + [[(-0.45, v - 0.008), (0.19, v - 0.008)]
        for v in rows[1:]], (0.12, 0.13, 0.15), 0.014)
    pen.rect(0.24, 0.50, 1.2, 0.545, (0.2, 0.2, 0.22))  # mezzanine with a bed
    pen.rect(0.24, 0.545, 1.2, 0.56, WOOD)
    sheet = pen.colour()
    pen.rect(0.40, 0.56, 0.85, 0.63, WHITE)
    pen.rect(0.50, 0.575, 0.85, 0.66, sheet)
    pen.lines([[(u, 0.55), (u, 0.72)] for u in np.arange(0.26, 0.8, 0.06)] + [[(0.25, 0.72), (0.85, 0.72)]], DARK,
        0.010)
    pen.lines([[(0.25, 0.0), (0.34, 0.66)], [(0.37, 0.0), (0.46, 0.66)]] + [[(0.25 + 0.09 * t, 0.66 * t),
        (0.37 + 0.09 * t, 0.66 * t)] for t in np.arange(0.08, 0.95, 0.12)], BARK, 0.020)
    pen.line([(-1.0, 0.93), (1.0, 0.93)], STEEL, 0.075)
    pen.line([(-1.0, 0.945), (1.0, 0.945)], (0.85, 0.86, 0.88), 0.015)
    pen.lines([[(u, 0.89), (u, 0.97)] for u in np.arange(-0.8, 0.9, 0.2)], (0.45, 0.46, 0.5), 0.012)
    for u in (-0.30, 0.02):
        pen.lines([[(u, 1.2), (u, 0.74)]], DARK, 0.008)
        pen.fill([(u - 0.07, 0.66), (u + 0.07, 0.66), (u + 0.02, 0.74), (u - 0.02, 0.74)], DARK)
        pen.disc(u, 0.655, 0.035, (1.0, 0.9, 0.6))


def _terrace(pen: Pen) -> None:
    _outdoors(pen, (0.55, 0.54, 0.53))
    brick = pen.vary(BRICK, 0.15)
    for i in range(6):
        u = -0.78 + 0.27 * i
        wall = [c * (1.0 + 0.14 * ((i * 5) % 3 - 1)) for c in brick]
        pen.rect(u, 0.0, u + 0.27, 0.62, wall)
        pen.fill([(u - 0.01, 0.62), (u - 0.01, 0.76), (u + 0.28, 0.76), (u + 0.28, 0.62)], (0.35, 0.36, 0.41))
        pen.rect(u + 0.20, 0.72, u + 0.265, 0.90, [c * 0.9 for c in wall])
        pen.rect(u + 0.205, 0.90, u + 0.225, 0.94, (0.7, 0.4, 0.25))
        pen.rect(u + 0.24, 0.90, u + 0.26, 0.94, (0.7, 0.4, 0.25))
        _window(pen, u + 0.035, 0.41, 0.08, 0.14)
        _window(pen, u + 0.155, 0.41, 0.08, 0.14)
        _door(pen, u + 0.165, 0.02, 0.075, 0.21, pen.colour())
        pen.rect(u + 0.15, 0.25, u + 0.255, 0.275, WHITE)
        pen.rect(u + 0.01, 0.06, u + 0.135, 0.31, WHITE)  # bay
        pen.rect(u + 0.02, 0.13, u + 0.045, 0.28, GLASS)
        pen.rect(u + 0.053, 0.13, u + 0.092, 0.28, GLASS)
        pen.rect(u + 0.10, 0.13, u + 0.125, 0.28, GLASS)
        pen.fill([(u + 0.0, 0.31), (u + 0.145, 0.31), (u + 0.12, 0.35), (u + 0.025, 0.35)], (0.35, 0.36, 0.41))
    pen.lines([[(-0.78 + 0.27 * i, 0.0), (-0.78 + 0.27 * i, 0.76)] for i in range(7)], (0.25, 0.16, 0.13), 0.010)
    pen.rect(-WIDE, -0.10, WIDE, 0.0, (0.70, 0.69, 0.67))
    pen.lines([[(u, -0.06), (u, 0.09)] for u in np.arange(-0.9, 0.95, 0.03)] + [[(-1, 0.075), (1, 0.075)]], DARK, 0.008)


def _chalet(pen: Pen) -> None:
    pen.sky(0.0, pen.vary((0.48, 0.68, 0.92), 0.08))
    for u, h, w in ((-0.55, 0.80, 0.5), (0.50, 0.92, 0.6), (0.0, 0.70, 0.45)):
        pen.fill([(u - w, 0.1), (u, h), (u + w, 0.1)], (0.48, 0.54, 0.64))
        pen.fill([(u - 0.28 * w, h - 0.28 * (h - 0.1)), (u, h), (u + 0.28 * w, h - 0.28 * (h - 0.1)),
            (u + 0.1 * w, h - 0.22 * (h - 0.1)), (u - 0.06 * w, h - 0.32 * (h - 0.1))], (0.96, 0.97, 0.99), flat=True)
    for u in (-0.70, -0.58, 0.60, 0.74):
        for k in range(3):
            pen.fill([(u - 0.11 + 0.025 * k, 0.05 + 0.12 * k), (u + 0.11 - 0.025 * k, 0.05 + 0.12 * k),
                (u, 0.26 + 0.12 * k)], (0.14, 0.32, 0.24))
    pen.rect(-WIDE, -0.6, WIDE, 0.10, (0.93, 0.95, 0.98))
    wood = pen.vary((0.52, 0.32, 0.17), 0.15)
    pen.rect(-0.40, 0.0, 0.40, 0.22, (0.62, 0.60, 0.57))
    stones = pen.rng.uniform((-0.38, 0.03), (0.36, 0.19), (18, 2))
    for u, v in stones:
        pen.disc(u, v, 0.025, (0.5, 0.49, 0.47), 0.018)
    pen.fill([(-0.44, 0.22), (-0.44, 0.46), (0.0, 0.76), (0.44, 0.46), (0.44, 0.22)], wood)
    pen.lines([[(-0.44, v), (0.44, v)] for v in np.arange(0.25, 0.5, 0.035)] + [[(-0.66 * (0.78 - v) * 2, v),
        (0.66 * (0.78 - v) * 2, v)] for v in np.arange(0.5, 0.74, 0.035)], [c * 0.7 for c in wood], 0.007)
    pen.line([(-0.62, 0.37), (0.0, 0.80), (0.62, 0.37)], BARK, 0.055)
    pen.line([(-0.63, 0.41), (0.0, 0.845), (0.63, 0.41)], (0.97, 0.98, 1.0), 0.055)
    _window(pen, -0.075, 0.52, 0.15, 0.11, (0.30, 0.18, 0.10))
    shutter = pen.colour(light=(0.4, 0.7))
    for u in (-0.28, 0.28):
        _window(pen, u - 0.06, 0.33, 0.12, 0.13, (0.30, 0.18, 0.10))
        pen.rect(u - 0.125, 0.32, u - 0.075, 0.47, shutter)
        pen.rect(u + 0.075, 0.32, u + 0.125, 0.47, shutter)
    pen.rect(-0.06, 0.30, 0.06, 0.47, (0.30, 0.18, 0.10))
    pen.rect(-0.50, 0.205, 0.50, 0.235, [c * 0.8 for c in wood])
    pen.lines([[(u, 0.22), (u, 0.31)] for u in np.arange(-0.48, 0.5, 0.04)], [c * 1.25 for c in wood], 0.018)
    pen.line([(-0.50, 0.315), (0.50, 0.315)], [c * 0.8 for c in wood], 0.022)
    _flowers(pen, -0.48, 0.50, 0.335, 0.022)
    _door(pen, -0.055, 0.0, 0.11, 0.19, [c * 0.7 for c in wood])
    _window(pen, -0.30, 0.06, 0.12, 0.10)
    _window(pen, 0.18, 0.06, 0.12, 0.10)


def _bungalow(pen: Pen) -> None:
    _outdoors(pen, pen.vary((0.42, 0.62, 0.30)))
    wall, roof = pen.colour(light=(0.85, 0.97), strong=(0.12, 0.3)), pen.vary((0.72, 0.38, 0.25), 0.15)
    pen.line([(-0.58, 0.05), (-0.55, 0.35), (-0.50, 0.62)], BARK, 0.03, smooth=True)
    for a in np.arange(-0.5, 3.7, 0.6):
        pen.line([(-0.50, 0.62), (-0.50 + 0.13 * np.cos(a), 0.66 + 0.08 * np.sin(a)),
            (-0.50 + 0.22 * np.cos(a), 0.58 + 0.08 * np.sin(a))], (0.20, 0.46, 0.22), 0.030, smooth=True)
    pen.rect(-0.50, 0.0, 0.56, 0.29, wall)
    pen.rect(-0.20, 0.0, 0.56, 0.27, [c * 0.72 for c in wall])
    _window(pen, -0.42, 0.10, 0.14, 0.12)
    _window(pen, 0.12, 0.09, 0.30, 0.13)
    _door(pen, -0.08, 0.0, 0.11, 0.23, pen.colour())
    pen.fill([(-0.62, 0.27), (-0.36, 0.49), (0.42, 0.49), (0.68, 0.27)], roof)
    pen.lines([[(-0.62 + 0.26 * t, 0.27 + 0.22 * t), (0.68 - 0.26 * t, 0.27 + 0.22 * t)] for t in (0.2, 0.4, 0.6, 0.8)],
        [c * 0.75 for c in roof], 0.008)
    pen.rect(-0.62, 0.255, 0.68, 0.28, WHITE)
    pen.lines([[(u, 0.0), (u, 0.26)] for u in (-0.19, 0.07, 0.32, 0.56)], WHITE, 0.026)
    pen.rect(-0.22, -0.03, 0.60, 0.012, (0.78, 0.74, 0.68))
    pen.lines([[(u, 0.01), (u, 0.085)] for u in np.arange(0.10, 0.55, 0.035)] + [[(0.07, 0.085), (0.56, 0.085)]], WHITE,
        0.010)
    pen.fill([(-0.10, -0.03), (0.06, -0.03), (0.20, -0.6), (-0.35, -0.6)], (0.78, 0.74, 0.68))
    for u in (-0.44, -0.32, 0.66):
        pen.disc(u, 0.02, 0.075, pen.vary(LEAF), 0.055)
    _flowers(pen, -0.50, -0.25, 0.02, 0.022)


HOMES: dict[str, Painter] = {
    "houseboat": _houseboat, "cottage": _cottage, "tower flat": _tower_flat, "farmhouse": _farmhouse, "loft": _loft,
    "terrace": _terrace, "chalet": _chalet, "bungalow": _bungalow,
}  # fmt: skip
"""Value of the scenario `home` -> painter."""
