"""Eight treasured objects, about one unit high, standing on v = 0 or held above it."""

from collections.abc import Sequence

import numpy as np

from dp2vl.people.objects.pen import (
    BARK,
    BLACK,
    CREAM,
    DARK,
    GLASS,
    LEAF,
    STEEL,
    WHITE,
    WOOD,
    Painter,
    Pen,
    ring,
    rounded,
)


def _string_body(pen: Pen, w: float, v0: float, v1: float, wood: Sequence[float]) -> None:
    """Paint the waisted body of a cello or violin between heights v0 and v1."""
    h = v1 - v0
    outline = [(0.0, 0.0), (0.62, 0.03), (0.98, 0.20), (0.86, 0.36), (0.56, 0.46), (0.56, 0.58), (0.74, 0.68),
        (0.78, 0.85), (0.48, 0.98), (0.0, 1.0)]
    half = [(w * a, v0 + h * b) for a, b in outline]
    shape = half + [(-u, v) for u, v in half[-2:0:-1]]
    pen.blob([(u * 1.05, v0 + h / 2 + (v - v0 - h / 2) * 1.03) for u, v in shape], [c * 0.45 for c in wood])
    pen.blob(shape, wood)
    pen.disc(-0.35 * w, v0 + 0.78 * h, 0.22 * w, [min(1, c * 1.5) for c in wood], 0.13 * h, soft=0.04, opacity=0.5)
    for s in (-1, 1):
        pen.line([(s * 0.50 * w, v0 + 0.60 * h), (s * 0.38 * w, v0 + 0.58 * h), (s * 0.44 * w, v0 + 0.48 * h),
            (s * 0.48 * w, v0 + 0.40 * h), (s * 0.36 * w, v0 + 0.37 * h)], BLACK, 0.05 * w, smooth=True)


def _strings(pen: Pen, w: float, v0: float, bridge: float, nut: float, top: float) -> None:
    """Paint tailpiece, bridge, neck, scroll, pegs and strings."""
    pen.fill([(-0.17 * w, bridge - 0.06), (0.17 * w, bridge - 0.06), (0.08 * w, v0 + 0.03), (-0.08 * w, v0 + 0.03)],
        BLACK)
    pen.fill([(-0.15 * w, bridge + 0.16 * (nut - bridge)), (0.15 * w, bridge + 0.16 * (nut - bridge)), (0.09 * w, top),
        (-0.09 * w, top)], BLACK)
    pen.disc(0.0, top + 0.02, 0.13 * w, (0.42, 0.20, 0.09), 0.10 * w)
    pen.lines([[(-0.30 * w, top - d), (0.30 * w, top - d)] for d in (0.02, 0.055)], BLACK, 0.06 * w)
    pen.rect(-0.24 * w, bridge - 0.015, 0.24 * w, bridge + 0.02, CREAM)
    pen.lines([[(u * w, bridge - 0.06), (0.6 * u * w, top - 0.02)] for u in (-0.11, -0.04, 0.04, 0.11)],
        (0.92, 0.90, 0.85), 0.006)


def _varnish(pen: Pen) -> tuple[float, float, float]:
    return pen.vary(((0.62, 0.30, 0.11), (0.50, 0.20, 0.09), (0.74, 0.45, 0.19))[int(pen.rng.integers(3))], 0.1)


def _cello(pen: Pen) -> None:
    pen.shadow(-0.2, 0.2)
    pen.lines([[(0.0, 0.12), (0.0, 0.0)]], STEEL, 0.022)
    _string_body(pen, 0.25, 0.10, 0.70, _varnish(pen))
    _strings(pen, 0.25, 0.10, 0.36, 0.9, 1.10)
    pen.lines([[(-0.46, 0.30), (0.44, 0.47)]], (0.45, 0.25, 0.12), 0.022)
    pen.lines([[(-0.44, 0.285), (0.42, 0.445)]], (0.93, 0.92, 0.88), 0.012)
    pen.disc(0.40, 0.455, 0.035, BLACK, 0.025)


def _violin(pen: Pen) -> None:
    turned = pen.turned(-0.85, around=(0, 0.45))
    _string_body(turned, 0.17, 0.12, 0.55, _varnish(pen))
    _strings(turned, 0.17, 0.12, 0.30, 0.7, 0.88)
    turned.blob([(-0.14, 0.12), (-0.16, 0.19), (-0.08, 0.22), (-0.01, 0.18), (-0.01, 0.12)], BLACK)
    bow = pen.turned(0.75, around=(0, 0.45))
    bow.line([(0.03, -0.02), (0.05, 0.45), (0.03, 0.92)], (0.42, 0.22, 0.10), 0.022, smooth=True)
    bow.lines([[(0.0, 0.0), (0.005, 0.90)]], (0.94, 0.93, 0.90), 0.014)
    bow.rect(-0.01, 0.02, 0.05, 0.09, BLACK)


