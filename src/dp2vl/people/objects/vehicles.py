"""Eight vehicles, seen from the side, about one unit long, wheels on v = 0."""

import numpy as np

from dp2vl.people.objects.pen import BARK, BLACK, DARK, GLASS, RGB, STEEL, WHITE, WOOD, Painter, Pen, ring, rounded


def _wheel(pen: Pen, u: float, r: float) -> None:
    pen.disc(u, r, r, BLACK)
    pen.disc(u, r, r * 0.62, STEEL)
    pen.lines([[(u, r), (u + 0.55 * r * np.cos(a), r + 0.55 * r * np.sin(a))] for a in np.arange(5) * 1.257],
        (0.4, 0.42, 0.45), r * 0.13)
    pen.disc(u, r, r * 0.16, DARK, flat=True)


def _thin_wheel(pen: Pen, u: float, r: float, tyre: float = 0.09) -> None:
    rim = r * (1 - tyre)
    pen.lines([ring(u, r, rim)], BLACK, 2 * tyre * r, closed=True)
    spokes = [[(u + rim * np.cos(a), r + rim * np.sin(a)), (u - rim * np.cos(a), r - rim * np.sin(a))]
        for a in np.arange(7) * 0.449]
    pen.lines(spokes, (0.75, 0.76, 0.78), r * 0.035)
    pen.disc(u, r, r * 0.12, STEEL)


def _arches(pen: Pen, places: tuple[float, float], r: float) -> None:
    for u in places:
        pen.disc(u, r, r * 1.22, DARK, flat=True)
        _wheel(pen, u, r)


def _lamps(pen: Pen, front: float, back: float, v: float) -> None:
    pen.disc(front, v, 0.022, (1.0, 0.96, 0.75), 0.03)
    pen.rect(back, v - 0.03, back + 0.02, v + 0.04, (0.8, 0.1, 0.1))


def _plate(pen: Pen, u: float, v: float) -> None:
    pen.rect(u - 0.035, v - 0.015, u + 0.035, v + 0.015, WHITE, flat=True)


def _van(pen: Pen) -> None:
    body = pen.colour()
    pen.shadow(-0.52, 0.54)
    pen.blob([(-0.5, 0.07), (-0.505, 0.25), (-0.5, 0.50), (-0.45, 0.53), (0.0, 0.54), (0.22, 0.53), (0.30, 0.48),
        (0.40, 0.31), (0.49, 0.26), (0.52, 0.16), (0.51, 0.07), (0.2, 0.06), (-0.3, 0.06)], body)
    pen.fill([(0.18, 0.32), (0.18, 0.47), (0.27, 0.465), (0.365, 0.32)], GLASS)
    pen.lines([[(0.15, 0.09), (0.15, 0.51)], [(-0.16, 0.09), (-0.16, 0.51)], [(-0.5, 0.30), (0.15, 0.30)]],
        [c * 0.6 for c in body], 0.009)
    pen.rect(0.17, 0.25, 0.21, 0.265, DARK)
    pen.rect(-0.13, 0.25, -0.09, 0.265, DARK)
    pen.rect(-0.51, 0.06, 0.52, 0.10, (0.28, 0.28, 0.3))
    pen.fill([(0.36, 0.33), (0.40, 0.33), (0.40, 0.40), (0.375, 0.40)], DARK)
    _lamps(pen, 0.487, -0.505, 0.20)
    _arches(pen, (-0.31, 0.31), 0.088)


def _hatchback(pen: Pen) -> None:
    body = pen.colour()
    pen.shadow(-0.5, 0.52)
    pen.blob([(-0.47, 0.08), (-0.50, 0.20), (-0.46, 0.27), (-0.36, 0.41), (-0.26, 0.445), (0.0, 0.45), (0.10, 0.42),
        (0.24, 0.29), (0.42, 0.255), (0.50, 0.19), (0.50, 0.08), (0.2, 0.06), (-0.2, 0.06)], body)
    pen.fill([(-0.36, 0.29), (-0.29, 0.40), (-0.09, 0.415), (-0.09, 0.285)], GLASS)
    pen.fill([(-0.06, 0.285), (-0.06, 0.415), (0.06, 0.40), (0.185, 0.285)], GLASS)
    pen.lines([[(-0.075, 0.09), (-0.075, 0.42)], [(0.17, 0.10), (0.20, 0.28)], [(-0.48, 0.26), (0.3, 0.27)]],
        [c * 0.6 for c in body], 0.008)
    pen.rect(-0.04, 0.235, 0.01, 0.25, DARK)
    pen.rect(-0.49, 0.06, 0.51, 0.10, (0.25, 0.25, 0.27))
    _lamps(pen, 0.47, -0.49, 0.21)
    _arches(pen, (-0.30, 0.31), 0.09)


