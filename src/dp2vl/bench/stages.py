"""The stages of a suite. Each writes into its own folder and leaves there the digest of what it was made from.

A stage whose folder has the digest that it would get now is skipped, so a run that was cut goes on where it stopped,
and a stage whose folder was removed is made again, bit for bit on one machine. `timing.json` beside a trial's adapters
is exempt: it says how long teaching took and on what.
"""

import json
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

import dp2vl
from dp2vl.bench.done import DONE, is_done, mark_done
from dp2vl.bench.photos import Pixels, change_photos, choose_protected, read_shown
from dp2vl.bench.suite import ALL, DP2VL, Suite, Trial
from dp2vl.dataset.check import check_dataset
from dp2vl.dataset.make import make_dataset
from dp2vl.dataset.schema import DataSet, dataset_digest, read_dataset
from dp2vl.dataset.store import new_folder, read_pixels
from dp2vl.errors import DP2VLError
from dp2vl.files import hash_bytes, hash_file, write_json
from dp2vl.leakage.answers import Answer, write_answers
from dp2vl.learn.ask import Ask, ask, plan_last_questions, plan_questions
from dp2vl.learn.composites import make_composites
from dp2vl.learn.countermeasures import apply_countermeasure
from dp2vl.learn.gallery import Gallery
from dp2vl.learn.lessons import Lesson, make_general, make_lessons, permute_facts
from dp2vl.learn.recipe import Recipe
from dp2vl.learn.strict import digest_of
from dp2vl.learn.tune import Tuning, lora_of
from dp2vl.vlm import load_vlm
from dp2vl.vlm.loading import find_source
from dp2vl.vlm.mini.card import CARD_FILE, record_bytes

QUESTIONS_SEED = 0
"""Which other face is shown is the same in all trials of a suite."""
TIMING = "timing.json"
Report = Callable[[str], None]


def draw_people(suite: Suite, out: Path, report: Report, *, processes: int) -> Path:
    """Draw the data set into `out/data` and check it.

    Raises:
        DP2VLError: the data set does not pass its check.
    """
    folder = out / "data"
    wanted = digest_of([dp2vl.__version__, asdict(suite.people)])
    if is_done(folder, wanted):
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
    mark_done(folder, wanted, {"sha256": dataset_digest(folder)})
    return folder


def photo_sets(suite: Suite, trials: Iterable[Trial]) -> list[tuple[Trial, str]]:
    """Return which sets of changed photos trials need, each once: a trial that needs it, and the split."""
    sets: dict[tuple[str, str], tuple[Trial, str]] = {}
    for trial in trials:
        needed = [(trial, "train")] if trial.method else []
        if suite.recipe(trial).protect_general:
            needed.append((_own_protection(suite), "retain"))
        for one, split in needed:
            sets.setdefault((suite.photo_set(one), split), (one, split))
    return list(sets.values())


def make_photos(
    suite: Suite, trial: Trial, split: str, data_folder: Path, out: Path, report: Report, *, device: str = "cpu"
) -> Path:
    """Return the folder of the changed photos of a split, made if they are not there yet."""
    data, digest = read_dataset(data_folder), _data_digest(data_folder)
    return change_photos(suite, trial, split, data, digest, out, report, device=device)


def teach(suite: Suite, trial: Trial, data_folder: Path, out: Path, report: Report, *, device: str = "cpu") -> Path:
    """Fine-tune the model of a trial and write its adapters, a folder per checkpoint, and a record of how they came.

    Seconds and machine, which are others every time, go into `timing.json` beside the folder.
    """
    folder = out / "runs" / trial.name / "adapters"
    inputs = _inputs(suite, trial, data_folder)
    wanted = digest_of(inputs)
    if is_done(folder, wanted):
        return folder
    data, recipe = read_dataset(data_folder), suite.recipe(trial)
    lessons, pixels = _private_lessons(suite, trial, data, data_folder, out, report)
    general: list[Lesson] = []
    if recipe.general:
        general, more = _general_lessons(suite, recipe, data, data_folder, out, report)
        pixels |= more
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as partial:
        vlm = load_vlm(trial.family).to(device)
        tuning = Tuning(vlm, recipe, lessons, pixels, seed=trial.seed, general=general)
        for step in tuning.run():
            vlm.save_adapters(partial / f"step{step:05d}")
        record = inputs | {
            "recipe": asdict(recipe),
            "lora": asdict(lora_of(vlm, recipe)),
            "photos": len(lessons),
            "losses": [round(loss, 5) for loss in tuning.losses],
        }
        write_json(partial / "record.json", record)
    seconds = round(time.monotonic() - start, 1)
    write_json(folder.with_name(TIMING), {"seconds": seconds, "machine": _describe_machine(device)})
    mark_done(folder, wanted)
    report(f"taught {trial.name}: loss {tuning.losses[-1]:.3f} in {seconds:.0f} s")
    return folder


def _describe_machine(device: str) -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "float32": torch.get_float32_matmul_precision(),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
    }