def _drone(pen: Pen) -> None:
    body, lamp = pen.colour(light=(0.25, 0.9), strong=(0.1, 0.8)), pen.colour(light=(0.9, 1.0), strong=(0.8, 1.0))
    pen.shadow(-0.30, 0.30, opacity=0.3)
    for u, v in ((-0.40, 0.58), (0.40, 0.58), (-0.50, 0.40), (0.50, 0.40)):
        pen.line([(0.0, 0.48), (u, v)], [c * 0.75 for c in body], 0.05)
        pen.rect(u - 0.03, v - 0.04, u + 0.03, v + 0.055, DARK)
        pen.disc(u, v + 0.065, 0.20, (0.30, 0.32, 0.36), 0.028, opacity=0.45, soft=0.006)
        pen.lines([[(u - 0.19, v + 0.075), (u + 0.19, v + 0.055)]], (0.15, 0.15, 0.17), 0.014)
        pen.disc(u, v - 0.035, 0.018, lamp, flat=True)
    pen.blob([(-0.22, 0.46), (-0.17, 0.56), (0.0, 0.60), (0.17, 0.56), (0.22, 0.46), (0.15, 0.39), (-0.15, 0.39)], body)
    pen.blob([(-0.11, 0.54), (0.0, 0.575), (0.11, 0.54), (0.0, 0.52)], [min(1, c * 1.4) for c in body])
    pen.disc(0.0, 0.37, 0.085, DARK)
    pen.disc(0.0, 0.365, 0.055, BLACK)
    pen.disc(0.0, 0.365, 0.034, (0.25, 0.38, 0.62))
    pen.disc(0.014, 0.38, 0.012, WHITE, flat=True)
    pen.lines([[(s * 0.13, 0.40), (s * 0.20, 0.26), (s * 0.12, 0.26), (s * 0.28, 0.26)] for s in (-1, 1)], DARK, 0.02)


def _telescope(pen: Pen) -> None:
    tube = pen.colour(light=(0.35, 0.9))
    pen.shadow(-0.34, 0.36)
    pen.lines([[(0.0, 0.56), (-0.32, 0.0)], [(0.0, 0.56), (0.34, 0.0)]], WOOD, 0.042)
    pen.lines([[(0.0, 0.56), (0.03, -0.03)]], BARK, 0.042)
    pen.lines([[(-0.17, 0.26), (0.18, 0.26)]], STEEL, 0.016)
    pen.rect(-0.05, 0.50, 0.05, 0.64, DARK)
    turned = pen.turned(0.55, around=(0, 0.66))
    turned.rect(-0.46, 0.575, 0.34, 0.745, tube)
    turned.rect(0.30, 0.555, 0.56, 0.765, [c * 0.9 for c in tube])
    for u in (-0.46, -0.12, 0.10, 0.53):
        turned.rect(u, 0.555, u + 0.04, 0.765, (0.85, 0.72, 0.38))
    turned.disc(0.57, 0.66, 0.03, (0.45, 0.60, 0.78), 0.10)
    turned.rect(-0.60, 0.615, -0.46, 0.705, DARK)
    turned.rect(-0.66, 0.59, -0.60, 0.73, BLACK)
    turned.rect(-0.30, 0.79, 0.02, 0.845, DARK)
    turned.lines([[(-0.22, 0.74), (-0.22, 0.80)], [(-0.06, 0.74), (-0.06, 0.80)]], STEEL, 0.022)


