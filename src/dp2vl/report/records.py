"""The records of suites as a report reads them: which arms there are, their numbers, and why a gate failed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dp2vl.errors import DP2VLError, UsageError
from dp2vl.leakage.gates import Gate, fit_gate, threat_gate
from dp2vl.leakage.uncertainty import Interval

Row = dict[str, Any]
SCORES, CURVES, PEOPLE, VISIBILITY = "scores.jsonl", "curves.jsonl", "people.jsonl", "visibility.jsonl"
MEAN, NONE, DEFAULT = "mean", "none", "default"
KNOWN = {"all": "all towers known", "leave-one-out": "its tower not known"}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One condition of one model; fields as in `scores.jsonl`."""

    family: str
    arm: str
    method: str = ""
    surrogates: str = ""
    strength: str = ""
    countermeasure: str = NONE
    ratio: float = 0.0
    attacker: str = DEFAULT

    @property
    def label(self) -> str:
        """What it is, without the model, in a few words."""
        parts = [self.method if self.arm == "baseline" else self.arm, self.towers, self.strength]
        if self.countermeasure != NONE:
            parts.append(f"after {self.countermeasure}")
        if self.ratio not in (0, 1):
            subset = self.arm == "subset"
            parts.append(f"the other {1 - self.ratio:.0%} alone" if subset else f"{self.ratio:.0%} of photos")
        if self.attacker != DEFAULT:
            parts.append(f"adversary {self.attacker}")
        return ", ".join(filter(None, parts))

    @property
    def towers(self) -> str:
        """Which towers were known to the method, in words; "" where it knows none."""
        return KNOWN.get(self.surrogates, f"known: {self.surrogates}") if self.surrogates else ""

    @property
    def knows_tower(self) -> bool:
        """Whether the method knew the tower of the model that is attacked."""
        return self.surrogates == "all" or self.family in self.surrogates.split(",")

    @property
    def folder(self) -> str:
        """Where its runs lie below a suite's folder, as `dp2vl.bench.suite.Trial.name` has it, without the seed."""
        ratio = f"ratio{self.ratio:g}" if self.ratio not in (0, 1) else ""
        countermeasure = self.countermeasure if self.countermeasure != NONE else ""
        arm = self.method if self.arm == "baseline" else self.arm
        details = (arm, self.surrogates, self.strength, countermeasure, ratio)
        return f"runs/{self.family}/{'-'.join(filter(None, details))}/{self.attacker}"


