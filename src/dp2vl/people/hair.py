"""Hair on the head: shaded masses cut by a hairline, with strands that follow the skull."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dp2vl.people.canvas import Array, Canvas, ellipse_points, smooth_points
from dp2vl.people.head import Head, hull, shown
from dp2vl.people.skin import map_paint

Paint = Callable[[Array, Array], Array]

_COLOURS = {
    "black": (0.085, 0.075, 0.08), "dark brown": (0.19, 0.125, 0.09), "brown": (0.34, 0.22, 0.14),
    "chestnut": (0.43, 0.23, 0.13), "auburn": (0.47, 0.17, 0.10), "red": (0.72, 0.31, 0.12),
    "blond": (0.86, 0.69, 0.40), "ash": (0.63, 0.55, 0.44), "grey": (0.52, 0.52, 0.53),
    "white": (0.87, 0.86, 0.84), "dyed blue": (0.20, 0.34, 0.66),
}  # fmt: skip


@dataclass(frozen=True)
class _Style:
    """Thickness over the skull at the sides and on top, where long hair ends (0 = short), its width, its texture."""

    side: float
    top: float
    end: float = 0.0
    width: float = 1.2
    texture: str = "straight"
    opacity: float = 1.0


_STYLES = {
    "buzz": _Style(0.006, 0.008, opacity=0.72, texture="stubble"),
    "crop": _Style(0.022, 0.045),
    "side part": _Style(0.034, 0.075),
    "spiky": _Style(0.020, 0.060, texture="spiky"),
    "curls": _Style(0.055, 0.105, texture="curly"),
    "afro": _Style(0.170, 0.200, texture="fuzzy"),
    "bob": _Style(0.060, 0.060, end=0.44, width=1.28),
    "long straight": _Style(0.040, 0.050, end=1.05, width=1.22),
    "long wavy": _Style(0.060, 0.065, end=1.0, width=1.36, texture="wavy"),
    "long curls": _Style(0.090, 0.100, end=0.86, width=1.50, texture="curly"),
    "bun": _Style(0.016, 0.030),
    "ponytail": _Style(0.018, 0.036),
    "receding": _Style(0.018, 0.012),
}


_FRINGED = (
    "crop", "side part", "curls", "bob", "long straight", "long wavy", "long curls", "ponytail", "spiky",
)  # fmt: skip


def hair_colour(head: Head, *, dyed: bool = True) -> Array:
    """Return the person's hair as sRGB (3,), before any light; without `dyed`, as brows and beard keep it."""
    g = head.person.genome
    name = g.hair_colour if dyed or g.hair_colour != "dyed blue" else "dark brown"
    return np.array(_COLOURS[name], np.float32) * np.float32(0.82 + 0.36 * g.hair_shade)


def shows_ears(head: Head) -> bool:
    """Return whether the hair leaves the ears free."""
    style = _STYLES.get(head.person.genome.hair_style)
    return style is None or (style.end == 0 and style.texture != "fuzzy")


def hair_paint(head: Head, colour: Array) -> Paint:
    """Return paint of lit hair of a colour: dark below, a band of light across the strands towards the lamp."""
    s, normal = head.setting, head.grid[0]
    light, half = head.light, head.light + head.view
    half = half / np.linalg.norm(half)
    facing = normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2]
    # Strands run along the meridians; light glances off where they lie across the half vector.
    across = (half[1] - normal[1] * facing) / (np.sqrt(1 - normal[1] ** 2) + 0.02)
    band = np.clip(1 - across**2, 0, 1) ** 14 * np.clip(facing, 0, 1) * 0.55
    lit = np.clip((normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2] + 0.35) / 1.35, 0, 1)
    level = s.ambient * 0.72 + lit * (1.12 - 0.72 * s.ambient)
    planes = [
        ((c * level + (0.75 * c + 0.10) * band) * tint).astype(np.float32)
        for c, tint in zip(colour.tolist(), s.light_colour, strict=True)
    ]
    return map_paint(head, planes)


