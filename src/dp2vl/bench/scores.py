"""From answers to `scores.jsonl`: one tidy row per number. Needs neither torch nor a model."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dp2vl.bench.done import DONE
from dp2vl.bench.suite import DP2VL, Suite, Trial, check_folder
from dp2vl.bench.visibility import write_visibility
from dp2vl.errors import DP2VLError
from dp2vl.files import write_atomic
from dp2vl.leakage import (
    Answer,
    Number,
    find_peak,
    fit_gate,
    read_answers,
    score_difference,
    score_identity_protection,
    score_people,
    score_protection,
    score_runs,
    threat_gate,
)

PEAKS = {"leakage": "mean", "identity_accuracy": ""}
"""Metrics of which the peak over checkpoints has a row, and their scenario."""
ALIKE = {"dp2vl": "version", "recipe_digest": "recipe", "model": "model", "data": "data set", "questions": "questions"}
"""What must be equal in all answers about one model and attacker, and what it is called."""
SCORES, CURVES, PEOPLE = "scores.jsonl", "curves.jsonl", "people.jsonl"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of a suite.

    Args:
        arm: clean, untouched, permuted, ... method: dp2vl, a baseline's name, or "" where photos are as they were.
        surrogates: all, leave-one-out, or a tower's name; "" without a method, as is `strength`.
        countermeasure: what was done to photos before they were learned from.
        ratio: share of photos that were protected. seed: one seed, or "all".
        scenario: which, "mean", or "" where there is none.
        value, ci_low, ci_high: over people; bounds are null for a single seed and where there are none.
        n_people: on how many people it rests.
        gate: whether the arm passed its gates: passed, failed, or "" where there are none.
    """

    suite: str
    family: str
    arm: str
    method: str = ""
    surrogates: str = ""
    strength: str = ""
    countermeasure: str = "none"
    attacker: str
    ratio: float = 0.0
    seed: str
    scenario: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_people: int
    gate: str = ""


@dataclass(frozen=True)
class _Group:
    """Trials that differ by their seed alone, all asked."""

    trial: Trial
    runs: list[list[Answer]]
    numbers: list[Number]

    @property
    def peak(self) -> Number:
        return find_peak(self.numbers)

    @property
    def told(self) -> int:
        """The step at which most faces are told."""
        return find_peak(self.numbers, "identity_leakage", "").step

    def last(self, metric: str, scenario: str) -> float:
        """Return a number at the last checkpoint."""
        return [n for n in self.numbers if (n.metric, n.scenario) == (metric, scenario)][-1].interval.value


def score_trials(suite: Suite, out: Path) -> Path:
    """Score every group of trials that differ by their seed alone and were all asked; write rows, curves and people.

    Rows hold the last checkpoint, and the peak over checkpoints under metrics that end in `_peak`; arms with changed or
    fewer photos have the protection rate beside the clean arm, each at its peak. `leakage_difference` is beside another
    arm than the clean one: other methods beside this tool, albums protected in part beside their other photos alone.
    Curves hold all checkpoints, people what leaks about each of them at the checkpoint at which most leaks. The same
    answers give the same bytes. How visible changed photos are is measured and written beside them.

    Raises:
        UsageError: `out` is the folder of another suite.
        DP2VLError: no group is complete, or answers that are compared were made from different recipes, models, data
            or versions; answers of earlier versions, which do not say what they were made from, are taken as they are.
    """
    check_folder(suite, out)
    asked = _find_asked(suite, out)
    if not asked:
        raise DP2VLError(f"{out} has no arm whose seeds were all asked", "dp2vl bench run first")
    _check_alike(out, asked)
    groups = [_Group(trials[0], runs, score_runs(runs)) for trials, runs in _read_runs(out, asked)]
    clean = {(g.trial.family, g.trial.attacker): g for g in groups if g.trial.arm == "clean"}
    rows: list[Score] = []
    curves: list[dict] = []
    people: list[dict] = []
    for group in groups:
        trial, numbers = group.trial, group.numbers
        last = max(n.step for n in numbers)
        chosen = [n for n in numbers if n.step == last]
        for metric, scenario in PEAKS.items():
            chosen.append(replace(find_peak(numbers, metric, scenario), metric=f"{metric}_peak"))
        beside = clean.get((trial.family, trial.attacker))
        if beside and trial.ratio:
            steps = (group.peak.step, beside.peak.step)
            chosen += score_protection(group.runs, beside.runs, steps=steps)
            chosen.append(score_identity_protection(group.runs, beside.runs, steps=(group.told, beside.told)))
        rival = _find_rival(trial, groups)
        if rival:
            chosen.append(score_difference(group.runs, rival.runs, steps=(group.peak.step, rival.peak.step)))
        about = {k: v for k, v in asdict(trial).items() if k != "seed"}
        gate = _judge_gates(group, beside)
        for number in chosen:
            for row in _rows(number, [str(seed) for seed in suite.seeds[: len(group.runs)]]):
                rows.append(Score(suite=suite.name, gate=gate, **about, **row))
        for n in numbers:
            curve = about | {"step": n.step, "metric": n.metric, "scenario": n.scenario}
            curves.append(curve | {"value": _number(n.interval.value)})
        for metric, values in score_people(group.runs, group.peak.step).items():
            shared = about | {"step": group.peak.step, "metric": metric}
            people += [shared | {"person_id": person, "value": _number(v)} for person, v in values.items()]
    write_visibility(suite, out)
    _write(out / PEOPLE, people)
    _write(out / CURVES, curves)
    _write(out / SCORES, [asdict(row) for row in rows])
    return out / SCORES


