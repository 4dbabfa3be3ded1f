"""From answers to `scores.jsonl`: one tidy row per number. Needs neither torch nor a model."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dp2vl.album import write_atomic
from dp2vl.bench.suite import Suite
from dp2vl.errors import DP2VLError
from dp2vl.leakage import Number, find_peak, read_answers, score_runs, threat_gate

PEAKS = {"leakage": "mean", "identity_accuracy": ""}
"""Metrics of which the peak over checkpoints has a row, and their scenario."""
SCORES, CURVES = "scores.jsonl", "curves.jsonl"


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


def score_trials(suite: Suite, out: Path) -> Path:
    """Score every group of trials that differ by their seed alone and were all asked; write rows and curves.

    Rows hold the last checkpoint, and the peak over checkpoints under metrics that end in `_peak`. Curves hold all
    checkpoints. The same answers give the same bytes.

    Raises:
        DP2VLError: no group is complete.
    """
    rows: list[Score] = []
    curves: list[dict] = []
    groups: dict[tuple[str, str, str], list[Path]] = {}
    for trial in suite.trials():
        path = out / "runs" / trial.name / "answers.jsonl"
        groups.setdefault((trial.family, trial.arm, trial.attacker), []).append(path)
    for (family, arm, attacker), paths in groups.items():
        if not all(path.is_file() for path in paths):
            continue
        numbers = score_runs([read_answers(path) for path in paths])
        last = max(n.step for n in numbers)
        chosen = [n for n in numbers if n.step == last]
        for metric, scenario in PEAKS.items():
            chosen.append(replace(find_peak(numbers, metric, scenario), metric=f"{metric}_peak"))
        gate = ""
        if arm == "clean":
            peak = find_peak(numbers).interval
            gate = "passed" if threat_gate(peak).passed else "failed"
        for number in chosen:
            for row in _rows(number, [str(seed) for seed in suite.seeds[: len(paths)]]):
                rows.append(Score(suite=suite.name, family=family, arm=arm, attacker=attacker, gate=gate, **row))
        for n in numbers:
            curve = {"family": family, "arm": arm, "attacker": attacker, "step": n.step, "metric": n.metric}
            curves.append(curve | {"scenario": n.scenario, "value": _number(n.interval.value)})
    if not rows:
        raise DP2VLError(f"{out} has no arm whose seeds were all asked", "dp2vl bench run first")
    _write(out / CURVES, curves)
    _write(out / SCORES, [asdict(row) for row in rows])
    return out / SCORES


def _rows(number: Number, seeds: list[str]) -> Iterator[dict]:
    shared = {"scenario": number.scenario, "metric": number.metric, "n_people": number.interval.people}
    bounds = {"ci_low": _number(number.interval.low), "ci_high": _number(number.interval.high)}
    yield shared | {"seed": "all", "value": _number(number.interval.value), **bounds}
    for seed, value in zip(seeds, number.seeds, strict=True):
        yield shared | {"seed": seed, "value": _number(value), "ci_low": None, "ci_high": None}


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it: what is undefined or unbounded is null."""
    return round(value, 4) if math.isfinite(value) else None


def _write(path: Path, rows: list[dict]) -> None:
    write_atomic(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())
