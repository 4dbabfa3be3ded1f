"""Ears, nose, mouth and marks, drawn on a posed head."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dp2vl.people.canvas import Array, Canvas, ellipse_points, smooth_points, tapered
from dp2vl.people.eyes import paint_eyes
from dp2vl.people.head import Head
from dp2vl.people.skin import eye_centre, mouth_line, nose_shape

Skin = Callable[[Array, Array], Array]


def paint_ears(canvas: Canvas, head: Head, skin: Skin) -> None:
    """Paint both ears; the far one is then covered by the face."""
    g, size = head.person.genome, head.size
    tall, wide = 0.070 + 0.040 * g.ear_size, 0.028 + 0.024 * g.ear_angle
    for side in (-1, 1):
        turn = side * head.look.yaw  # beyond the front, the ear opens to the camera
        if turn > 0.40:
            continue
        out = wide * (1 + 0.5 * max(-turn, 0))
        x = side * (head.half_width * 0.985)
        ring = np.array(
            [
                (-0.3, -0.72),
                (0.35, -1.0),
                (1.0, -0.72),
                (1.05, -0.1),
                (0.65, 0.5),
                (0.25, 1.0),
                (-0.25, 0.85),
                (-0.5, 0.0),
            ]
        )
        ear = ring * (side * out, tall) + (x, 0.055)
        shape = smooth_points(head.project(ear, z=-0.06), per_span=4)
        canvas.fill(shape, skin)
        dark = head.skin * (0.50, 0.34, 0.32)
        inner = smooth_points(
            head.project(ring[:6] * (side * out * 0.62, tall * 0.66) + (x + side * 0.1 * out, 0.05), z=-0.06),
            per_span=4,
        )
        canvas.fill(inner, dark, opacity=0.34, soft=0.008 * size)
        canvas.stroke([inner], dark, 0.007 * size, opacity=0.35, soft=0.003 * size)


def paint_features(canvas: Canvas, head: Head, hair: Array) -> None:
    """Paint eyes, brows, nose, mouth, lines of age and marks; `hair` is the colour of the brows."""
    _paint_marks(canvas, head)
    _paint_age(canvas, head)
    _paint_nose(canvas, head)
    with canvas.showing("mouth"):
        _paint_mouth(canvas, head)
    with canvas.showing("eyes"):
        paint_eyes(canvas, head, hair)


def _blob(
    canvas: Canvas, head: Head, at: tuple[float, float], rx: float, ry: float, colour: Any, opacity: float,
    *, soft: float, lift: float = 0.0, clip: Array | None = None,
) -> None:  # fmt: skip
    ring = ellipse_points(at[0], at[1], rx, ry, n=14)
    canvas.fill(head.project(ring, lift=lift), colour, opacity=opacity, soft=soft * head.size, clip=clip)


def _paint_nose(canvas: Canvas, head: Head) -> None:
    g, size = head.person.genome, head.size
    low, wide, rise = nose_shape(head)
    dark = head.skin * (0.42, 0.28, 0.26)
    up = 0.010 * (g.nose_turn - 0.5)
    _blob(canvas, head, (0, low + 0.010), wide * 0.80, 0.010, dark, 0.38, soft=0.008, lift=0.3 * rise)
    for side in (-1, 1):
        if side * head.look.yaw > 0.42:
            continue
        hole = np.array([(-0.5, 0.3), (0.2, -0.55 - g.nose_turn * 0.4), (1.0, 0.0), (0.4, 0.45)]) * (
            side * (0.011 + 0.007 * g.nose_width),
            0.010,
        )
        shape = head.project(hole + np.array((side * wide * 0.46, low + 0.002 + up)), lift=0.5 * rise)
        canvas.fill(smooth_points(shape, per_span=3), head.skin * (0.26, 0.14, 0.13), opacity=0.75, soft=0.003 * size)
        wing = [
            (side * wide * 0.92, low - 0.036),
            (side * wide * 1.08, low - 0.012),
            (side * wide * 0.96, low + 0.008),
            (side * wide * 0.66, low + 0.010),
        ]
        line = smooth_points(head.project(wing, lift=0.35 * rise), closed=False, per_span=3)
        canvas.fill(
            tapered(line, size * 0.011 * np.sin(np.linspace(0.25, np.pi - 0.1, len(line)))),
            dark,
            opacity=0.50,
            soft=0.004 * size,
        )
    shine = 0.32 * min(head.setting.light[2] + 0.2, 1)
    spot = (0.012 * head.light_side(), low - 0.036)
    _blob(
        canvas,
        head,
        spot,
        0.010 + 0.007 * g.nose_tip,
        0.008 + 0.004 * g.nose_tip,
        (1, 0.98, 0.96),
        shine,
        soft=0.006,
        lift=1.1 * rise,
    )


def _paint_mouth(canvas: Canvas, head: Head) -> None:
    g, look, size = head.person.genome, head.look, head.size
    y, half = mouth_line(head), 0.086 + 0.036 * g.mouth_width + 0.024 * look.smile
    gap, curl = (
        0.050 * look.mouth_open * (0.5 + 0.5 * max(look.smile, 0)) + 0.022 * max(look.smile - 0.45, 0),
        0.006 + 0.030 * look.smile + 0.012 * (g.mouth_curve - 0.4),
    )
    up, down = 0.012 + 0.024 * g.lip_upper, 0.016 + 0.030 * g.lip_lower
    t = np.linspace(-1, 1, 11)
    body = (1 - np.abs(t) ** 2.4) ** 0.9
    base = y - curl * (t**2 - 0.4) - 0.004 * (1 - np.abs(t)) * np.exp(-((t / 0.25) ** 2))
    bow = up * body * (1 - (0.12 + 0.22 * g.lip_bow) * np.exp(-((t / 0.15) ** 2))) * (1 - 0.15 * max(look.smile, 0))
    x = t * half
    top, bottom = (
        np.column_stack([x, base - gap * 0.35 * body]),
        np.column_stack([x, base + gap * 0.65 * body]),
    )
    lip = (
        head.skin * (1 - np.array([0.10, 0.34, 0.30])) * (1 - 0.30 * g.lip_colour)
        + np.array([0.20, 0.03, 0.06]) * g.lip_colour
    )
    lift = 0.028
    if gap > 0.004:
        _paint_open_mouth(canvas, head, top, bottom, gap, lift)
    upper = np.concatenate([top - np.column_stack([0 * t, bow]), top[-2:0:-1]])
    lower = np.concatenate([bottom, (bottom + np.column_stack([0 * t, down * body]))[-2:0:-1]])
    s = head.setting
    side = 1 - 0.10 * s.light[1]
    canvas.fill(
        smooth_points(head.project(upper, lift=lift), per_span=3),
        head.lit(lip, level=0.80 * side),
        opacity=0.92,
        soft=0.002 * size,
    )
    canvas.fill(
        smooth_points(head.project(lower, lift=lift), per_span=3),
        head.lit(lip, level=0.99),
        opacity=0.92,
        soft=0.002 * size,
    )
    line = smooth_points(head.project(top if gap <= 0.004 else bottom, lift=lift), closed=False, per_span=3)
    taper = size * 0.010 * np.sin(np.linspace(0.35, np.pi - 0.35, len(line)))
    canvas.fill(tapered(line, taper), lip * 0.38, opacity=0.8 if gap <= 0.004 else 0.35)
    for side_ in (-1, 1):
        _blob(
            canvas,
            head,
            (side_ * half * 1.0, float(base[0])),
            0.008,
            0.007,
            head.skin * (0.40, 0.24, 0.23),
            0.5,
            soft=0.005,
            lift=lift,
        )
    _blob(
        canvas,
        head,
        (0.02 * head.light_side(), float(base[5]) + gap * 0.65 + 0.45 * down),
        half * 0.34,
        down * 0.15,
        (1, 0.94, 0.93),
        0.16 + 0.2 * g.lip_colour,
        soft=0.006,
        lift=lift,
    )
    _paint_folds(canvas, head, y, half, curl)


def _paint_open_mouth(canvas: Canvas, head: Head, top: Array, bottom: Array, gap: float, lift: float) -> None:
    inside = smooth_points(head.project(np.concatenate([top, bottom[-2:0:-1]]), lift=lift), per_span=3)
    canvas.fill(inside, (0.22, 0.07, 0.07))
    clip = canvas.mask(inside)
    tall = min(0.75 * gap, 0.024)
    teeth = np.concatenate([(top * (0.86, 1)), (top * (0.80, 1) + (0, tall))[::-1]])
    canvas.fill(
        head.project(teeth, lift=lift),
        head.lit((0.95, 0.93, 0.89), level=0.96),
        soft=0.002 * head.size,
        clip=clip,
    )
    tongue = (0.0, float(bottom[5, 1]))
    _blob(
        canvas,
        head,
        tongue,
        abs(float(top[0, 0])) * 0.5,
        gap * 0.25,
        head.lit((0.70, 0.32, 0.32)),
        0.8,
        soft=0.003,
        lift=lift,
        clip=clip,
    )


def _paint_folds(canvas: Canvas, head: Head, y: float, half: float, curl: float) -> None:
    """Paint the folds from nose to mouth that smiling and age deepen."""
    low, wide, _ = nose_shape(head)
    depth = 0.42 * max(head.look.smile, 0) + 0.42 * max(head.person.genome.age - 0.35, 0)
    if depth < 0.05:
        return
    for side in (-1, 1):
        fold = [
            (side * (wide + 0.012), low - 0.02),
            (side * (half + 0.008), (low + y) / 2 - 0.008),
            (side * (half + 0.022), y - 0.4 * curl + 0.012),
        ]
        line = smooth_points(head.project(fold, lift=0.012), closed=False)
        width = head.size * 0.014 * np.sin(np.linspace(0.3, np.pi - 0.15, len(line)))
        canvas.fill(
            tapered(line, width),
            head.skin * (0.52, 0.36, 0.34),
            opacity=min(depth, 0.6),
            soft=0.006 * head.size,
        )


def _paint_marks(canvas: Canvas, head: Head) -> None:
    g, rng = head.person.genome, np.random.default_rng([head.person.seed, 1])
    low = nose_shape(head)[0]
    count = int(110 * max(g.freckles - 0.55, 0) / 0.45)
    if count:
        spots = np.column_stack([rng.normal(0, 0.13, count), rng.normal(low - 0.06, 0.055, count)])
        seen = head.facing(spots) > 0.25
        ring = ellipse_points(0, 0, 0.004 * head.size, 0.004 * head.size, n=6)
        dots = head.project(spots)[seen, None] + ring * rng.uniform(0.6, 1.5, (count, 1, 1))[seen].astype(np.float32)
        canvas.stroke(list(dots), head.skin * (0.62, 0.44, 0.36), 0.005 * head.size, opacity=0.55, closed=True)
    for _ in range(int(g.moles * 3.6)):
        x, y, r = rng.uniform(-0.24, 0.24), rng.uniform(-0.22, 0.42), rng.uniform(0.004, 0.009)
        if head.facing([(x, y)])[0] > 0.2:
            _blob(canvas, head, (x, y), r, r, head.skin * (0.40, 0.27, 0.24), 0.85, soft=0.002)


def _paint_age(canvas: Canvas, head: Head) -> None:
    age, size = head.person.genome.age, head.size
    if age < 0.5:
        return
    ex, ey = eye_centre(head)
    t = np.linspace(-1, 1, 9)
    lines = [
        head.project(np.column_stack([t * wide, y + 0.014 * t**2]))
        for y, wide in ((-0.245, 0.13), (-0.21, 0.16), (-0.175, 0.12))
    ]
    for side in (-1, 1):
        if head.facing([(side * ex, ey)])[0] < 0.3:
            continue
        lines += [
            head.project([(side * (ex + 0.078), ey + 0.4 * d), (side * (ex + 0.105), ey + 0.9 * d)])
            for d in (-0.025, 0.004, 0.03)
        ]
        bag = [(side * (ex - 0.05), ey + 0.045), (side * ex, ey + 0.062), (side * (ex + 0.05), ey + 0.044)]
        lines.append(smooth_points(head.project(bag), closed=False))
    opacity = min((age - 0.5) * 0.8 + 0.05, 0.42)
    canvas.stroke(lines, head.skin * (0.50, 0.35, 0.33), 0.007 * size, opacity=opacity, soft=0.003 * size)
