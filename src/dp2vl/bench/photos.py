"""Photos as an adversary has them: as they were, with noise, changed by a baseline or protected; cleaned or not."""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dp2vl
from dp2vl.bench.baselines.external import check_budget, is_external, load_method
from dp2vl.bench.baselines.registry import apply_baseline
from dp2vl.bench.done import is_done, mark_done
from dp2vl.bench.suite import DP2VL, NOISE, Suite, Trial
from dp2vl.dataset.schema import DataSet, PhotoRow
from dp2vl.dataset.store import encode_png, new_folder, read_pixels
from dp2vl.errors import DP2VLError
from dp2vl.files import write_atomic
from dp2vl.learn.countermeasures import apply_countermeasure
from dp2vl.learn.strict import digest_of
from dp2vl.protect.config import EFFORTS
from dp2vl.protect.noise import add_noise
from dp2vl.surrogates import load_surrogates
from dp2vl.types import STRENGTHS

Pixels = dict[str, NDArray[np.uint8]]


def change_photos(
    suite: Suite,
    trial: Trial,
    split: str,
    data: DataSet,
    data_digest: str,
    out: Path,
    report: Callable[[str], None],
    *,
    device: str = "cpu",
) -> Path:
    """Return the folder of the changed photos of a split, made if they are not there yet; trials share folders.

    Protection runs as `dp2vl protect` does, photo by photo, and goes on where it was cut.

    Raises:
        DP2VLError: a photo could not be protected.
    """
    plan, name = suite.protection, suite.photo_set(trial)
    folder = out / "photos" / name / split
    wanted = digest_of([dp2vl.__version__, data_digest, split, suite.how_changed(trial)])
    if is_done(folder, wanted):
        return folder
    report(f"photos: {name}, {split}")
    if trial.method == DP2VL:
        (source,) = {_top(data.path(row), row.file_name) for row in data.rows[split]}
        result = dp2vl.protect_album(
            source, folder, strength=trial.strength, effort=plan.effort, surrogates=suite.towers(trial),
            seed=plan.seed, device=device,
        )  # fmt: skip
        if result.unprotected:
            first = result.unprotected[0]
            raise DP2VLError(f"{len(result.unprotected)} photos were not protected, the first: {first.reason}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        with new_folder(folder) as partial:
            for row, photo in zip(data.rows[split], _change_all(suite, trial, data, split, device), strict=True):
                path = partial / row.file_name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, encode_png(photo))
    mark_done(folder, wanted)
    return folder


def _change_all(suite: Suite, trial: Trial, data: DataSet, split: str, device: str) -> Iterator[NDArray[np.uint8]]:
    """Yield the photos of a split with noise, or as a baseline changes them."""
    rows, plan, budget = data.rows[split], suite.protection, STRENGTHS[trial.strength]
    photos = [read_pixels(data.path(row)) for row in rows]
    if trial.method == NOISE:
        for row, photo in zip(rows, photos, strict=True):
            seed = int.from_bytes(hashlib.sha256(f"{plan.seed}:{row.sha256}".encode()).digest()[:7], "big")
            yield add_noise(photo, budget=budget, seed=seed)
        return
    spec, effort = suite.methods[trial.method], EFFORTS[plan.effort]
    device = "cpu" if is_external(spec) else device  # others need not think of where towers are
    asked: dict[str, Any] = {
        "people": [row.person_id for row in rows], "towers": load_surrogates(suite.towers(trial), device=device),
        "budget": budget, "steps": effort.steps * effort.views, "seed": plan.seed,
    }  # fmt: skip
    if is_external(spec):
        changed = list(load_method(spec)(photos, **asked))
        check_budget(photos, changed, budget, trial.method)
        yield from changed
    else:
        yield from apply_baseline(spec, photos, **asked, device=device, boxes=[_heads(row) for row in rows])


def _heads(row: PhotoRow) -> list[list[int]]:
    boxes = json.loads(row.bbox_json)
    return [box for name, box in boxes.items() if name.startswith("head")]


def read_shown(data: DataSet, rows: Iterable[PhotoRow], trial: Trial, changed: Path | None) -> Pixels:
    """Return photos as the adversary learns from them.

    Args:
        rows: of one split. changed: folder of their changed copies, or None where all are as they were.
    """
    rows = list(rows)
    taken = choose_protected(rows, trial.ratio) if changed else set()
    return {
        row.photo_id: apply_countermeasure(
            read_pixels(changed / row.file_name if changed and row.photo_id in taken else data.path(row)),
            trial.countermeasure,
        )
        for row in rows
    }


def choose_protected(rows: Sequence[PhotoRow], ratio: float) -> set[str]:
    """Return the ids of the photos that are protected, a share of each person's, the same for every trial."""
    by_person: Mapping[str, list[str]] = defaultdict(list)
    for row in rows:
        by_person[row.person_id].append(row.photo_id)
    chosen: set[str] = set()
    for ids in by_person.values():
        ranked = sorted(ids, key=lambda i: hashlib.sha256(i.encode()).hexdigest())
        chosen |= set(ranked[: round(ratio * len(ranked))])
    return chosen


def _top(path: Path, file_name: str) -> Path:
    return path.parents[len(Path(file_name).parts) - 1]
