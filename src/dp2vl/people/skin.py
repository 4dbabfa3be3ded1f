"""The light on a face: a small map of shaded skin, smooth enough to be enlarged to any size.

The map is computed on a fixed grid over the head's box: each cell's ray hits the skull, gentle bumps (nose, cheeks,
sockets, chin) bend its normal, and the bent normal is lit. The cost does not depend on the picture's size.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.people.canvas import Array
from dp2vl.people.head import GRID_BOX, Head

NOSE = 5  # the first bumps are the nose: they stand out and throw a shadow


def eye_centre(head: Head) -> tuple[float, float]:
    """Return the face coordinates of the eye on the picture's right."""
    g = head.person.genome
    return 0.122 + 0.05 * g.eye_spacing, -0.005 - 0.045 * (g.eye_height - 0.5)


def nose_shape(head: Head) -> tuple[float, float, float]:
    """Return the nose's lowest y, half width and how far its tip stands out."""
    g = head.person.genome
    return 0.148 + 0.065 * g.nose_length, 0.045 + 0.042 * g.nose_width, 0.050 + 0.050 * g.nose_bridge


def mouth_line(head: Head) -> float:
    """Return the face coordinate y of the closed mouth."""
    g = head.person.genome
    return nose_shape(head)[0] + 0.085 + 0.04 * g.mouth_height + 0.2 * (head.chin - 0.5)


def skin_paint(head: Head) -> Callable[[Array, Array], Array]:
    """Return paint that shows the head's lit skin; one map serves all calls."""
    normal, point = head.grid
    u, v = point[0], point[1]
    bumps = _bumps(head)
    slope_u, slope_v, nose = _slopes(u, v, bumps)
    front = np.clip(point[2] * 5, 0, 1)  # bumps belong to the face, not to the back of the head
    bent = normal.copy()
    bent[0] -= slope_u * front
    bent[1] -= slope_v * front
    bent /= np.sqrt(bent[0] ** 2 + bent[1] ** 2 + bent[2] ** 2) + np.float32(1e-6)
    return map_paint(
        head, _light(head, bent, 0.55 * _nose_shadow(head, u, v, nose, bumps) * front, _pigment(head, u, v))
    )


