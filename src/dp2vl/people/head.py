"""The head as a solid: where a point of the face lands in the picture, and how light falls on it.

Face coordinates are in units of the head's height (crown to chin), x to the picture's right, y down, the head's
centre at the origin; z points to the camera and follows from x and y unless given.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dp2vl.people.canvas import Array, Linear, ramp
from dp2vl.people.genome import Person
from dp2vl.people.look import Look, Setting

DEPTH = 0.40
SKULL = 0.5

_TONES = (
    (0.00, (0.98, 0.86, 0.78)), (0.25, (0.93, 0.76, 0.63)), (0.45, (0.84, 0.63, 0.48)),
    (0.65, (0.68, 0.47, 0.34)), (0.85, (0.46, 0.30, 0.22)), (1.00, (0.30, 0.19, 0.14)),
)  # fmt: skip


def skin_colour(person: Person) -> Array:
    """Return the person's skin as sRGB (3,), before any light."""
    genome = person.genome
    base = ramp(np.array(genome.skin_tone, np.float32), _TONES)
    warmth = (genome.skin_warmth - 0.5) * 0.07
    return base * np.array([1 + warmth, 1.0, 1 - 1.2 * warmth], np.float32)


class Head:
    """A posed head in a picture: projects face coordinates and shades skin.

    Args:
        person, look, setting: who, how, and in which light.
        x, y: centre of the head in canvas units.
        size: height of the head in canvas units.
    """

    def __init__(self, person: Person, look: Look, setting: Setting, x: float, y: float, size: float) -> None:
        genome = person.genome
        self.person, self.look, self.setting, self.x, self.y, self.size = person, look, setting, x, y, size
        self.half_width = 0.315 + 0.075 * genome.head_width - 0.025 * (genome.head_length - 0.5)
        self.skin = skin_colour(person)
        yaw, pitch, roll = look.yaw, look.pitch, look.roll
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self.rotation = lean @ nod @ turn

    def depth(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return z (n,) of the face's surface at (n, 2) face coordinates."""
        inside = 1 - (points[:, 0] / (self.half_width * 1.08)) ** 2 - (points[:, 1] / (SKULL * 1.12)) ** 2
        return DEPTH * np.sqrt(inside.clip(0.0))

    def project(self, points: Any, *, z: Any = None, lift: float = 0.0) -> Array:
        """Return canvas coordinates (n, 2) of face coordinates (n, 2); `lift` raises them off the surface."""
        flat = np.asarray(points, np.float64).reshape(-1, 2)
        depth = self.depth(flat) + lift if z is None else np.broadcast_to(np.asarray(z, np.float64), len(flat))
        turned = np.column_stack([flat, depth]) @ self.rotation.T
        near = 1 + 0.10 * turned[:, 2:3]  # a little perspective: what is nearer is larger
        return (np.array([self.x, self.y]) + turned[:, :2] * near * self.size).astype(np.float32)

    def facing(self, x: float, y: float) -> float:
        """Return how far the surface at a face coordinate turns to the camera: 1 fully, 0 at the silhouette."""
        depth = float(self.depth(np.array([[x, y]]))[0])
        normal = np.array([x / self.half_width**2, y / SKULL**2, depth / DEPTH**2])
        return float((self.rotation @ (normal / (np.linalg.norm(normal) + 1e-9)))[2])

    def outline(self) -> Array:
        """Return the face's silhouette as canvas points: skull, cheek, jaw and chin of this person."""
        g, w = self.person.genome, self.half_width
        jaw_y, chin = 0.25 + 0.05 * (g.chin_length - 0.5), 0.47 + 0.05 * g.chin_length
        right = [
            (0.0, -0.50, -0.05), (0.52 * w, -0.475, -0.03), (0.86 * w, -0.34, 0.0), (1.0 * w, -0.14, 0.0),
            ((0.96 + 0.06 * g.cheekbones) * w, 0.05, 0.04), ((0.72 + 0.22 * g.jaw_width) * w, jaw_y, 0.08),
            ((0.46 + 0.16 * g.jaw_width + 0.16 * g.jaw_square) * w, 0.37, 0.16),
            ((0.14 + 0.26 * g.chin_width) * w, chin - 0.012, 0.26), (0.0, chin, 0.28),
        ]  # fmt: skip
        left = [(-x, y, z) for x, y, z in right[-2:0:-1]]
        ring = np.array(right + left)
        return self.project(ring[:, :2], z=ring[:, 2])

    def shade(self, colour: Any, *, gloss: float = 0.0) -> Any:
        """Return paint of `colour` lit as the head's ellipsoid; `gloss` adds a highlight."""
        setting = self.setting
        lx, ly, lz = np.array(setting.light, np.float32)
        ambient, direct = np.float32(setting.ambient), np.float32(1.12 - setting.ambient)
        base = np.asarray(colour, np.float32) * np.array(setting.light_colour, np.float32)
        glow = (base * (0.10, 0.0, -0.02)).astype(np.float32)  # blood shows where little light falls
        turned = np.array([0.0, 0.0, 0.06]) @ self.rotation.T
        cx, cy = self.x + turned[0] * self.size, self.y + turned[1] * self.size
        rx, ry = self.half_width * 1.12 * self.size, 0.60 * self.size

        def paint(x: Array, y: Array) -> Array:
            nx, ny = (x - np.float32(cx)) / np.float32(rx), (y - np.float32(cy)) / np.float32(ry)
            nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, np.float32(0.03)))
            lit = np.maximum(nx * lx + ny * ly + nz * lz, 0)
            level = ambient + direct * lit
            out = level[..., None] * base
            out += (level - lit * level)[..., None] * glow
            if gloss:
                out += (np.float32(gloss) * lit**14)[..., None]
            return out

        return paint

    def fade(self, top: Any, bottom: Any, colour_top: Any, colour_bottom: Any) -> Linear:
        """Return paint fading from face point `top` to face point `bottom`."""
        (x0, y0), (x1, y1) = self.project([top, bottom]).tolist()
        return Linear((x0, y0), (x1, y1), [(0.0, colour_top), (1.0, colour_bottom)])

    def light_level(self) -> float:
        """Return the brightness of a surface that faces the camera."""
        return self.setting.ambient + (1.12 - self.setting.ambient) * self.setting.light[2]
