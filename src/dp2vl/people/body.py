"""Neck, shoulders and clothes, and the order in which a person is painted."""

from typing import Any

import numpy as np

from dp2vl.people.accessories import paint_glasses
from dp2vl.people.beard import paint_beard
from dp2vl.people.canvas import Array, Canvas, Linear, smooth_points
from dp2vl.people.face import paint_ears, paint_features
from dp2vl.people.genome import Person
from dp2vl.people.hair import hair_colour, hair_paint, paint_back_hair, paint_hair, shows_ears
from dp2vl.people.head import Head
from dp2vl.people.look import Look, Setting, cloth_colour
from dp2vl.people.skin import skin_paint


def paint_person(
    canvas: Canvas, person: Person, look: Look, setting: Setting, *, x: float, y: float, head: float
) -> None:
    """Paint head, neck and upper body, the middle of the head at (x, y) and `head` high, in canvas units.

    The body reaches about three heads below the chin. Cost: some 80 small fills, all within the person's box.
    """
    posed = Head(person, look, setting, x, y, head)
    skin, hair = skin_paint(posed), hair_paint(posed, hair_colour(posed))
    face = posed.silhouette
    with canvas.showing("hair"):
        paint_back_hair(canvas, posed, hair)
    _paint_body(canvas, posed)
    with canvas.showing("skin"):
        if not shows_ears(posed):
            paint_ears(canvas, posed, skin)
        canvas.fill(face, skin, soft=0.0025 * head)
    paint_features(canvas, posed, hair_colour(posed, dyed=False))
    with canvas.showing("beard"):
        paint_beard(canvas, posed, face)
    with canvas.showing("hair"):
        paint_hair(canvas, posed, hair, face)
    if shows_ears(posed):
        with canvas.showing("skin"):
            paint_ears(canvas, posed, skin)
    with canvas.showing("glasses"):
        paint_glasses(canvas, posed)


def _paint_body(canvas: Canvas, head: Head) -> None:
    g, look, size = head.person.genome, head.look, head.size
    at = np.array([head.x - 0.25 * np.sin(look.roll) * size, head.y])
    neck = 0.175 + 0.075 * g.build
    wide = 0.86 + 0.30 * g.build
    lean = 0.06 * look.shoulders

    def put(points: Any) -> Array:
        return (np.asarray(points, np.float64) * size + at).astype(np.float32)

    top = head.place(np.array([[-neck, 0.25, -0.08], [neck, 0.25, -0.08]]))
    base = put(
        [
            (neck * 1.10, 0.60),
            (neck * 1.45, 0.72),
            (neck * 1.5, 1.10),
            (-neck * 1.5, 1.10),
            (-neck * 1.45, 0.72),
            (-neck * 1.10, 0.60),
        ]
    )
    throat = smooth_points(np.concatenate([top, base]), per_span=4)
    with canvas.showing("skin"):
        canvas.fill(throat, _across(head, head.skin, at[0], 1.15 * neck * size, 0.92))
    shadow = head.silhouette + np.array([-0.05 * head.light_side(), 0.075], np.float32) * size
    canvas.fill(shadow, head.skin * (0.42, 0.27, 0.25), opacity=0.55, soft=0.022 * size, clip=canvas.mask(throat))
    right = [
        (neck * 1.25, 0.60),
        (0.45, 0.72 + lean),
        (0.78 * wide, 0.80 + lean),
        (wide, 1.02 + lean),
        (wide * 1.10, 1.6),
        (wide * 1.12, 3.6),
    ]
    left = [(-x, y - 2 * lean * (y < 1.3)) for x, y in right]
    shape = smooth_points(put(right + left[::-1]), per_span=5)
    cloth = cloth_colour(look.cloth)
    clip = canvas.mask(shape)
    clip *= 1 - canvas.mask(_neckline(head, put, neck))
    with canvas.showing("clothes"):
        canvas.fill(shape, _across(head, cloth, at[0], wide * size, 1.0), clip=clip)
        _paint_pattern(canvas, head, put, clip, wide)
        _paint_folds(canvas, head, put, clip, wide)
        _paint_garment(canvas, head, put, clip, neck)


