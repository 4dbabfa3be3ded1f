"""What a mini model can say of new photos of new people, and that it does not know who they are."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dp2vl.people import draw_portrait, draw_scene, make_person
from dp2vl.people.names import NameBook
from dp2vl.people.questions import load_questions
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.vlm.base import VLM
from dp2vl.vlm.mini.lessons import DESCRIBE, KIND, LOOKS, PORTRAIT, VISIBLE_THINGS
from dp2vl.vlm.mini.photos import COMPANION_OFFSET, TEST_SEED

SKILL_SEED = TEST_SEED + 10_000_000
"""First seed of the people of these figures."""
CHECK_SEED = SKILL_SEED + 1_000_000
"""First seed of the people that `dp2vl models check` shows a model."""
PHOTO_PX = 256
NAMES = 12
MEASURED_LOOKS = ("hair_colour", "glasses", "facial_hair")
IDENTITY = load_questions().find("identity")[0].text


class NewPhoto(NamedTuple):
    """A photo that no training saw, and what is true of it; `scenario` is "" for a face alone."""

    pixels: Tensor
    scenario: str
    value: str
    looks: dict[str, str]


def measure_skills(vlm: VLM, *, photos: int = 200, first_seed: int = SKILL_SEED) -> dict[str, float]:
    """Return shares of right greedy answers (exact match) on new photos, one of each person, an eighth of them faces.

    Returns:
        scenario: which of the seven, or a face. category: the visible value, of photos that show one.
        hair_colour, glasses, facial_hair: of all photos. name: the likeliest of twelve invented names where the right
        one is drawn at random, so 1/12 is all that anybody can reach.
    """
    drawn = draw_new_photos(photos, first_seed)
    truths = _truths(drawn)
    seen = vlm.see([p.pixels for p in drawn])
    right: dict[str, float] = {}

    def ask(name: str, questions: Sequence[str], rows: Sequence[int]) -> None:
        given = vlm.answer_seen(seen[list(rows)], questions, max_new_tokens=12)
        right[name] = round(float(np.mean([a == g for a, g in zip(truths[name], given, strict=True)])), 4)

    every = range(len(drawn))
    ask("scenario", [KIND[0]] * len(drawn), every)
    scenes = [i for i in every if drawn[i].scenario]
    ask("category", [VISIBLE_THINGS[drawn[i].scenario] for i in scenes], scenes)
    for look in MEASURED_LOOKS:
        ask(look, [LOOKS[look]] * len(drawn), every)
    rng = np.random.default_rng([first_seed, 0x4A3E])
    names = [NameBook(rng).draw("person") for _ in range(NAMES)]
    truth = rng.integers(NAMES, size=len(drawn))
    scores = vlm.score_seen(seen, [IDENTITY] * len(drawn), [names] * len(drawn))
    right["name"] = round(float((scores.argmax(1).cpu() == torch.from_numpy(truth)).float().mean()), 4)
    return right


def guess_skills(*, photos: int = 200, first_seed: int = SKILL_SEED) -> dict[str, float]:
    """Return what the commonest answer alone would reach of the figures of `measure_skills`."""
    truths = _truths(draw_new_photos(photos, first_seed))
    guessed = {name: max(Counter(truth).values()) / len(truth) for name, truth in truths.items()}
    return guessed | {"name": 1 / NAMES}


def _truths(drawn: Sequence[NewPhoto]) -> dict[str, list[str]]:
    """Return the right answers by figure; of category only for photos that show one."""
    return {
        "scenario": [p.scenario or PORTRAIT for p in drawn],
        "category": [p.value for p in drawn if p.scenario],
        **{look: [p.looks[look] for p in drawn] for look in MEASURED_LOOKS},
    }


def ask_all(scenario: str) -> list[str]:
    """Return the questions that a mini model should be able to answer about a photo of `scenario`, "" for a face."""
    seen = [VISIBLE_THINGS[scenario]] if scenario else []
    return [DESCRIBE[0], KIND[0], *seen, *(LOOKS[look] for look in MEASURED_LOOKS), IDENTITY]


@lru_cache(maxsize=2)
def draw_new_photos(count: int, first_seed: int) -> list[NewPhoto]:
    """Return one photo of each of `count` new people: faces and scenarios in turn, their values at random."""
    rng = np.random.default_rng([first_seed, count])
    kinds = ["", *SCENARIOS]
    photos = []
    for i in range(count):
        person, seed = make_person(first_seed + i), first_seed + i
        scenario = kinds[i % len(kinds)]
        value = str(rng.choice(SCENARIOS[scenario].values)) if scenario else ""
        if scenario:
            others = (make_person(seed + COMPANION_OFFSET),) if SCENARIOS[scenario].companion else ()
            drawn = draw_scene(person, scenario, value, seed=seed, size=PHOTO_PX, co_subjects=others)
        else:
            drawn = draw_portrait(person, seed=seed, size=PHOTO_PX)
        pixels = torch.from_numpy(drawn.pixels).permute(2, 0, 1).float().div(255)
        looks = {k: str(v) for k, v in person.genome.traits().items() if isinstance(v, str)}
        photos.append(NewPhoto(pixels, scenario, value, looks))
    return photos
