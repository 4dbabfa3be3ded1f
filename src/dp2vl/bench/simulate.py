"""The experiment on somebody's own album: what a model learns from their photos as they are, and from protected ones.

Nothing stays: photos are copied into a temporary folder, adapters are never written.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dp2vl.bench.photos import Pixels
from dp2vl.dataset.importers import import_album
from dp2vl.dataset.schema import CONSENTS, DataSet, read_dataset
from dp2vl.dataset.store import read_pixels
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.leakage import Answer, Number, find_peak, score_protection, score_runs
from dp2vl.leakage.answers import judge
from dp2vl.learn.ask import Ask, ask, plan_questions
from dp2vl.learn.gallery import Gallery
from dp2vl.learn.lessons import make_lessons
from dp2vl.learn.recipe import Recipe, load_recipe
from dp2vl.learn.tune import Tuning
from dp2vl.vlm import load_vlm

CLEAN, PROTECTED = "clean", "protected"
QUESTIONS_SEED = 0
SHORT = 0.25
"""Share of an adversary's steps after which a small album is learned well enough for a first look."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model holds likeliest, asked about a new photo of a person.

    Args:
        photo_id: key of `Simulated.faces`. scenario: "" where the question is who it is.
        question: as it was asked. truth: the right answer. said: the model's, "" if several were equally likely.
        right: whether it counts as right.
    """

    photo_id: str
    scenario: str
    question: str
    truth: str
    said: str
    right: bool


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What one model learned.

    Args:
        vlm: its name. arm: `CLEAN` or `PROTECTED`. short: whether it was taught for a share of the steps only.
        numbers: of the checkpoint at which most leaked; for protected photos `protection_rate` among them.
        replies: at that checkpoint, of the first seed, in the same order for both arms.
        faces: the photos that were asked about, by id; clean ones in both arms.
    """

    vlm: str
    arm: str
    numbers: tuple[Number, ...]
    short: bool = False
    replies: tuple[Reply, ...] = ()
    faces: Pixels = field(default_factory=dict, repr=False)


def simulate(
    album: Path,
    *,
    facts: Path | None = None,
    vlms: Sequence[str] = ("mini-llava",),
    against: Path | None = None,
    seeds: Sequence[int] = (0,),
    short: bool = False,
    device: str = "cpu",
    report: Callable[[str], None] = lambda line: None,
) -> list[Simulated]:
    """Fine-tune models on an album as an adversary would, ask them about other photos of the people, and count.

    Cost: two to four minutes of one core per mini model, arm and seed, a third of it if `short`; memory of the photos.

    Args:
        album: a folder per person, as `dp2vl dataset init` lays it out. facts: the YAML, by default in the album.
        vlms: models with a recipe.
        against: folder with protected copies of the album, under the same names; only training photos are taken from
            it, since questions are asked on photos that the adversary does not have.
        seeds: of fine-tuning. device: of models.
        short: teach for `SHORT` of the steps: a first look, from which less leaks than an adversary would get.
        report: takes lines about progress.

    Raises:
        UsageError: an unknown model, no photos to ask about, or fewer than two people.
        DP2VLError: somebody did not consent, a protected copy is missing, or a photo cannot be read.
    """
    recipes = {name: _shorten(load_recipe(name)) if short else load_recipe(name) for name in vlms}
    with tempfile.TemporaryDirectory() as folder:
        data = read_dataset(import_album("folder", album, Path(folder) / CLEAN, facts=facts))
        _check_consent(data)
        asks = plan_questions(data, QUESTIONS_SEED)
        arms = {CLEAN: _read(data)}
        if against:
            arms[PROTECTED] = _read_protected(data, album, against, Path(folder) / PROTECTED, facts)
    found = []
    for name, recipe in recipes.items():
        runs: dict[str, list[list[Answer]]] = {}
        for arm, pixels in arms.items():
            for seed in seeds:
                about = f"{name}, {arm}, seed {seed}"
                report(f"{about}: {recipe.length} steps")
                say = partial(_say_step, report, about, recipe.length)
                runs.setdefault(arm, []).append(_run(name, recipe, data, pixels, asks, seed, device, say))
        faces = {row.photo_id: arms[CLEAN][row.photo_id] for row in data.rows["probe"]}
        found += [
            replace(one, short=short, replies=_replies(asks, runs[one.arm][0], one), faces=faces)
            for one in _score(name, runs)
        ]
    return found