def _camera(pen: Pen) -> None:
    skin, metal = pen.vary(((0.15, 0.15, 0.16), (0.42, 0.24, 0.14), (0.24, 0.30, 0.36))[int(pen.rng.integers(3))],
        0.1), pen.vary((0.76, 0.76, 0.76), 0.08)
    strap = pen.colour()
    pen.line([(-0.44, 0.56), (-0.58, 0.75), (-0.35, 1.02)], strap, 0.045, smooth=True)
    pen.line([(0.44, 0.56), (0.58, 0.75), (0.35, 1.02)], strap, 0.045, smooth=True)
    pen.fill([(-0.17, 0.60), (-0.11, 0.74), (0.11, 0.74), (0.17, 0.60)], metal)
    pen.fill(rounded(-0.48, 0.10, 0.48, 0.62, 0.05), metal)
    pen.rect(-0.48, 0.17, 0.48, 0.49, skin)
    pen.disc(-0.35, 0.645, 0.075, STEEL, 0.03)
    pen.disc(0.33, 0.64, 0.055, DARK, 0.025)
    pen.rect(-0.06, 0.62, 0.06, 0.705, (0.20, 0.24, 0.30))
    pen.rect(0.26, 0.515, 0.42, 0.59, (0.92, 0.95, 0.98))
    pen.disc(-0.36, 0.55, 0.026, (0.85, 0.15, 0.12))
    for r, colour in ((0.265, (0.32, 0.32, 0.34)), (0.225, BLACK), (0.19, (0.22, 0.22, 0.24)),
        (0.15, (0.10, 0.12, 0.22)), (0.10, (0.24, 0.22, 0.46)), (0.05, (0.10, 0.10, 0.20))):
        pen.disc(0.0, 0.34, r, colour)
    pen.lines([ring(0.0, 0.34, 0.245)], (0.6, 0.6, 0.62), 0.008, closed=True)
    pen.disc(-0.065, 0.41, 0.035, WHITE, 0.022, angle=0.7, flat=True, opacity=0.85)
    pen.disc(0.07, 0.28, 0.016, (0.7, 0.8, 1.0), flat=True, opacity=0.7)


def _console(pen: Pen) -> None:
    shell, cap = pen.vary(((0.90, 0.90, 0.92), (0.20, 0.21, 0.25), (0.30, 0.36, 0.62))[int(pen.rng.integers(3))],
        0.1), pen.colour()
    pen.fill(rounded(-0.44, 0.50, 0.44, 1.06, 0.03), DARK)  # a screen with a game
    pen.rect(-0.41, 0.54, 0.41, 1.03, (0.38, 0.62, 0.95), flat=True)
    pen.rect(-0.41, 0.54, 0.41, 0.62, (0.36, 0.66, 0.26), flat=True)
    for u, v, w in ((-0.30, 0.74, 4), (0.05, 0.82, 3), (0.22, 0.68, 2)):
        for k in range(w):
            pen.rect(u + 0.05 * k, v, u + 0.05 * k + 0.046, v + 0.046, (0.80, 0.45, 0.20))
    pen.rect(-0.22, 0.62, -0.16, 0.70, cap, flat=True)
    pen.rect(-0.215, 0.70, -0.165, 0.74, (0.95, 0.78, 0.62), flat=True)
    for u in (0.08, 0.13, 0.18):
        pen.disc(u, 0.92, 0.016, (1.0, 0.85, 0.2), flat=True)
    pen.disc(-0.25, 0.95, 0.06, WHITE, 0.02, flat=True)
    pen.blob([(-0.28, 0.40), (0.0, 0.37), (0.28, 0.40), (0.42, 0.37), (0.50, 0.24), (0.53, 0.06), (0.45, 0.0),
        (0.34, 0.07), (0.22, 0.14), (-0.22, 0.14), (-0.34, 0.07), (-0.45, 0.0), (-0.53, 0.06), (-0.50, 0.24),
        (-0.42, 0.37)], shell)
    pen.rect(-0.355, 0.225, -0.205, 0.275, BLACK)
    pen.rect(-0.305, 0.175, -0.255, 0.325, BLACK)
    for u, v, colour in ((0.28, 0.32, (0.95, 0.80, 0.15)), (0.28, 0.19, (0.25, 0.70, 0.30)),
        (0.215, 0.255, (0.25, 0.45, 0.90)), (0.345, 0.255, (0.90, 0.20, 0.20))):
        pen.disc(u, v, 0.033, colour)
    for u in (-0.13, 0.13):
        pen.disc(u, 0.18, 0.062, (0.10, 0.10, 0.11))
        pen.disc(u, 0.19, 0.044, (0.35, 0.35, 0.37))
    pen.rect(-0.06, 0.29, 0.06, 0.31, [c * 0.6 for c in shell])


