"""Glasses on a posed head."""

import numpy as np

from dp2vl.people.canvas import Canvas, smooth_points
from dp2vl.people.head import Head
from dp2vl.people.skin import eye_centre

_FRAMES = (
    (0.06, 0.06, 0.07),
    (0.34, 0.19, 0.10),
    (0.62, 0.52, 0.30),
    (0.55, 0.57, 0.60),
    (0.50, 0.12, 0.15),
    (0.14, 0.22, 0.42),
)
_SHAPES = {  # half width, half height, squareness, thickness
    "round": (0.088, 0.084, 2.0, 0.011), "square": (0.100, 0.072, 5.0, 0.019), "browline": (0.098, 0.070, 3.0, 0.009),
    "large": (0.118, 0.105, 2.8, 0.016),
}  # fmt: skip


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Paint the person's glasses, if they wear any: frame, bridge, temples, shadow and a glint."""
    g, size = head.person.genome, head.size
    if g.glasses == "none":
        return
    wide, tall, square, thick = _SHAPES[g.glasses]
    frame = head.lit(_FRAMES[int(g.frame_colour * 5.999)], level=0.95)
    ex, ey = eye_centre(head)
    ex = max(ex, wide + 0.022)
    depth = float(head.depth(np.array([[ex, ey]]))[0]) + 0.055
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    oval = np.column_stack([np.sign(c) * np.abs(c) ** (2 / square) for c in (np.cos(t), np.sin(t))])
    rims = []
    for side in (-1, 1):
        ring = oval * (wide, tall) + (side * ex, ey + 0.012)
        rims.append(head.project(ring, z=depth - 0.5 * np.abs(ring[:, 0]) ** 1.6))
    drop = np.array([-0.018 * head.light_side(), 0.024], np.float32) * size
    canvas.stroke(
        [r + drop for r in rims], head.skin * 0.35, thick * size, opacity=0.28, soft=0.008 * size, closed=True
    )
    for rim in rims:
        canvas.fill(rim, (0.75, 0.85, 0.92), opacity=0.035)
        low, high = rim.min(0), rim.max(0)
        glint = np.array([(0.15, 0.75), (0.55, 0.12), (0.75, 0.12), (0.32, 0.85)], np.float32) * (high - low) + low
        canvas.fill(glint, (1, 1, 1), opacity=0.09, soft=0.004 * size, clip=canvas.mask(rim))
    bridge = head.project([(-(ex - wide), ey), (0, ey - 0.018), (ex - wide, ey)], z=depth + 0.01)
    canvas.stroke([smooth_points(bridge, closed=False)], frame, 1.1 * thick * size)
    for side in (-1, 1):
        if side * head.look.yaw < 0.12:
            start = (side * (ex + wide), ey)
            temple = np.array(
                [
                    (start[0], ey, depth - 0.5 * abs(start[0]) ** 1.6),
                    (side * head.half_width * 1.04, ey - 0.005, -0.06),
                ]
            )
            canvas.stroke([head.place(temple)], frame, thick * size, opacity=0.9)
    canvas.stroke(rims, frame, thick * size, closed=True)
    if g.glasses == "browline":
        canvas.stroke([np.concatenate([r[16:], r[:0]]) for r in rims], frame, 0.026 * size)
