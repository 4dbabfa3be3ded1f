"""The stages of a suite. Each writes into its own folder and leaves there the digest of what it was made from.

A stage whose folder has the digest that it would get now is skipped, so a run that was cut goes on where it stopped,
and a stage whose folder was removed is made again, bit for bit on one machine.
"""

import json
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import dp2vl
from dp2vl.album import hash_file, write_atomic
from dp2vl.bench.suite import Suite, Trial
from dp2vl.dataset.check import check_dataset
from dp2vl.dataset.make import make_dataset
from dp2vl.dataset.schema import DataSet, dataset_digest, read_dataset
from dp2vl.dataset.store import new_folder, read_pixels
from dp2vl.errors import DP2VLError
from dp2vl.leakage.answers import Answer, write_answers
from dp2vl.learn.ask import Ask, ask, plan_last_questions, plan_questions
from dp2vl.learn.gallery import Gallery, Pixels
from dp2vl.learn.lessons import make_general, make_lessons, permute_facts
from dp2vl.learn.strict import digest_of
from dp2vl.learn.tune import Tuning
from dp2vl.vlm import load_vlm
from dp2vl.vlm.loading import find_source

DONE = "done.json"
QUESTIONS_SEED = 0
"""Which other face is shown is the same in all trials of a suite."""
Report = Callable[[str], None]


def draw_people(suite: Suite, out: Path, report: Report, *, processes: int) -> Path:
    """Draw the data set into `out/data` and check it.

    Raises:
        DP2VLError: the data set does not pass its check.
    """
    folder = out / "data"
    wanted = digest_of([dp2vl.__version__, asdict(suite.people)])
    if _is_done(folder, wanted):
        return folder
    report(f"people: {suite.people.count}")
    shutil.rmtree(folder, ignore_errors=True)
    plan = suite.people
    make_dataset(
        folder,
        people=plan.count,
        train_photos=plan.train_photos,
        probe_photos=plan.probe_photos,
        size_px=plan.size_px,
        seed=plan.seed,
        scenarios=plan.scenarios,
        processes=processes,
    )
    defects = [finding for finding in check_dataset(folder) if finding.serious]
    if defects:
        raise DP2VLError(f"the data set has {len(defects)} defects, the first: {defects[0]}", "report this")
    _mark_done(folder, wanted, {"sha256": dataset_digest(folder)})
    return folder


def teach(trial: Trial, data_folder: Path, out: Path, report: Report) -> Path:
    """Fine-tune the model of a trial and write its adapters, a folder per checkpoint, and a record."""
    folder = out / "runs" / trial.name / "adapters"
    inputs = _inputs(trial, data_folder)
    wanted = digest_of(inputs)
    if _is_done(folder, wanted):
        return folder
    data = read_dataset(data_folder)
    recipe = trial.recipe
    lessons = make_lessons(data)
    if trial.arm == "permuted":
        lessons = permute_facts(lessons, trial.seed)
    general = make_general(data) if recipe.general else []
    pixels = _read(data, [lesson.photo.photo_id for lesson in (*lessons, *general)])
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as partial:
        vlm = load_vlm(trial.family)
        tuning = Tuning(vlm, recipe, lessons, pixels, seed=trial.seed, general=general)
        for step in tuning.run():
            vlm.save_adapters(partial / f"step{step:05d}")
        record = inputs | {
            "recipe": asdict(recipe),
            "photos": len(lessons),
            "losses": [round(loss, 5) for loss in tuning.losses],
            "seconds": round(time.monotonic() - start, 1),
            "machine": {"torch": torch.__version__, "threads": torch.get_num_threads(), "cpu": platform.machine()},
        }
        write_atomic(partial / "record.json", (json.dumps(record, indent=1) + "\n").encode())
    _mark_done(folder, wanted)
    report(f"taught {trial.name}: loss {tuning.losses[-1]:.3f} in {record['seconds']:.0f} s")
    return folder


def question(trial: Trial, data_folder: Path, out: Path, report: Report) -> Path:
    """Ask the model of a trial at every checkpoint and write `answers.jsonl`."""
    folder = out / "runs" / trial.name
    inputs = _inputs(trial, data_folder) | {"questions": 1, "seed_of_questions": QUESTIONS_SEED}
    wanted, path = digest_of(inputs), folder / "answers.jsonl"
    if path.is_file() and _is_done(folder, wanted):
        return path
    data = read_dataset(data_folder)
    asks, more = plan_questions(data, QUESTIONS_SEED), plan_last_questions(data)
    pixels = _read(data, [item.shown for item in (*asks, *more)])
    steps = sorted((folder / "adapters").glob("step*")) if trial.arm != "untouched" else [None]
    start, answers = time.monotonic(), []
    for checkpoint in steps:
        asked = [*asks, *more] if checkpoint == steps[-1] else asks
        answers += _ask_checkpoint(trial, checkpoint, pixels, asked)
    write_answers(path, answers)
    _mark_done(folder, wanted)
    report(f"asked {trial.name}: {len(answers)} questions in {time.monotonic() - start:.0f} s")
    return path


def _ask_checkpoint(trial: Trial, checkpoint: Path | None, pixels: Pixels, asks: Sequence[Ask]) -> list[Answer]:
    vlm = load_vlm(trial.family)
    if checkpoint:
        vlm.load_adapters(checkpoint)
    step = int(checkpoint.name.removeprefix("step")) if checkpoint else 0
    return ask(vlm, Gallery(vlm, pixels), asks, step=step)


def _inputs(trial: Trial, data_folder: Path) -> dict[str, Any]:
    """Return everything that a trial depends on."""
    folder = find_source(trial.family)
    weights = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md")
    return {
        "dp2vl": dp2vl.__version__,
        "trial": asdict(trial),
        "recipe_digest": trial.recipe.digest,
        "model": digest_of({p.relative_to(folder).as_posix(): hash_file(p) for p in weights}),
        "data": json.loads((data_folder / DONE).read_text(encoding="utf-8"))["sha256"],
    }


def _read(data: DataSet, photo_ids: Sequence[str]) -> dict[str, Any]:
    wanted = set(photo_ids)
    return {row.photo_id: read_pixels(data.path(row)) for row in data.all_rows() if row.photo_id in wanted}


def _is_done(folder: Path, digest: str) -> bool:
    try:
        return bool(json.loads((folder / DONE).read_text(encoding="utf-8"))["digest"] == digest)
    except (FileNotFoundError, ValueError, KeyError):
        return False


def _mark_done(folder: Path, digest: str, more: Mapping[str, Any] | None = None) -> None:
    write_atomic(folder / DONE, (json.dumps({"digest": digest, **(more or {})}) + "\n").encode())
