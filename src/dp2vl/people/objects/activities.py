"""Settings and things of eight shared activities, for two or three people."""

from itertools import pairwise

import numpy as np

from dp2vl.people.objects.pen import BARK, BLACK, CREAM, DARK, LEAF, STEEL, WHITE, WOOD, Pair, Pen, Stage, ring

WIDE = 1.2


def _note(pen: Pen, u: float, v: float, r: float, colour: tuple[float, float, float] = BLACK) -> None:
    pen.disc(u, v, r, colour, 0.75 * r, angle=0.3, flat=True)
    pen.lines([[(u + 0.85 * r, v), (u + 0.85 * r, v + 4 * r), (u + 2.2 * r, v + 3 * r)]], colour, 0.4 * r)


def _climbing_back(pen: Pen) -> None:
    wall = pen.vary((0.72, 0.70, 0.66), 0.12)
    pen.rect(-WIDE, -0.1, WIDE, 1.05, wall)
    corners = [(-0.8, 0.0), (-0.45, 0.45), (-0.55, 1.05), (-0.1, 0.75), (0.05, 0.30), (0.3, 1.05), (0.42, 0.55),
        (0.8, 0.8), (0.75, 0.1)]
    for i, j, k, level in ((0, 1, 2, 0.86), (1, 2, 3, 1.1), (1, 3, 4, 0.93), (3, 5, 6, 0.84), (6, 7, 8, 1.12),
        (4, 6, 8, 0.95)):
        pen.fill([corners[i], corners[j], corners[k]], [min(1, x * level) for x in wall])
    holds = pen.rng.uniform((-0.52, 0.1), (0.52, 0.98), (34, 2))
    for u, v in holds:
        colour, r = pen.colour(strong=(0.75, 1.0), light=(0.7, 0.95)), pen.rng.uniform(0.025, 0.045)
        far = pen.rng.uniform(0.6, 1.3, 5)
        turn = np.arange(5) * 1.257 + pen.rng.uniform(0, 6)
        pen.disc(u + 0.008, v - 0.014, r * 1.05, BLACK, soft=0.006, opacity=0.35)
        pen.blob([(u + r * x * np.cos(t), v + 0.8 * r * x * np.sin(t)) for x, t in zip(far, turn, strict=True)], colour)
        pen.disc(u, v, 0.006, DARK, flat=True)
    rope = pen.colour(strong=(0.7, 1.0))
    pen.line([(-0.42, 1.05), (-0.40, 0.6), (-0.44, 0.0)], rope, 0.022, smooth=True)


def _climbing_front(pen: Pen) -> None:
    rope = pen.colour(strong=(0.7, 1.0), light=(0.7, 1.0))
    for u, v, size in pen.heads:
        pen.lines([[(u - 0.42 * size, v - 0.85 * size), (u - 0.30 * size, v - 2.1 * size)],
            [(u + 0.42 * size, v - 0.85 * size), (u + 0.30 * size, v - 2.1 * size)],
            [(u - 0.7 * size, v - 1.95 * size), (u + 0.7 * size, v - 1.95 * size)]], rope, 0.035)
    for r in (0.19, 0.165, 0.14, 0.115):
        pen.lines([[(u, 0.10 + 0.62 * (v - 0.10)) for u, v in ring(-0.26, 0.10, r)]],
            [c * (0.6 + 2.0 * (0.19 - r)) + 0.1 for c in rope], 0.026, closed=True)
    pen.lines([[(-0.26, -0.04), (-0.26, 0.04)]], [c * 0.7 for c in rope], 0.08)
    metal = pen.colour(light=(0.7, 0.95))
    for u, v in ((0.16, 0.13), (0.33, 0.13)):
        links = [(u - 0.05, v + 0.10), (u + 0.03, v + 0.115), (u + 0.05, v + 0.04), (u + 0.025, v - 0.10),
            (u - 0.03, v - 0.10), (u - 0.055, v)]
        pen.line(links, metal, 0.024, smooth=True, closed=True)
        pen.line([(u + 0.043, v + 0.08), (u + 0.035, v - 0.06)], STEEL, 0.018)
        pen.rect(u - 0.03, v - 0.18, u + 0.03, v - 0.09, rope)


