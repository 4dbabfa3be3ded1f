"""Neck, shoulders and clothes, and the whole person put together."""

import numpy as np

from dp2vl.people.canvas import Array, Canvas, Paint, smooth_points
from dp2vl.people.face import paint_ears, paint_features, paint_skin
from dp2vl.people.genome import Person
from dp2vl.people.hair import Hair
from dp2vl.people.head import Head
from dp2vl.people.look import Look, Setting, cloth_colour


def paint_person(canvas: Canvas, person: Person, look: Look, setting: Setting, *, x: float, y: float, head: float) -> None:
    """Paint head, neck and upper body; the body runs down out of the picture or to about four heads below.

    Args:
        canvas: what to paint on.
        person, look, setting: who, how, and in which light.
        x, y: centre of the head in canvas units. head: height of the head in canvas units.
    """
    posed = Head(person, look, setting, x, y, head)
    hair = Hair(posed)
    hair.back(canvas)
    _paint_body(canvas, posed)
    paint_ears(canvas, posed)
    outline = posed.outline()
    paint_skin(canvas, posed, outline)
    hair.beard(canvas, outline)
    paint_features(canvas, posed, hair.colour)
    _paint_glasses(canvas, posed)
    hair.front(canvas)


def _paint_body(canvas: Canvas, head: Head) -> None:
    g, look, size = head.person.genome, head.look, head.size
    shift = 0.05 * look.shoulders
    wide, neck = 0.72 + 0.40 * g.build, 0.155 + 0.075 * g.build

    def at(points: list[tuple[float, float]]) -> Array:
        return (np.array([head.x, head.y]) + np.array(points) * size).astype(np.float32)

    collar = 0.66
    lean = float(head.project([(0, 0.4)])[0, 0] - head.x) / size * 0.4
    column = at([(lean - neck, 0.25), (lean + neck, 0.25), (shift + neck * 1.12, collar), (shift + neck * 2.2, 0.80), (shift, 0.95), (shift - neck * 2.2, 0.80), (shift - neck * 1.12, collar)])
    canvas.fill(column, head.shade(head.skin * 0.93))
    clip = canvas.mask(column)
    canvas.fill(at([(lean - 0.3, 0.2), (lean + 0.3, 0.2), (lean + 0.24, 0.50), (lean, 0.60), (lean - 0.24, 0.50)]), head.skin * (0.42, 0.30, 0.28), opacity=0.55, soft=0.05 * size, clip=clip)
    half = [(neck * 1.15, 0.67), (neck * 1.9, 0.735), (0.62 * wide, 0.80), (0.86 * wide, 0.90), (0.98 * wide, 1.15), (1.04 * wide, 1.9), (1.06 * wide, 4.2)]
    drop = {"tee": 0.80, "v-neck": 1.0, "shirt": 0.92, "hoodie": 0.78, "jacket": 1.08, "turtleneck": 0.60}[look.garment]
    neckline = [(0.0, drop), (neck * 0.75, 0.5 * (drop + 0.70))]
    if look.garment == "turtleneck":
        neckline = [(0.0, 0.565), (neck * 1.1, 0.55)]
    right = neckline + half
    torso = at([(shift + x, y) for x, y in right] + [(shift - x, y) for x, y in right[:0:-1]])
    canvas.fill(torso, _cloth(head, cloth_colour(look.cloth), cloth_colour(look.accent), look.pattern))
    inside = canvas.mask(torso)
    for side in (-1, 1):  # folds under the arms and the shadow of the head on the chest
        arm = at([(shift + side * 0.78 * wide, 1.35), (shift + side * 0.72 * wide, 2.6)])
        canvas.stroke([arm], (0, 0, 0), 0.05 * size, opacity=0.22, soft=0.03 * size, clip=inside)
    canvas.fill(at([(shift - 0.25, 0.7), (shift + 0.25, 0.7), (shift + 0.2, 0.95), (shift - 0.2, 0.95)]), (0, 0, 0), opacity=0.22, soft=0.07 * size, clip=inside)
    _paint_garment(canvas, head, at, shift, neck, drop)