def paint_back_hair(canvas: Canvas, head: Head, paint: Paint) -> None:
    """Paint what hangs behind the face and neck: long hair, an afro's ball, a bun, a tail."""
    g, size = head.person.genome, head.size
    style = _STYLES.get(g.hair_style)
    if style is None:
        return
    if g.hair_style == "bun":
        cx, cy = head.place(np.array([[0.0, -0.60, -0.20]]))[0].tolist()
        r = (0.115 + 0.05 * g.hair_volume) * size
        _mass(canvas, head, ellipse_points(cx, cy, 1.12 * r, r, n=28), paint, style)
    elif g.hair_style == "ponytail":
        side = -1 if head.look.yaw > 0 else 1
        length = 0.45 + 0.35 * g.hair_volume
        tail = [
            (0.10, -0.40, -0.44),
            (0.36, -0.46, -0.50),
            (0.50, -0.28, -0.52),
            (0.54, 0.10, -0.5),
            (0.50, length * 0.8, -0.46),
            (0.40, length, -0.42),
            (0.37, 0.3, -0.44),
            (0.33, 0.0, -0.44),
            (0.26, -0.18, -0.44),
        ]
        points = np.array(tail) * (side, 1, 1)
        _mass(canvas, head, smooth_points(head.place(points)), paint, style, dark=0.85)
        _tail_strands(canvas, head, points)
    elif style.end:
        _mass(canvas, head, _texture_edge(head, _curtain(head, style), style), paint, style, dark=0.72)
    else:
        _mass(canvas, head, _texture_edge(head, _cap(head, style), style), paint, style, dark=0.8)


def paint_hair(canvas: Canvas, head: Head, paint: Paint, face: Array) -> None:
    """Paint the hair over the skull, cut by the hairline, with its shadow on the forehead."""
    g = head.person.genome
    style = _STYLES.get(g.hair_style)
    if style is None:
        return
    line = _hairline(head)
    open_face = canvas.mask(line, soft=0.002 * head.size)
    cap = _texture_edge(head, _cap(head, style), style)
    drop = np.array([-0.35 * head.setting.light[0], 0.5 - 0.4 * head.setting.light[1]]) * 0.05 * head.size
    shade = canvas.mask(line + drop.astype(np.float32), soft=0.012 * head.size)
    canvas.fill(cap, head.skin * (0.42, 0.28, 0.26), opacity=0.55, clip=(1 - shade) * canvas.mask(face))
    clip = 1 - open_face
    canvas.fill(cap, paint, clip=clip, opacity=style.opacity, soft=0.003 * head.size)
    _strands(canvas, head, style, clip * canvas.mask(cap))
    if style.end:
        for side in (-1, 1):
            if side * head.look.yaw < 0.16:
                _lock(canvas, head, style, side, paint)


def _skull(side: float, top: float, w: float, low: float = 0.02) -> NDArray[Any]:
    """Return points (n, 3) of the hair's surface: an ellipsoid over the skull, longer at the nape."""
    lat, lon = np.meshgrid(np.linspace(-np.pi / 2, 0.5, 14), np.linspace(0, 2 * np.pi, 26, endpoint=False))
    x, y, z = np.cos(lat) * np.cos(lon), np.sin(lat), np.cos(lat) * np.sin(lon)
    points = np.stack(
        [x * (w + side), -0.08 + y * np.where(y < 0, 0.42 + top, 0.42), -0.05 + z * (0.40 + side)], -1
    ).reshape(-1, 3)
    limit = np.where(points[:, 2] < -0.15, 0.20, low)
    return points[points[:, 1] < limit]


def _cap(head: Head, style: _Style) -> Array:
    g = head.person.genome
    grow = 0.65 + 0.7 * g.hair_volume
    points = _skull(style.side * grow, style.top * grow, head.half_width, 0.06 if style.texture == "fuzzy" else 0.0)
    return smooth_points(hull(head.place(points)), per_span=2)


def _curtain(head: Head, style: _Style) -> Array:
    w, end = head.half_width * style.width, style.end
    wide = w * (0.97 + 0.10 * head.person.genome.hair_volume)
    ends = [
        (s * wide * k, y, z)
        for s in (-1, 1)
        for k, y, z in (
            (1.0, 0.1, -0.15),
            (1.06, 0.6 * end, -0.2),
            (1.0, 0.92 * end, -0.2),
            (0.72, end, -0.2),
        )
    ]
    skull = _skull(style.side, style.top, head.half_width)
    return smooth_points(hull(head.place(np.concatenate([skull, np.array(ends)]))), per_span=2)