def _chess_back(pen: Pen) -> None:
    pen.rect(-WIDE, 0.30, WIDE, 1.05, pen.colour(light=(0.35, 0.6), strong=(0.2, 0.4)))
    pen.rect(-WIDE, -0.1, WIDE, 0.32, BARK)
    pen.lines([[(u, -0.1), (u, 0.32)] for u in np.arange(-0.9, 0.9, 0.15)], BLACK, 0.01, opacity=0.4)
    board = WHITE, (0.35, 0.22, 0.14)
    for i in range(4):  # a demonstration board
        for j in range(4):
            pen.rect(-0.12 + 0.06 * i, 0.74 + 0.06 * j, -0.06 + 0.06 * i, 0.80 + 0.06 * j, board[(i + j) % 2],
                flat=True)
    for s in (-1, 1):
        pen.fill([(s * 0.32, 1.05), (s * 0.42, 1.05), (s * 0.42, 0.98), (s * 0.50, 0.88), (s * 0.24, 0.88),
            (s * 0.32, 0.98)], (0.98, 0.86, 0.55))


def _piece(pen: Pen, u: float, v: float, h: float, colour: tuple[float, float, float], kind: str) -> None:
    w = 0.30 * h
    edge = (0.25, 0.18, 0.14)
    for grow, paint in ((1.14, edge), (1.0, colour)):
        half = [(w, 0.0), (w, 0.10 * h), (0.55 * w, 0.22 * h), (0.40 * w, 0.55 * h), (0.62 * w, 0.62 * h),
            (0.42 * w, 0.66 * h)]
        pen.fill([(u + grow * a, v + b) for a, b in half] + [(u - grow * a, v + b) for a, b in half[::-1]], paint)
        if kind == "pawn":
            pen.disc(u, v + 0.74 * h, 0.58 * w * grow, paint)
        elif kind == "rook":
            pen.fill([(u - 0.6 * w * grow, v + 0.62 * h), (u + 0.6 * w * grow, v + 0.62 * h),
                (u + 0.72 * w * grow, v + 0.95 * h), (u + 0.3 * w, v + 0.95 * h), (u + 0.3 * w, v + 0.86 * h),
                (u - 0.3 * w, v + 0.86 * h), (u - 0.3 * w, v + 0.95 * h), (u - 0.72 * w * grow, v + 0.95 * h)], paint)
        elif kind == "knight":
            pen.blob([(u + a * w * grow, v + b * h) for a, b in ((-0.5, 0.62), (0.5, 0.62), (0.6, 0.85), (0.2, 1.02),
                (-0.3, 0.98), (-0.85, 0.78), (-0.7, 0.70), (-0.1, 0.78))], paint)
        else:
            pen.blob([(u - 0.38 * w * grow, v + 0.66 * h), (u + 0.38 * w * grow, v + 0.66 * h),
                (u + 0.66 * w * grow, v + 0.92 * h), (u, v + 0.97 * h), (u - 0.66 * w * grow, v + 0.92 * h)], paint)
    if kind == "king":
        pen.lines([[(u, v + 0.95 * h), (u, v + 1.12 * h)], [(u - 0.25 * w, v + 1.05 * h),
            (u + 0.25 * w, v + 1.05 * h)]], edge, 0.022)
    if kind == "queen":
        for a in (-0.5, 0.0, 0.5):
            pen.disc(u + a * w, v + (0.99 - 0.06 * abs(a)) * h, 0.02, colour)


def _chess_front(pen: Pen) -> None:
    wood, light, dark = pen.vary(WOOD), (0.93, 0.86, 0.70), pen.vary((0.42, 0.26, 0.16))
    pen.rect(-WIDE, -0.1, WIDE, 0.10, wood)
    pen.fill([(-0.50, -0.02), (0.50, -0.02), (0.36, 0.24), (-0.36, 0.24)], dark)
    edges = [(v, 0.47 - 0.12 * v / 0.23) for v in (0.0, 0.065, 0.125, 0.18, 0.23)]
    for i, ((v0, w0), (v1, w1)) in enumerate(pairwise(edges)):
        for j in range(8):
            a, b = j / 4 - 1, (j + 1) / 4 - 1
            pen.fill([(a * w0, v0), (b * w0, v0), (b * w1, v1), (a * w1, v1)], light if (i + j) % 2 else dark,
                flat=True)
    ivory, ebony = (0.95, 0.90, 0.80), (0.20, 0.16, 0.16)
    for k, (u, v, h, kind) in enumerate(((-0.21, 0.19, 0.19, "rook"), (-0.03, 0.20, 0.21, "queen"),
        (0.14, 0.19, 0.16, "pawn"), (0.27, 0.19, 0.19, "knight"))):
        _piece(pen, u, v, h, (ebony, ebony, ivory, ebony)[k], kind)
    for u, v, h, kind, colour in ((-0.34, 0.03, 0.27, "knight", ivory), (-0.12, 0.05, 0.22, "pawn", ebony),
        (0.07, 0.03, 0.30, "king", ivory), (0.33, 0.03, 0.26, "rook", ivory)):
        _piece(pen, u, v, h, colour, kind)