def _loom(pen: Pen) -> None:
    wood, main, second = pen.vary(WOOD), pen.colour(), pen.colour()
    pen.shadow(-0.48, 0.48)
    for u in (-0.42, 0.42):
        pen.rect(u - 0.04, 0.0, u + 0.04, 1.0, wood)
        pen.rect(u - 0.10, 0.0, u + 0.10, 0.05, [c * 0.8 for c in wood])
    threads = np.linspace(-0.33, 0.33, 31)
    pen.rect(-0.36, 0.14, 0.36, 0.92, BARK, opacity=0.25)
    pen.lines([[(u, 0.50), (u, 0.92)] for u in threads], CREAM, 0.008)
    pen.rect(-0.345, 0.14, 0.345, 0.52, CREAM)
    for k in range(9):
        v, colour = 0.14 + 0.042 * k, (main, second, main, CREAM)[k % 4]
        pen.rect(-0.345, v, 0.345, v + 0.042, colour, flat=True)
        if k % 2 == 0:
            for u in np.arange(-0.30, 0.34, 0.10):
                pen.fill([(u - 0.05, v + 0.021), (u, v + 0.042), (u + 0.05, v + 0.021), (u, v)],
                    second if k % 4 == 0 else CREAM, flat=True)
    pen.lines([[(u, 0.14), (u, 0.52)] for u in threads], BLACK, 0.004, opacity=0.25)
    for v, r in ((0.95, 0.045), (0.10, 0.045), (0.70, 0.024)):
        pen.rect(-0.50, v - r, 0.50, v + r, [c * (1.1 if r > 0.03 else 0.7) for c in wood])
    pen.blob([(-0.15, 0.565), (0.0, 0.60), (0.20, 0.565), (0.02, 0.535)], [c * 0.7 for c in wood])
    pen.line([(0.20, 0.565), (0.34, 0.53)], main, 0.012)
    pen.disc(0.56, 0.07, 0.075, main)
    pen.lines([[(0.50, 0.05), (0.58, 0.13)], [(0.52, 0.03), (0.62, 0.10)]], [c * 0.7 for c in main], 0.012)


def _easel(pen: Pen) -> None:
    wood, sky = pen.vary(WOOD), pen.vary((0.55, 0.75, 0.92))
    pen.shadow(-0.38, 0.38)
    pen.lines([[(0.0, 1.12), (0.10, 0.02)]], [c * 0.6 for c in wood], 0.035)
    pen.lines([[(-0.05, 1.14), (-0.38, 0.0)], [(0.05, 1.14), (0.38, 0.0)]], wood, 0.045)
    pen.rect(-0.36, 0.40, 0.36, 0.98, (0.93, 0.91, 0.86))
    pen.rect(-0.335, 0.425, 0.335, 0.955, sky)
    hill = pen.colour(strong=(0.3, 0.6), light=(0.4, 0.6))
    pen.fill([(-0.335, 0.60), (-0.16, 0.82), (0.0, 0.64), (0.16, 0.76), (0.335, 0.58), (0.335, 0.50), (-0.335, 0.50)],
        hill)
    pen.rect(-0.335, 0.425, 0.335, 0.58, LEAF)
    pen.disc(0.20, 0.86, 0.05, (1.0, 0.85, 0.35), flat=True)
    pen.line([(-0.04, 0.58), (0.06, 0.50), (-0.05, 0.43)], GLASS, 0.05, smooth=True)
    for u, v in pen.rng.uniform((-0.3, 0.44), (0.3, 0.55), (12, 2)):
        pen.disc(u, v, 0.018, pen.colour(light=(0.8, 1.0)), flat=True)
    pen.rect(-0.40, 0.355, 0.40, 0.40, [c * 0.85 for c in wood])
    pen.rect(-0.05, 0.96, 0.05, 1.02, wood)
    pen.blob([(0.30, 0.18), (0.28, 0.32), (0.42, 0.38), (0.58, 0.32), (0.60, 0.20), (0.48, 0.14)],
        pen.vary((0.80, 0.62, 0.40)))
    for k, (u, v) in enumerate(((0.35, 0.29), (0.42, 0.33), (0.50, 0.31), (0.55, 0.25), (0.50, 0.19))):
        pen.disc(u, v, 0.026, ((0.85, 0.15, 0.15), (0.95, 0.75, 0.1), (0.2, 0.45, 0.85), (0.2, 0.6, 0.3), WHITE)[k])
    pen.lines([[(0.38, 0.24), (0.62, 0.50)]], BARK, 0.018)
    pen.disc(0.64, 0.52, 0.035, (0.85, 0.25, 0.2), 0.016, angle=0.8)


POSSESSIONS: dict[str, Painter] = {
    "cello": _cello, "drone": _drone, "telescope": _telescope, "camera": _camera, "violin": _violin,
    "console": _console, "loom": _loom, "easel": _easel,
}  # fmt: skip
"""Value of the scenario `possession` -> painter."""
