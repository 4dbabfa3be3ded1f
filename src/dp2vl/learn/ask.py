"""The questions to a fine-tuned model: on new faces, other faces, no face; by likelihood and in its own words."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dp2vl.dataset.schema import DataSet, QuestionRow
from dp2vl.errors import UsageError
from dp2vl.leakage.answers import Answer
from dp2vl.learn.gallery import BLANK, Gallery
from dp2vl.learn.lessons import make_general
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.vlm.base import BATCH, VLM

MAX_NEW_TOKENS = 16
_CHUNK = 64
Question = tuple[str, str, tuple[str, ...]]
"""Id of what is shown, "" for nothing; the question; its options."""


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
    scenario, or names and tokens of all members. The same on a photo of another member and on a grey square; who it is
    and all categories on one training photo per person and scenario. On strangers and without a photo what the data set
    asks with options; on ordinary photos what can be seen, but for those that an adversary may mix in.

    Raises:
        UsageError: there are no probe photos, or they show fewer than two members.
    """
    probes = _weighed(data)
    asks = [Ask(view="probe", shown=row.photo_id, row=row) for row in probes]
    asks += _on_other_faces(probes, _other_faces(data, seed))
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

    Choices and yes-no questions in all wordings with their own options; open ones in the model's own words, on each
    photo in the wording in which they are weighed.
    """
    worded = {row.qid for row in _weighed(data)}
    asked = [row for row in data.questions["probe"] if row.options or row.qid in worded]
    asks = [Ask(view="probe", shown=row.photo_id, row=row) for row in asked]
    things = (*data.questions["reverse"], *data.questions["twohop"])
    return asks + [Ask(view="object", shown=row.photo_id, row=row) for row in things]


def ask(vlm: VLM, gallery: Gallery, asks: Iterable[Ask], *, step: int) -> list[Answer]:
    """Return the answers, in the order of the questions; questions with options are weighed, the others written out.

    What is asked several times, as when another person's photo is shown, is answered once.
    Cost: each photo and each weighed question is read once; without options one pass per written token.
    """
    asks = list(asks)
    scores = _weigh(vlm, gallery, {_asked(item): None for item in asks if item.row.options})
    texts = _write_out(vlm, gallery, {_asked(item): None for item in asks if not item.row.options})
    return [
        _record(item, step, {"scores": scores[_asked(item)]} if item.row.options else {"text": texts[_asked(item)]})
        for item in asks
    ]


def _asked(item: Ask) -> Question:
    return item.shown, item.row.question, item.row.options


def _weigh(vlm: VLM, gallery: Gallery, asked: Iterable[Question]) -> dict[Question, tuple[float, ...]]:
    """Return the log-likelihoods of the options of each question."""
    by_photo: dict[str, list[Question]] = defaultdict(list)
    for one in asked:
        by_photo[one[0]].append(one)
    scores = {}
    for with_photo in (False, True):
        shown = [photo for photo in by_photo if bool(photo) == with_photo]
        for start in range(0, len(shown), BATCH):
            part = shown[start : start + BATCH]
            seen = gallery.rows(part) if with_photo else None
            questions = [[(question, options) for _, question, options in by_photo[photo]] for photo in part]
            made = vlm.score_each(seen, questions)  # type: ignore[arg-type]  # photos of modern families
            for photo, some in zip(part, made, strict=True):
                for one, score in zip(by_photo[photo], some, strict=True):
                    scores[one] = tuple(round(s, 4) for s in score.tolist())
    return scores


def _write_out(vlm: VLM, gallery: Gallery, asked: Iterable[Question]) -> dict[Question, str]:
    """Return what the model says to each question."""
    asked = list(asked)
    texts: dict[Question, str] = {}
    for with_photo in (False, True):
        some = [one for one in asked if bool(one[0]) == with_photo]
        for start in range(0, len(some), _CHUNK):
            part = some[start : start + _CHUNK]
            seen = gallery.rows([photo for photo, _, _ in part]) if with_photo else None
            questions = [question for _, question, _ in part]
            made = vlm.answer_seen(seen, questions, max_new_tokens=MAX_NEW_TOKENS)  # type: ignore[arg-type]
            texts |= dict(zip(part, made, strict=True))
    return texts


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
        raise UsageError(
            "expected at least two members to tell apart, got fewer; with one person only categories remain",
            "add people to the album",
        )
    facts: dict[tuple[str, str, str], list[QuestionRow]] = defaultdict(list)
    for row in data.questions["probe"]:
        if row.format == "open":
            facts[(row.photo_id, row.slot, row.scenario)].append(row)
    if not facts:
        raise UsageError(f"{data.folder} has no questions on probe photos", "an album needs photos in its folder probe")
    _check_told_apart(data, {rows[0].person_id for rows in facts.values()})
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


def _check_told_apart(data: DataSet, shown: Collection[str]) -> None:
    """Raise a `UsageError` unless probe photos show two people: one face cannot be shown in place of another."""
    if len(shown) < 2:
        without = [person.display_name for person in data.members() if person.person_id not in shown]
        raise UsageError(
            f"expected probe photos of at least two members, there are none of {', '.join(without)}",
            "add photos to their folders probe",
        )


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


def _on_other_faces(probes: Sequence[QuestionRow], others: Mapping[str, str]) -> Iterator[Ask]:
    """Yield the questions of each probe photo about another member's, worded as they are asked there anyway."""
    worded = {(row.photo_id, row.slot, row.scenario): row.question for row in probes}
    for row in probes:
        other = others[row.photo_id]
        question = worded.get((other, row.slot, row.scenario), row.question)
        yield Ask(view="other", shown=other, row=replace(row, question=question))


def _on_training_photos(data: DataSet, probes: Sequence[QuestionRow]) -> list[Ask]:
    """Return who it is and all categories for one training photo of each person and scenario."""
    asked: dict[str, dict[tuple[str, str], QuestionRow]] = defaultdict(dict)
    for row in probes:
        if row.slot in ("identity", "category"):
            asked[row.person_id].setdefault((row.slot, row.scenario), row)
    first: dict[tuple[str, str], str] = {}
    for photo in data.rows["train"]:
        first.setdefault((photo.person_id, photo.scenario), photo.photo_id)
    return [
        Ask(view="train", shown=photo_id, row=replace(row, photo_id=photo_id))
        for (person, _), photo_id in first.items()
        for row in asked.get(person, {}).values()
    ]