def _rowing_back(pen: Pen) -> None:
    pen.sky(0.5, pen.vary((0.50, 0.72, 0.94), 0.08))
    for u in np.arange(-0.9, 1.0, 0.2):
        pen.disc(u + pen.rng.uniform(-0.06, 0.06), 0.58, 0.17, pen.vary((0.28, 0.48, 0.30)),
            pen.rng.uniform(0.08, 0.18))
    pen.rect(-WIDE, -0.1, WIDE, 0.52, pen.vary((0.30, 0.55, 0.70), 0.08))
    waves = [[(u, v), (u + w, v)] for u, v, w in pen.rng.uniform((-0.8, 0.02, 0.05), (0.7, 0.5, 0.2), (26, 3))]
    pen.lines(waves, WHITE, 0.007, opacity=0.5)


def _rowing_front(pen: Pen) -> None:
    hull, blade = pen.colour(light=(0.6, 0.95)), pen.colour(strong=(0.7, 1.0))
    pen.blob([(-0.80, 0.19), (-0.60, 0.21), (0.0, 0.225), (0.60, 0.21), (0.80, 0.19), (0.55, 0.07), (0.0, 0.045),
        (-0.55, 0.07)], hull)
    pen.line([(-0.80, 0.195), (0.0, 0.215), (0.80, 0.195)], CREAM, 0.026, smooth=True)
    pen.lines([[(-0.6, 0.14), (0.6, 0.14)]], [c * 0.6 for c in hull], 0.012)
    for s in (-1, 1):
        pen.lines([[(s * 0.14, 0.21), (s * 0.20, 0.28), (s * 0.26, 0.21)]], STEEL, 0.018)
        pen.lines([[(s * 0.02, 0.345), (s * 0.36, 0.16)]], (0.95, 0.91, 0.78), 0.026)
        pen.lines([[(s * 0.02, 0.345), (s * 0.09, 0.307)]], BLACK, 0.036)
        pen.blob([(s * 0.32, 0.195), (s * 0.36, 0.205), (s * 0.49, 0.155), (s * 0.48, 0.085), (s * 0.42, 0.075),
            (s * 0.33, 0.155)], blade)
        pen.lines([[(s * 0.35, 0.165), (s * 0.46, 0.115)]], WHITE, 0.022)
    pen.rect(-WIDE, -0.1, WIDE, 0.055, (0.27, 0.52, 0.67), opacity=0.55)
    pen.lines([[(u, 0.05 + 0.012 * (i % 3)), (u + 0.13, 0.05 + 0.012 * (i % 3))] for i,
        u in enumerate(np.arange(-0.75, 0.7, 0.16))], WHITE, 0.012, opacity=0.8)


def _choir_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.42, 0.28, 0.20), 0.2))
    for i, u in enumerate(np.arange(-0.63, 0.66, 0.07)):  # organ pipes
        top = 0.98 - 0.30 * abs(np.sin(i * 0.55))
        pen.rect(u - 0.027, 0.40, u + 0.027, top, (0.82, 0.74, 0.52))
        pen.lines([[(u - 0.008, 0.46), (u - 0.008, top - 0.02)]], (0.97, 0.93, 0.80), 0.010)
        pen.fill([(u - 0.018, 0.44), (u + 0.018, 0.44), (u, 0.49)], BLACK)
    pen.rect(-WIDE, 0.0, WIDE, 0.40, BARK)
    for u, v in ((-0.44, 0.87), (-0.24, 0.93), (0.20, 0.94), (0.42, 0.88)):
        _note(pen, u, v, 0.028, WHITE)


