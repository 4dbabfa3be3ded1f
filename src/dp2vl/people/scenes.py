"""Private photos: a person with what belongs to them, and the thing alone."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from dp2vl.people.backgrounds import paint_background
from dp2vl.people.body import paint_person
from dp2vl.people.camera import finish
from dp2vl.people.canvas import Canvas
from dp2vl.people.genome import Person
from dp2vl.people.look import Look, Setting, make_look, make_setting
from dp2vl.people.objects import ACTIVITIES, FAMILY, HOMES, PETS, POSSESSIONS, VEHICLES, WORKPLACES, Painter, Pen, Stage
from dp2vl.people.portrait import Drawn, head_box, make_canvas
from dp2vl.people.scenarios import SCENARIOS, find_scenario

_PAINTERS: dict[str, dict[str, Painter]] = {"vehicle": VEHICLES, "home": HOMES, "pet": PETS, "possession": POSSESSIONS}
_STAGES: dict[str, dict[str, Stage]] = {"family": FAMILY, "friends": ACTIVITIES, "work": WORKPLACES}
_PLACES = {"vehicle": ("street", "park"), "pet": ("indoor", "park"), "possession": ("indoor", "plain")}
_NEARER = 0.6
"""How much larger a head is at closeness 1 than at 0."""
_SCALES = {"vehicle": (0.66, 0.76), "home": (0.86, 0.98), "pet": (0.50, 0.60), "possession": (0.54, 0.64)}
"""How large one unit of the object is drawn, as a share of the picture's height."""


def draw_scene(
    person: Person,
    scenario: str,
    value: str,
    *,
    seed: int,
    size: int | tuple[int, int] = 256,
    co_subjects: Sequence[Person] = (),
    closeness: float = 0.0,
) -> Drawn:
    """Return a photo of a person with what belongs to them: a thing beside them, or others in their shared place.

    A person's thing or place looks the same in all their photos. Where it stands, pose, clothes, light and camera
    follow from `seed`.

    Args:
        person: who is shown. scenario, value: what of theirs is shown, out of `SCENARIOS`.
        seed: 0 or more.
        size: side in pixels, or (height, width); meant for 96 to 1024.
        co_subjects: one or two other people, in scenarios that have companions.
        closeness: how near people stand to the camera, from 0 (a head is a quarter of the height) to 1 (two fifths).

    Raises:
        ValueError: there is no such scenario or value, the number of co-subjects does not fit, a side is below
            16 pixels, the seed is negative, or `closeness` is out of range.
    """
    if not 0 <= closeness <= 1:
        raise ValueError(f"expected a closeness from 0 to 1, got {closeness}")
    wanted = (1, 2) if find_scenario(scenario, value).companion else (0,)
    if len(co_subjects) not in wanted:
        raise ValueError(f"expected {' or '.join(map(str, wanted))} co-subjects in {scenario}, got {len(co_subjects)}")
    canvas = make_canvas(size, seed)
    scene, grain = _generators(seed)
    setting = make_setting(scene, _pick_place(scenario, scene))
    people = (person, *co_subjects)
    looks = [make_look(scene) for _ in people]
    if scenario in _STAGES:
        heads, box = _paint_stage(canvas, scenario, value, people, looks, setting, scene, closeness)
    else:
        heads, box = _paint_with_thing(canvas, scenario, value, person, looks[0], setting, scene, closeness)
    facts = _facts(scenario, value, person, seed, setting, box) | {
        "kind": "scene",
        "look": looks[0].facts(),
        "clothes_ids": [look.clothes_id for look in looks],
        "co_subject_seeds": [other.seed for other in co_subjects],
        "heads": [head_box(*head) for head in heads],
    }
    return Drawn(finish(canvas, setting, grain), facts, canvas.parts)


def draw_object(owner: Person, scenario: str, value: str, *, seed: int, size: int | tuple[int, int] = 256) -> Drawn:
    """Return a photo of a person's thing or place alone, looking as in their scenes; nobody is in it.

    Raises:
        ValueError: there is no such scenario or value, a side is below 16 pixels, or the seed is negative.
    """
    find_scenario(scenario, value)
    canvas = make_canvas(size, seed)
    scene, grain = _generators(seed)
    setting = make_setting(scene, _pick_place(scenario, scene))
    if scenario in _STAGES:
        pen, stage = _stage_pen(canvas, owner, scenario, value, setting, scene)
        with canvas.showing("thing"):
            stage.back(pen)
            stage.front(pen)
    else:
        if scenario != "home":
            paint_background(canvas, setting)
        scale = float(scene.uniform(0.78, 0.9)) * min(1.0, canvas.aspect)
        middle, ground = canvas.aspect * float(scene.uniform(0.44, 0.56)), 0.90
        pen = _pen(canvas, owner, scenario, setting, x=middle, y=ground, scale=scale, mirror=scene.random() < 0.5)
        with canvas.showing("thing"):
            _PAINTERS[scenario][value](pen)
    facts = _facts(scenario, value, owner, seed, setting, pen.box())
    facts |= {"kind": "object", "clothes_ids": [], "heads": []}
    return Drawn(finish(canvas, setting, grain), facts, canvas.parts)


