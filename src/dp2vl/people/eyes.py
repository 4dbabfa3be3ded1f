"""Eyes, lids and brows, drawn on a posed head; both sides of a layer are painted at once, which halves the cost."""

import numpy as np

from dp2vl.people.canvas import Array, Canvas, Colour, Radial, ellipse_points, smooth_points, tapered
from dp2vl.people.head import Head
from dp2vl.people.skin import eye_centre

_IRIS = {
    "dark": (0.17, 0.10, 0.08), "brown": (0.38, 0.22, 0.12), "hazel": (0.50, 0.38, 0.17),
    "green": (0.32, 0.48, 0.30), "blue": (0.32, 0.54, 0.76), "grey": (0.52, 0.58, 0.62),
}  # fmt: skip


def paint_eyes(canvas: Canvas, head: Head, hair: Array) -> None:
    """Paint the eyes that can be seen, with lids and with brows of the colour `hair`."""
    ex, ey = eye_centre(head)
    sides = [side for side in (-1, 1) if head.facing([(side * ex, ey)])[0] > 0.15]
    if sides:
        _paint_balls(canvas, head, sides)
        _paint_lids(canvas, head, sides)
        _paint_brows(canvas, head, sides, hair)


def _lids(head: Head, side: int) -> tuple[Array, Array, float, float]:
    """Return upper and lower lid (9, 2) in face coordinates, outer corner last, and half width and height."""
    g, look = head.person.genome, head.look
    cx, cy = eye_centre(head)
    half = 0.053 + 0.019 * g.eye_size
    closing = 1 - 0.5 * look.squint - 0.18 * max(look.smile, 0)
    tall = half * (0.40 + 0.34 * g.eye_open) * closing
    tilt = (g.eye_tilt - 0.5) * 0.42
    t = np.linspace(-1, 1, 9)
    lean = -t * half * tilt
    upper = -tall * (1 - np.abs(t) ** 2.3) * (1 - 0.18 * t)
    lower = 0.52 * tall * (1 - np.abs(t) ** 2.2) * (1 + 0.22 * t)
    x = side * (cx + t * half)
    return np.column_stack([x, cy + upper + lean]), np.column_stack([x, cy + lower + lean]), half, tall


def _paint_balls(canvas: Canvas, head: Head, sides: list[int]) -> None:
    g, look, size, light = head.person.genome, head.look, head.size, head.setting.light
    cx, cy = eye_centre(head)
    lids = {side: _lids(head, side) for side in sides}
    _, _, half, tall = lids[sides[0]]
    sockets = [head.project(ellipse_points(s * cx, cy - 0.3 * tall, half * 1.15, tall * 1.2, n=14)) for s in sides]
    canvas.fill_all(sockets, head.skin * (0.55, 0.42, 0.40), opacity=0.30, soft=0.012 * size)
    balls = [
        smooth_points(head.project(np.concatenate([up, low[-2:0:-1]]), lift=0.012), per_span=3)
        for up, low, _, _ in lids.values()
    ]
    canvas.fill_all(balls, head.lit((0.94, 0.92, 0.91)))
    clip = np.maximum.reduce([canvas.mask(ball) for ball in balls])
    iris, radius = head.lit(_IRIS[g.eye_colour], level=1.05), (0.0295 + 0.008 * g.eye_size) * size
    across, black = radius * max(float(np.cos(look.yaw)), 0.8), (0.02, 0.02, 0.02)
    rings: list[tuple[float, Colour]] = [
        (0.0, black),
        (0.38, black),
        (0.46, iris * 0.8),
        (0.72, iris * 1.25),
        (0.86, iris),
        (1.0, iris * 0.3),
    ]
    glints, glows = [], []
    for side in sides:
        gaze = (
            side * cx + half * (0.22 * look.gaze_x - 0.25 * np.sin(look.yaw)),
            cy + tall * (0.16 * look.gaze_y - 0.10),
        )
        ix, iy = head.project([gaze], lift=0.014)[0].tolist()
        canvas.fill(ellipse_points(ix, iy, across, radius, n=24), Radial((ix, iy), (across, radius), rings), clip=clip)
        gx = ix + 0.34 * radius * (1 if light[0] > 0 else -1)
        glints.append(ellipse_points(gx, iy - 0.34 * radius, 0.25 * radius, 0.25 * radius, n=12))
        glows.append(ellipse_points(2 * ix - gx, iy + 0.4 * radius, 0.3 * radius, 0.2 * radius, n=10))
    shades = [
        head.project(np.concatenate([up, up[::-1] + np.array((0, 0.55 * tall))]), lift=0.012)
        for up, _, _, _ in lids.values()
    ]
    canvas.fill_all(shades, (0.10, 0.05, 0.06), opacity=0.38, soft=0.007 * size, clip=clip)
    canvas.fill_all(glows, iris * 1.7 + 0.1, opacity=0.3, clip=clip)
    canvas.fill_all(glints, (1, 1, 1), opacity=0.92, clip=clip)


