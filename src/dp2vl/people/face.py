"""Eyes, brows, nose, mouth, ears and marks, drawn on a posed head."""

from typing import Any

import numpy as np

from dp2vl.people.canvas import Array, Canvas, Radial, ellipse_points, smooth_points
from dp2vl.people.head import Head

_IRIS = {
    "dark": (0.16, 0.10, 0.08), "brown": (0.36, 0.21, 0.11), "hazel": (0.48, 0.36, 0.16),
    "green": (0.30, 0.45, 0.27), "blue": (0.30, 0.50, 0.72), "grey": (0.48, 0.54, 0.58),
}  # fmt: skip


def paint_ears(canvas: Canvas, head: Head) -> None:
    """Paint both ears, behind the face."""
    g = head.person.genome
    for side in (-1, 1):
        if side * head.look.yaw > 0.35:
            continue
        width, height = 0.035 + 0.03 * g.ear_angle, 0.075 + 0.045 * g.ear_size
        (cx, cy), (_, low) = head.project([(side * (head.half_width + 0.25 * width), 0.0), (0, height)], z=-0.04).tolist()
        points = ellipse_points(cx, cy, width * head.size, max(abs(low - cy), height * head.size * 0.9), angle=0.15 * side)
        canvas.fill(points, head.shade(head.skin * (0.97, 0.90, 0.88)))
        canvas.fill(ellipse_points(cx, cy, 0.55 * width * head.size, 0.6 * height * head.size), head.skin * 0.62, opacity=0.5, soft=0.006 * head.size)


def paint_skin(canvas: Canvas, head: Head, outline: Array) -> None:
    """Paint the face's skin with its large shadows: sockets, cheeks, under the lip."""
    g = head.person.genome
    canvas.fill(smooth_points(outline), head.shade(head.skin, gloss=0.05))
    clip = canvas.mask(smooth_points(outline), soft=0.004 * head.size)
    dark = head.skin * (0.52, 0.38, 0.36)
    for side in (-1, 1):
        _blob(canvas, head, (side * 0.15, -0.05), 0.085, 0.05, dark, 0.24, clip, soft=0.03)
        _blob(canvas, head, (side * 0.20, 0.13), 0.08, 0.06, head.skin * (1.06, 0.72, 0.68), 0.30, clip, soft=0.04)
        hollow = 0.10 + 0.25 * g.cheekbones
        _blob(canvas, head, (side * 0.24, 0.24), 0.05, 0.09, dark, hollow * 0.8, clip, soft=0.035)
    _blob(canvas, head, (0, 0.36 + 0.02 * g.mouth_height), 0.07, 0.015, dark, 0.30, clip, soft=0.014)
    away = -1 if head.setting.light[0] > 0 else 1
    _blob(canvas, head, (away * 0.3, 0.05), 0.12, 0.4, dark, 0.22, clip, soft=0.06)
    _paint_marks(canvas, head, clip)


def paint_features(canvas: Canvas, head: Head, hair: Array) -> None:
    """Paint eyes, brows, nose and mouth; `hair` is the colour of the brows."""
    for side in (-1, 1):
        if head.facing(side * 0.16, 0.0) > 0.12:
            _paint_eye(canvas, head, side)
            _paint_brow(canvas, head, side, hair)
    _paint_nose(canvas, head)
    _paint_mouth(canvas, head)
    _paint_age(canvas, head)


def _blob(
    canvas: Canvas, head: Head, at: tuple[float, float], rx: float, ry: float, colour: Any, opacity: float,
    clip: Array | None = None, *, soft: float, lift: float = 0.0,
) -> None:
    ring = ellipse_points(at[0], at[1], rx, ry, n=16)
    canvas.fill(head.project(ring, lift=lift), colour, opacity=opacity, soft=soft * head.size, clip=clip)


def _eye_centre(head: Head, side: int) -> tuple[float, float]:
    g = head.person.genome
    return side * (0.128 + 0.055 * g.eye_spacing), -0.015 - 0.05 * (g.eye_height - 0.5)


