"""Hair: a back part behind the head, a front part over the scalp, and beards. Strands follow the person, not the photo."""

from dataclasses import dataclass

import numpy as np

from dp2vl.people.canvas import Array, Canvas, ellipse_points, ramp, smooth_points
from dp2vl.people.head import Head

_COLOURS = {
    "black": (0.09, 0.08, 0.09), "dark brown": (0.20, 0.13, 0.09), "brown": (0.34, 0.22, 0.14),
    "chestnut": (0.42, 0.24, 0.14), "auburn": (0.48, 0.20, 0.12), "red": (0.66, 0.30, 0.13),
    "blond": (0.82, 0.66, 0.38), "ash": (0.60, 0.53, 0.42), "grey": (0.55, 0.55, 0.56),
    "white": (0.86, 0.85, 0.83), "dyed blue": (0.20, 0.32, 0.58),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Shape of one hair style, in head heights.

    Args:
        volume: how far the hair stands off the skull. length: where it ends below the head's centre, 0 for none.
        flare: extra width at its end. bumps: size of curls on its edge. strand: waviness of strands.
        cover: opacity over the scalp (buzz cuts show skin). tail: "bun", "ponytail" or "".
    """

    volume: float
    length: float
    flare: float = 0.0
    bumps: float = 0.0
    strand: float = 0.0
    cover: float = 1.0
    tail: str = ""
    fringe: bool = True
    receding: float = 0.0


STYLES = {
    "bald": Style(0.0, 0.0, cover=0.0, fringe=False),
    "buzz": Style(0.008, 0.0, cover=0.55, fringe=False),
    "crop": Style(0.035, 0.0, fringe=False),
    "side part": Style(0.055, 0.0),
    "spiky": Style(0.085, 0.0, bumps=-0.05, fringe=False),
    "curls": Style(0.075, 0.10, bumps=0.035, strand=1.0),
    "afro": Style(0.20, 0.22, bumps=0.03, strand=1.0, fringe=False),
    "bob": Style(0.065, 0.40, flare=0.05),
    "long straight": Style(0.055, 0.95, flare=0.03),
    "long wavy": Style(0.075, 0.90, flare=0.10, strand=0.5, bumps=0.018),
    "long curls": Style(0.11, 0.80, flare=0.14, bumps=0.04, strand=1.0),
    "bun": Style(0.03, 0.0, tail="bun"),
    "ponytail": Style(0.03, 0.0, tail="ponytail"),
    "receding": Style(0.02, 0.0, fringe=False, receding=1.0),
}


class Hair:
    """The hair of one posed head: paint `back` before the head and `front` after the face."""

    def __init__(self, head: Head) -> None:
        genome = head.person.genome
        self.head, self.genome, self.style = head, genome, STYLES[genome.hair_style]
        grey = max(0.0, genome.age - 0.7) * 2.2 if genome.hair_colour != "dyed blue" else 0.0
        base = np.array(_COLOURS[genome.hair_colour], np.float32) * (0.8 + 0.45 * genome.hair_shade)
        self.colour = base + min(grey, 0.75) * (np.array([0.62, 0.62, 0.63], np.float32) - base)
        self.rng = np.random.default_rng([head.person.seed, 2])
        self.off = self.style.volume * (0.7 + 0.6 * genome.hair_volume)

    def back(self, canvas: Canvas) -> None:
        """Paint what lies behind the head: the skull's own cover, lengths, tails."""
        head, style = self.head, self.style
        turn = -np.sin(head.look.yaw) * 0.10
        if style.tail == "bun":
            self._mass(canvas, ellipse_points(turn * 1.3, -0.58, 0.17, 0.14, n=18), z=-0.12, dim=0.9)
        if style.tail == "ponytail":
            tail = np.array([(0.06, -0.40), (0.30, -0.34), (0.36, 0.0), (0.30, 0.40), (0.22, 0.52), (0.20, 0.30), (0.20, 0.0), (0.05, -0.2)])
            self._mass(canvas, smooth_points(tail + (turn, 0), per_span=4), z=-0.25, dim=0.85)
        if style.cover >= 1:
            wide = head.half_width + self.off
            skull = ellipse_points(turn, -0.10, wide * (1 + 0.12 * abs(np.sin(head.look.yaw))), 0.40 + self.off, n=24)
            self._mass(canvas, skull, z=-0.05, dim=0.8)
        if style.length > 0:
            self._mass(canvas, self._length_shape(), z=-0.10, dim=0.72)

    def front(self, canvas: Canvas) -> None:
        """Paint what lies over the forehead and temples, with strands and a highlight."""
        head, style = self.head, self.style
        if style.cover == 0:
            return
        cap = self._cap_shape()
        points = head.project(cap, z=self._cap_depth(cap))
        # The shadow that hair throws on the forehead gives it thickness.
        shadow = points + np.array([-0.012 * head.setting.light[0], 0.016], np.float32) * head.size
        if style.cover >= 1:
            canvas.fill(shadow, head.skin * (0.45, 0.33, 0.31), opacity=0.4, soft=0.014 * head.size)
        soft = 0.012 * head.size if style.cover < 1 else 0.002 * head.size
        canvas.fill(points, self._paint(1.0), opacity=style.cover, soft=soft)
        if style.cover >= 1:
            self._strands(canvas, canvas.mask(points))

    def beard(self, canvas: Canvas, outline: Array) -> None:
        """Paint facial hair."""
        kind, head = self.genome.facial_hair, self.head
        if kind == "none":
            return
        w, rng = head.half_width, np.random.default_rng([head.person.seed, 3])
        y = 0.262 + 0.045 * (self.genome.mouth_height - 0.5)
        clip = canvas.mask(smooth_points(outline), soft=0.006 * head.size)
        colour = self.colour * 0.85
        shapes: list[tuple[list[tuple[float, float]], float]] = []
        if kind in ("stubble", "short beard", "full beard"):
            cheek = {"stubble": 0.20, "short beard": 0.20, "full beard": 0.13}[kind]
            ring = [(-w, -0.02), (-0.80 * w, cheek), (-0.12, y - 0.045), (0, y - 0.055), (0.12, y - 0.045), (0.80 * w, cheek), (w, -0.02), (1.05 * w, 0.3), (0.2, 0.56), (-0.2, 0.56), (-1.05 * w, 0.3)]
            shapes.append((ring, {"stubble": 0.28, "short beard": 0.75, "full beard": 0.92}[kind]))
        if kind in ("moustache", "goatee"):
            shapes.append(([(-0.12, y + 0.01), (-0.07, y - 0.05), (0, y - 0.058), (0.07, y - 0.05), (0.12, y + 0.01), (0.05, y - 0.018), (-0.05, y - 0.018)], 0.9))
        if kind == "goatee":
            shapes.append(([(-0.08, y + 0.06), (0, y + 0.075), (0.08, y + 0.06), (0.09, 0.44), (0, 0.56), (-0.09, 0.44)], 0.88))
        for ring, opacity in shapes:
            canvas.fill(head.project(ring, lift=0.02), head.shade(colour), opacity=opacity, soft=0.012 * head.size, clip=clip)
        if kind == "full beard":
            low = head.project([(-0.19, 0.40), (-0.12, 0.55), (0, 0.60), (0.12, 0.55), (0.19, 0.40), (0, 0.38)], z=0.24)
            canvas.fill(smooth_points(low), head.shade(colour), opacity=0.95, soft=0.008 * head.size)
        if kind in ("short beard", "full beard", "goatee"):
            starts = np.column_stack([rng.uniform(-0.26, 0.26, 26), rng.uniform(y + 0.05, 0.5, 26)])
            lines = [head.project([p, p + (0.02 * p[0], 0.04)], lift=0.02) for p in starts]
            canvas.stroke(lines, colour * 1.5 + 0.03, 0.005 * head.size, opacity=0.4, clip=clip)

    def _paint(self, dim: float):  # type: ignore[no-untyped-def]
        return self.head.shade(self.colour * dim, gloss=0.10)

    def _mass(self, canvas: Canvas, shape: Array, *, z: float, dim: float) -> None:
        points = self.head.project(self._curled(shape), z=z)
        canvas.fill(points, self._paint(dim), soft=0.002 * self.head.size)

    def _curled(self, shape: Array) -> Array:
        """Return the outline with curls (or spikes, for negative bumps) on it."""
        bumps = self.style.bumps
        if bumps == 0:
            return shape
        at = np.linspace(0, 1, 72, endpoint=False)
        closed = np.concatenate([shape, shape[:1]])
        knots = np.linspace(0, 1, len(closed))
        dense = np.column_stack([np.interp(at, knots, closed[:, i]) for i in (0, 1)])
        centre = dense.mean(0)
        out = (dense - centre) / (np.linalg.norm(dense - centre, axis=1, keepdims=True) + 1e-6)
        wave = np.abs(np.sin(at * np.pi * 18 + self.rng.uniform(0, 3))) if bumps > 0 else 2 * np.abs((at * 14) % 1 - 0.5)
        return dense + out * (abs(bumps) * wave)[:, None]

    def _length_shape(self) -> Array:
        style, w = self.style, self.head.half_width + self.off
        end, wide = style.length, w + style.flare
        half = [(0.0, -0.48 - self.off), (0.75 * w, -0.40 - 0.6 * self.off), (1.02 * w, -0.15), (0.5 * (w + wide) + 0.02, 0.5 * end), (wide, end - 0.06), (0.82 * wide, end), (0.35 * wide, end + 0.02)]
        left = [(-x, y) for x, y in half[:0:-1]]
        return smooth_points(half + left, per_span=4)

    def _cap_shape(self) -> Array:
        """Return the front hair: around the crown from temple to temple and back along the hairline."""
        g, style, w = self.genome, self.style, self.head.half_width
        off = self.off
        outer = [(-1.02 * w - 0.5 * off, 0.02 if style.length else -0.06), (-1.03 * w - 0.8 * off, -0.20), (-0.80 * w - 0.7 * off, -0.39 - 0.5 * off), (-0.4 * w, -0.49 - off), (0, -0.51 - off), (0.4 * w, -0.49 - off), (0.80 * w + 0.7 * off, -0.39 - 0.5 * off), (1.03 * w + 0.8 * off, -0.20), (1.02 * w + 0.5 * off, 0.02 if style.length else -0.06)]
        line = -0.30 - 0.08 * g.forehead - 0.05 * g.hairline - 0.10 * style.receding
        back = 0.06 * g.hairline + 0.10 * style.receding
        inner = [(0.98 * w, -0.05), (0.94 * w, -0.20), (0.55 * w, line + 0.02 - back), (0.25 * w, line - 0.4 * back), (0, line), (-0.25 * w, line - 0.4 * back), (-0.55 * w, line + 0.02 - back), (-0.94 * w, -0.20), (-0.98 * w, -0.05)]
        if style.fringe:
            inner = self._fringe(inner, line, w)
        top = smooth_points(outer, closed=False, per_span=4)
        return np.concatenate([self._edge(top), smooth_points(inner, closed=False, per_span=4)])

    def _edge(self, top: Array) -> Array:
        bumps = self.style.bumps
        if bumps == 0:
            return top
        at = np.linspace(0, 1, 80)
        knots = np.linspace(0, 1, len(top))
        dense = np.column_stack([np.interp(at, knots, top[:, i]) for i in (0, 1)])
        out = dense / (np.linalg.norm(dense, axis=1, keepdims=True) + 1e-6)
        wave = np.abs(np.sin(at * np.pi * 11)) if bumps > 0 else 2 * np.abs((at * 13) % 1 - 0.5)
        return dense + out * (abs(bumps) * wave)[:, None]

    def _fringe(self, inner: list[tuple[float, float]], line: float, w: float) -> list[tuple[float, float]]:
        drop = {"none": 0.0, "straight": 0.15, "swept left": 0.11, "swept right": 0.11, "parted": 0.10}[self.genome.fringe]
        skew = {"swept left": -1.0, "swept right": 1.0}.get(self.genome.fringe, 0.0)
        out = []
        for x, y in inner:
            t = x / w
            shape = 1 - abs(t) ** 4 if self.genome.fringe == "straight" else abs(t) ** 0.7 if self.genome.fringe == "parted" else 0.5 + 0.5 * skew * t
            out.append((x, y + drop * shape * float(abs(t) < 0.86)))
        return out

    def _cap_depth(self, cap: Array) -> Array:
        # Flat beyond the temples, so that hair and silhouette turn together and no gap opens between them.
        inside = 1 - (cap[:, 0] / (self.head.half_width * 0.92)) ** 2 - (cap[:, 1] / (0.62 + self.off)) ** 2
        return (0.36 * np.sqrt(inside.clip(0))).astype(np.float32)

    def _strands(self, canvas: Canvas, clip: Array) -> None:
        head, rng, style = self.head, self.rng, self.style
        part = {"swept left": 0.16, "swept right": -0.16, "parted": 0.0}.get(self.genome.fringe, 0.05)
        t = np.linspace(0, 1, 7)
        lines = []
        for angle in rng.uniform(-1.0, 1.0, 34):
            end = np.array([angle * (head.half_width + self.off), -0.12 - 0.25 * (1 - abs(angle))])
            start = np.array([part + 0.1 * angle, -0.50 - self.off])
            bow = np.array([0.16 * angle, -0.16 * abs(angle)])
            path = start + (end - start) * t[:, None] + bow * (4 * t * (1 - t))[:, None]
            path[:, 0] += style.strand * 0.022 * np.sin(t * 14 + angle * 9)
            lines.append(head.project(path, z=self._cap_depth(path)))
        dark, light = ramp(np.array([0.0, 1.0], np.float32), [(0, self.colour * 0.45), (1, self.colour * 1.55 + 0.05)])
        canvas.stroke(lines[:17], dark, 0.007 * head.size, opacity=0.45, clip=clip)
        canvas.stroke(lines[17:], light * min(1.1, head.light_level()), 0.006 * head.size, opacity=0.38, clip=clip)
        shine = ellipse_points(0.16 * np.sign(head.setting.light[0]), -0.40 - 0.6 * self.off, 0.16, 0.045, n=16)
        canvas.fill(head.project(shine, z=0.2), np.minimum(self.colour * 2.2 + 0.12, 1), opacity=0.30, soft=0.03 * head.size, clip=clip)