def _paint_lids(canvas: Canvas, head: Head, sides: list[int]) -> None:
    g, size, skin = head.person.genome, head.size, head.skin
    lash = (0.09, 0.055, 0.05)
    rims, hairs, creases, lows, corners = [], [], [], [], []
    for side in sides:
        upper, lower, _, _ = _lids(head, side)
        rim = np.concatenate([upper, [upper[-1] + (side * 0.012, -0.006 - 0.012 * g.lashes)]])
        line = smooth_points(head.project(rim, lift=0.014), closed=False, per_span=3)
        rims.append(
            tapered(
                line,
                size * (0.004 + (0.008 + 0.009 * g.lashes) * np.sin(np.pi * np.linspace(0.10, 0.85, len(line)))),
            )
        )
        if g.lashes > 0.6:
            out = np.column_stack([side * np.linspace(0.0, 0.022, 6), np.full(6, -0.010 - 0.016 * g.lashes)])
            hairs += list(np.stack([head.project(upper[3:], lift=0.014), head.project(upper[3:] + out, lift=0.03)], 1))
        crease = upper[1:] - np.array((0, 0.012 + 0.022 * g.eye_crease))
        creases.append(smooth_points(head.project(crease, lift=0.01), closed=False, per_span=3))
        lows.append(smooth_points(head.project(lower[1:-1], lift=0.012), closed=False, per_span=3))
        corners.append(
            head.project(ellipse_points(upper[0, 0] + side * 0.005, upper[0, 1], 0.008, 0.006, n=8), lift=0.012)
        )
    canvas.fill_all(rims, lash, opacity=0.92)
    if hairs:
        canvas.stroke(hairs, lash, 0.0045 * size, opacity=0.8)
    canvas.stroke(
        creases,
        skin * (0.50, 0.36, 0.33),
        0.008 * size,
        opacity=0.25 + 0.50 * g.eye_crease,
        soft=0.002 * size,
    )
    canvas.stroke(lows, skin * (0.52, 0.34, 0.32), 0.007 * size, opacity=0.6, soft=0.002 * size)
    canvas.fill_all(corners, head.lit((0.86, 0.55, 0.52)), opacity=0.7)


def _paint_brows(canvas: Canvas, head: Head, sides: list[int], hair: Array) -> None:
    g, look, size = head.person.genome, head.look, head.size
    cx, cy = eye_centre(head)
    y = cy - 0.078 - 0.034 * g.brow_height - 0.024 * look.brow_raise + 0.012 * look.squint
    length, thick = 0.066 + 0.024 * g.brow_length, 0.012 + 0.022 * g.brow_thickness
    t = np.linspace(-1, 1, 9)
    arch = -(0.002 + 0.038 * g.brow_arch) * (1 - (t - 0.30) ** 2) + (0.40 - g.brow_tilt) * 0.026 * t
    width = thick * np.interp(t, [-1, -0.7, 0.3, 1], [0.6, 1.0, 0.75, 0.12]) * size
    at, off = (
        np.linspace(-0.95, 0.85, 22),
        np.random.default_rng([head.person.seed, 2]).uniform(-0.5, 0.5, (22, 2)),
    )
    w, rise = np.interp(at, t, width), np.interp(at, [-1, 1], [1, 0.3])
    bands, hairs = [], []
    for side in sides:
        line = head.project(np.column_stack([side * (cx + 0.002 + t * length), y + arch]), lift=0.012)
        bands.append(tapered(line, width))
        x, middle = np.interp(at, t, line[:, 0]), np.interp(at, t, line[:, 1])
        root = np.column_stack([x, middle + w * (0.35 + 0.3 * off[:, 0])])
        tip = np.column_stack(
            [x + side * w * np.interp(at, [-1, 1], [0.15, 0.9]), middle - w * (0.45 + 0.3 * off[:, 1]) * rise]
        )
        hairs += list(np.stack([root, tip], 1))
    colour = np.minimum(hair * 0.72, head.skin * 0.8)
    canvas.fill_all(bands, colour, opacity=0.72, soft=0.004 * size)
    canvas.stroke(hairs, colour * 0.7, 0.005 * size, opacity=0.6)