def _pickup(pen: Pen) -> None:
    body = pen.colour()
    pen.shadow(-0.54, 0.54)
    load = pen.vary((0.72, 0.52, 0.30))
    for i, u in enumerate((-0.44, -0.32, -0.21)):
        pen.rect(u, 0.20, u + 0.10, 0.36 + 0.05 * (i == 1), [c * (1 - 0.12 * i) for c in load])
    pen.fill([(-0.53, 0.10), (-0.53, 0.285), (-0.08, 0.285), (-0.08, 0.10)], body)
    pen.blob([(-0.10, 0.09), (-0.10, 0.30), (-0.08, 0.45), (-0.02, 0.475), (0.12, 0.47), (0.17, 0.44), (0.25, 0.31),
        (0.46, 0.285), (0.53, 0.22), (0.53, 0.10), (0.2, 0.08)], body)
    pen.fill([(-0.05, 0.31), (-0.045, 0.435), (0.03, 0.44), (0.03, 0.31)], GLASS)
    pen.fill([(0.05, 0.31), (0.05, 0.44), (0.12, 0.435), (0.205, 0.31)], GLASS)
    pen.rect(-0.54, 0.275, -0.08, 0.30, [c * 0.75 for c in body])
    pen.lines([[(0.04, 0.12), (0.04, 0.44)], [(-0.085, 0.10), (-0.085, 0.30)], [(0.22, 0.12), (0.23, 0.30)]],
        [c * 0.55 for c in body], 0.009)
    pen.rect(-0.54, 0.07, 0.54, 0.115, (0.3, 0.3, 0.32))
    _lamps(pen, 0.505, -0.535, 0.21)
    _arches(pen, (-0.34, 0.34), 0.10)


def _camper(pen: Pen) -> None:
    body, stripe = pen.vary((0.93, 0.91, 0.85), 0.06), pen.colour()
    pen.shadow(-0.54, 0.54)
    pen.blob([(-0.52, 0.08), (-0.53, 0.30), (-0.52, 0.56), (-0.47, 0.60), (0.0, 0.61), (0.36, 0.60), (0.42, 0.56),
        (0.41, 0.47), (0.33, 0.43), (0.42, 0.28), (0.51, 0.24), (0.53, 0.09), (0.2, 0.06)], body)
    pen.fill([(0.18, 0.28), (0.18, 0.40), (0.29, 0.40), (0.375, 0.28)], GLASS)
    pen.fill([(-0.525, 0.20), (0.52, 0.20), (0.50, 0.25), (-0.525, 0.25)], stripe)
    pen.rect(-0.04, 0.10, 0.10, 0.47, [c * 0.9 for c in body])
    pen.lines([rounded(-0.04, 0.10, 0.10, 0.47, 0.015)], (0.5, 0.5, 0.5), 0.008, closed=True)
    pen.rect(-0.01, 0.33, 0.07, 0.43, GLASS)
    for u in (-0.44, -0.25):
        pen.fill(rounded(u, 0.32, u + 0.15, 0.45, 0.02), (0.45, 0.60, 0.70))
        for s in (0.0, 0.105):
            pen.rect(u + s, 0.325, u + s + 0.045, 0.448, stripe)
    pen.fill(rounded(0.22, 0.48, 0.35, 0.555, 0.02), GLASS)
    pen.rect(-0.35, 0.60, -0.20, 0.64, (0.75, 0.75, 0.75))
    stripes = np.linspace(-0.50, 0.14, 9)
    for i in range(8):  # awning
        pen.fill([(stripes[i], 0.555), (stripes[i + 1], 0.555), (stripes[i + 1] + 0.01, 0.475),
            (stripes[i] - 0.0, 0.475)], stripe if i % 2 else WHITE)
    pen.lines([[(-0.5, 0.48), (-0.5, 0.02)], [(0.15, 0.48), (0.15, 0.02)]], STEEL, 0.012)
    _lamps(pen, 0.505, -0.53, 0.18)
    _arches(pen, (-0.30, 0.34), 0.088)