def _say_step(report: Callable[[str], None], about: str, steps: int, step: int) -> None:
    report(f"{about}: {step} of {steps} steps")


def _shorten(recipe: Recipe) -> Recipe:
    return replace(recipe, steps=max(1, round(SHORT * recipe.steps)))


def _run(
    name: str,
    recipe: Recipe,
    data: DataSet,
    pixels: Pixels,
    asks: Sequence[Ask],
    seed: int,
    device: str,
    on_step: Callable[[int], None],
) -> list[Answer]:
    vlm = load_vlm(name).to(device)
    tuning = Tuning(vlm, recipe, make_lessons(data), pixels, seed=seed)
    gallery = Gallery(vlm, pixels)  # recipes leave the tower as it is
    answers: list[Answer] = []
    for step in tuning.run():
        on_step(step)
        answers += ask(vlm, gallery, asks, step=step)
    return answers


def _replies(asks: Sequence[Ask], answers: Sequence[Answer], one: Simulated) -> tuple[Reply, ...]:
    """Return what was said on new photos at the checkpoint that counts; answers come in the order of the questions."""
    given = [a for a in answers if a.step == one.numbers[0].step]
    return tuple(
        Reply(
            photo_id=a.photo_id,
            scenario=a.scenario,
            question=asked.row.question,
            truth=a.answer,
            said=a.options[a.scores.index(max(a.scores))] if judge(a).valid else "",
            right=judge(a).right,
        )
        for asked, a in zip(asks, given, strict=True)
        if a.view == "probe"
    )


def _score(name: str, runs: dict[str, list[list[Answer]]]) -> list[Simulated]:
    scored = {arm: score_runs(some) for arm, some in runs.items()}
    peaks = {arm: find_peak(numbers).step for arm, numbers in scored.items()}
    found = []
    for arm, numbers in scored.items():
        chosen = [n for n in numbers if n.step == peaks[arm]]
        if arm == PROTECTED:
            chosen += score_protection(runs[PROTECTED], runs[CLEAN], steps=(peaks[PROTECTED], peaks[CLEAN]))
        found.append(Simulated(vlm=name, arm=arm, numbers=tuple(chosen)))
    return found


def _check_consent(data: DataSet) -> None:
    silent = [p.display_name for p in data.members() if p.consent not in CONSENTS]
    if silent:
        raise DP2VLError(
            f"{', '.join(silent)}: no consent to teach a model who they are",
            "ask them, then write consent: self or written into facts.yaml",
        )


def _read(data: DataSet) -> Pixels:
    return {row.photo_id: read_pixels(data.path(row)) for row in data.all_rows()}


def _read_protected(data: DataSet, album: Path, against: Path, work: Path, facts: Path | None) -> Pixels:
    """Return the photos with the training ones replaced by their protected copies."""
    copies = read_dataset(import_album("folder", against, work, facts=facts or album / "facts.yaml"))
    found = {row.photo_id: copies.path(row) for row in copies.rows["train"]}
    missing = [row.photo_id for row in data.rows["train"] if row.photo_id not in found]
    if missing or len(found) != len(data.rows["train"]):
        raise UsageError(
            f"expected the {len(data.rows['train'])} training photos of {album} in {against}, got {len(found)}",
            "dp2vl protect the album into that folder, all photos of it",
        )
    return _read(data) | {photo_id: read_pixels(path) for photo_id, path in found.items()}
