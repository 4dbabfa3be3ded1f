"""The photos that towers learn from: synthetic people, drawn once, kept on disk with every exact label."""

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

import dp2vl
from dp2vl.errors import UsageError
from dp2vl.files import write_atomic
from dp2vl.images import read_photo
from dp2vl.people import Drawn, Person, draw_portrait, draw_scene, make_person
from dp2vl.people.canvas import PARTS
from dp2vl.people.genome import CATEGORIES, CONTINUOUS
from dp2vl.people.look import GARMENTS, PLACES
from dp2vl.people.scenarios import SCENARIOS

TRAIN_SEED = 1_000_000
"""First seed of people that towers learn from; those below belong to benchmarks."""
TEST_SEED = 500_000_000
"""First seed of people that figures are measured on; never trained on."""
COMPANION_OFFSET = 250_000_000
"""Added to a person's seed: whoever stands beside them in a scene."""
SHARD_PEOPLE = 100
PARTS_PX = 64
"""Side of the maps that tell what each place of a photo shows."""

LABELS: dict[str, tuple[str, ...]] = {
    "place": PLACES,
    "garment": GARMENTS,
    "scenario": tuple(SCENARIOS),
    **{scenario.id: scenario.values for scenario in SCENARIOS.values()},
    **CATEGORIES,
}
"""Categorical labels and their values, in the order of the columns of `Photos.labels`."""


@dataclass(frozen=True, kw_only=True)
class PhotoPlan:
    """Which photos to draw.

    Args:
        people: how many.
        first_seed: seed of the first person.
        portraits, scenes: photos of each person of either kind.
        side_px: photos are square.
    """

    people: int = 12_000
    first_seed: int = TRAIN_SEED
    portraits: int = 2
    scenes: int = 2
    side_px: int = 128

    @property
    def per_person(self) -> int:
        return self.portraits + self.scenes