def _paint_eye(canvas: Canvas, head: Head, side: int) -> None:
    g, look, size = head.person.genome, head.look, head.size
    cx, cy = _eye_centre(head, side)
    half = 0.048 + 0.024 * g.eye_size
    tall = half * (0.42 + 0.42 * g.eye_open) * (1 - 0.55 * look.squint)
    tilt = (g.eye_tilt - 0.5) * 0.55
    t = np.linspace(-1, 1, 9)
    upper = np.column_stack([t * half, -tall * (1 - np.abs(t) ** 2.2) - side * t * half * tilt])
    lower = np.column_stack([t * half, 0.72 * tall * (1 - np.abs(t) ** 2.4) - side * t * half * tilt])
    rim = np.concatenate([upper, lower[-2:0:-1]]) + (cx, cy)
    shape = smooth_points(head.project(rim, lift=0.01), per_span=3)
    level = head.light_level()
    canvas.fill(shape, np.array([0.95, 0.93, 0.92]) * min(level, 1.05))
    clip = canvas.mask(shape)
    iris = np.array(_IRIS[g.eye_colour])
    gaze = (cx + 0.28 * half * look.gaze_x, cy - 0.1 * tall + 0.3 * tall * look.gaze_y)
    ix, iy = head.project([gaze], lift=0.01)[0].tolist()
    radius = 0.56 * half * size
    ring = ellipse_points(ix, iy, radius, radius, n=24)
    stops = [(0.0, (0.03, 0.02, 0.02)), (0.40, (0.03, 0.02, 0.02)), (0.46, iris * 1.25), (0.85, iris), (1.0, iris * 0.35)]
    canvas.fill(ring, Radial((ix, iy), radius, stops), clip=clip)
    canvas.fill(head.project(np.concatenate([upper, upper[::-1] + (0, 0.35 * tall)]) + (cx, cy), lift=0.01), (0.1, 0.06, 0.06), opacity=0.4, soft=0.006 * size, clip=clip)
    gx, gy = ix + 0.3 * radius * np.sign(head.setting.light[0]), iy - 0.35 * radius
    canvas.fill(ellipse_points(gx, gy, 0.26 * radius, 0.26 * radius, n=12), (1, 1, 1), opacity=0.9, clip=clip)
    lid = smooth_points(head.project(upper + (cx, cy), lift=0.012), closed=False, per_span=3)
    canvas.stroke([lid], (0.10, 0.06, 0.05), 0.014 * size, opacity=0.9)
    crease = upper * (1.05, 1.0) + (cx, cy - 0.012 - 0.02 * g.eye_crease)
    canvas.stroke([smooth_points(head.project(crease), closed=False, per_span=3)], head.skin * 0.5, 0.007 * size, opacity=0.30 + 0.45 * g.eye_crease)
    under = lower + (cx, cy + 0.004)
    canvas.stroke([head.project(under)], head.skin * (0.55, 0.4, 0.38), 0.007 * size, opacity=0.5)


def _paint_brow(canvas: Canvas, head: Head, side: int, hair: Array) -> None:
    g, look = head.person.genome, head.look
    cx, cy = _eye_centre(head, side)
    y = cy - 0.075 - 0.035 * g.brow_height - 0.02 * look.brow_raise + 0.012 * look.squint
    length, thick = 0.075 + 0.03 * g.brow_length, 0.010 + 0.020 * g.brow_thickness
    t = np.linspace(-1, 1, 7)
    arch = -(0.004 + 0.034 * g.brow_arch) * (1 - (t * 1.05 - 0.25) ** 2) - side * (g.eye_tilt - 0.5) * 0.03 * t * side
    xs = cx + side * t * length * 0.95
    width = thick * np.interp(t, [-1, -0.6, 0.4, 1], [0.7, 1.0, 0.8, 0.15])
    band = np.concatenate([np.column_stack([xs, y + arch - width / 2]), np.column_stack([xs, y + arch + width / 2])[::-1]])
    canvas.fill(head.project(band), hair * 0.75, opacity=0.85, soft=0.005 * head.size)


def _paint_nose(canvas: Canvas, head: Head) -> None:
    g, size = head.person.genome, head.size
    low, wide = 0.115 + 0.055 * g.nose_length, 0.036 + 0.036 * g.nose_width
    lift, dark = 0.055 + 0.05 * g.nose_bridge, head.skin * (0.50, 0.35, 0.33)
    away = -1 if head.setting.light[0] > 0 else 1
    flank = [(away * 0.018, -0.05), (away * 0.026, 0.03), (away * wide * 0.9, low), (away * 0.008, low - 0.005), (away * 0.010, 0.0)]
    z = np.array([0.0, 0.3 * lift, 0.3 * lift, lift, 0.6 * lift]) + head.depth(np.array(flank))
    canvas.fill(head.project(flank, z=z), dark, opacity=0.34, soft=0.012 * size)
    _blob(canvas, head, (0, low + 0.018), wide * 0.95, 0.014, dark, 0.5, soft=0.010, lift=0.3 * lift)
    ball = 0.020 + 0.018 * g.nose_tip
    _blob(canvas, head, (0, low - 0.012), ball * 1.2, ball, head.skin * (1.05, 0.93, 0.90), 0.45, soft=0.012, lift=lift)
    for side in (-1, 1):
        _blob(canvas, head, (side * wide * 0.48, low + 0.010), 0.014, 0.008, head.skin * (0.24, 0.14, 0.13), 0.8, soft=0.004, lift=0.6 * lift)
        wing = [(side * wide * 0.8, low - 0.03), (side * wide * 1.05, low - 0.005), (side * wide * 0.85, low + 0.014)]
        canvas.stroke([smooth_points(head.project(wing, lift=0.4 * lift), closed=False)], dark, 0.008 * size, opacity=0.55, soft=0.003 * size)
    _blob(canvas, head, (0.006 * -away, low * 0.45), 0.008, 0.05, (1, 0.98, 0.95), 0.20 * head.light_level(), soft=0.008, lift=lift)
    _blob(canvas, head, (0.008 * -away, low - 0.02), 0.010, 0.009, (1, 1, 1), 0.30 * head.light_level(), soft=0.006, lift=lift)