def map_paint(head: Head, planes: list[Array]) -> Callable[[Array, Array], Array]:
    """Return paint that enlarges a map over the head's box, given as three planes of colour."""
    shades = cv2.merge(planes)
    rows, columns = shades.shape[:2]
    left, top, right, bottom = GRID_BOX
    sx = np.float32((columns - 1) / (right - left) / head.size)
    sy = np.float32((rows - 1) / (bottom - top) / head.size)
    x0, y0 = np.float32(head.x + left * head.size), np.float32(head.y + top * head.size)

    def paint(x: Array, y: Array) -> Array:
        return cv2.remap(shades, (x - x0) * sx, (y - y0) * sy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return paint


def _bumps(head: Head) -> NDArray[np.float32]:
    """Return bumps (n, 5): x, y, width, height of the bell and its rise; all but those on the middle are in pairs."""
    g, look = head.person.genome, head.look
    ex, ey = eye_centre(head)
    low, wide, rise = nose_shape(head)
    mouth, smile = mouth_line(head), max(look.smile, 0.0)
    middle = [
        (0.0, ey + 0.03, 0.030 + 0.012 * g.nose_width, 0.080, 0.4 * rise),
        (0.0, (ey + low) / 2 + 0.02, 0.034 + 0.010 * g.nose_width, 0.060, 0.5 * rise),
        (0.0, low - 0.030, 0.030 + 0.022 * g.nose_tip, 0.032 + 0.01 * g.nose_tip, 0.62 * rise),
        (wide * 0.74, low - 0.014, 0.020, 0.022, 0.018), (-wide * 0.74, low - 0.014, 0.020, 0.022, 0.018),
        (0.0, mouth - 0.01, 0.105, 0.060, 0.022), (0.0, mouth - 0.055, 0.012, 0.026, -0.005),
        (0.0, mouth + 0.078, 0.060, 0.020, -0.014), (0.0, head.chin - 0.075, 0.055 + 0.03 * g.chin_width, 0.045, 0.026),
        (0.0, -0.25, 0.16, 0.12, 0.02 * g.forehead),
    ]  # fmt: skip
    pairs = [
        (ex * 0.95, ey - 0.085, 0.085, 0.030, 0.016 + 0.016 * g.brow_ridge),
        (ex * 0.86, ey - 0.005, 0.070, 0.050, -0.034),
        (ex, ey + 0.002, 0.046, 0.034, 0.016),
        (ex * 1.45, low - 0.09, 0.085, 0.055, 0.016 + 0.032 * g.cheekbones),
        (ex * 1.22, low - 0.05, 0.075, 0.060, 0.006 + 0.022 * smile),
        (ex * 1.45, mouth - 0.01, 0.060, 0.080, 0.020 * (g.build - 0.6) - 0.020 * g.cheekbones),
        (0.085, mouth + 0.01, 0.030, 0.030, -0.008 - 0.010 * smile),
    ]  # fmt: skip
    bumps = np.array(middle + pairs, np.float32)
    # What stands out is seen shifted over the surface behind it.
    bumps[:NOSE, :2] -= bumps[:NOSE, 4:] * (1.2 / max(head.view[2], 0.3) * head.view[:2]).astype(np.float32)
    return bumps


def _slopes(u: Array, v: Array, bumps: NDArray[np.float32]) -> tuple[Array, Array, Array]:
    """Return the slopes of all bumps along x and y, and the height of the nose alone, each (rows, columns)."""
    x, y, sx, sy, rise = bumps.T
    paired = x[:, None] > 0
    paired[:NOSE] = False
    flat_u, flat_v, turn = u.ravel(), v.ravel(), np.sign(u).ravel()
    du = np.where(paired, np.abs(flat_u), flat_u) - x[:, None]
    du /= sx[:, None]
    dv = (flat_v - y[:, None]) / sy[:, None]
    bell = np.exp(-(du * du + dv * dv))
    du *= bell
    dv *= bell
    k = NOSE + 5
    along = (rise / sx * -2)[None]
    slope_u = along[:, :k] @ du[:k] + turn * (along[:, k:] @ du[k:])
    slope_v = (rise / sy * -2)[None] @ dv
    return (
        slope_u.reshape(u.shape),
        slope_v.reshape(u.shape),
        (rise[None, :NOSE] @ bell[:NOSE]).reshape(u.shape),
    )


def _nose_shadow(head: Head, u: Array, v: Array, nose: Array, bumps: NDArray[np.float32]) -> Array:
    """Return how much (0 to 1) the nose hides the light: higher ground towards the light."""
    lx, ly, lz = head.light.tolist()
    shade = np.zeros_like(u)
    for reach in (0.045, 0.09):
        higher = -nose - np.float32(reach * max(lz, 0.2) * 0.55)
        for x, y, sx, sy, rise in bumps[:3].tolist():
            higher += rise * np.exp(-(((u + (lx * reach - x)) / sx) ** 2) - ((v + (ly * reach - y)) / sy) ** 2)
        shade = np.maximum(shade, np.clip(higher * 45, 0, 1))
    return shade


def _light(head: Head, normal: Array, hidden: Array, skin: list[Array]) -> list[Array]:
    """Return the three planes of colour of lit skin."""
    light, view, up = head.light, head.view, head.rotation[1]
    half = (light + view) / np.linalg.norm(light + view)
    lit = np.clip((_dot(normal, light) + 0.18) / 1.18, 0, 1) * (1 - hidden)
    gloss = np.clip(_dot(normal, half), 0, 1) ** 22 * 0.11
    ambient = head.setting.ambient * (1 - 0.10 * _dot(normal, up))  # the sky is lighter than the ground
    rim = 0.80 + 0.20 * np.clip(1.8 * _dot(normal, view), 0, 1)
    planes = []
    for plane, tint, through in zip(skin, head.setting.light_colour, (1.0, 0.90, 0.88), strict=True):
        shadow = ambient * through  # light that went through skin is redder
        planes.append(plane * rim * (shadow + lit * (1.08 * tint - shadow)) + gloss * tint)
    return planes


def _dot(planes: Array, vector: NDArray[np.floating]) -> Array:
    a, b, c = vector.tolist()
    return planes[0] * a + planes[1] * b + planes[2] * c


def _pigment(head: Head, u: Array, v: Array) -> list[Array]:
    """Return the three planes of the skin's own colour, before light."""
    g = head.person.genome
    ex, ey = eye_centre(head)
    low, mouth, side = nose_shape(head)[0], mouth_line(head), np.abs(u)

    def bell(x: float, y: float, sx: float, sy: float) -> Array:
        return np.exp(-(((side - x) / sx) ** 2) - ((v - y) / sy) ** 2)

    red = bell(ex * 1.4, low - 0.04, 0.09, 0.07) * (0.35 + 0.4 * g.blush) + bell(0, low - 0.02, 0.05, 0.04) * 0.45
    tired = (
        bell(ex * 0.92, ey + 0.03, 0.065, 0.035) * (0.25 + 0.5 * g.age) + bell(ex * 0.9, ey - 0.035, 0.07, 0.03) * 0.5
    )
    beard = np.zeros_like(u)
    if g.facial_hair != "none":
        jaw = np.clip((v - (low - 0.005) + 0.75 * (side - 0.12).clip(-0.1, 0.2)) * 12, 0, 1)
        beard = jaw * (1 - 0.8 * bell(0.0, mouth, 0.085, 0.030)) * (0.34 if g.facial_hair == "stubble" else 0.20)
    weights = ((0.04, 0.14, 0.62), (-0.17, 0.20, 0.55), (-0.15, 0.17, 0.48))
    return [
        c * (1 + a * red) * (1 - b * tired) * (1 - d * beard)
        for c, (a, b, d) in zip(head.skin.tolist(), weights, strict=True)
    ]