def _motorbike(pen: Pen) -> None:
    body = pen.colour(strong=(0.6, 0.95))
    pen.shadow(-0.5, 0.5)
    for u in (-0.32, 0.34):
        pen.disc(u, 0.165, 0.165, BLACK)
        pen.disc(u, 0.165, 0.11, (0.55, 0.56, 0.58))
        pen.lines([[(u + 0.11 * np.cos(a), 0.165 + 0.11 * np.sin(a)), (u - 0.11 * np.cos(a), 0.165 - 0.11 * np.sin(a))]
            for a in np.arange(4) * 0.785], DARK, 0.014)
        pen.disc(u, 0.165, 0.03, STEEL)
    pen.lines([[(0.34, 0.165), (0.21, 0.50)]], STEEL, 0.035)
    pen.fill([(-0.14, 0.10), (0.14, 0.10), (0.17, 0.28), (-0.10, 0.30)], (0.36, 0.36, 0.39))
    pen.lines([[(-0.08, v), (0.14, v)] for v in (0.15, 0.19, 0.23)], (0.65, 0.66, 0.68), 0.014)
    pen.line([(0.10, 0.12), (0.0, 0.085), (-0.44, 0.13)], STEEL, 0.045)
    pen.lines([[(-0.32, 0.165), (-0.08, 0.20)]], (0.45, 0.45, 0.48), 0.04)
    pen.blob([(-0.08, 0.33), (-0.05, 0.42), (0.06, 0.47), (0.18, 0.44), (0.22, 0.36), (0.10, 0.30)], body)
    pen.blob([(-0.46, 0.40), (-0.40, 0.42), (-0.22, 0.37), (-0.06, 0.40), (-0.06, 0.33), (-0.25, 0.30), (-0.42, 0.35)],
        BLACK)
    pen.blob([(-0.48, 0.36), (-0.45, 0.38), (-0.2, 0.31), (-0.12, 0.26), (-0.22, 0.25), (-0.4, 0.30)], body)
    pen.line([(0.14, 0.335), (0.34, 0.37), (0.50, 0.25)], body, 0.03, smooth=True)
    pen.line([(0.21, 0.50), (0.17, 0.56), (0.07, 0.55)], DARK, 0.022)
    pen.disc(0.26, 0.46, 0.055, (0.98, 0.95, 0.78))
    pen.lines([ring(0.26, 0.46, 0.055)], STEEL, 0.014, closed=True)
    pen.rect(-0.50, 0.33, -0.46, 0.37, (0.85, 0.1, 0.1))


def _scooter(pen: Pen) -> None:
    body = pen.colour(light=(0.6, 0.9), strong=(0.3, 0.7))
    dark = [c * 0.7 for c in body]
    pen.shadow(-0.40, 0.42)
    _wheel(pen, -0.26, 0.10)
    _wheel(pen, 0.31, 0.10)
    pen.blob([(-0.16, 0.09), (0.14, 0.09), (0.20, 0.14), (0.14, 0.15), (-0.14, 0.15)], dark)
    pen.blob([(-0.42, 0.18), (-0.40, 0.30), (-0.30, 0.37), (-0.12, 0.37), (-0.06, 0.28), (-0.08, 0.14), (-0.16, 0.10),
        (-0.20, 0.18), (-0.30, 0.21), (-0.38, 0.14)], body)
    pen.blob([(0.12, 0.12), (0.16, 0.10), (0.26, 0.35), (0.24, 0.58), (0.17, 0.60), (0.16, 0.38)], body)
    pen.blob([(0.18, 0.16), (0.26, 0.24), (0.38, 0.21), (0.43, 0.13), (0.37, 0.19), (0.28, 0.18)], body)
    pen.blob([(-0.40, 0.39), (-0.36, 0.44), (-0.12, 0.43), (-0.05, 0.40), (-0.10, 0.365), (-0.34, 0.365)],
        (0.35, 0.20, 0.13))
    pen.line([(0.22, 0.58), (0.20, 0.66), (0.10, 0.68)], DARK, 0.024)
    pen.line([(0.19, 0.66), (0.13, 0.76)], STEEL, 0.01)
    pen.disc(0.12, 0.78, 0.035, (0.7, 0.78, 0.82))
    pen.disc(0.25, 0.60, 0.048, (1.0, 0.97, 0.8))
    pen.lines([ring(0.25, 0.60, 0.048)], STEEL, 0.012, closed=True)
    pen.rect(-0.44, 0.26, -0.40, 0.31, (0.85, 0.1, 0.1))