def _paint_garment(canvas: Canvas, head: Head, at, shift: float, neck: float, drop: float) -> None:  # type: ignore[no-untyped-def]
    look, size = head.look, head.size
    cloth, accent = cloth_colour(look.cloth), cloth_colour(look.accent)
    if look.garment in ("tee", "v-neck", "turtleneck"):
        edge = at([(shift - neck * 1.15, 0.67), (shift, drop), (shift + neck * 1.15, 0.67)])
        canvas.stroke([smooth_points(edge, closed=False)], cloth * 0.7, 0.03 * size, opacity=0.8)
    if look.garment in ("shirt", "jacket"):
        for side in (-1, 1):
            flap = at([(shift + side * neck * 1.2, 0.62), (shift, drop), (shift + side * neck * 2.0, 0.98), (shift + side * neck * 2.0, 0.74)])
            canvas.fill(flap, head.shade(cloth * 1.12 if look.garment == "shirt" else cloth * 0.75), soft=0.004 * size)
            canvas.stroke([flap], (0, 0, 0), 0.008 * size, opacity=0.35, closed=True)
        canvas.stroke([at([(shift, drop), (shift, 4.0)])], (0, 0, 0), 0.012 * size, opacity=0.45)
    if look.garment == "jacket":
        canvas.fill(at([(shift - neck * 0.8, 0.78), (shift + neck * 0.8, 0.78), (shift, 1.06)]), head.shade(accent))
    if look.garment == "hoodie":
        hood = at([(shift - neck * 2.4, 0.80), (shift - neck * 1.3, 0.60), (shift, 0.82), (shift + neck * 1.3, 0.60), (shift + neck * 2.4, 0.80), (shift, 1.02)])
        canvas.fill(smooth_points(hood), head.shade(cloth * 0.8))
        canvas.stroke([at([(shift + s * 0.08, 0.90), (shift + s * 0.09, 1.25)]) for s in (-1, 1)], (0.92, 0.92, 0.9), 0.018 * size)


def _cloth(head: Head, cloth: Array, accent: Array, pattern: str) -> Paint:
    light = np.array(head.setting.light)
    level, tint = head.light_level(), np.array(head.setting.light_colour, np.float32)
    pitch = 0.16 * head.size

    def paint(x: Array, y: Array) -> Array:
        u, v = (x - head.x) / pitch, (y - head.y) / pitch
        if pattern == "stripes":
            on = (v % 1) < 0.42
        elif pattern == "checks":
            on = ((u % 1) < 0.3) | ((v % 1) < 0.3)
        elif pattern == "dots":
            on = np.hypot(u % 1 - 0.5, v % 1 - 0.5) < 0.25
        elif pattern == "two-tone":
            on = v > 7.6
        else:
            on = np.zeros(x.shape, bool)
        base = np.where(on[..., None], accent, cloth)
        slope = np.clip((x - head.x) / (1.0 * head.size), -1, 1) * light[0] * 0.5
        return (base * tint * np.clip(level * (0.88 + slope), 0.15, 1.25)[..., None]).astype(np.float32)

    return paint


def _paint_glasses(canvas: Canvas, head: Head) -> None:
    g, kind = head.person.genome, head.person.genome.glasses
    if kind == "none":
        return
    wide, tall, power = {"round": (0.088, 0.082, 2.0), "square": (0.098, 0.066, 5.0), "browline": (0.098, 0.070, 3.0), "large": (0.118, 0.100, 3.0)}[kind]
    frame = np.array([(0.08, 0.08, 0.09), (0.36, 0.20, 0.10), (0.62, 0.52, 0.30), (0.5, 0.1, 0.12)][int(g.hair_shade * 3.99)])
    reach = 0.128 + 0.055 * g.eye_spacing
    cy = -0.005 - 0.05 * (g.eye_height - 0.5)
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    ring = np.column_stack([np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power) * wide, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power) * tall])
    rings = [head.project(ring + (side * max(reach, wide + 0.012), cy), lift=0.05) for side in (-1, 1)]
    for points in rings:
        canvas.fill(points, (0.85, 0.92, 1.0), opacity=0.10)
        corner = points.mean(0) + (points - points.mean(0)) * 0.5 + np.array([-0.02, -0.02]) * head.size
        canvas.fill(corner, (1, 1, 1), opacity=0.10, soft=0.01 * head.size)
    thick = 0.022 if kind in ("square", "large") else 0.013
    canvas.stroke(rings, frame, thick * head.size, closed=True)
    if kind == "browline":
        canvas.stroke([r[14:] for r in rings], frame * 0.6, 0.03 * head.size)
    inner = max(reach, wide + 0.012) - wide
    canvas.stroke([head.project([(-inner, cy - 0.015), (0, cy - 0.025), (inner, cy - 0.015)], lift=0.07)], frame, thick * head.size)
    for side in (-1, 1):
        if side * head.look.yaw < 0.3:
            hinge = max(reach, wide + 0.012) + wide
            temple = head.project([(side * hinge, cy - 0.01), (side * (head.half_width + 0.01), cy - 0.02)], z=[0.2, -0.02])
            canvas.stroke([temple], frame, 0.012 * head.size)