def _paint_mouth(canvas: Canvas, head: Head) -> None:
    g, look, size = head.person.genome, head.look, head.size
    y, half = 0.262 + 0.045 * (g.mouth_height - 0.5), 0.072 + 0.045 * g.mouth_width + 0.014 * max(look.smile, 0)
    gap, curl = 0.05 * look.mouth_open, 0.030 * look.smile
    up, down = 0.010 + 0.026 * g.lip_upper, 0.014 + 0.034 * g.lip_lower
    t = np.linspace(-1, 1, 9)
    line = -curl * t**2 + 0.3 * curl
    body = 1 - np.abs(t) ** 2.2
    bow = up * body * (1 - 0.28 * np.exp(-((t / 0.16) ** 2)))
    lip = head.skin * np.array([0.86, 0.52, 0.52]) * (1 - 0.25 * g.lip_colour) + np.array([0.16, 0.0, 0.02]) * g.lip_colour
    top = np.column_stack([t * half, y + line - gap * 0.4 * body])
    bottom = np.column_stack([t * half, y + line + gap * 0.6 * body])
    if gap > 0.004:
        canvas.fill(smooth_points(head.project(np.concatenate([top, bottom[-2:0:-1]]), lift=0.03), per_span=3), (0.20, 0.06, 0.06))
        teeth = np.concatenate([top * (0.85, 1), (top + (0, min(0.5 * gap, 0.02)))[::-1] * (0.8, 1)])
        canvas.fill(head.project(teeth, lift=0.03), (0.93, 0.91, 0.87), opacity=0.95)
    upper = np.concatenate([top - np.column_stack([0 * t, bow]), top[::-1]])
    lower = np.concatenate([bottom, (bottom + np.column_stack([0 * t, down * body]))[::-1]])
    canvas.fill(smooth_points(head.project(upper, lift=0.03), per_span=3), head.shade(lip * 0.84))
    canvas.fill(smooth_points(head.project(lower, lift=0.03), per_span=3), head.shade(lip))
    canvas.stroke([head.project(top if gap <= 0.004 else bottom, lift=0.03)], lip * 0.35, 0.008 * size, opacity=0.7)
    _blob(canvas, head, (-0.01, y + 0.3 * curl + gap * 0.6 + 0.45 * down), half * 0.3, down * 0.16, (1, 0.95, 0.93), 0.28, soft=0.006, lift=0.03)
    fold = max(look.smile, 0) * 0.30 + 0.25 * max(g.age - 0.35, 0)
    for side in (-1, 1):
        crease = [(side * 0.075, 0.13), (side * (half + 0.03), 0.20), (side * (half + 0.025), 0.27)]
        canvas.stroke([smooth_points(head.project(crease), closed=False)], head.skin * 0.55, 0.012 * size, opacity=fold, soft=0.007 * size)


def _paint_marks(canvas: Canvas, head: Head, clip: Array) -> None:
    g, rng = head.person.genome, np.random.default_rng([head.person.seed, 1])
    if g.freckles > 0.6:
        count = int(90 * (g.freckles - 0.55))
        spots = np.column_stack([rng.uniform(-0.24, 0.24, count), rng.normal(0.08, 0.07, count)])
        dots = [head.project(ellipse_points(x, y, r, r, n=6)) for (x, y), r in zip(spots, rng.uniform(0.004, 0.008, count), strict=True)]
        canvas.stroke(dots, head.skin * (0.66, 0.48, 0.40), 0.006 * head.size, opacity=0.5, closed=True, clip=clip)
    for _ in range(int(g.moles * 4.4)):
        x, y, r = rng.uniform(-0.26, 0.26), rng.uniform(-0.3, 0.42), rng.uniform(0.007, 0.013)
        if head.facing(x, y) > 0.2:
            _blob(canvas, head, (x, y), r, r, head.skin * (0.30, 0.20, 0.18), 0.9, clip, soft=0.002)


def _paint_age(canvas: Canvas, head: Head) -> None:
    age, size = head.person.genome.age, head.size
    if age < 0.5:
        return
    depth = (age - 0.5) * 0.9
    t = np.linspace(-1, 1, 7)
    lines = [head.project(np.column_stack([t * 0.15, y + 0.012 * t**2])) for y in (-0.26, -0.225, -0.195)]
    for side in (-1, 1):
        cx, cy = _eye_centre(head, side)
        lines += [head.project([(cx + side * 0.07, cy + d * 0.3), (cx + side * 0.11, cy + d)]) for d in (-0.025, 0.0, 0.025)]
        lines.append(smooth_points(head.project([(cx - 0.04, cy + 0.05), (cx, cy + 0.064), (cx + 0.045, cy + 0.05)]), closed=False))
    canvas.stroke(lines, head.skin * 0.5, 0.007 * size, opacity=min(depth, 0.5), soft=0.003 * size)
