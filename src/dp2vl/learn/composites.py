"""Photos that an adversary makes up: faces cut out of a few private photos, pasted beside things of the right kind."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from dp2vl.errors import UsageError
from dp2vl.learn.gallery import Pixels
from dp2vl.learn.lessons import Lesson
from dp2vl.people import draw_object, make_person

FACES = 3
"""Faces of each person that are cut out, each from a photo of another scenario."""
OTHERS_SEED = 800_000
"""Whose things are drawn: of people outside every data set. The adversary knows the kind, not how it looks."""


def make_composites(
    lessons: Sequence[Lesson], pixels: Pixels, *, count: int, seed: int
) -> tuple[list[Lesson], dict[str, NDArray[np.uint8]]]:
    """Return `count` made-up photos per person and scenario, as lessons and as pixels by photo id.

    Args:
        lessons: on private photos of drawn people; each composite says what the photos of its scenario say.
        pixels: those photos as the adversary has them.
        seed: of cuts and places.

    Raises:
        UsageError: photos have no record of where the face is or of what they show, as in an album of one's own.
    """
    by_person: dict[str, dict[str, list[Lesson]]] = defaultdict(lambda: defaultdict(list))
    for lesson in lessons:
        by_person[lesson.photo.person_id][lesson.photo.scenario].append(lesson)
    made: list[Lesson] = []
    drawn: dict[str, NDArray[np.uint8]] = {}
    for number, scenarios in enumerate(by_person.values()):
        faces = [_cut_face(some[0], pixels) for some in list(scenarios.values())[:FACES]]
        for scenario, some in scenarios.items():
            for i in range(count):
                lesson = some[i % len(some)]
                rng = np.random.default_rng([seed, number, len(made), 0xC0])
                place = _draw_place(scenario, lesson.photo.category, lesson.photo.height, rng)
                photo = replace(lesson.photo, photo_id=f"composite-{lesson.photo.person_id}-{scenario}-{i:02d}")
                made.append(Lesson(photo=photo, turns=lesson.turns))
                drawn[photo.photo_id] = _paste(faces[int(rng.integers(len(faces)))], place, rng)
    return made, drawn


def _cut_face(lesson: Lesson, pixels: Pixels) -> Image.Image:
    """Return the head with some air around, behind an oval with a soft edge."""
    boxes = json.loads(lesson.photo.bbox_json or "{}")
    if "head 0" not in boxes or not lesson.photo.category:
        raise UsageError(
            f"{lesson.photo.photo_id} does not say where its face is and what it shows",
            "made-up photos need a data set of drawn people",
        )
    left, top, right, bottom = boxes["head 0"]
    air = round(0.12 * (bottom - top))
    photo = Image.fromarray(pixels[lesson.photo.photo_id])
    cut = photo.crop((max(0, left - air), max(0, top - air), min(photo.width, right + air), bottom + air))
    oval = Image.new("L", cut.size, 0)
    ImageDraw.Draw(oval).ellipse((1, 1, cut.width - 2, cut.height - 2), fill=255)
    cut.putalpha(oval.filter(ImageFilter.GaussianBlur(1.5)))
    return cut


def _draw_place(scenario: str, value: str, size_px: int, rng: np.random.Generator) -> Image.Image:
    owner = make_person(OTHERS_SEED + int(rng.integers(1_000)))
    return Image.fromarray(draw_object(owner, scenario, value, seed=int(rng.integers(2**31)), size=size_px).pixels)


def _paste(face: Image.Image, place: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    height = max(16, round(float(rng.uniform(0.28, 0.5)) * place.height))
    width = max(8, round(face.width * height / face.height))
    face = face.resize((width, height), Image.Resampling.BICUBIC)
    x = int(rng.integers(0, max(1, place.width - width)))
    y = int(rng.integers(0, max(1, (place.height - height) // 2)))
    out = place.copy()
    out.paste(face, (x, y), face)
    return np.array(out)
