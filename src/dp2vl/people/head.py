"""The head as a solid: where a point of the face lands in the picture, and how light falls on it.

Face coordinates are in units of the head's height (crown to chin), x to the picture's right, y down, the head's
centre at the origin; z points to the camera. The skull is an ellipsoid on which all features lie.
"""

from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.people.canvas import Array, ramp, smooth_points
from dp2vl.people.genome import Person
from dp2vl.people.look import Look, Setting

CENTRE_Y = 0.08
RADIUS_Y = 0.60
DEPTH = 0.42
GRID_BOX = (-0.65, -0.72, 0.65, 0.78)
"""Left, top, right and bottom of the map of light, from the head's centre, in units of its height."""

_NEAR = 0.06  # a little perspective: what is nearer is larger

_TONES = (
    (0.00, (0.95, 0.82, 0.74)), (0.25, (0.91, 0.74, 0.62)), (0.45, (0.85, 0.64, 0.50)),
    (0.65, (0.70, 0.48, 0.35)), (0.85, (0.48, 0.31, 0.23)), (1.00, (0.33, 0.21, 0.16)),
)  # fmt: skip


def skin_colour(person: Person) -> Array:
    """Return the person's skin as sRGB (3,), before any light."""
    genome = person.genome
    base = ramp(np.array(genome.skin_tone, np.float32), _TONES)
    warmth = (genome.skin_warmth - 0.5) * 0.12
    return base * np.array([1 + 0.5 * warmth, 1.0 - 0.3 * warmth, 1 - 1.5 * warmth], np.float32)