def _find_asked(suite: Suite, out: Path) -> list[list[Trial]]:
    """Return the trials that differ by their seed alone, together, where all of them were asked."""
    groups: dict[Trial, list[Trial]] = {}
    for trial in suite.trials():
        groups.setdefault(replace(trial, seed=suite.seeds[0]), []).append(trial)
    return [trials for trials in groups.values() if all(_answers(out, trial).is_file() for trial in trials)]


def _read_runs(out: Path, asked: list[list[Trial]]) -> Iterator[tuple[list[Trial], list[list[Answer]]]]:
    for trials in asked:
        yield trials, [read_answers(_answers(out, trial)) for trial in trials]


def _answers(out: Path, trial: Trial) -> Path:
    return out / "runs" / trial.name / "answers.jsonl"


def _check_alike(out: Path, asked: list[list[Trial]]) -> None:
    """Raise a `DP2VLError` where answers that are compared say that they were made from different things."""
    first: dict[tuple[str, ...], tuple[Trial, dict[str, Any]]] = {}
    for trials in asked:
        for trial in trials:
            inputs = _read_inputs(out, trial)
            if not inputs:
                continue
            for compared, keys in ((trials[0].name, ["photos"]), (f"{trial.family}/{trial.attacker}", list(ALIKE))):
                known, before = first.setdefault((compared, keys[0]), (trial, inputs))
                for key in keys:
                    if inputs.get(key) != before.get(key):
                        raise DP2VLError(
                            f"{trial.name} was made with another {ALIKE.get(key, key)} than {known.name}",
                            "dp2vl bench run with all arms makes what is out of date anew",
                        )


def _read_inputs(out: Path, trial: Trial) -> dict[str, Any]:
    """Return what the answers of a trial depend on; nothing where they do not say."""
    try:
        found = json.loads((_answers(out, trial).with_name(DONE)).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return dict(found.get("inputs") or {})


def _find_rival(trial: Trial, groups: list[_Group]) -> _Group | None:
    """Return what the leakage of an arm with changed photos is compared with, if it was run."""
    same = Trial(family=trial.family, arm="subset", attacker=trial.attacker, seed=trial.seed, ratio=trial.ratio)
    if trial.method and trial.ratio < 1 and trial.countermeasure == same.countermeasure:
        wanted = same
    elif trial.arm == "baseline" and trial.ratio == 1:
        wanted = replace(trial, arm="protected", method=DP2VL)
    else:
        return None
    return next((group for group in groups if group.trial == wanted), None)


def _judge_gates(group: _Group, clean: _Group | None) -> str:
    """Return whether a group passes the gates that it has: threat for clean photos, and fit for changed ones."""
    if group.trial.arm == "clean":
        gates = [threat_gate(group.peak.interval)]
    elif clean and group.trial.method:
        fitted = [g.last("train_accuracy", "mean") for g in (group, clean)]
        gates = [threat_gate(clean.peak.interval), fit_gate(*fitted)]
    else:
        return ""
    return "passed" if all(gate.passed for gate in gates) else "failed"


def _rows(number: Number, seeds: list[str]) -> Iterator[dict]:
    shared = {"scenario": number.scenario, "metric": number.metric, "n_people": number.interval.people}
    bounds = {"ci_low": _number(number.interval.low), "ci_high": _number(number.interval.high)}
    yield shared | {"seed": "all", "value": _number(number.interval.value), **bounds}
    for seed, value in zip(seeds, number.seeds, strict=bool(number.seeds)):
        yield shared | {"seed": seed, "value": _number(value), "ci_low": None, "ci_high": None}


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it: what is undefined or unbounded is null."""
    return round(value, 4) if math.isfinite(value) else None


def _write(path: Path, rows: list[dict]) -> None:
    write_atomic(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())