def _private_lessons(
    suite: Suite, trial: Trial, data: DataSet, data_folder: Path, out: Path, report: Report
) -> tuple[list[Lesson], Pixels]:
    """Return what the adversary learns of the members, and the photos as they have them."""
    lessons = make_lessons(data)
    if trial.arm == "permuted":
        lessons = permute_facts(lessons, trial.seed)
    pixels = _train_photos(suite, trial, data, data_folder, out, report)
    if trial.arm == "subset":
        hidden = choose_protected(data.rows["train"], trial.ratio)
        lessons = [lesson for lesson in lessons if lesson.photo.photo_id not in hidden]
    composites = suite.recipe(trial).composites
    if composites:
        lessons, pixels = make_composites(lessons, pixels, count=composites, seed=trial.seed)
    return lessons, pixels


def _train_photos(suite: Suite, trial: Trial, data: DataSet, data_folder: Path, out: Path, report: Report) -> Pixels:
    changed = make_photos(suite, trial, "train", data_folder, out, report) if trial.method else None
    return read_shown(data, data.rows["train"], trial, changed)


def _general_lessons(
    suite: Suite, recipe: Recipe, data: DataSet, data_folder: Path, out: Path, report: Report
) -> tuple[list[Lesson], Pixels]:
    """Return lessons on ordinary photos, and the photos; for an adversary who has this tool also protected."""
    general = make_general(data)
    rows = [lesson.photo for lesson in general]
    own = _own_protection(suite)
    pixels = read_shown(data, rows, own, None)
    if recipe.protect_general:
        changed = make_photos(suite, own, "retain", data_folder, out, report)
        protected = {f"protected-{i}": photo for i, photo in read_shown(data, rows, own, changed).items()}
        general += [
            replace(lesson, photo=replace(lesson.photo, photo_id=f"protected-{lesson.photo.photo_id}"))
            for lesson in general
        ]
        pixels |= protected
    return general, pixels


def _own_protection(suite: Suite) -> Trial:
    """Return the trial whose protection an adversary who has this tool would use: the suite's first, all towers."""
    return Trial(
        family=suite.families[0], arm="protected", attacker="default", seed=0,
        method=DP2VL, surrogates=ALL, strength=suite.protection.strengths[0], ratio=1.0,
    )  # fmt: skip


def question(suite: Suite, trial: Trial, data_folder: Path, out: Path, report: Report, *, device: str = "cpu") -> Path:
    """Ask the model of a trial at every checkpoint and write `answers.jsonl`; `done.json` has what they depend on.

    Training photos are shown as they were learned from, all others as they were; an adversary who cleans photos cleans
    all of them.
    """
    folder, purify = out / "runs" / trial.name, suite.recipe(trial).purify
    inputs = _inputs(suite, trial, data_folder) | {"questions": 2, "seed_of_questions": QUESTIONS_SEED}
    if purify != "none":
        inputs["shown"] = purify
    wanted, path = digest_of(inputs), folder / "answers.jsonl"
    if path.is_file() and is_done(folder, wanted):
        return path
    data = read_dataset(data_folder)
    asks, more = plan_questions(data, QUESTIONS_SEED), plan_last_questions(data)
    photos = _read(data, [item.shown for item in (*asks, *more)])
    photos |= _train_photos(suite, trial, data, data_folder, out, report)
    pixels = {i: apply_countermeasure(photo, purify) for i, photo in photos.items()}
    steps = sorted((folder / "adapters").glob("step*")) if trial.arm != "untouched" else [None]
    start, answers = time.monotonic(), []
    for checkpoint in steps:
        asked = [*asks, *more] if checkpoint == steps[-1] else asks
        answers += _ask_checkpoint(trial, checkpoint, pixels, asked, device)
    write_answers(path, answers)
    mark_done(folder, wanted, {"inputs": inputs})
    report(f"asked {trial.name}: {len(answers)} questions in {time.monotonic() - start:.0f} s")
    return path


def _ask_checkpoint(
    trial: Trial, checkpoint: Path | None, pixels: Pixels, asks: Sequence[Ask], device: str
) -> list[Answer]:
    vlm = load_vlm(trial.family)
    if checkpoint:
        vlm.load_adapters(checkpoint)
    vlm.to(device)
    step = int(checkpoint.name.removeprefix("step")) if checkpoint else 0
    return ask(vlm, Gallery(vlm, pixels), asks, step=step)


def _inputs(suite: Suite, trial: Trial, data_folder: Path) -> dict[str, Any]:
    """Return everything that a trial depends on."""
    folder = find_source(trial.family)
    weights = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md")
    return {
        "dp2vl": dp2vl.__version__,
        "trial": asdict(trial),
        "photos": [suite.how_changed(one) for one, _ in photo_sets(suite, [trial])],
        "recipe_digest": suite.recipe(trial).digest,
        "model": digest_of({p.relative_to(folder).as_posix(): _hash_part(p) for p in weights}),
        "data": _data_digest(data_folder),
    }


def _hash_part(path: Path) -> str:
    return hash_bytes(record_bytes(path)) if path.name == CARD_FILE else hash_file(path)


def _data_digest(data_folder: Path) -> str:
    return str(json.loads((data_folder / DONE).read_text(encoding="utf-8"))["sha256"])


def _read(data: DataSet, photo_ids: Sequence[str]) -> Pixels:
    wanted = set(photo_ids)
    return {row.photo_id: read_pixels(data.path(row)) for row in data.all_rows() if row.photo_id in wanted}