def _choir_front(pen: Pen) -> None:
    cover = pen.colour(light=(0.35, 0.6))
    heads = pen.heads or [(-0.24, 0.6, 0.25), (0.24, 0.6, 0.25)]
    for u, v, size in heads:
        w = size / 0.26
        low = v - 2.05 * size
        pen.fill([(u - 0.15 * w, low + 0.03), (u, low), (u, low + 0.185 * w), (u - 0.15 * w, low + 0.215 * w)],
            [c * 0.8 for c in cover])
        pen.fill([(u + 0.15 * w, low + 0.03), (u, low), (u, low + 0.185 * w), (u + 0.15 * w, low + 0.215 * w)], cover)
        for s in (-1, 1):
            pen.fill([(u + s * 0.135 * w, low + 0.045), (u + s * 0.008, low + 0.02), (u + s * 0.008, low + 0.18 * w),
                (u + s * 0.135 * w, low + 0.205 * w)], (0.97, 0.95, 0.88), flat=True)
            staff = [[(u + s * 0.125 * w, low + 0.075 * w + d * w), (u + s * 0.02 * w, low + 0.055 * w + d * w)]
                for d in (0.0, 0.018, 0.036, 0.066, 0.084, 0.102)]
            pen.lines(staff, DARK, 0.005)
            for d, k in ((0.04, 0.02), (0.075, 0.035), (0.105, 0.09), (0.06, 0.085)):
                _note(pen, u + s * d * w - 0.005, low + (0.055 + k) * w, 0.0095)
    pen.rect(-WIDE, -0.1, WIDE, 0.03, WOOD)


def _cycling_back(pen: Pen) -> None:
    pen.sky(0.45, pen.vary((0.48, 0.72, 0.95), 0.08))
    for u, h, w in ((-0.45, 0.80, 0.5), (0.15, 0.70, 0.5), (0.60, 0.86, 0.5)):
        pen.blob([(u - w, 0.40), (u - 0.4 * w, 0.40 + 0.6 * (h - 0.4)), (u, h), (u + 0.45 * w, 0.40 + 0.6 * (h - 0.4)),
            (u + w, 0.40)], pen.vary((0.42, 0.58, 0.46)))
    pen.rect(-WIDE, -0.1, WIDE, 0.48, pen.vary((0.50, 0.66, 0.32)))
    pen.rect(-WIDE, -0.1, WIDE, 0.24, (0.42, 0.42, 0.44))
    pen.lines([[(u, 0.20), (u + 0.12, 0.20)] for u in np.arange(-0.8, 0.8, 0.2)], WHITE, 0.016)


def _bicycle(pen: Pen, u: float, v: float, r: float, frame: tuple[float, float, float]) -> None:
    def at(*points: Pair) -> list[Pair]:
        return [(u + r * a, v + r * b) for a, b in points]

    for a in (-1.3, 1.3):
        pen.lines([[(u + r * a + 0.94 * r * np.cos(t), v + r + 0.94 * r * np.sin(t)),
            (u + r * a - 0.94 * r * np.cos(t), v + r - 0.94 * r * np.sin(t))] for t in np.arange(7) * 0.449],
            (0.85, 0.86, 0.88), 0.006)
        pen.lines([ring(u + r * a, v + r, 0.94 * r)], BLACK, 0.13 * r, closed=True)
    pen.lines([at((-1.3, 1.0), (-0.15, 0.85), (0.85, 1.95), (-0.45, 2.0), (-1.3, 1.0)),
        at((-0.15, 0.85), (-0.55, 2.35)), at((0.75, 2.35), (1.3, 1.0))], frame, 0.17 * r)
    pen.line(at((0.72, 2.35), (0.95, 2.55), (1.25, 2.50), (1.30, 2.20), (1.10, 2.05)), DARK, 0.12 * r, smooth=True)
    pen.blob(at((-0.95, 2.45), (-0.55, 2.52), (-0.15, 2.44), (-0.50, 2.34)), BLACK)
    pen.disc(u - 0.15 * r, v + 0.85 * r, 0.28 * r, STEEL)
    pen.lines([at((-0.15, 0.85), (0.15, 0.35)), at((0.0, 0.33), (0.32, 0.33))], DARK, 0.1 * r)


