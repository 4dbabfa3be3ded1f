"""Answers to tables: one accuracy per person and run. The person is the unit, however many questions each has."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dp2vl.errors import DP2VLError
from dp2vl.leakage.answers import Answer, judge


@dataclass(frozen=True)
class PersonTable:
    """Shares of right answers.

    Args:
        people: ids, the columns.
        shares: (runs, people) in [0, 1]; a run is one seed. Each is the mean over the person's questions.
    """

    people: tuple[str, ...]
    shares: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.shares.ndim != 2 or self.shares.shape[1] != len(self.people) or not self.shares.size:
            raise ValueError(f"expected shares (runs, {len(self.people)}), got {self.shares.shape}")

    @property
    def mean(self) -> float:
        """The mean over people and runs."""
        return float(self.shares.mean())


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is reached without having learned anything: the largest of three accuracies.

    Args:
        uniform: by guessing among the options.
        majority: by always giving the answer that is right most often.
        blind: by the same model that sees a grey square instead of the photo, and whose it is.
    """

    uniform: float
    majority: float
    blind: PersonTable

    @property
    def value(self) -> float:
        return max(self.uniform, self.majority, self.blind.mean)

    def leakage(self, accuracy: float) -> float:
        """Return accuracy as a share of what chance leaves: 0 at chance, 1 at always right, below 0 beneath chance."""
        return (accuracy - self.value) / (1 - self.value)


def tabulate(
    runs: Sequence[Iterable[Answer]],
    *,
    what: str,
    right: Callable[[Answer], bool] = lambda a: judge(a).right,
    people: Sequence[str] | None = None,
) -> PersonTable:
    """Return the table of some questions.

    Args:
        runs: the answers of each run (seed).
        what: names the questions in errors.
        right: what counts.
        people: the columns; all people of the first run, sorted, if not given.

    Raises:
        DP2VLError: a person has no answer in a run, or a run has another person: never a mean over what is there.
    """
    sums = []
    for run in runs:
        found: dict[str, list[bool]] = defaultdict(list)
        for answer in run:
            found[answer.person_id].append(right(answer))
        sums.append(found)
    names = tuple(people if people is not None else sorted(sums[0]) if sums else ())
    if not names:
        raise DP2VLError(f"expected answers about {what}, got none", "ask these questions, or leave the metric out")
    for number, found in enumerate(sums):
        odd = set(names) ^ set(found)
        if odd:
            raise DP2VLError(
                f"run {number + 1} and the others differ in who was asked about {what}: {', '.join(sorted(odd)[:5])}",
                "ask every run about the same people",
            )
    return PersonTable(names, np.array([[float(np.mean(found[name])) for name in names] for found in sums]))


def chance_level(asked: Sequence[Answer], blind: PersonTable) -> Level:
    """Return the chance level of questions with options (or open ones, of which a uniform guess reaches nothing).

    Raises:
        DP2VLError: there are no questions.
    """
    if not asked:
        raise DP2VLError("expected questions to find their chance level, got none", "ask before scoring")
    uniform = float(np.mean([1 / len(a.options) if a.options else 0.0 for a in asked]))
    # A constant answer is one string for all people; each person weighs the same.
    per_person = Counter(a.person_id for a in asked)
    shares: dict[str, float] = defaultdict(float)
    for a in asked:
        for truth in a.truths:
            shares[truth] += 1 / per_person[a.person_id] / len(per_person)
    return Level(uniform=uniform, majority=max(shares.values()), blind=blind)


def average(tables: Sequence[PersonTable]) -> PersonTable:
    """Return the mean of tables of the same people."""
    return PersonTable(tables[0].people, np.mean([t.shares for t in tables], axis=0))


def of_run(table: PersonTable, run: int | None) -> PersonTable:
    """Return one run of a table, or all."""
    return table if run is None else PersonTable(table.people, table.shares[run : run + 1])
