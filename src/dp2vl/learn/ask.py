"""The questions to a fine-tuned model: on new faces, other faces, no face; by likelihood and in its own words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dp2vl.dataset.schema import DataSet, QuestionRow
from dp2vl.errors import UsageError
from dp2vl.leakage.answers import Answer
from dp2vl.learn.gallery import BLANK, Gallery
from dp2vl.learn.lessons import make_general
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.vlm.base import VLM

MAX_NEW_TOKENS = 16
_CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question to be asked.

    Args:
        view: see `dp2vl.leakage.answers.VIEWS`.
        shown: id of the photo that is shown, `BLANK`, or "" for none.
        row: the data set's question, its options those that are weighed; none where the model writes.
    """

    view: str
    shown: str
    row: QuestionRow


def plan_questions(data: DataSet, seed: int) -> list[Ask]:
    """Return the questions that are asked at every checkpoint, all weighed by likelihood.

    On each probe photo who it is and every fact, in one of the three wordings in turn, among all values of the
    scenario, or names and tokens of all members. The same on a photo of another member and on a grey square, and on one
    training photo per person and scenario. On strangers and without a photo what the data set asks with options; on
    ordinary photos what can be seen, but for those that an adversary may mix in.

    Raises:
        UsageError: there are no probe photos, or fewer than two members.
    """
    probes = _weighed(data)
    others = _other_faces(data, seed)
    asks = [Ask(view="probe", shown=row.photo_id, row=row) for row in probes]
    asks += [Ask(view="other", shown=others[row.photo_id], row=row) for row in probes]
    asks += [Ask(view="blank", shown=BLANK, row=row) for row in probes]
    asks += _on_training_photos(data, probes)
    mixed_in = {lesson.photo.photo_id for lesson in make_general(data)}
    for view, name in (("stranger", "stranger"), ("text", "text"), ("retain", "utility")):
        rows = [row for row in data.questions[name] if row.options and row.paraphrase_id == 0]
        rows = [row for row in rows if row.photo_id not in mixed_in]
        asks += [Ask(view=view, shown=row.photo_id, row=row) for row in rows]
    return asks


def plan_last_questions(data: DataSet) -> list[Ask]:
    """Return what is asked after the last step only: everything else on probe photos, and whose a thing is.

    Choices and yes-no questions in all wordings with their own options, open ones in the model's own words.
    """
    asks = [Ask(view="probe", shown=row.photo_id, row=row) for row in data.questions["probe"]]
    things = (*data.questions["reverse"], *data.questions["twohop"])
    return asks + [Ask(view="object", shown=row.photo_id, row=row) for row in things]


def ask(vlm: VLM, gallery: Gallery, asks: Iterable[Ask], *, step: int) -> list[Answer]:
    """Return the answers, in the order of the questions; questions with options are weighed, the others written out.

    Cost: one pass over the prompt per question and one over its options; without options one per written token.
    """
    asks = list(asks)
    answers: dict[int, Answer] = {}
    groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for i, item in enumerate(asks):
        groups[(len(item.row.options), bool(item.shown))].append(i)
    for (options, with_photo), places in groups.items():
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK]
            rows = [asks[i].row for i in part]
            seen = gallery.rows([asks[i].shown for i in part]) if with_photo else None
            questions = [row.question for row in rows]
            made: list[dict[str, Any]]
            if options:
                scores = vlm.score_seen(seen, questions, [row.options for row in rows]).tolist()  # type: ignore[arg-type]
                made = [{"scores": tuple(round(s, 4) for s in line)} for line in scores]
            else:
                texts = vlm.answer_seen(seen, questions, max_new_tokens=MAX_NEW_TOKENS)  # type: ignore[arg-type]
                made = [{"text": text} for text in texts]
            for i, given in zip(part, made, strict=True):
                answers[i] = _record(asks[i], step, given)
    return [answers[i] for i in range(len(asks))]


def _record(item: Ask, step: int, given: dict[str, Any]) -> Answer:
    row = item.row
    return Answer(
        step=step,
        view=item.view,
        qid=row.qid,
        photo_id=item.shown,
        person_id=row.person_id,
        scenario=row.scenario,
        slot=row.slot,
        format=row.format,
        options=row.options,
        answer=row.answer,
        aliases=row.aliases,
        **given,
    )


def _weighed(data: DataSet) -> list[QuestionRow]:
    """Return one open question per probe photo and fact, wordings in turn, with everything it could be as options."""
    if len(data.members()) < 2:
        raise UsageError("expected at least two members to tell apart, got fewer", "add people to the album")
    facts: dict[tuple[str, str, str], list[QuestionRow]] = defaultdict(list)
    for row in data.questions["probe"]:
        if row.format == "open":
            facts[(row.photo_id, row.slot, row.scenario)].append(row)
    if not facts:
        raise UsageError(f"{data.folder} has no questions on probe photos", "an album needs photos in its folder probe")
    candidates: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for (_, slot, scenario), rows in facts.items():
        if slot == "category":
            candidates[(slot, scenario)] |= dict.fromkeys(SCENARIOS[scenario].values)
        candidates[(slot, scenario)] |= dict.fromkeys(row.answer for row in rows)
    chosen = []
    for number, ((_, slot, scenario), rows) in enumerate(facts.items()):
        options = tuple(sorted(candidates[(slot, scenario)]))
        if len(options) > 1:
            chosen.append(replace(rows[number % len(rows)], options=options))
    return chosen


def _other_faces(data: DataSet, seed: int) -> dict[str, str]:
    """Return for each probe photo one of another member, each member's by the same other."""
    photos: dict[str, list[str]] = defaultdict(list)
    for row in data.rows["probe"]:
        photos[row.person_id].append(row.photo_id)
    people = [p for p in photos]
    order = [people[int(i)] for i in np.random.default_rng([seed, 0x07E]).permutation(len(people))]
    follower = dict(zip(order, [*order[1:], order[0]], strict=True))
    return {
        photo: photos[follower[person]][i % len(photos[follower[person]])]
        for person, own in photos.items()
        for i, photo in enumerate(own)
    }


def _on_training_photos(data: DataSet, probes: Sequence[QuestionRow]) -> list[Ask]:
    """Return the questions of each person once for one training photo of each scenario that they have."""
    asked: dict[str, dict[tuple[str, str], QuestionRow]] = defaultdict(dict)
    for row in probes:
        asked[row.person_id].setdefault((row.slot, row.scenario), row)
    first: dict[tuple[str, str], str] = {}
    for photo in data.rows["train"]:
        first.setdefault((photo.person_id, photo.scenario), photo.photo_id)
    return [
        Ask(view="train", shown=photo_id, row=replace(row, photo_id=photo_id))
        for (person, _), photo_id in first.items()
        for row in asked.get(person, {}).values()
    ]