class Head:
    """A posed head in a picture: projects face coordinates and knows its silhouette and light.

    Args:
        person, look, setting: who, how, and in which light.
        x, y: centre of the head in canvas units.
        size: height of the head in canvas units.
    """

    def __init__(self, person: Person, look: Look, setting: Setting, x: float, y: float, size: float) -> None:
        g = person.genome
        self.person, self.look, self.setting, self.x, self.y, self.size = person, look, setting, x, y, size
        self.half_width = 0.305 + 0.075 * g.head_width - 0.03 * (g.head_length - 0.5)
        self.chin = 0.465 + 0.07 * g.chin_length
        self.skin = skin_colour(person)
        self.radii = np.array([self.half_width * 1.06, RADIUS_Y, DEPTH])
        cy, sy, cp, sp, cr, sr = (f(a) for a in (look.yaw, look.pitch, look.roll) for f in (np.cos, np.sin))
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self.rotation = lean @ nod @ turn
        self.light = self.rotation.T @ np.array(setting.light)  # as the head sees it
        self.view = self.rotation[2]

    def depth(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return z (n,) of the surface at (n, 2) face coordinates."""
        inside = 1 - (points[:, 0] / self.radii[0]) ** 2 - ((points[:, 1] - CENTRE_Y) / RADIUS_Y) ** 2
        return DEPTH * np.sqrt(inside.clip(0.0))

    def project(self, points: Any, *, z: Any = None, lift: Any = 0.0) -> Array:
        """Return canvas coordinates (n, 2) of face coordinates (n, 2); `lift` raises them off the surface."""
        flat = np.asarray(points, np.float64).reshape(-1, 2)
        solid = np.empty((len(flat), 3))
        solid[:, :2] = flat
        solid[:, 2] = self.depth(flat) + lift if z is None else z
        return self.place(solid)

    def place(self, solid: NDArray[Any]) -> Array:
        """Return canvas coordinates (..., 2) of points (..., 3) of the head."""
        turned = solid @ self.rotation.T
        near = (1 + _NEAR * turned[..., 2:]) * self.size
        return ((self.x, self.y) + turned[..., :2] * near).astype(np.float32)

    def facing(self, points: Any, z: Any = None) -> NDArray[Any]:
        """Return how far the surface at face coordinates (n, 2) turns to the camera: 1 fully, 0 at the rim."""
        flat = np.asarray(points, np.float64).reshape(-1, 2)
        depth = self.depth(flat) if z is None else np.broadcast_to(np.asarray(z, np.float64), len(flat))
        normal = np.column_stack([flat - (0, CENTRE_Y), depth]) / self.radii**2
        return (normal @ self.view) / (np.linalg.norm(normal, axis=1) + 1e-9)

    @cached_property
    def grid(self) -> tuple[Array, Array]:
        """The smooth skull seen on a small grid over the head's box: normals and points (3, rows, columns)."""
        x, y = _grid()
        r, (a, b, c) = self.rotation, self.radii.tolist()
        scale = ((0.98, a), (0.98, b), (0.98, c))
        start = [(x * (k * r[0, i] / n) + y * (k * r[1, i] / n)) for i, (k, n) in enumerate(scale)]
        start[1] = start[1] - CENTRE_Y / b
        ray = (r[2] / self.radii).tolist()
        ahead = start[0] * ray[0] + start[1] * ray[1] + start[2] * ray[2]
        rest = start[0] ** 2 + start[1] ** 2 + start[2] ** 2 - 1
        square = float(np.dot(ray, ray))
        reach = (np.sqrt(np.maximum(ahead * ahead - square * rest, 0)) - ahead) / square
        unit = np.stack([s + reach * k for s, k in zip(start, ray, strict=True)]).astype(np.float32)
        sizes = self.radii.astype(np.float32)[:, None, None]
        normal = unit / sizes
        normal /= np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + np.float32(1e-6)
        point = unit * sizes
        point[1] += np.float32(CENTRE_Y)
        return normal, point

    @cached_property
    def silhouette(self) -> Array:
        """Return the outline of skull, cheeks, jaw and chin as canvas points."""
        return hull(self.place(self._rings()))

    def _rings(self) -> NDArray[Any]:
        g, w = self.person.genome, self.half_width
        jaw, square, c = g.jaw_width, g.jaw_square, self.chin
        forehead = 0.95 + 0.08 * g.forehead
        levels = np.array([
            # y, half width, front z, back z
            (-0.500, 0.10 * w, 0.02, -0.18), (-0.470, 0.52 * w, 0.14, -0.32), (-0.40, 0.78 * w * forehead, 0.24, -0.40),
            (-0.27, 0.95 * w * forehead, 0.33, -0.45), (-0.10, 1.0 * w, 0.38, -0.45),
            (0.06, (0.955 + 0.06 * g.cheekbones) * w, 0.40, -0.38), (0.20, (0.82 + 0.15 * jaw) * w, 0.39, -0.20),
            (0.32, (0.60 + 0.22 * jaw + 0.12 * square) * w, 0.37, -0.05),
            (c - 0.075, (0.38 + 0.12 * jaw + 0.17 * square + 0.08 * g.chin_width) * w, 0.35, 0.05),
            (c - 0.018, (0.12 + 0.05 * square + 0.24 * g.chin_width) * w, 0.33, 0.14),
            (c, (0.03 + 0.14 * g.chin_width) * w, 0.29, 0.20),
        ])  # fmt: skip
        levels = _dense(levels)
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        middle, half = (levels[:, 2] + levels[:, 3]) / 2, (levels[:, 2] - levels[:, 3]) / 2
        x = levels[:, 1:2] * np.cos(angle)
        z = middle[:, None] + half[:, None] * np.sin(angle)
        return np.stack([x, np.broadcast_to(levels[:, :1], x.shape), z], -1).reshape(-1, 3)

    def lit(self, colour: Any, *, level: float = 1.0) -> Array:
        """Return a flat colour (3,) as a surface that faces the camera shows it in this light."""
        s = self.setting
        shine = s.ambient + (1.12 - s.ambient) * s.light[2]
        tint = np.array(s.light_colour, np.float32)
        return np.asarray(colour, np.float32) * tint * np.float32(min(shine, 1.08) * level)

    def light_side(self) -> float:
        """Return -1 to 1: from which side of the picture the light comes."""
        return float(np.clip(self.setting.light[0] / 0.6, -1, 1))


def shown(head: Head, ring: Any, lift: float = 0.0) -> Array:
    """Return canvas points of a ring on the face; what has turned behind the rim is moved out beyond it."""
    points = np.asarray(ring, np.float64)
    placed = head.project(points, lift=lift)
    behind = head.facing(points) < 0.0
    side = np.sign(points[:, 0])
    placed[behind, 0] = head.x + side[behind] * 0.55 * head.size
    return placed


def hull(points: Array) -> Array:
    """Return the convex hull (m, 2) of canvas points (n, 2)."""
    return cv2.convexHull(np.ascontiguousarray(points, np.float32))[:, 0]


@lru_cache(maxsize=1)
def _grid() -> tuple[Array, Array]:
    left, top, right, bottom = GRID_BOX
    x, y = np.meshgrid(np.linspace(left, right, 66, dtype=np.float32), np.linspace(top, bottom, 76, dtype=np.float32))
    return x, y


def _dense(levels: NDArray[Any], per_span: int = 4) -> NDArray[Any]:
    columns = [smooth_points(levels[:, [0, i]], closed=False, per_span=per_span) for i in (1, 2, 3)]
    return np.column_stack([columns[0], columns[1][:, 1], columns[2][:, 1]]).astype(np.float64)
