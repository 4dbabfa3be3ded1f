"""All numbers of one model fine-tuned in one way: from the answers of its runs, checkpoint by checkpoint."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dp2vl.errors import DP2VLError
from dp2vl.leakage.answers import Answer, judge
from dp2vl.leakage.people import Level, PersonTable, average, chance_level, of_run, tabulate
from dp2vl.leakage.replies import FACTS, MEAN, table_replies
from dp2vl.leakage.uncertainty import Interval, Pair, Resample

Statistic = Callable[[Resample, int | None], Interval]
"""Draws of people, and a run or None for all -> a number."""
Comparison = Callable[[Resample, Sequence[Pair], Sequence[Pair]], Interval]
"""Draws of people, and the tables of two arms -> a number."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number.

    Args:
        metric: what it is; see `score_runs`. scenario: which, `MEAN` over them, or "" where there is none.
        step: the checkpoint.
        interval: over people, all runs together. seeds: the number for each run alone.
    """

    metric: str
    scenario: str
    step: int
    interval: Interval
    seeds: tuple[float, ...]


class Answers:
    """The answers of some runs at one checkpoint, ready to be asked for tables.

    Raises:
        DP2VLError: runs differ in their people.
    """

    def __init__(self, runs: Sequence[Sequence[Answer]], step: int) -> None:
        self.runs = [[a for a in run if a.step == step] for run in runs]
        people = sorted({a.person_id for run in self.runs for a in run if a.view == "probe"})
        if not people:
            raise DP2VLError(f"expected answers on probe photos after {step} steps, got none", "ask this checkpoint")
        self.resample = Resample(tuple(people))

    def pick(self, view: str, slot: str, scenario: str = "") -> list[list[Answer]]:
        """Return the answers weighed by likelihood among everything that an open question could be."""
        return [
            [
                a
                for a in run
                if (a.view, a.slot, a.scenario, a.format) == (view, slot, scenario, "open") and bool(a.scores)
            ]
            for run in self.runs
        ]

    def table(self, view: str, slot: str, scenario: str = "") -> PersonTable:
        """Return accuracies by person."""
        what = " ".join(part for part in (slot, scenario, f"({view})") if part)
        return tabulate(self.pick(view, slot, scenario), what=what, people=self.resample.people)

    def level(self, slot: str, scenario: str = "") -> Level:
        """Return the chance level of the questions on probe photos."""
        return chance_level(self.pick("probe", slot, scenario)[0], self.table("blank", slot, scenario))

    def scenarios(self, slot: str) -> list[str]:
        """Return the scenarios that were asked about, in the order of the questions."""
        asked = (a for a in self.runs[0] if a.view == "probe" and a.slot == slot and a.scores and a.format == "open")
        return list(dict.fromkeys(a.scenario for a in asked))


def score_runs(runs: Sequence[Sequence[Answer]]) -> list[Number]:
    """Return the numbers of some runs that differ by their seed alone; the same answers give the same numbers.

    Metrics, by likelihood if nothing else is said:

    - `identity_accuracy`, `identity_leakage`: who the new face is.
    - `category_accuracy`, `category_leakage`, `token_accuracy`, `token_leakage`: by scenario and `MEAN`; `leakage` is
      another name of `category_leakage`.
    - `chance`: the level that category leakage is measured from.
    - `category_given_identity`, `category_given_not_identity`: on photos whose person was told, or was not.
    - `image_share`: of the mean category leakage, what is lost when another face is shown.
    - `train_accuracy`, `overfit_gap`: on training photos, and how much better than on new ones.
    - `identity_text_accuracy`, `category_text_accuracy`, `token_text_accuracy`: in the model's own words, by scenario
      and `MEAN`; `invalid_rate`: how often they cannot be read. `mcq_accuracy`: of multiple-choice questions.
      `yesno_balanced_accuracy`: of yes-no questions, those to be affirmed and those to be denied weighing alike. Each
      where it was asked.
    - `text_accuracy`: without a photo. `utility`: what can be seen on ordinary photos. `false_claims`: how often a
      stranger is given a member's name or fact. Each where it was asked.

    Raises:
        DP2VLError: a group of questions has no answers, or runs differ in their people.
    """
    if not runs:
        raise DP2VLError("expected the answers of at least one run, got none", "run the suite first")
    numbers = []
    for step in sorted({a.step for run in runs for a in run}):
        numbers += list(_score_step(Answers(runs, step), step))
    return numbers


def find_peak(numbers: Iterable[Number], metric: str = "leakage", scenario: str = MEAN) -> Number:
    """Return the number of the checkpoint at which a metric is largest: the adversary stops when it is best for them.

    Raises:
        DP2VLError: there is no such number.
    """
    found = [n for n in numbers if (n.metric, n.scenario) == (metric, scenario)]
    if not found:
        raise DP2VLError(f"expected {metric} of {scenario} among the numbers, got none", "score the run anew")
    return max(found, key=lambda n: n.interval.value)


def score_protection(
    protected: Sequence[Sequence[Answer]], clean: Sequence[Sequence[Answer]], *, steps: tuple[int, int]
) -> list[Number]:
    """Return `protection_rate`, 1 - L(protected) / L(clean), by scenario and in the mean of leakages, paired by people.

    Args:
        protected, clean: runs with the same seeds in the same order.
        steps: the checkpoint of each that counts, such as the peak.

    Raises:
        DP2VLError: people or scenarios of the two differ.
    """
    arms = _Arms(protected, clean, steps)
    wanted = ((MEAN, arms.scenarios), *((s, [s]) for s in arms.scenarios))
    return [arms.compare("protection_rate", name, Resample.protection, "category", chosen) for name, chosen in wanted]


def score_identity_protection(
    protected: Sequence[Sequence[Answer]], clean: Sequence[Sequence[Answer]], *, steps: tuple[int, int]
) -> Number:
    """Return `identity_protection_rate`, the same of who the face is: a name may leak where facts do not.

    Args:
        protected, clean: runs with the same seeds in the same order.
        steps: the checkpoint of each that counts, such as the peak of `identity_leakage`.

    Raises:
        DP2VLError: people or scenarios of the two differ.
    """
    return _Arms(protected, clean, steps).compare("identity_protection_rate", "", Resample.protection, "identity", [""])


def score_difference(
    first: Sequence[Sequence[Answer]], second: Sequence[Sequence[Answer]], *, steps: tuple[int, int]
) -> Number:
    """Return `leakage_difference`, the mean leakage of the first minus that of the second, paired by people.

    Args:
        first, second: runs with the same seeds in the same order.
        steps: the checkpoint of each that counts, such as the peak.

    Raises:
        DP2VLError: people or scenarios of the two differ.
    """
    arms = _Arms(first, second, steps)
    return arms.compare("leakage_difference", MEAN, Resample.leakage_difference, "category", arms.scenarios)


class _Arms:
    """Two arms whose people are drawn together, each at a checkpoint of its own.

    Raises:
        DP2VLError: people or scenarios of the two differ.
    """

    def __init__(
        self, first: Sequence[Sequence[Answer]], second: Sequence[Sequence[Answer]], steps: tuple[int, int]
    ) -> None:
        self._first, self._second = Answers(first, steps[0]), Answers(second, steps[1])
        self.scenarios, self._step = self._second.scenarios("category"), steps[0]
        same_people = self._first.resample.people == self._second.resample.people
        if not same_people or self._first.scenarios("category") != self.scenarios:
            raise DP2VLError("expected the same people and scenarios in both arms", "run both arms of one suite")
        self._seeds = range(len(first)) if len(first) == len(second) else ()
        self._alone = Resample(self._first.resample.people, draws=0)

    def compare(self, metric: str, name: str, statistic: Comparison, slot: str, scenarios: Sequence[str]) -> Number:
        """Return a number over what was asked of some scenarios."""
        tables = [_tables(arm, slot, scenarios) for arm in (self._first, self._second)]

        def number(resample: Resample, run: int | None) -> Interval:
            return statistic(resample, *([(of_run(t, run), _level(level, run)) for t, level in arm] for arm in tables))

        seeds = tuple(number(self._alone, run).value for run in self._seeds)
        whole = number(self._first.resample, None)
        return Number(metric=metric, scenario=name, step=self._step, interval=whole, seeds=seeds)


def _tables(answers: Answers, slot: str, scenarios: Sequence[str]) -> list[tuple[PersonTable, Level]]:
    return [(answers.table("probe", slot, s), answers.level(slot, s)) for s in scenarios]


def score_people(runs: Sequence[Sequence[Answer]], step: int) -> dict[str, dict[str, float]]:
    """Return what is known about each person at a checkpoint, all runs together: metric -> person -> value.

    `leakage` is a person's accuracy above the chance level of all people, in the mean over scenarios; its mean over
    people is the metric of that name of `score_runs`, and so is that of `identity_accuracy`.

    Raises:
        DP2VLError: this checkpoint was not asked, or runs differ in their people.
    """
    answers = Answers(runs, step)
    people, scenarios = answers.resample.people, answers.scenarios("category")
    told = answers.table("probe", "identity").shares.mean(0)
    found = {"identity_accuracy": dict(zip(people, told.tolist(), strict=True))}
    if scenarios:
        pairs = _tables(answers, "category", scenarios)
        leaked = np.mean([(t.shares.mean(0) - c.value) / (1 - c.value) for t, c in pairs], axis=0)
        found["leakage"] = dict(zip(people, leaked.tolist(), strict=True))
    return found


def _score_step(answers: Answers, step: int) -> Iterable[Number]:
    resample, runs = answers.resample, range(len(answers.runs))

    def number(metric: str, scenario: str, statistic: Statistic) -> Number:
        alone = Resample(resample.people, draws=0)
        seeds = tuple(statistic(alone, run).value for run in runs)
        return Number(metric=metric, scenario=scenario, step=step, interval=statistic(resample, None), seeds=seeds)

    def accuracy(table: PersonTable) -> Statistic:
        return lambda draw, run: draw.accuracy(of_run(table, run))

    table, level = answers.table("probe", "identity"), answers.level("identity")
    yield number("identity_accuracy", "", accuracy(table))
    yield number("identity_leakage", "", _leakage(table, level))
    for slot in FACTS:
        scenarios = answers.scenarios(slot)
        tables = [answers.table("probe", slot, s) for s in scenarios]
        levels = [answers.level(slot, s) for s in scenarios]
        for scenario, t, c in zip(scenarios, tables, levels, strict=True):
            yield number(f"{slot}_accuracy", scenario, accuracy(t))
            yield number(f"{slot}_leakage", scenario, _leakage(t, c))
        if tables:
            yield number(f"{slot}_accuracy", MEAN, accuracy(average(tables)))
            mean = _mean_leakage(tables, levels)
            yield number(f"{slot}_leakage", MEAN, mean)
            if slot == "category":
                yield number("leakage", MEAN, mean)
                yield from _beside(answers, scenarios, tables, levels, number)
    for metric, scenario, t in table_replies(answers.runs, resample.people):
        yield number(metric, scenario, accuracy(t))
    yield from _elsewhere(answers, step)


def _beside(
    answers: Answers,
    scenarios: Sequence[str],
    tables: Sequence[PersonTable],
    levels: Sequence[Level],
    number: Callable[..., Number],
) -> Iterable[Number]:
    """Yield what is said about category leakage: its chance, its conditions, its source, its training photos."""
    seen = average(tables)
    others = average([answers.table("other", "category", s) for s in scenarios])
    chance = float(np.mean([level.value for level in levels]))
    level = Level(uniform=chance, majority=chance, blind=average([c.blind for c in levels]))
    yield number("chance", MEAN, lambda draw, run: draw.interval(lambda w: np.full(len(w), chance)))
    yield number(
        "image_share",
        MEAN,
        lambda draw, run: draw.image_share(of_run(seen, run), of_run(others, run), _level(level, run)),
    )
    for metric, told in (("category_given_identity", True), ("category_given_not_identity", False)):
        right, count = _conditional(answers, scenarios, told)
        if count.sum():
            yield number(metric, MEAN, lambda draw, run, r=right, n=count: _ratio(draw, r, n, run))
    train = average([answers.table("train", "category", s) for s in scenarios])
    yield number("train_accuracy", MEAN, lambda draw, run: draw.accuracy(of_run(train, run)))
    yield number("overfit_gap", MEAN, lambda draw, run: draw.difference(of_run(train, run), of_run(seen, run)))


def _elsewhere(answers: Answers, step: int) -> Iterable[Number]:
    """Yield numbers on questions about other people than the members, or without photos, where they were asked."""
    for metric, view, right in (
        ("text_accuracy", "text", lambda a: judge(a).right),
        ("utility", "retain", lambda a: judge(a).right),
        ("false_claims", "stranger", lambda a: judge(a).claims),
    ):
        picked = [[a for a in run if a.view == view and a.format == "mcq" and a.scores] for run in answers.runs]
        if not any(picked):
            continue
        table = tabulate(picked, what=view, right=right)
        draw = Resample(table.people)
        seeds = tuple(float(row.mean()) for row in table.shares)
        yield Number(metric=metric, scenario="", step=step, interval=draw.accuracy(table), seeds=seeds)


def _leakage(table: PersonTable, level: Level) -> Statistic:
    return lambda draw, run: draw.leakage(of_run(table, run), _level(level, run))


def _mean_leakage(tables: Sequence[PersonTable], levels: Sequence[Level]) -> Statistic:
    def statistic(draw: Resample, run: int | None) -> Interval:
        pairs = [(of_run(t, run), _level(c, run)) for t, c in zip(tables, levels, strict=True)]
        return draw.mean_leakage(pairs)

    return statistic


def _conditional(
    answers: Answers, scenarios: Sequence[str], told: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return right answers and numbers of answers, each (runs, people), on photos whose person was told or was not."""
    people = {name: i for i, name in enumerate(answers.resample.people)}
    right = np.zeros((len(answers.runs), len(people)))
    count = np.zeros_like(right)
    for i, run in enumerate(answers.pick("probe", "identity")):
        known = {a.photo_id for a in run if judge(a).right}
        for scenario in scenarios:
            for a in answers.pick("probe", "category", scenario)[i]:
                if (a.photo_id in known) == told:
                    right[i, people[a.person_id]] += judge(a).right
                    count[i, people[a.person_id]] += 1
    return right, count


def _ratio(draw: Resample, right: NDArray[np.float64], count: NDArray[np.float64], run: int | None) -> Interval:
    chosen = slice(None) if run is None else slice(run, run + 1)

    def share(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = weights @ count[chosen].sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(asked > 0, weights @ right[chosen].sum(0) / asked, np.nan)

    return draw.interval(share)


def _level(level: Level, run: int | None) -> Level:
    return Level(uniform=level.uniform, majority=level.majority, blind=of_run(level.blind, run))