@dataclass(frozen=True)
class Photos:
    """Photos of people, in the order of people.

    Args:
        pixels: one array (people, per_person, side, side, 3) per shard, uint8, mapped from disk.
        labels: (people, per_person, len(LABELS)) indices of values, -1 where a photo has no such label.
        traits: (people, len(CONTINUOUS)) continuous traits of the genome, in [0, 1].
        parts: (people, per_person, PARTS_PX, PARTS_PX) index into PARTS of what each place shows, uint8.
        portraits: how many of each person's photos, from the first on, show the face alone.
        unlabelled: (k, side, side, 3) real photos of which nothing is known, uint8; may be none.
    """

    pixels: list[NDArray[np.uint8]]
    labels: NDArray[np.int16]
    traits: NDArray[np.float32]
    parts: NDArray[np.uint8]
    portraits: int
    unlabelled: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 1, 1, 3), np.uint8))

    def take(self, people: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return photos (n, side, side, 3): number `columns[i]` of person `people[i]`."""
        rows = zip(people.tolist(), columns.tolist(), strict=True)
        return np.stack([self.pixels[p // SHARD_PEOPLE][p % SHARD_PEOPLE, c] for p, c in rows])

    def pick_pairs(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Return numbers of a portrait and of another photo, for each of `count` people."""
        each = self.labels.shape[1]
        first = rng.integers(self.portraits, size=count)
        return first, (first + rng.integers(1, each, size=count)) % each

    def describe(self, person: int, column: int) -> dict[str, str]:
        """Return the labels that one photo has, by name."""
        row = zip(LABELS.items(), self.labels[person, column].tolist(), strict=True)
        return {name: values[index] for (name, values), index in row if index >= 0}


def standardise(traits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return traits (people, len(CONTINUOUS)) without their mean, in units of their spread."""
    spread = traits.std(0)
    whole: NDArray[np.float32] = (traits - traits.mean(0)) / np.where(spread > 0, spread, 1)
    return whole


def render_photos(
    plan: PhotoPlan,
    cache: Path,
    *,
    processes: int = 1,
    until: float = math.inf,
    report: Callable[[str], None] = print,
) -> Photos:
    """Return the photos of `plan`, drawing those that `cache` does not hold yet.

    A shard of 100 people is written whole when it is drawn, so that an interrupted run goes on where it stopped. Cost:
    about 33 ms of one core and 55 KB per photo of 128 px.

    Args:
        cache: folder for all plans; each plan has its own folder inside.
        processes: drawn at the same time.
        until: see `draw_missing`; what is not drawn by then is left out, and a later call draws it.
        report: takes lines about progress.
    """
    folder = cache / _name(plan)
    write_atomic(folder / "plan.json", (json.dumps(asdict(plan)) + "\n").encode())
    shards = range(-(-plan.people // SHARD_PEOPLE))
    draw, wanted = partial(_write_shard, plan, folder), [_paths(folder, i)[1] for i in shards]
    there = draw_missing(draw, wanted, processes=processes, until=until, report=report)
    paths = [_paths(folder, i) for i in there]
    tables = [np.load(table) for _, table in paths]
    return Photos(
        [np.load(pixels, mmap_mode="r") for pixels, _ in paths],
        np.concatenate([t["labels"] for t in tables]),
        np.concatenate([t["traits"] for t in tables]),
        np.concatenate([t["parts"] for t in tables]),
        plan.portraits,
    )


def draw_missing(
    draw: Callable[[int], None],
    paths: Sequence[Path],
    *,
    processes: int,
    until: float,
    report: Callable[[str], None],
) -> list[int]:
    """Draw what is absent of `paths`, in order, and return the numbers of those that are there afterwards.

    Args:
        draw: writes the path of a number; called in other processes.
        processes: drawn at the same time.
        until: nothing is begun that would not be done when the clock (`time.monotonic`) shows this, if it takes as long
            as what was drawn before; but the first path is drawn in any case.
        report: takes lines about progress.
    """
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    some, took_s = missing[:1] != [0], 0.0
    with ProcessPoolExecutor(processes) as pool:
        for done in range(0, len(missing), processes):
            began = time.monotonic()
            if some and began + took_s > until:
                break
            now = missing[done : done + processes]
            list(pool.map(draw, now))
            some, took_s = True, time.monotonic() - began
            report(f"photos: {done + len(now)} of {len(missing)} shards drawn")
    return [i for i, path in enumerate(paths) if path.exists()]


def read_unlabelled(folder: Path, side_px: int) -> NDArray[np.uint8]:
    """Return the photos of a folder, cut to their middle square and resized, (k, side_px, side_px, 3), by name.

    Raises:
        UsageError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise UsageError(f"no JPEG or PNG in {folder}", "name a folder of photos")
    return np.stack([_middle_square(read_photo(p).srgb(), side_px) for p in paths])


def _middle_square(photo: NDArray[np.float32], side_px: int) -> NDArray[np.uint8]:
    """Return the middle of a photo (3, h, w) in [0, 1] as (side_px, side_px, 3) uint8."""
    pixels = Image.fromarray((photo.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    return np.asarray(ImageOps.fit(pixels, (side_px, side_px), Image.Resampling.BICUBIC))


def draw_person(plan: PhotoPlan, seed: int) -> dict[str, NDArray[Any]]:
    """Return pixels, labels, traits and parts of one person as in one row of `Photos`; portraits come first."""
    person = make_person(seed)
    seeds = range(seed * plan.per_person, (seed + 1) * plan.per_person)
    drawn = [draw_portrait(person, seed=s, size=plan.side_px) for s in seeds[: plan.portraits]]
    drawn += [_draw_any_scene(person, s, plan.side_px) for s in seeds[plan.portraits :]]
    labels = [[_index(name, fact) for name, fact in _facts(person.genome.traits(), d.facts).items()] for d in drawn]
    traits = np.array([getattr(person.genome, name) for name in CONTINUOUS], np.float32)
    parts = [cv2.resize(d.parts, (PARTS_PX, PARTS_PX), interpolation=cv2.INTER_NEAREST) for d in drawn]
    pixels = np.stack([d.pixels for d in drawn])
    return {"pixels": pixels, "labels": np.array(labels, np.int16), "traits": traits, "parts": np.stack(parts)}


def _draw_any_scene(person: Person, seed: int, side_px: int) -> Drawn:
    rng = np.random.default_rng([seed, 0xA11])
    scenario = SCENARIOS[str(rng.choice(list(SCENARIOS)))]
    others = (make_person(person.seed + COMPANION_OFFSET),) if scenario.companion else ()
    value = str(rng.choice(scenario.values))
    return draw_scene(person, scenario.id, value, seed=seed, size=side_px, co_subjects=others)


def _facts(traits: dict[str, Any], facts: dict[str, Any]) -> dict[str, str | None]:
    known = {"garment": facts["look"]["garment"]} | traits
    scenario = facts.get("scenario")
    if scenario:
        known |= {"scenario": scenario, scenario: facts["value"]}
    if not facts["background_id"].startswith(f"{scenario}/"):  # else the scenario brings its own place
        known["place"] = facts["setting"]["place"]
    return {name: known.get(name) for name in LABELS}


def _index(name: str, value: str | None) -> int:
    return -1 if value is None else LABELS[name].index(value)


def _write_shard(plan: PhotoPlan, folder: Path, index: int) -> None:
    first = index * SHARD_PEOPLE
    seeds = range(plan.first_seed + first, plan.first_seed + min(first + SHARD_PEOPLE, plan.people))
    people = [draw_person(plan, seed) for seed in seeds]
    rows = {name: np.stack([person[name] for person in people]) for name in people[0]}
    pixel_path, table_path = _paths(folder, index)
    write_npy(pixel_path, rows["pixels"])
    table = io.BytesIO()
    np.savez(table, labels=rows["labels"], traits=rows["traits"], parts=rows["parts"])
    write_atomic(table_path, table.getvalue())  # last: its presence says that the shard is whole


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array that `np.load` can map; a reader sees the whole file or none."""
    file = io.BytesIO()
    np.save(file, array)
    write_atomic(path, file.getvalue())


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    return folder / f"{index:05d}.npy", folder / f"{index:05d}.npz"


def _name(plan: PhotoPlan) -> str:
    """Return a folder name of which another plan or release has another."""
    text = json.dumps([dp2vl.__version__, asdict(plan), LABELS, CONTINUOUS, PARTS], sort_keys=True)
    return f"photos-{sha256(text.encode()).hexdigest()[:12]}"