_ARM = tuple(Arm.__dataclass_fields__)
_NUMBER = {*_ARM, "suite", "seed", "scenario", "metric", "value", "ci_low", "ci_high", "n_people", "gate"}
_VISIBLE = {"family", "method", "surrogates", "strength", "towers", "folder", "photos", "ssim", "ssim_worst", "flip",
            "flip_worst", "change_levels", "change_levels_worst"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """The records of one suite.

    Args:
        name: of the suite. folder: where the records lie. suite: its settings, empty where they were not kept.
        scores, curves, people, visibility: rows of the files of these names; empty for a file that is not there.
    """

    name: str
    folder: Path
    suite: Row
    scores: list[Row]
    curves: list[Row] = field(default_factory=list)
    people: list[Row] = field(default_factory=list)
    visibility: list[Row] = field(default_factory=list)

    @cached_property
    def _numbers(self) -> dict[tuple[Arm, str, str], Row]:
        whole = (row for row in self.scores if row["seed"] == "all")
        return {(arm_of(row), row["metric"], row["scenario"]): row for row in whole}

    @cached_property
    def arms(self) -> list[Arm]:
        """All arms, in the order of the records."""
        return list(dict.fromkeys(arm for arm, _, _ in self._numbers))

    @property
    def families(self) -> list[str]:
        """The models that were attacked."""
        return list(dict.fromkeys(arm.family for arm in self.arms))

    @cached_property
    def attacker(self) -> str:
        """The adversary that a suite's others are compared with: the default, where it has that one."""
        names = [arm.attacker for arm in self.arms]
        return DEFAULT if DEFAULT in names else names[0]

    def is_plain(self, arm: Arm) -> bool:
        """Return whether the adversary is the usual one of the suite and takes all photos as they come."""
        return arm.countermeasure == NONE and arm.attacker == self.attacker and arm.ratio in (0, 1)

    @property
    def file_name(self) -> str:
        """The name, as it can stand in the name of a file."""
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name).strip("-")

    @property
    def seeds(self) -> list[str]:
        """The seeds of fine-tuning."""
        return sorted({row["seed"] for row in self.scores} - {"all"})

    @property
    def count(self) -> int:
        """How many people the numbers rest on."""
        return max(int(row["n_people"]) for row in self.scores if row["scenario"] == MEAN)

    def label(self, arm: Arm) -> str:
        """Return what an arm is, without the strength where all arms of the suite share it."""
        strengths = {one.strength for one in self.arms} - {""}
        return replace(arm, strength="").label if len(strengths) == 1 else arm.label

    def number(self, arm: Arm, metric: str, scenario: str = MEAN) -> Row | None:
        """Return a number over all seeds, or None where it was not measured."""
        return self._numbers.get((arm, metric, scenario))

    def value(self, arm: Arm | None, metric: str, scenario: str = MEAN) -> float | None:
        """Return the value of a number, or None where it was not measured or is undefined."""
        row = self.number(arm, metric, scenario) if arm else None
        return None if row is None else row["value"]

    def scenarios(self) -> list[str]:
        """Return the scenarios that were asked about."""
        found = dict.fromkeys(s for _, metric, s in self._numbers if metric == "category_leakage")
        return [s for s in found if s != MEAN]

    def clean(self, arm: Arm) -> Arm | None:
        """Return the arm of clean photos that an arm is compared with."""
        found = Arm(family=arm.family, arm="clean", attacker=arm.attacker)
        return found if found in self.arms else None

    def gate(self, arm: Arm) -> str:
        """Return `passed`, "" for an arm without gates, or `failed: ` and the reason in words."""
        reason = self.why(arm)
        return f"failed: {reason}" if reason else self._recorded_gate(arm)

    def why(self, arm: Arm) -> str:
        """Return why the numbers of an arm say nothing, or "" where they may be read."""
        if self._recorded_gate(arm) in ("", "passed"):
            return ""
        return "; ".join(gate.reason for gate in self.failed(arm)) or "no reason is recorded"

    def failed(self, arm: Arm) -> list[Gate]:
        """Return the gates that failed; none where all passed or there are none."""
        if self._recorded_gate(arm) in ("", "passed"):
            return []
        gates = self._gates(arm)
        return [gate for gate in gates if not gate.passed] or gates  # rounded records may pass what failed by little

    def _recorded_gate(self, arm: Arm) -> str:
        row = self.number(arm, "leakage_peak")
        return str(row["gate"]) if row else ""

    def _gates(self, arm: Arm) -> list[Gate]:
        clean = self.clean(arm)
        peak = self.number(clean, "leakage_peak") if clean else None
        if clean is None or peak is None or peak["ci_low"] is None:
            return []
        interval = Interval(value=peak["value"], low=peak["ci_low"], high=peak["ci_high"] or 1, people=peak["n_people"])
        gates = [threat_gate(interval)]
        fitted = [self.value(one, "train_accuracy") for one in (arm, clean)]
        if arm.method and fitted[0] is not None and fitted[1] is not None:
            gates.append(fit_gate(fitted[0], fitted[1]))
        return gates


def arm_of(row: Row) -> Arm:
    """Return the arm that a row of any record is about; what the row does not say is as in the clean arm."""
    return Arm(**{name: row[name] for name in _ARM if name in row})


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Return the records below some folders: each is a suite's folder, or holds such folders.

    Raises:
        UsageError: a folder does not exist.
        DP2VLError: there are no scores, or a line is damaged.
    """
    folders: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise UsageError(f"{path} is no folder", "name the --out of `dp2vl bench run`, or of `dp2vl protect`")
        found = [path] if (path / SCORES).is_file() else sorted(p.parent for p in path.rglob(SCORES))
        if not found:
            raise DP2VLError(f"{path} has no scores", "dp2vl bench run, or dp2vl bench score, first")
        folders += [one for one in found if one not in folders]
    runs = [_read_run(folder) for folder in folders]
    names = [run.name for run in runs]
    return [_named_by_folder(run) if names.count(run.name) > 1 else run for run in runs]


def _read_run(folder: Path) -> Run:
    scores = list(_read(folder / SCORES, _NUMBER))
    if not scores:
        raise DP2VLError(f"{folder} has no scores", "dp2vl bench run, or dp2vl bench score, first")
    suite = folder / "suite.json"
    return Run(
        name=scores[0]["suite"],
        folder=folder,
        suite=json.loads(suite.read_text(encoding="utf-8")) if suite.is_file() else {},
        scores=scores,
        curves=list(_read(folder / CURVES, {*_ARM, "step", "metric", "scenario", "value"})),
        people=list(_read(folder / PEOPLE, {*_ARM, "step", "metric", "person_id", "value"})),
        visibility=list(_read(folder / VISIBILITY, _VISIBLE)),
    )


def _named_by_folder(run: Run) -> Run:
    return replace(run, name=f"{run.name} ({run.folder.name})")


def _read(path: Path, columns: Iterable[str]) -> Iterable[Row]:
    """Yield the rows of a file of JSON lines, none where there is no file."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            missing = sorted(set(columns) - row.keys())
        except (ValueError, AttributeError):
            raise DP2VLError(f"{path} line {number} is no record", "dp2vl bench score writes it anew") from None
        if missing:
            message = f"{path} line {number} lacks {', '.join(missing)}"
            raise DP2VLError(message, "dp2vl bench score writes it anew")
        yield row
