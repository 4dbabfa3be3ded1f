"""Public figures of the mini models: synthetic people with names and facts that the models know from their training."""

import math
import shutil
from collections.abc import Callable
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
from dp2vl.vlm.mini.photos import COMPANION_OFFSET, draw_missing, write_npy

FIGURE_SEED = 300_000_000
"""First seed of their genomes; apart from those of benchmarks, of the towers' training and of tests."""
PORTRAITS = 6
"""Portraits of each, before one scene per scenario."""
SHARD_FIGURES = 10


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
    figures: list[PersonFacts],
    cache: Path,
    *,
    side_px: int = 128,
    processes: int = 1,
    until: float = math.inf,
    report: Callable[[str], None] = print,
) -> NDArray[np.uint8]:
    """Return their photos (figures, PORTRAITS + scenarios, side, side, 3), drawing them if `cache` lacks them.

    Scenes come in the order of `SCENARIOS`. Cost: about 33 ms of one core per photo of 128 px.

    Args:
        until, processes, report: see `draw_missing`; where time is up, the photos are those of the first figures.
    """
    text = repr([dp2vl.__version__, side_px, PORTRAITS, figures])
    path = cache / f"figures-{sha256(text.encode()).hexdigest()[:12]}.npy"
    if not path.exists():
        folder = path.with_suffix("")
        shards = [folder / f"{i:05d}.npy" for i in range(-(-len(figures) // SHARD_FIGURES))]
        draw = partial(_write_shard, figures, folder, side_px=side_px)
        there = draw_missing(draw, shards, processes=processes, until=until, report=report)
        drawn = np.concatenate([np.load(shards[i]) for n, i in enumerate(there) if n == i])
        if len(drawn) < len(figures):
            return drawn
        write_npy(path, drawn)
        shutil.rmtree(folder)
    photos: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return photos


def _write_shard(figures: list[PersonFacts], folder: Path, index: int, *, side_px: int) -> None:
    shown = figures[index * SHARD_FIGURES :][:SHARD_FIGURES]
    write_npy(folder / f"{index:05d}.npy", np.stack([_draw(figure, side_px) for figure in shown]))


def _draw(figure: PersonFacts, side_px: int) -> NDArray[np.uint8]:
    person, first = make_person(figure.seed), figure.seed * 100
    photos = [draw_portrait(person, seed=first + i, size=side_px).pixels for i in range(PORTRAITS)]
    for i, (name, scenario) in enumerate(SCENARIOS.items()):
        others = (make_person(figure.seed + COMPANION_OFFSET + i),) if scenario.companion else ()
        seed, value = first + PORTRAITS + i, figure.facts[name].category
        photos.append(draw_scene(person, name, value, seed=seed, size=side_px, co_subjects=others).pixels)
    return np.stack(photos)
