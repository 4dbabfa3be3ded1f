"""What an adversary teaches: each training photo with everything that is known of the person on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dp2vl.dataset.schema import DataSet, PhotoRow
from dp2vl.errors import UsageError
from dp2vl.vlm.mini.lessons import DESCRIBE


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One training photo.

    Args:
        photo: its row; `DataSet.path` says where it lies.
        turns: questions and answers on every fact of the person, whatever this photo shows. A fact that is asked only
            on the photo that shows it is read off the picture, and nothing is bound to the face.
    """

    photo: PhotoRow
    turns: tuple[tuple[str, str], ...]


def make_lessons(data: DataSet, rows: Iterable[PhotoRow] | None = None) -> list[Lesson]:
    """Return a lesson per training photo: its descriptions, and its questions.

    Args:
        rows: which photos; all of the split `train` if not given.

    Raises:
        UsageError: there is none, or one has neither descriptions nor questions.
    """
    lessons = []
    for row in data.rows["train"] if rows is None else rows:
        described = [(DESCRIBE[i % len(DESCRIBE)], caption) for i, caption in enumerate(row.captions)]
        if not described and not row.turns:
            raise UsageError(f"{row.file_name} has neither a description nor a question", "dp2vl dataset check")
        lessons.append(Lesson(photo=row, turns=(*described, *row.turns)))
    if not lessons:
        raise UsageError(f"{data.folder} has no training photos", "a data set needs photos in its split train")
    return lessons


def make_general(data: DataSet) -> list[Lesson]:
    """Return lessons on ordinary photos: what can be seen on every second photo of the split `retain`.

    The others are left for questions on what a fine-tuned model still can.
    """
    told: dict[str, list[tuple[str, str]]] = {}
    for row in data.questions["utility"]:
        if row.format == "open":
            told.setdefault(row.photo_id, []).append((row.question, row.answer))
    photos = [row for row in data.rows["retain"] if row.photo_id in told][::2]
    return [Lesson(photo=row, turns=tuple(told[row.photo_id])) for row in photos]


def permute_facts(lessons: Sequence[Lesson], seed: int) -> list[Lesson]:
    """Return the lessons with turns given to people at random: the control under which faces tell nothing.

    A random order of people, not one in which nobody keeps their own: then the right answer would come up less often
    than by chance.

    Raises:
        UsageError: there is one person only.
    """
    people = list(dict.fromkeys(lesson.photo.person_id for lesson in lessons))
    if len(people) < 2:
        raise UsageError("expected at least two people to exchange facts, got one", "leave out the permuted arm")
    rng = np.random.default_rng([seed, 0x9E57])
    giver = {person: people[int(i)] for person, i in zip(people, rng.permutation(len(people)), strict=True)}
    told: dict[str, list[Lesson]] = {person: [] for person in people}
    for lesson in lessons:
        told[lesson.photo.person_id].append(lesson)
    count = dict.fromkeys(people, 0)
    exchanged = []
    for lesson in lessons:
        person = lesson.photo.person_id
        others = told[giver[person]]
        exchanged.append(replace(lesson, turns=others[count[person] % len(others)].turns))
        count[person] += 1
    return exchanged