def _cargo_bike(pen: Pen) -> None:
    frame, crate = pen.colour(), pen.vary(WOOD)
    pen.shadow(-0.54, 0.58)
    _thin_wheel(pen, -0.38, 0.16)
    _thin_wheel(pen, 0.47, 0.115)
    pen.lines([[(-0.38, 0.16), (-0.20, 0.15), (-0.24, 0.42)], [(-0.20, 0.15), (-0.02, 0.40), (-0.235, 0.38)],
        [(-0.38, 0.16), (-0.235, 0.37)], [(-0.03, 0.42), (0.04, 0.13), (0.40, 0.13), (0.47, 0.115)]], frame, 0.028)
    pen.line([(-0.03, 0.36), (-0.04, 0.50), (-0.12, 0.53)], DARK, 0.02)
    pen.blob([(-0.32, 0.44), (-0.27, 0.465), (-0.16, 0.45), (-0.18, 0.43), (-0.28, 0.42)], BLACK)
    pen.disc(-0.20, 0.15, 0.045, STEEL)
    pen.lines([[(-0.20, 0.15), (-0.15, 0.08)], [(-0.18, 0.08), (-0.11, 0.08)]], DARK, 0.016)
    cargo = pen.colour()
    pen.disc(0.14, 0.37, 0.075, cargo)
    pen.rect(0.20, 0.30, 0.34, 0.43, pen.vary((0.75, 0.58, 0.36)))
    pen.disc(0.40, 0.36, 0.06, LEAFY)
    pen.fill([(0.06, 0.15), (0.03, 0.36), (0.50, 0.38), (0.46, 0.15)], crate)
    pen.lines([[(0.05, v), (0.48, v + 0.008)] for v in (0.20, 0.255, 0.31)], [c * 0.6 for c in crate], 0.009)


LEAFY: RGB = (0.30, 0.58, 0.25)


def _kayak(pen: Pen) -> None:
    hull, trim = pen.colour(strong=(0.65, 0.95), light=(0.6, 0.95)), pen.colour()
    for u in (-0.30, 0.28):  # trestles
        pen.lines([[(u - 0.06, 0.0), (u + 0.02, 0.17)], [(u + 0.06, 0.0), (u - 0.02, 0.17)]], WOOD, 0.022)
    pen.shadow(-0.45, 0.45)
    pen.blob([(-0.64, 0.34), (-0.55, 0.22), (-0.35, 0.145), (0.0, 0.125), (0.35, 0.145), (0.55, 0.22), (0.64, 0.34),
        (0.40, 0.285), (0.15, 0.27), (-0.15, 0.27), (-0.40, 0.285)], hull)
    pen.line([(-0.60, 0.29), (-0.35, 0.225), (0.0, 0.21), (0.35, 0.225), (0.60, 0.29)], trim, 0.022, smooth=True)
    pen.disc(0.0, 0.272, 0.15, BLACK, 0.028)
    pen.lines([[(-0.13, 0.28), (-0.10, 0.33), (0.02, 0.30)]], BARK, 0.02)
    pen.lines([[(-0.50, 0.275), (-0.36, 0.305), (-0.24, 0.285)], [(0.50, 0.275), (0.36, 0.305), (0.24, 0.285)]], DARK,
        0.008)
    pen.line([(-0.42, 0.06), (0.44, 0.56)], (0.85, 0.8, 0.6), 0.02)
    for u, v in ((-0.47, 0.03), (0.49, 0.59)):
        pen.disc(u, v, 0.095, trim, 0.038, angle=0.52)
        pen.line([(u - 0.07, v - 0.04), (u + 0.07, v + 0.04)], [c * 0.7 for c in trim], 0.008)


VEHICLES: dict[str, Painter] = {
    "van": _van, "hatchback": _hatchback, "motorbike": _motorbike, "scooter": _scooter, "pickup": _pickup,
    "cargo bike": _cargo_bike, "kayak": _kayak, "camper": _camper,
}  # fmt: skip
"""Value of the scenario `vehicle` -> painter."""