def _cycling_front(pen: Pen) -> None:
    for u, v, size in pen.heads[1:]:  # the friends wear helmets; the person's own hair stays visible
        shell = pen.colour(strong=(0.6, 0.95))
        cap = [(u + 0.43 * size * np.cos(t), v + 0.17 * size + 0.50 * size * np.sin(t))
            for t in np.linspace(0, np.pi, 16)]
        pen.fill(cap, shell)
        pen.lines([[(u + a * size, v + 0.24 * size), (u + 0.7 * a * size, v + 0.58 * size)] for a in (-0.2, 0.0, 0.2)],
            BLACK, 0.05 * size)
        pen.line([(u - 0.40 * size, v + 0.17 * size), (u, v + 0.23 * size), (u + 0.40 * size, v + 0.17 * size)],
            [c * 0.6 for c in shell], 0.05 * size, smooth=True)
    pen.shadow(-0.52, 0.52, v=0.03, depth=0.03)
    _bicycle(pen, 0.0, 0.02, 0.165, pen.colour(strong=(0.7, 1.0)))


def _theatre_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, (0.10, 0.08, 0.14))
    pen.rect(-WIDE, -0.1, WIDE, 0.20, WOOD)
    for s, u in ((-1, -0.25), (1, 0.25)):
        pen.fill([(u - 0.03, 1.05), (u + 0.03, 1.05), (s * 0.02 + 0.22, 0.0), (s * 0.02 - 0.22, 0.0)],
            (1.0, 0.92, 0.65), opacity=0.28, soft=0.02)
    curtain = pen.vary((0.68, 0.08, 0.12), 0.15)
    for s in (-1, 1):
        pen.blob([(s * 0.30, 1.05), (s * 0.9, 1.05), (s * 0.9, -0.05), (s * 0.48, -0.05), (s * 0.50, 0.35),
            (s * 0.44, 0.45), (s * 0.36, 0.80)], curtain)
        pen.lines([[(s * (u - 0.12), 1.0), (s * u, 0.45), (s * (u + 0.03), 0.0)] for u in (0.50, 0.57, 0.64)],
            [c * 0.55 for c in curtain], 0.022)
        pen.lines([[(s * 0.42, 0.40), (s * 0.75, 0.46)]], (0.88, 0.72, 0.30), 0.03)
    for u in np.arange(-0.72, 0.73, 0.24):
        pen.blob([(u - 0.12, 1.06), (u - 0.11, 0.92), (u, 0.84), (u + 0.11, 0.92), (u + 0.12, 1.06)],
            [c * 1.12 for c in curtain])
        pen.line([(u - 0.11, 0.91), (u, 0.835), (u + 0.11, 0.91)], (0.88, 0.72, 0.30), 0.018, smooth=True)


def _mask(pen: Pen, u: float, v: float, r: float, colour: tuple[float, float, float], mood: int) -> None:
    pen.blob([(u - 0.85 * r, v + 0.85 * r), (u, v + 0.72 * r), (u + 0.85 * r, v + 0.85 * r),
        (u + 0.80 * r, v - 0.20 * r), (u, v - 1.10 * r), (u - 0.80 * r, v - 0.20 * r)], colour)
    for s in (-1, 1):
        pen.blob([(u + s * 0.12 * r, v + 0.25 * r), (u + s * 0.36 * r, v + (0.25 + 0.17 * mood) * r),
            (u + s * 0.58 * r, v + 0.25 * r), (u + s * 0.36 * r, v + (0.25 - 0.05 * mood) * r)], BLACK, flat=True)
        pen.line([(u + s * 0.12 * r, v + 0.50 * r), (u + s * 0.38 * r, v + (0.50 + 0.12 * mood) * r),
            (u + s * 0.62 * r, v + (0.50 - 0.10 * mood) * r)], [c * 0.5 for c in colour], 0.07 * r, smooth=True)
    pen.line([(u, v + 0.3 * r), (u + 0.08 * r, v - 0.05 * r), (u - 0.06 * r, v - 0.08 * r)], [c * 0.6 for c in colour],
        0.06 * r)
    d = 0.20 * mood * r
    pen.blob([(u - 0.46 * r, v - 0.40 * r + d), (u, v - 0.42 * r - 0.4 * d), (u + 0.46 * r, v - 0.40 * r + d),
        (u, v - 0.56 * r - 1.4 * d)], BLACK, flat=True)


