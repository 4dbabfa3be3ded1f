"""Moustaches and beards on a posed head; stubble is part of the skin."""

from typing import Any

import numpy as np

from dp2vl.people.canvas import Array, Canvas, tapered
from dp2vl.people.hair import Paint, hair_colour, hair_paint
from dp2vl.people.head import Head, hull, shown
from dp2vl.people.skin import mouth_line, nose_shape


def paint_beard(canvas: Canvas, head: Head, face: Array) -> None:
    """Paint moustache and beard; stubble is part of the skin."""
    g, size = head.person.genome, head.size
    kind = g.facial_hair
    if kind in ("none", "stubble"):
        return
    y, low, half = mouth_line(head), nose_shape(head)[0], 0.076 + 0.04 * g.mouth_width
    colour = hair_colour(head, dyed=False)
    paint = hair_paint(head, colour)
    if kind in ("goatee", "short beard", "full beard"):
        _paint_jaw_beard(canvas, head, paint, face, kind)
    t = np.linspace(-1, 1, 13)
    line = np.column_stack([t * half * 1.12, low + (y - low) * 0.62 + 0.030 * t**2])
    width = size * (0.030 + 0.016 * g.hair_volume) * (np.cos(t * 1.35) ** 0.6) * (1 - 0.30 * np.exp(-((t / 0.12) ** 2)))
    canvas.fill(tapered(head.project(line, lift=0.035), width), paint, opacity=0.93, soft=0.005 * size)
    rng = np.random.default_rng([head.person.seed, 4])
    at = rng.uniform(-0.95, 0.95, 46)
    root = np.column_stack([at * half, low + (y - low) * (0.35 + rng.uniform(0, 0.25, 46))])
    tip = root + np.column_stack([at * 0.030, np.full(46, 0.030)])
    _hairs(canvas, head, root, tip, colour, 0.035)


def _paint_jaw_beard(canvas: Canvas, head: Head, paint: Paint, face: Array, kind: str) -> None:
    g, size, w = head.person.genome, head.size, head.half_width
    y, chin, half = mouth_line(head), head.chin, 0.076 + 0.04 * g.mouth_width
    grow = {"goatee": 0.015, "short beard": 0.012, "full beard": 0.05 + 0.07 * g.hair_volume}[kind]
    if kind == "goatee":
        ring = [
            (half * 0.95, y - 0.01),
            (half * 1.05, y + 0.06),
            (half * 0.8, chin - 0.02),
            (0.0, chin + grow),
        ]
        inner = [(half * 0.62, y - 0.005), (half * 0.55, y + 0.058), (0.0, y + 0.066)]
    else:
        ring = [
            (w * 0.99, 0.06),
            (w * (0.98 + grow), 0.20),
            (w * (0.84 + 2 * grow), 0.36),
            (w * (0.55 + 2 * grow), chin - 0.03 + 0.5 * grow),
            (w * 0.22, chin + grow),
            (0.0, chin + 1.15 * grow),
        ]
        inner = [
            (w * 0.93, 0.06),
            (w * 0.86, 0.17),
            (half * 1.5, y - 0.045),
            (half * 1.12, y - 0.02),
            (half * 1.0, y + 0.045),
            (half * 0.45, y + 0.066),
            (0.0, y + 0.068),
        ]
    right = np.array(ring)
    outer = np.concatenate([right, right[-2::-1] * (-1, 1)])
    left = np.array(inner)
    hole = np.concatenate([left, left[-2::-1] * (-1, 1)])
    lift = 0.01 if kind != "full beard" else 0.04
    shape = np.concatenate([shown(head, outer, lift), shown(head, hole, lift)[::-1]])
    rim = hull(np.concatenate([face, head.project(outer, lift=lift)])) if kind == "full beard" else face
    clip = canvas.mask(rim, soft=0.003 * size)
    canvas.fill(shape, paint, opacity=0.78 if kind == "short beard" else 0.92, soft=0.008 * size, clip=clip)
    rng = np.random.default_rng([head.person.seed, 5])
    n = 150
    i = rng.uniform(0, len(outer) - 1, n)
    edge = np.column_stack([np.interp(i, np.arange(len(outer)), outer[:, c]) for c in (0, 1)])
    inside = np.column_stack(
        [np.interp(i / (len(outer) - 1) * (len(hole) - 1), np.arange(len(hole)), hole[:, c]) for c in (0, 1)]
    )
    root = inside + (edge - inside) * rng.uniform(0.05, 0.75, (n, 1))
    tip = root + np.column_stack([root[:, 0] * 0.05, np.full(n, 0.035)])
    _hairs(canvas, head, root, tip, hair_colour(head, dyed=False), lift, clip)


def _hairs(
    canvas: Canvas, head: Head, root: Any, tip: Any, colour: Array, lift: float, clip: Array | None = None
) -> None:
    seen = head.facing(root) > 0.1
    lines = np.stack([head.project(root, lift=lift), head.project(tip, lift=lift)], 1)[seen]
    if len(lines) > 1:
        canvas.stroke(list(lines[::2]), head.lit(colour * 0.5), 0.005 * head.size, opacity=0.55, clip=clip)
        canvas.stroke(list(lines[1::2]), head.lit(colour * 1.3 + 0.05), 0.005 * head.size, opacity=0.45, clip=clip)