def _lock(canvas: Canvas, head: Head, style: _Style, side: int, paint: Paint) -> None:
    w, wide, end = head.half_width, head.half_width * style.width, style.end
    grow = 0.97 + 0.10 * head.person.genome.hair_volume
    inner = [
        (0.80 * w, -0.22, 0.16),
        (0.93 * w, 0.0, 0.12),
        (0.97 * w, 0.25, 0.05),
        (0.90 * w, 0.75 * end, 0.0),
        (0.95 * w, 0.97 * end, 0.0),
    ]
    outer = [
        (wide * grow, 0.98 * end, -0.1),
        (wide * grow * 1.04, 0.6 * end, -0.1),
        (wide * grow, 0.1, -0.08),
        (w + style.side * 0.8, -0.2, -0.05),
    ]
    points = np.array(inner + outer) * (side, 1, 1)
    shape = _texture_edge(head, smooth_points(head.place(points), per_span=5), style)
    canvas.fill(
        shape + np.array([-0.012 * head.light_side() - 0.01 * side, 0.012], np.float32) * head.size,
        (0.05, 0.03, 0.03),
        opacity=0.28,
        soft=0.016 * head.size,
    )
    canvas.fill(shape, paint, soft=0.003 * head.size)
    _mass_strands(canvas, head, points, style)


def _mass_strands(canvas: Canvas, head: Head, points: Any, style: _Style) -> None:
    n = 5
    inner, outer = points[:n], points[n:][::-1]
    rows = np.linspace(0, 1, 9)
    a = np.column_stack([np.interp(rows, np.linspace(0, 1, len(inner)), inner[:, c]) for c in range(3)])
    b = np.column_stack([np.interp(rows, np.linspace(0, 1, len(outer)), outer[:, c]) for c in range(3)])
    rng = np.random.default_rng([head.person.seed, 6])
    wave = {"wavy": 0.025, "curly": 0.045}.get(style.texture, 0.004)
    lines = []
    for share in rng.uniform(0.06, 0.94, 18):
        line = a + (b - a) * share
        line[:, 0] += wave * np.sin(rows * (9 if wave < 0.03 else 22) + 4 * share)
        lines.append(smooth_points(head.place(line), closed=False, per_span=4))
    _stroke_strands(canvas, head, lines, None)


def _tail_strands(canvas: Canvas, head: Head, points: Any) -> None:
    outer, inner = points[1:6], points[[0, 8, 7, 6, 5]]
    shares = np.random.default_rng([head.person.seed, 8]).uniform(0.1, 0.9, 12)
    lines = [smooth_points(head.place(inner + (outer - inner) * s), closed=False, per_span=4) for s in shares]
    _stroke_strands(canvas, head, lines, None)


def _stroke_strands(canvas: Canvas, head: Head, lines: list[Array], clip: Array | None, width: float = 0.007) -> None:
    colour = hair_colour(head)
    thick, soft = width * head.size, 0.2 * width * head.size
    canvas.stroke(lines[::2], head.lit(colour * 0.45), thick, opacity=0.42, soft=soft, clip=clip)
    canvas.stroke(lines[1::2], head.lit(colour * 1.35 + 0.05), 0.8 * thick, opacity=0.30, soft=soft, clip=clip)


def _mass(canvas: Canvas, head: Head, shape: Array, paint: Paint, style: _Style, dark: float = 1.0) -> None:
    canvas.fill(shape, paint, soft=0.003 * head.size, opacity=style.opacity)
    if dark < 1:
        canvas.fill(shape, (0.03, 0.02, 0.02), opacity=1 - dark, soft=0.003 * head.size)


def _texture_edge(head: Head, shape: Array, style: _Style) -> Array:
    """Return the outline with the curls, waves or spikes of its texture."""
    if style.texture not in ("curly", "fuzzy", "spiky", "wavy"):
        return shape
    closed = np.concatenate([shape, shape[:1]])
    step = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(step)])
    n = 260
    at = np.linspace(0, along[-1], n, endpoint=False)
    ring = np.column_stack([np.interp(at, along, closed[:, c]) for c in (0, 1)]).astype(np.float32)
    out = ring - (head.x, head.y)
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-6
    wave, height = {
        "curly": (0.11, 0.030),
        "fuzzy": (0.06, 0.018),
        "spiky": (0.10, 0.075),
        "wavy": (0.26, 0.028),
    }[style.texture]
    count = max(6, round(along[-1] / head.size / wave))
    phase = np.arange(n) / n * count
    if style.texture == "spiky":
        bump = np.abs((phase % 1) * 2 - 1) * (ring[:, 1] < head.y - 0.12 * head.size)
    else:
        bump = np.abs(np.sin(np.pi * phase)) if style.texture != "wavy" else 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    return (ring + out * (bump * height * head.size)[:, None]).astype(np.float32)