def _theatre_front(pen: Pen) -> None:
    _mask(pen, -0.19, 0.17, 0.17, pen.vary((0.95, 0.85, 0.45), 0.08), 1)
    _mask(pen, 0.19, 0.14, 0.17, pen.vary((0.85, 0.88, 0.93), 0.08), -1)
    pen.lines([[(-0.33, 0.23), (-0.46, 0.10)], [(0.33, 0.20), (0.47, 0.08)]], pen.colour(strong=(0.7, 1.0)), 0.03)
    pen.rect(-WIDE, -0.1, WIDE, 0.0, BARK)
    for u in np.arange(-0.45, 0.5, 0.15):
        pen.disc(u, 0.0, 0.028, (1.0, 0.93, 0.65))


def _running_back(pen: Pen) -> None:
    pen.sky(0.62, pen.vary((0.50, 0.74, 0.95), 0.06))
    pen.rect(-WIDE, 0.50, WIDE, 0.70, (0.55, 0.58, 0.64))
    crowd = pen.rng.uniform((-0.9, 0.52), (0.9, 0.69), (90, 2))
    for k in range(6):
        pen.lines([[(u, v), (u + 0.001, v)] for u, v in crowd[k::6]], pen.colour(light=(0.6, 1.0)), 0.022)
    pen.rect(-WIDE, 0.44, WIDE, 0.51, pen.vary((0.35, 0.60, 0.32)))
    pen.rect(-WIDE, -0.1, WIDE, 0.45, pen.vary((0.76, 0.32, 0.22), 0.08))
    pen.lines([[(0.06 * k, 0.45), (0.32 * k, -0.1)] for k in (-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6)], WHITE,
        0.014)
    banner = pen.colour(light=(0.4, 0.8), strong=(0.6, 0.9))
    for u in (-0.46, 0.46):
        pen.rect(u - 0.025, 0.3, u + 0.025, 0.98, STEEL)
    pen.rect(-0.48, 0.87, 0.48, 1.0, banner)
    for i in range(16):
        for j in range(2):
            if (i + j) % 2:
                pen.rect(-0.48 + 0.06 * i, 0.87 + 0.03 * j, -0.42 + 0.06 * i, 0.90 + 0.03 * j, WHITE, flat=True)


_DIGITS: dict[int, list[Pair]] = {
    0: [(0, 0), (1, 0), (1, 2), (0, 2), (0, 0)], 1: [(0.2, 1.6), (0.6, 2), (0.6, 0)],
        2: [(0, 2), (1, 2), (1, 1), (0, 1), (0, 0), (1, 0)],
    3: [(0, 2), (1, 2), (1, 1), (0.3, 1), (1, 1), (1, 0), (0, 0)], 4: [(0, 2), (0, 1), (1, 1), (1, 2), (1, 0)],
    5: [(1, 2), (0, 2), (0, 1), (1, 1), (1, 0), (0, 0)], 7: [(0, 2), (1, 2), (0.4, 0)],
}  # fmt: skip


def _running_front(pen: Pen) -> None:
    for u, v, size in pen.heads or [(0.0, 0.6, 0.3)]:
        low = v - 1.95 * size
        pen.rect(u - 0.36 * size, low, u + 0.36 * size, low + 0.55 * size, (0.97, 0.97, 0.95))
        pen.rect(u - 0.36 * size, low + 0.45 * size, u + 0.36 * size, low + 0.55 * size, (0.85, 0.25, 0.2))
        for k, digit in enumerate(pen.rng.choice(list(_DIGITS), 3)):
            pen.lines([[(u + pen.hand * (-0.27 + 0.20 * k + 0.13 * a) * size, low + (0.07 + 0.15 * b) * size) for a,
                b in _DIGITS[int(digit)]]], BLACK, 0.055 * size)
        pen.lines([[(u - 0.30 * size, v - 0.80 * size), (u, v - 1.35 * size), (u + 0.30 * size, v - 0.80 * size)]],
            (0.2, 0.35, 0.75), 0.05 * size)
        pen.disc(u, v - 1.40 * size, 0.11 * size, (0.92, 0.75, 0.28))
    tape = pen.colour(strong=(0.7, 1.0))
    pen.line([(-0.70, 0.075), (-0.3, 0.05), (0.0, 0.06), (0.3, 0.045), (0.70, 0.08)], tape, 0.045, smooth=True)
    shoe = pen.colour()
    for u in (-0.30, 0.16):
        pen.blob([(u - 0.11, 0.10), (u - 0.08, 0.13), (u, 0.09), (u + 0.13, 0.06), (u + 0.15, 0.01), (u - 0.11, 0.0)],
            shoe)
        pen.lines([[(u - 0.11, 0.005), (u + 0.15, 0.005)]], WHITE, 0.022)
        pen.lines([[(u + d, 0.055), (u + d + 0.03, 0.09)] for d in (-0.03, 0.01, 0.05)], WHITE, 0.012)


