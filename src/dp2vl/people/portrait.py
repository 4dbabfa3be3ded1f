"""One finished photo of one person, and the camera that every drawn photo goes through."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.people.body import paint_person
from dp2vl.people.canvas import Canvas
from dp2vl.people.genome import Person
from dp2vl.people.look import Setting, make_look, make_setting
from dp2vl.people.places import paint_background


@dataclass(frozen=True)
class Drawn:
    """A finished picture: `pixels` uint8 (h, w, 3) sRGB, and `facts`, the JSON-able record of everything drawn."""

    pixels: NDArray[np.uint8]
    facts: dict[str, Any]


def draw_portrait(person: Person, *, seed: int, size: int | tuple[int, int] = 256) -> Drawn:
    """Return a photo of the person's face alone, with all else drawn from `seed`.

    The same person and seed at another size is the same picture; below about 100 px fine marks blur away.

    Args:
        person: who.
        seed: 0 or more; decides pose, expression, clothes, place, light and camera.
        size: height and width in pixels, or (height, width).

    Raises:
        ValueError: a side is below 16 pixels.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 16:
        raise ValueError(f"expected at least 16 pixels on each side, got {width}x{height}")
    rng = np.random.default_rng([seed, 0xFACE])
    look, setting = make_look(rng), make_setting(rng)
    head = float(rng.uniform(0.44, 0.66))
    x = width / height * (0.5 + float(rng.uniform(-0.06, 0.06)))
    y = float(rng.uniform(0.40, 0.48)) + 0.1 * (head - 0.5)
    canvas = Canvas(width, height)
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
    return Drawn(finish(canvas, setting), facts)


def head_box(x: float, y: float, head: float) -> list[float]:
    """Return left, top, right, bottom of a head in canvas units."""
    return [round(v, 4) for v in (x - 0.42 * head, y - 0.55 * head, x + 0.42 * head, y + 0.55 * head)]


def finish(canvas: Canvas, setting: Setting) -> NDArray[np.uint8]:
    """Return what the camera makes of a painted picture: white balance, vignette, blur, noise, its own JPEG."""
    height = canvas.height
    balance = setting.exposure * np.array([1 + 0.05 * setting.warmth, 1.0, 1 - 0.05 * setting.warmth], np.float32)
    dx, dy = canvas.x / canvas.aspect - 0.5, canvas.y - 0.5
    corner = 1 - np.float32(setting.vignette * 1.2) * (dx * dx + dy * dy)
    picture = canvas.pixels * balance
    picture *= corner[..., None]
    sigma = setting.blur * height
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    rng = np.random.default_rng([setting.texture_seed, 4])
    grain = rng.standard_normal((height, canvas.width, 1), np.float32) * np.float32(setting.noise / 255)
    picture += grain
    picture *= 255
    pixels = cv2.convertScaleAbs(np.maximum(picture, 0, out=picture))
    ok, coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, setting.jpeg])
    assert ok
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