def _hairline(head: Head) -> Array:
    """Return the polygon of the bare face: forehead line with fringe, temples, and everything below."""
    g, w = head.person.genome, head.half_width
    top = -0.275 - 0.10 * g.hairline
    x = np.linspace(-0.70, 0.70, 15)
    y = top + 0.055 * np.abs(x / 0.7) ** 3 - 0.025 * g.widow * np.exp(-(((np.abs(x) - 0.35) / 0.2) ** 2))
    fringe, low = g.fringe, -0.135
    if g.hair_style == "receding":
        y = -0.44 + 0.12 * np.abs(x / 0.7) ** 2
    elif g.hair_style in _FRINGED and fringe != "none":
        s = x / 0.7
        share = {
            "straight": np.ones_like(s), "swept left": np.clip(0.65 - 0.75 * s, 0, 1) ** 0.8,
            "swept right": np.clip(0.65 + 0.75 * s, 0, 1) ** 0.8,
            "parted": np.clip(np.abs(s) * 1.5, 0, 1) ** 0.7,
        }[fringe]  # fmt: skip
        jag = np.random.default_rng([head.person.seed, 3]).uniform(-0.018, 0.018, len(x))
        y = y + (low + 0.02 * np.abs(s) + jag - y) * share
    forehead = np.column_stack([x * w, y])
    side = np.array([(0.80 * w, y[-1] + 0.06), (0.90 * w, -0.10), (0.91 * w, 0.0), (0.97 * w, 0.06), (1.0 * w, 0.30)])
    ring = np.concatenate([side[::-1] * (-1, 1), forehead, side])
    line = shown(head, ring)
    ends = np.array([(0.9, 1.2), (-0.9, 1.2)]) * head.size + (head.x, head.y)
    return np.concatenate([smooth_points(line, closed=False, per_span=3), ends.astype(np.float32)])


def _strands(canvas: Canvas, head: Head, style: _Style, clip: Array) -> None:
    g, rng = head.person.genome, np.random.default_rng([head.person.seed, 7])
    w, grow = head.half_width, 0.65 + 0.7 * g.hair_volume
    if style.texture in ("curly", "fuzzy"):
        count, radius, sweep = (300, 0.050, 2.6) if style.texture == "curly" else (330, 0.020, 3.0)
        lat, lon = np.arcsin(rng.uniform(-1, 0.4, count)), rng.uniform(0.0, 2 * np.pi, count)
        reach = np.array([w + style.side * grow, 0.42 + style.top * grow, 0.4 + style.side * grow])
        centre = np.column_stack([np.cos(lat) * np.cos(lon), np.sin(lat), np.cos(lat) * np.sin(lon)]) * reach + (
            0,
            -0.08,
            -0.05,
        )
        centre = head.place(centre[centre @ head.view > -0.05])
        turn, size = rng.uniform(0, 6.3, len(centre)), rng.uniform(0.6, 1.2, len(centre)) * radius * head.size
        t = turn[:, None] + np.linspace(0, sweep, 9)
        arcs = list(
            (centre[:, None] + np.stack([np.cos(t), 0.8 * np.sin(t)], -1) * size[:, None, None]).astype(np.float32)
        )
        _stroke_strands(canvas, head, arcs, clip, width=0.020 if style.texture == "curly" else 0.010)
        return
    n = 0 if style.texture == "stubble" else 76
    pole = {"side part": 0.45, "swept left": 0.0}.get(g.hair_style, 0.12) * (1 if g.hair_shade > 0.5 else -1)
    if not n:
        return
    lon = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.uniform(-0.05, 0.05, n)
    t = np.linspace(0.1, 1.9, 14)
    turn = lon[:, None] + rng.normal(0, 0.08, (n, 1)) * t
    x = np.sin(t) * np.cos(turn) * (w + style.side * grow) + pole * w * np.cos(t).clip(0)
    y = np.broadcast_to(-0.08 - np.cos(t) * (0.42 + style.top * grow), x.shape)
    z = np.sin(t) * np.sin(turn) * (0.40 + style.side * grow) - 0.05
    solid = np.stack([x, y, z], -1)
    seen, placed = solid @ head.view > -0.1, head.place(solid)
    _stroke_strands(canvas, head, [p[s] for p, s in zip(placed, seen, strict=True) if s.sum() > 2], clip)
