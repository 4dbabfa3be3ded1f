"""One question asked of one model, and whether the answer is right.

Published benchmarks drop refusals, take the first letter of any reply for a choice, and find answers inside words.
Here every question counts: what cannot be read is wrong, and it is counted apart as well.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from dp2vl.errors import DP2VLError
from dp2vl.files import write_atomic

VIEWS = ("probe", "other", "blank", "train", "stranger", "object", "text", "retain")
"""What was shown: a new photo of the person; another member's; a grey square; a training photo; somebody outside the
set; the thing or companion alone; nothing; an ordinary photo of others."""
ABSTAIN = ("unknown",)
_REFUSAL = re.compile(
    r"\b(unknown|(do not|don't|cannot|can't|could not) (know|tell|say|identify|determine|answer)"
    r"|not sure|unable|sorry)\b"
)
_LETTER = re.compile(r"\(?([a-z])\)?[.:]?", re.IGNORECASE)
_LETTER_AND_TEXT = re.compile(r"\(?([a-z])\)?[.:)]\s*(\S.*)", re.IGNORECASE | re.DOTALL)
_ARTICLE = re.compile(r"^(a|an|the)\s+")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question, one photo, one model: a line of `answers.jsonl`.

    Args:
        step: optimiser steps that the model had learned for; 0 is the untouched model.
        view: out of `VIEWS`.
        qid, photo_id, person_id, scenario, slot, format: as in the data set's questions. `person_id` is whom the
            question is about, whoever is shown.
        options: what the model chose from; empty where it wrote freely.
        scores: log-likelihood of each option in nats; empty where the text counts.
        text: what the model wrote, greedily; "" where the scores count.
        answer: the right answer. aliases: other right answers.
    """

    step: int
    view: str
    qid: str
    photo_id: str
    person_id: str
    scenario: str
    slot: str
    format: str
    options: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    text: str = ""
    answer: str
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ValueError(f"expected a view out of {', '.join(VIEWS)}, got {self.view!r}")
        if self.scores and len(self.scores) != len(self.options):
            raise ValueError(f"expected a score for each of {len(self.options)} options, got {len(self.scores)}")
        if any(math.isnan(s) for s in self.scores):
            raise ValueError(f"expected scores that are numbers in {self.qid}, got NaN")
        if self.options and not set(self.options) & self.truths:
            raise ValueError(f"expected the right answer among the options of {self.qid}, got {self.options}")

    @property
    def truths(self) -> set[str]:
        return {self.answer, *self.aliases}


class Verdict(NamedTuple):
    """Whether an answer is right, names something (anything but a refusal), and can be read at all."""

    right: bool
    claims: bool
    valid: bool


def judge(given: Answer) -> Verdict:
    """Return the verdict on one answer: the likeliest option where there are scores, else what was written.

    The likeliest option must be the only one: of equally likely options none was chosen.
    """
    if given.scores:
        best = max(given.scores)
        if given.scores.count(best) > 1:
            return Verdict(right=False, claims=False, valid=False)
        chosen = given.options[given.scores.index(best)]
        return Verdict(right=chosen in given.truths, claims=chosen not in ABSTAIN, valid=True)
    said = read_choice(given.text, given.options) if given.options else normalise(given.text)
    if said in {normalise(truth) for truth in given.truths}:
        return Verdict(right=True, claims=said not in ABSTAIN, valid=True)
    if is_refusal(given.text):
        return Verdict(right=bool(given.truths & set(ABSTAIN)), claims=False, valid=True)
    return Verdict(right=False, claims=bool(said), valid=bool(said))


def read_choice(text: str, options: Sequence[str]) -> str | None:
    """Return the option that a reply to a multiple-choice question names, normalised; None if it does not name one.

    Accepted are a lone letter, a letter with the text of its own option, and the text of one option. "A person" is
    none, nor is a reply with two options.
    """
    known = [normalise(option) for option in options]
    said = text.strip()
    if lone := _LETTER.fullmatch(said):
        return _by_letter(lone[1], known) if normalise(said) not in known else normalise(said)
    if normalise(said) in known:
        return normalise(said)
    if (both := _LETTER_AND_TEXT.fullmatch(said)) and _by_letter(both[1], known) == normalise(both[2]):
        return normalise(both[2])
    return None


def _by_letter(letter: str, known: Sequence[str]) -> str | None:
    place = ord(letter.lower()) - ord("a")
    return known[place] if place < len(known) else None


def normalise(text: str) -> str:
    """Return text without case, outer punctuation, article and repeated spaces, for comparison as a whole."""
    words = " ".join(text.casefold().split()).strip(" .,;:!?\"'")
    return _ARTICLE.sub("", words)


def is_refusal(text: str) -> bool:
    """Return whether a reply declines to answer."""
    return bool(_REFUSAL.search(" ".join(text.casefold().replace("\u2019", "'").split())))


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write answers as JSON lines, whole or not at all; the same answers give the same bytes."""
    lines = (json.dumps(asdict(a), ensure_ascii=False, allow_nan=False) + "\n" for a in answers)
    write_atomic(path, "".join(lines).encode())


def read_answers(path: Path) -> list[Answer]:
    """Return what `write_answers` wrote.

    Raises:
        DP2VLError: a line is damaged, or has an unknown or missing column.
    """
    names = {f.name for f in fields(Answer)}
    answers = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if row.keys() - names:
                raise TypeError(f"unknown columns {', '.join(sorted(row.keys() - names))}")
            lists = {key: tuple(row[key]) for key in ("options", "scores", "aliases") if key in row}
            answers.append(Answer(**row | lists))
        except (ValueError, TypeError, AttributeError) as error:
            raise DP2VLError(f"{path} line {number} does not fit: {error}", "ask again to write it anew") from None
    return answers