def _across(head: Head, colour: Array, middle: float, half: float, level: float) -> Linear:
    """Return paint of a rounded body: lit on the lamp's side, dark at the other."""
    s = head.setting
    tint = np.array(s.light_colour, np.float32)
    side = s.light[0]
    stops = []
    for t in (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0):
        lit = max(side * t * 0.9 + s.light[2] * np.sqrt(1 - 0.85 * t * t), 0.0)
        shine = s.ambient + (1.08 - s.ambient) * lit
        stops.append(((t + 1) / 2, np.minimum(colour * tint * shine * level, 1)))
    return Linear((middle - half, 0.0), (middle + half, 0.0), stops)


def _neckline(head: Head, put: Any, neck: float) -> Array:
    drop = {"tee": 0.80, "v-neck": 1.02, "shirt": 0.90, "hoodie": 0.82, "jacket": 0.98, "turtleneck": 0.52}[
        head.look.garment
    ]
    wide = neck * {"v-neck": 1.35, "tee": 1.35, "jacket": 1.25}.get(head.look.garment, 1.15)
    if head.look.garment == "turtleneck":
        return put(
            [
                (-wide * 1.2, 0.2),
                (-wide * 1.15, drop),
                (0, drop + 0.03),
                (wide * 1.15, drop),
                (wide * 1.2, 0.2),
            ]
        )
    curve = [
        (-wide * 1.1, 0.3),
        (-wide, 0.66),
        (-wide * 0.55, 0.66 + 0.75 * (drop - 0.66)),
        (0, drop),
        (wide * 0.55, 0.66 + 0.75 * (drop - 0.66)),
        (wide, 0.66),
        (wide * 1.1, 0.3),
    ]
    if head.look.garment in ("v-neck", "shirt", "jacket"):
        return put([curve[0], curve[1], curve[3], curve[5], curve[6]])
    return smooth_points(put(curve), per_span=4)


def _paint_pattern(canvas: Canvas, head: Head, put: Any, clip: Array, wide: float) -> None:
    look, size = head.look, head.size
    accent = head.lit(cloth_colour(look.accent), level=0.92)
    rows = np.arange(0.66, 3.6, 0.17)
    columns = np.arange(-1.4, 1.41, 0.2)
    across = [put([(-1.4, y + 0.05), (0, y + 0.09), (1.4, y + 0.05)]) for y in rows]
    down = [put([(x, 0.5), (x * 1.06, 3.7)]) for x in columns]
    if look.pattern == "stripes":
        canvas.stroke(across, accent, 0.06 * size, opacity=0.85, clip=clip)
    elif look.pattern == "checks":
        canvas.stroke(across, accent, 0.05 * size, opacity=0.45, clip=clip)
        canvas.stroke(down, accent, 0.05 * size, opacity=0.45, clip=clip)
    elif look.pattern == "dots":
        dots = [
            put([(x + 0.1 * (i % 2), y), (x + 0.1 * (i % 2) + 0.002, y)]) for i, y in enumerate(rows) for x in columns
        ]
        canvas.stroke(dots, accent, 0.055 * size, opacity=0.85, clip=clip)
    elif look.pattern == "two-tone":
        canvas.fill(put([(-2, 1.12), (2, 1.12), (2, 4), (-2, 4)]), accent, opacity=0.92, clip=clip)


def _paint_folds(canvas: Canvas, head: Head, put: Any, clip: Array, wide: float) -> None:
    """Paint the arms' edges, a few creases and the head's shadow on the chest."""
    size, dark, x = head.size, (0.03, 0.02, 0.05), 0.72 * wide
    rng = np.random.default_rng([head.setting.texture_seed, 8])
    arms = [put([(s * x, 1.3), (s * x * 0.97, 1.8), (s * x, 2.6), (s * x * 1.02, 3.6)]) for s in (-1, 1)]
    canvas.stroke(arms, dark, 0.035 * size, opacity=0.38, soft=0.02 * size, clip=clip)
    folds = []
    for s in (-1, 1, -1, 1):
        a, b = rng.uniform(0.1, 0.9, 2)
        folds.append(
            put(
                [
                    (s * (0.3 + 0.4 * a), 0.85 + 0.3 * b),
                    (s * (0.36 + 0.45 * a), 1.05 + 0.35 * b),
                    (s * (0.5 + 0.4 * a), 1.2 + 0.5 * b),
                ]
            )
        )
    canvas.stroke(folds, dark, 0.03 * size, opacity=0.15, soft=0.018 * size, clip=clip)
    shade = head.silhouette + np.array([-0.10 * head.light_side(), 0.24], np.float32) * size
    canvas.fill(shade, dark, opacity=0.34, soft=0.05 * size, clip=clip)