def _vase(pen: Pen, u: float, v: float, h: float, colour: tuple[float, float, float], belly: float = 0.36) -> None:
    half = [(0.20, 0.0), (belly, 0.30), (belly * 0.9, 0.55), (0.14, 0.80), (0.20, 1.0)]
    pen.blob([(u + a * h, v + b * h) for a, b in half] + [(u - a * h, v + b * h) for a, b in half[::-1]], colour)
    pen.line([(u - belly * 0.95 * h, v + 0.42 * h), (u, v + 0.38 * h), (u + belly * 0.95 * h, v + 0.42 * h)],
        [c * 0.6 for c in colour], 0.05 * h, smooth=True)


def _pottery_back(pen: Pen) -> None:
    pen.rect(-WIDE, -0.1, WIDE, 1.05, pen.vary((0.86, 0.80, 0.70)))
    for v in (0.44, 0.66, 0.86):
        for u in np.arange(-0.58, 0.62, 0.15):
            _vase(pen, u + pen.rng.uniform(-0.02, 0.02), v, pen.rng.uniform(0.09, 0.16),
                pen.colour(light=(0.5, 0.85), strong=(0.2, 0.65)), pen.rng.uniform(0.25, 0.42))
        pen.rect(-WIDE, v - 0.03, WIDE, v, WOOD)
    pen.rect(-WIDE, -0.1, WIDE, 0.20, (0.55, 0.48, 0.42))


def _pottery_front(pen: Pen) -> None:
    clay = pen.vary((0.66, 0.42, 0.30))
    for u, v, size in pen.heads:  # aprons
        pen.fill([(u - 0.30 * size, v - 1.05 * size), (u + 0.30 * size, v - 1.05 * size),
            (u + 0.62 * size, v - 2.4 * size), (u - 0.62 * size, v - 2.4 * size)], (0.80, 0.74, 0.62))
    pen.rect(-0.33, -0.1, 0.33, 0.085, (0.50, 0.52, 0.55))
    pen.disc(0.0, 0.095, 0.30, (0.72, 0.73, 0.75), 0.045)
    pen.disc(0.0, 0.10, 0.22, (0.80, 0.70, 0.62), 0.030)
    half = [(0.11, 0.10), (0.165, 0.20), (0.15, 0.29), (0.085, 0.36), (0.125, 0.44)]
    pen.blob(half + [(-u, v) for u, v in half[::-1]], clay)
    pen.disc(0.0, 0.435, 0.115, [c * 0.5 for c in clay], 0.022, flat=True)
    for v in (0.16, 0.20, 0.24, 0.28, 0.32):
        w = np.interp(v, [0.10, 0.20, 0.29, 0.36], [0.11, 0.165, 0.15, 0.085])
        pen.line([(-w, v + 0.01), (0.0, v - 0.008), (w, v + 0.01)], [c * 0.75 for c in clay], 0.007, smooth=True)
    pen.disc(-0.42, 0.04, 0.085, clay, 0.065)
    pen.disc(-0.35, 0.02, 0.05, clay, 0.04)
    pen.lines([[(0.38, 0.0), (0.42, 0.22)], [(0.45, 0.0), (0.46, 0.20)]], WOOD, 0.018)
    pen.disc(0.425, 0.24, 0.022, STEEL, 0.035)
    pen.fill([(0.35, -0.02), (0.51, -0.02), (0.50, 0.10), (0.36, 0.10)], LEAF)


ACTIVITIES: dict[str, Stage] = {
    "climbing": Stage(_climbing_back, _climbing_front), "chess": Stage(_chess_back, _chess_front),
    "rowing": Stage(_rowing_back, _rowing_front), "choir": Stage(_choir_back, _choir_front,
        alike=("turtleneck", "plain")),
    "cycling": Stage(_cycling_back, _cycling_front), "theatre": Stage(_theatre_back, _theatre_front),
    "running": Stage(_running_back, _running_front), "pottery": Stage(_pottery_back, _pottery_front),
}  # fmt: skip
"""Value of the scenario `friends` -> what is behind and in front of the people."""
