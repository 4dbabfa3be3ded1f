"""Photos before and after, and what models taught on them said of a new photo; from a suite's whole folder."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dp2vl.leakage.answers import Answer, judge, read_answers
from dp2vl.report.records import Arm, Run, arm_of

PEOPLE = 2
"""Of each model; the first in the set's order, not chosen by what was said of them."""
SHOWN_PX = 192
AMPLIFY = 16


@dataclass(frozen=True, kw_only=True)
class Example:
    """One person and one model.

    Args:
        family, label: the model, and how the photos were changed. why: why its numbers say nothing, or "".
        before, after, difference: a training photo as the adversary would have it, and as they have it; data URLs.
        probe: the new photo that was asked about.
        said: scenario, right answer, and for the model taught on clean and on changed photos its words and whether they
            are right.
    """

    family: str
    label: str
    why: str
    before: str
    after: str
    difference: str
    probe: str
    said: list[tuple[str, str, tuple[str, bool], tuple[str, bool]]]


def make_examples(run: Run) -> Iterator[Example]:
    """Yield examples of each model, where the suite's folder still has data, changed photos and answers.

    Of protected photos if there are some, otherwise of those that another method changed.
    """
    rows = {arm_of(row): row for row in run.visibility}
    shown = "protected" if any(arm.arm == "protected" for arm in rows) else "baseline"
    for arm, row in rows.items():
        asked = replace(arm, ratio=1.0)
        clean = run.clean(asked)
        changed, photos = run.folder / row["folder"], run.folder / "data" / "photos"
        if arm.arm != shown or clean is None or not changed.is_dir() or not photos.is_dir():
            continue
        ours, theirs = _words(run, asked), _words(run, clean)
        for person in sorted({photo_id.split("-")[1] for photo_id in ours.keys() & theirs.keys()})[:PEOPLE]:
            probe = min(photo_id for photo_id in ours if photo_id.split("-")[1] == person)
            name = _first_photo(photos / "train", person)
            before, after = _read(photos / "train" / name), _read(changed / name)
            difference = ((after.astype(int) - before) * AMPLIFY + 128).clip(0, 255).astype(np.uint8)
            yield Example(
                family=arm.family, label=run.label(arm), why=run.why(asked), before=_url(before), after=_url(after),
                difference=_url(difference), probe=_url(_read(_find(photos, probe))),
                said=list(_compare(theirs[probe], ours[probe])),
            )  # fmt: skip


def _words(run: Run, arm: Arm) -> dict[str, list[Answer]]:
    """Return what the first seed's model wrote about each new photo after the last step, by photo."""
    paths = sorted((run.folder / arm.folder).glob("seed*/answers.jsonl"))
    said: dict[str, list[Answer]] = {}
    for answer in read_answers(paths[0]) if paths else ():
        if answer.view == "probe" and answer.format == "open" and not answer.options:
            said.setdefault(answer.photo_id, []).append(answer)
    return said


def _compare(
    clean: list[Answer], changed: list[Answer]
) -> Iterator[tuple[str, str, tuple[str, bool], tuple[str, bool]]]:
    other = {(a.scenario, a.slot): a for a in changed}
    for a in clean:
        b = other.get((a.scenario, a.slot))
        if b:
            topic = f"{a.scenario}: name" if a.slot == "token" else a.scenario or "who"
            yield topic, a.answer, (a.text, judge(a).right), (b.text, judge(b).right)


def _first_photo(folder: Path, person: str) -> str:
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return min(row["file_name"] for row in map(json.loads, lines) if row["person_id"] == person)


def _find(photos: Path, photo_id: str) -> Path:
    split, person, number = photo_id.split("-")
    return photos / split / person / f"{number}.png"


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((SHOWN_PX, SHOWN_PX))
        return np.asarray(small)


def _url(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
