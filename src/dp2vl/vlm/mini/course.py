"""A whole training of a mini model, from drawing photos to the finished folder; each part resumes by itself."""

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dp2vl.vlm.mini.card import read_card
from dp2vl.vlm.mini.figures import make_figures, render_figures
from dp2vl.vlm.mini.heads import HEADS_FILE
from dp2vl.vlm.mini.lessons import all_texts
from dp2vl.vlm.mini.models import MiniModel, make_vlm
from dp2vl.vlm.mini.photos import PhotoPlan, read_unlabelled, render_photos
from dp2vl.vlm.mini.train_language import LanguageConfig, LanguageTraining
from dp2vl.vlm.mini.train_tower import TowerConfig, TowerTraining, load_tower_weights
from dp2vl.vlm.mini.training import run_training

DRAWING = 1 / 3
"""Share of a run's time that drawing photos may take, where many are missing."""
MEASURED_PER_MINUTE = {"recall_people": 30, "test_photos": 15}
"""How many people and photos a run measures per minute that it has, at most what its recipe says."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What both parts of a training share.

    Args:
        model: which one.
        out: gets the folders `tower` and `language`; the finished model is `language/model`.
        plan: which photos of nameless people there are. cache: where they are kept once drawn.
        processes: that draw. device: that trains.
        report: takes lines about progress.
    """

    model: MiniModel
    out: Path
    plan: PhotoPlan
    cache: Path
    processes: int = 1
    device: str = "cpu"
    report: Callable[[str], None] = print

    @property
    def drawing(self) -> dict[str, Any]:
        """How photos are drawn."""
        return {"processes": self.processes, "report": self.report}


def train_tower(
    course: Course,
    config: TowerConfig,
    *,
    until: float,
    unlabelled: Path | None = None,
    unlabelled_source: str = "",
    start: Path | None = None,
) -> dict[str, float]:
    """Train the tower until its steps are taken or the clock (`time.monotonic`) shows `until`; return last figures.

    Photos that are missing are drawn in a third of the time at most, and training goes on with those that there are;
    the next run draws more. Short runs measure on fewer people: the card's recipe says on how many.

    Args:
        unlabelled: folder of real photos. unlabelled_source: where they are from, for the card.
        start: folder of a tower of the same shape to begin from.
    """
    config = replace(config, recall_people=_few("recall_people", config.recall_people, until))
    photos = render_photos(course.plan, course.cache, until=_drawing(until), **course.drawing)
    if unlabelled:
        photos = replace(photos, unlabelled=read_unlabelled(unlabelled, course.plan.side_px))
    account: dict[str, Any] = {"photos": asdict(course.plan), "unlabelled_photos": len(photos.unlabelled)}
    if unlabelled:
        account["unlabelled_source"] = unlabelled_source
    if start:
        account["started_from"] = read_card(start)["tower"]
    training = TowerTraining(course.model, config, photos, start=start, account=account, device=course.device)
    return run_training(training, course.out / "tower", minutes=_left(until), report=course.report)


def train_language(course: Course, config: LanguageConfig, *, until: float, figures: int) -> dict[str, float]:
    """Train connector and language model behind the tower of `course.out`; see `train_tower`.

    Raises:
        ModelError: there is no tower.
    """
    tower, out = course.out / "tower", course.out / "language"
    card, drawing = read_card(tower), _drawing(until)
    config = replace(config, test_photos=_few("test_photos", config.test_photos, until))
    known = make_figures(figures, course.model.seed)
    vlm = make_vlm(course.model, all_texts(known, course.model.seed), out / "model")
    load_tower_weights(vlm.tower, tower)
    shown = render_figures(known, course.cache, side_px=course.plan.side_px, until=drawing, **course.drawing)
    photos = render_photos(course.plan, course.cache, until=drawing, **course.drawing)
    training = LanguageTraining(vlm.to(course.device), config, photos, known[: len(shown)], shown, account=card)
    last = run_training(training, out, minutes=_left(until), report=course.report)
    shutil.copy(tower / HEADS_FILE, out / "model" / HEADS_FILE)
    return last


def _left(until: float) -> float:
    """Return the minutes until the clock shows `until`."""
    return max(until - time.monotonic(), 0.0) / 60


def _drawing(until: float) -> float:
    """Return what the clock may show when drawing ends."""
    return time.monotonic() + 60 * DRAWING * _left(until)


def _few(what: str, most: int, until: float) -> int:
    """Return on how many people or photos a run of this length measures, at least 8."""
    return int(min(most, max(8, MEASURED_PER_MINUTE[what] * _left(until))))
