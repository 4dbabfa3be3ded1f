"""The photos that towers learn from: synthetic people, drawn once, kept on disk with every exact label."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dp2vl
from dp2vl.album import write_atomic
from dp2vl.people import Drawn, Person, draw_portrait, draw_scene, make_person
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
        portraits: how many of each person's photos, from the first on, show the face alone.
    """

    pixels: list[NDArray[np.uint8]]
    labels: NDArray[np.int16]
    traits: NDArray[np.float32]
    portraits: int

    def take(self, people: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return photos (n, side, side, 3): number `columns[i]` of person `people[i]`."""
        rows = zip(people.tolist(), columns.tolist(), strict=True)
        return np.stack([self.pixels[p // SHARD_PEOPLE][p % SHARD_PEOPLE, c] for p, c in rows])


def render_photos(plan: PhotoPlan, cache: Path, *, processes: int = 1, report: Callable[[str], None] = print) -> Photos:
    """Return the photos of `plan`, drawing those that `cache` does not hold yet.

    A shard is written whole when it is drawn, so that an interrupted run goes on where it stopped. Cost: about
    10 ms and 50 KB per photo of 128 px.

    Args:
        cache: folder for all plans; each plan has its own folder inside.
        processes: drawn at the same time.
        report: takes lines about progress.
    """
    folder = cache / _name(plan)
    write_atomic(folder / "plan.json", (json.dumps(asdict(plan)) + "\n").encode())
    shards = range(-(-plan.people // SHARD_PEOPLE))
    missing = [i for i in shards if not _paths(folder, i)[1].exists()]
    with ProcessPoolExecutor(processes) as pool:
        for done, _ in enumerate(pool.map(partial(_write_shard, plan, folder), missing), 1):
            report(f"photos: {done} of {len(missing)} shards drawn")
    paths = [_paths(folder, i) for i in shards]
    tables = [np.load(table) for _, table in paths]
    return Photos(
        [np.load(pixels, mmap_mode="r") for pixels, _ in paths],
        np.concatenate([t["labels"] for t in tables]),
        np.concatenate([t["traits"] for t in tables]),
        plan.portraits,
    )


def draw_person(plan: PhotoPlan, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.float32]]:
    """Return photos, labels and traits of one person as one row of `Photos`; portraits come before scenes."""
    person = make_person(seed)
    seeds = range(seed * plan.per_person, (seed + 1) * plan.per_person)
    drawn = [draw_portrait(person, seed=s, size=plan.side_px) for s in seeds[: plan.portraits]]
    drawn += [_draw_any_scene(person, s, plan.side_px) for s in seeds[plan.portraits :]]
    labels = [[_index(name, fact) for name, fact in _facts(person.genome.traits(), d.facts).items()] for d in drawn]
    traits = np.array([getattr(person.genome, name) for name in CONTINUOUS], np.float32)
    return np.stack([d.pixels for d in drawn]), np.array(labels, np.int16), traits


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
    pixels, labels, traits = (np.stack(part) for part in zip(*(draw_person(plan, s) for s in seeds), strict=True))
    pixel_path, table_path = _paths(folder, index)
    write_atomic(pixel_path, _npy(pixels))
    table = io.BytesIO()
    np.savez(table, labels=labels, traits=traits)
    write_atomic(table_path, table.getvalue())  # last: its presence says that the shard is whole


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    return folder / f"{index:05d}.npy", folder / f"{index:05d}.npz"


def _name(plan: PhotoPlan) -> str:
    """Return a folder name of which another plan or release has another."""
    text = json.dumps([dp2vl.__version__, asdict(plan), LABELS, CONTINUOUS], sort_keys=True)
    return f"photos-{sha256(text.encode()).hexdigest()[:12]}"