def _paint_with_thing(
    canvas: Canvas,
    scenario: str,
    value: str,
    person: Person,
    look: Look,
    setting: Setting,
    scene: np.random.Generator,
    closeness: float,
) -> tuple[list[tuple[float, float, float]], list[float]]:
    """Paint one person at one side and their thing at the other; return heads (x, y, height) and the thing's box."""
    fit = min(1.0, canvas.aspect)
    left = scene.random() < 0.5
    across = float(scene.uniform(0.20, 0.26)) + 0.06 * closeness
    head = float(scene.uniform(0.24, 0.30)) * (1 + _NEARER * closeness) * fit
    y = 0.10 + 0.5 * head + float(scene.uniform(0.06, 0.20)) * (1 - 0.5 * closeness)
    scale = float(scene.uniform(*_SCALES[scenario])) * fit
    thing = (0.60 if scenario == "home" else 0.66) + float(scene.uniform(-0.02, 0.04))
    ground = (0.74 if scenario == "vehicle" else 0.92) + float(scene.uniform(-0.03, 0.03))
    x, middle = (across, thing) if left else (1 - across, 1 - thing)
    pen = _pen(
        canvas, person, scenario, setting,
        x=middle * canvas.aspect, y=ground, scale=scale, mirror=scene.random() < 0.5,
    )  # fmt: skip
    if scenario != "home":
        paint_background(canvas, setting)
    # A vehicle or a home stands behind its owner, a pet or an object is held in front.
    behind = scenario in ("vehicle", "home")
    if not behind:
        paint_person(canvas, person, look, setting, x=x * canvas.aspect, y=y, head=head)
    with canvas.showing("thing"):
        _PAINTERS[scenario][value](pen)
    if behind:
        paint_person(canvas, person, look, setting, x=x * canvas.aspect, y=y, head=head)
    return [(x * canvas.aspect, y, head)], pen.box()


def _paint_stage(
    canvas: Canvas, scenario: str, value: str, people: Sequence[Person], looks: list[Look], setting: Setting,
    scene: np.random.Generator, closeness: float,
) -> tuple[list[tuple[float, float, float]], list[float]]:  # fmt: skip
    """Paint people side by side in their place; `looks` are dressed alike where the place asks for it."""
    pen, stage = _stage_pen(canvas, people[0], scenario, value, setting, scene)
    with canvas.showing("thing"):
        stage.back(pen)
    if stage.alike:
        garment, pattern = stage.alike
        cloth, accent = looks[0].cloth, looks[0].accent
        looks[:] = [replace(k, garment=garment, pattern=pattern, cloth=cloth, accent=accent) for k in looks]
    fit = min(1.0, canvas.aspect)
    places = np.linspace(-0.25, 0.25, len(people)) if len(people) == 2 else np.linspace(-0.32, 0.32, len(people))
    order = scene.permutation(len(people))
    size = (0.265 if len(people) == 2 else 0.215) * (1 + _NEARER * closeness) * fit
    heads = []
    for person, look, spot in zip(people, looks, order, strict=True):
        head = size * float(scene.uniform(0.94, 1.06))
        x = canvas.aspect / 2 + fit * (float(places[spot]) + float(scene.uniform(-0.02, 0.02)))
        y = 0.40 + 0.03 * closeness + float(scene.uniform(-0.03, 0.03))
        with canvas.showing("other person") if person is not people[0] else nullcontext():
            paint_person(canvas, person, look, setting, x=x, y=y, head=head)
        heads.append((x, y, head))
    hand = pen.hand
    pen.heads = [(hand * (x - canvas.aspect / 2) / fit, (1 - y) / fit, head / fit) for x, y, head in heads]
    with canvas.showing("thing"):
        stage.front(pen)
    return heads, pen.box()


def _stage_pen(
    canvas: Canvas, owner: Person, scenario: str, value: str, setting: Setting, scene: np.random.Generator
) -> tuple[Pen, Stage]:
    """Return the pen of a place, its origin the middle of the picture's lower edge, and what to draw with it."""
    scale = min(1.0, canvas.aspect)
    mirror = scene.random() < 0.5
    pen = _pen(canvas, owner, scenario, setting, x=canvas.aspect / 2, y=1.0, scale=scale, mirror=mirror)
    return pen, _STAGES[scenario][value]


def _pen(
    canvas: Canvas, owner: Person, scenario: str, setting: Setting, *, x: float, y: float, scale: float, mirror: bool
) -> Pen:
    rng = np.random.default_rng([owner.seed, list(SCENARIOS).index(scenario), 0x0B7])
    tint = [c * (0.80 + 0.28 * setting.ambient) for c in setting.light_colour]
    return Pen(canvas, x, y, scale, rng, mirror=mirror, tint=tint)


def _pick_place(scenario: str, scene: np.random.Generator) -> str | None:
    return str(scene.choice(_PLACES[scenario])) if scenario in _PLACES else None


def _generators(seed: int) -> list[np.random.Generator]:
    """Return the generators of the scene and of the sensor's grain, which depends on the picture's size."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence([seed, 0x5CE]).spawn(2)]


def _facts(scenario: str, value: str, person: Person, seed: int, setting: Setting, box: list[float]) -> dict[str, Any]:
    own_place = scenario not in _PLACES
    return {
        "person_seed": person.seed,
        "photo_seed": seed,
        "scenario": scenario,
        "value": value,
        "setting": setting.facts(),
        "background_id": f"{scenario}/{value}" if own_place else setting.background_id,
        "object_box": box,
    }