def _paint_garment(canvas: Canvas, head: Head, put: Any, clip: Array, neck: float) -> None:
    look, size = head.look, head.size
    cloth, dark = cloth_colour(look.cloth), (0.03, 0.02, 0.04)
    edge = _neckline(head, put, neck)
    if look.garment in ("tee", "v-neck", "turtleneck"):
        canvas.stroke([edge], head.lit(cloth * 0.72), 0.05 * size, opacity=0.8, clip=clip, closed=True)
        canvas.stroke([edge], dark, 0.012 * size, opacity=0.3, soft=0.006 * size, clip=clip, closed=True)
    elif look.garment == "shirt":
        for side in (-1, 1):
            collar = put(
                [
                    (side * neck * 0.98, 0.56),
                    (side * neck * 1.55, 0.68),
                    (side * neck * 1.15, 0.98),
                    (0.0, 0.90),
                ]
            )
            canvas.fill(collar + np.array([0, 0.02 * size], np.float32), dark, opacity=0.35, soft=0.015 * size)
            canvas.fill(collar, head.lit(np.minimum(cloth * 1.10 + 0.03, 1)))
        canvas.stroke([put([(0, 0.92), (0, 3.6)])], dark, 0.012 * size, opacity=0.35)
        canvas.stroke(
            [put([(0.04, y), (0.042, y)]) for y in np.arange(1.1, 3.5, 0.32)],
            head.lit((0.9, 0.9, 0.88)),
            0.04 * size,
        )
    elif look.garment == "hoodie":
        for side in (-1, 1):
            hood = put(
                [
                    (side * neck * 1.0, 0.52),
                    (side * neck * 2.1, 0.62),
                    (side * neck * 1.9, 0.86),
                    (side * 0.04, 0.98),
                    (side * neck * 0.7, 0.80),
                ]
            )
            canvas.fill(smooth_points(hood, per_span=4), head.lit(cloth * 0.86))
            canvas.stroke([smooth_points(hood[2:], closed=False)], dark, 0.012 * size, opacity=0.4, soft=0.006 * size)
            canvas.stroke([put([(side * 0.09, 0.92), (side * 0.11, 1.35)])], head.lit((0.92, 0.91, 0.88)), 0.022 * size)
    else:
        _paint_jacket(canvas, head, put, neck)


def _paint_jacket(canvas: Canvas, head: Head, put: Any, neck: float) -> None:
    look, size = head.look, head.size
    under, cloth = cloth_colour(look.accent), cloth_colour(look.cloth)
    if look.pattern == "plain":
        under = np.array([0.92, 0.91, 0.89], np.float32)
    vest = put(
        [
            (-neck * 1.3, 0.66),
            (-neck * 0.6, 0.78),
            (0, 0.82),
            (neck * 0.6, 0.78),
            (neck * 1.3, 0.66),
            (0.06, 1.9),
            (-0.06, 1.9),
        ]
    )
    canvas.fill(vest, head.lit(under, level=0.92))
    canvas.fill(
        head.silhouette + np.array([0, 0.2 * size], np.float32),
        (0.03, 0.02, 0.04),
        opacity=0.3,
        soft=0.04 * size,
        clip=canvas.mask(vest),
    )
    for side in (-1, 1):
        lapel = put(
            [
                (side * neck * 1.2, 0.58),
                (side * neck * 2.0, 0.72),
                (side * neck * 2.2, 1.05),
                (side * neck * 1.75, 1.10),
                (side * neck * 1.85, 1.2),
                (side * 0.05, 1.9),
                (side * neck * 1.0, 1.0),
            ]
        )
        canvas.fill(lapel + np.array([0, 0.02 * size], np.float32), (0.02, 0.02, 0.03), opacity=0.4, soft=0.02 * size)
        canvas.fill(lapel, head.lit(np.minimum(cloth * 1.12 + 0.02, 1)))
