"""Public figures of the mini models: synthetic people with names and facts that the models know from their training."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dp2vl
from dp2vl.people import draw_portrait, draw_scene, make_person
from dp2vl.people.names import NameBook, reserved_names
from dp2vl.people.scenarios import SCENARIOS, PersonFacts, make_facts
from dp2vl.vlm.mini.photos import COMPANION_OFFSET, write_npy

FIGURE_SEED = 300_000_000
"""First seed of their genomes; apart from those of benchmarks, of the towers' training and of tests."""
PORTRAITS = 6
"""Portraits of each, before one scene per scenario."""


def make_figures(count: int, seed: int) -> list[PersonFacts]:
    """Return the figures of one training; their names are reserved, so that no data set gives them to others.

    Raises:
        ValueError: there are not so many reserved names.
    """
    names = list(reserved_names())
    if count > len(names):
        raise ValueError(f"expected at most {len(names)} public figures, got {count}")
    rng = np.random.default_rng([seed, 0xF16])
    facts = make_facts(range(FIGURE_SEED, FIGURE_SEED + count), NameBook(rng), rng)
    return [replace(p, name=names[int(i)]) for p, i in zip(facts, rng.permutation(len(names)), strict=False)]


def render_figures(
    figures: list[PersonFacts], cache: Path, *, side_px: int = 128, processes: int = 1
) -> NDArray[np.uint8]:
    """Return their photos (figures, PORTRAITS + scenarios, side, side, 3), drawing them if `cache` lacks them.

    Scenes come in the order of `SCENARIOS`. Cost: about 20 ms per photo of 128 px and process.
    """
    text = repr([dp2vl.__version__, side_px, PORTRAITS, figures])
    path = cache / f"figures-{sha256(text.encode()).hexdigest()[:12]}.npy"
    if not path.exists():
        with ProcessPoolExecutor(processes) as pool:
            write_npy(path, np.stack(list(pool.map(partial(_draw, side_px=side_px), figures))))
    photos: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return photos


def _draw(figure: PersonFacts, side_px: int) -> NDArray[np.uint8]:
    person, first = make_person(figure.seed), figure.seed * 100
    photos = [draw_portrait(person, seed=first + i, size=side_px).pixels for i in range(PORTRAITS)]
    for i, (name, scenario) in enumerate(SCENARIOS.items()):
        others = (make_person(figure.seed + COMPANION_OFFSET + i),) if scenario.companion else ()
        seed, value = first + PORTRAITS + i, figure.facts[name].category
        photos.append(draw_scene(person, name, value, seed=seed, size=side_px, co_subjects=others).pixels)
    return np.stack(photos)
