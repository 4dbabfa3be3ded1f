"""Probe-style photos: one face alone, everything but the person drawn at random from a seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dp2vl.people.backgrounds import paint_background
from dp2vl.people.body import paint_person
from dp2vl.people.camera import finish
from dp2vl.people.canvas import Canvas
from dp2vl.people.genome import Person
from dp2vl.people.look import make_look, make_setting


@dataclass(frozen=True)
class Drawn:
    """A drawn photo: 8-bit sRGB pixels (height, width, 3), and the JSON-able record of what was drawn.

    `parts` (height, width) tells of each pixel which of `canvas.PARTS` it shows.
    """

    pixels: NDArray[np.uint8]
    facts: dict[str, Any]
    parts: NDArray[np.uint8]


def draw_portrait(person: Person, *, seed: int, size: int | tuple[int, int] = 256) -> Drawn:
    """Return a photo of the person's face alone; the head fills about half to 70 % of the height.

    Pose, expression, clothes, place, light and camera follow from `seed` only, so another person with the same seed
    is shown in the same circumstances; another size shows the same photo, but for the grain of the sensor.

    Args:
        person: who is shown.
        seed: 0 or more.
        size: side in pixels, or (height, width); meant for 96 to 1024.

    Raises:
        ValueError: a side is below 16 pixels, or the seed is negative.
    """
    canvas = make_canvas(size, seed)
    scene, grain = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, 0xFACE]).spawn(2))
    look, setting = make_look(scene), make_setting(scene)
    head = float(scene.uniform(0.47, 0.68)) * min(1.0, canvas.aspect)
    x = canvas.aspect * (0.5 + float(scene.uniform(-0.08, 0.08)))
    y = 0.06 + 0.58 * head + float(scene.uniform(0.0, 0.9)) * (0.72 - head) * 0.5
    paint_background(canvas, setting)
    paint_person(canvas, person, look, setting, x=x, y=y, head=head)
    facts = {
        "kind": "portrait",
        "person_seed": person.seed,
        "photo_seed": seed,
        "look": look.facts(),
        "setting": setting.facts(),
        "background_id": setting.background_id,
        "clothes_ids": [look.clothes_id],
        "heads": [head_box(x, y, head)],
    }
    return Drawn(finish(canvas, setting, grain), facts, canvas.parts)


def make_canvas(size: int | tuple[int, int], seed: int) -> Canvas:
    """Return an empty canvas of `size`: side in pixels, or (height, width).

    Raises:
        ValueError: a side is below 16 pixels, or the seed of the photo is negative.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 16:
        raise ValueError(f"expected at least 16 pixels on each side, got {width}x{height}")
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    return Canvas(width, height)


def head_box(x: float, y: float, head: float) -> list[float]:
    """Return left, top, right, bottom of a head in canvas units."""
    return [round(v, 4) for v in (x - 0.42 * head, y - 0.55 * head, x + 0.42 * head, y + 0.55 * head)]
