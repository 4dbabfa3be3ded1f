"""What a suite asks for: who, which models, which arms, how often. Frozen in TOML, strict, with a digest."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from dp2vl.bench.baselines.external import is_external, method_digest, method_name
from dp2vl.bench.baselines.names import BASELINES
from dp2vl.errors import UsageError
from dp2vl.files import write_json
from dp2vl.learn.countermeasures import COUNTERMEASURES
from dp2vl.learn.recipe import ATTACKERS, Recipe, load_recipe, recipe_names
from dp2vl.learn.strict import check_keys, digest_of, name_nearest, with_tuples
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.protect.config import EFFORTS
from dp2vl.types import STRENGTHS

ARMS = ("clean", "untouched", "permuted", "noise", "baseline", "protected", "subset")
"""clean: fine-tuned on the photos as they are. untouched: not fine-tuned. permuted: facts given to people at random.
noise: photos with noise of the same budget. baseline: photos changed by other methods (`bench.baselines`). protected:
photos protected with this tool. subset: of an album of which a share is protected, the unprotected photos alone, which
is what the protected ones have to add nothing to."""
NOISE, DP2VL = "noise", "dp2vl"
"""Methods of the arms of these kinds; a baseline's is its name."""
ALL, LEAVE_ONE_OUT = "all", "leave-one-out"
"""Towers of all families of the suite, or of all but the one that is attacked."""
SUITE_FILE = "suite.json"
"""Which suite a folder of records belongs to."""


@dataclass(frozen=True, kw_only=True)
class PeoplePlan:
    """Who is learned and how many photos there are; see `make_dataset`."""

    count: int
    train_photos: int
    probe_photos: int
    size_px: int
    seed: int
    scenarios: tuple[str, ...] = tuple(SCENARIOS)


@dataclass(frozen=True, kw_only=True)
class ProtectionPlan:
    """What the arms with changed photos are: every combination.

    Args:
        strengths: of `dp2vl protect`, also for noise. effort: of the search.
        surrogates: `ALL`, `LEAVE_ONE_OUT`, or names of towers.
        baselines: methods of the arm `baseline`: names (see `bench.baselines.names`), or `file.py:function`.
        ratios: shares of each person's photos that are protected; below 1 also for the arm `subset`.
        countermeasures: what is done to protected photos before they are learned from; see `COUNTERMEASURES`.
        seed: of the search.
    """

    strengths: tuple[str, ...] = ("standard",)
    effort: str = "normal"
    surrogates: tuple[str, ...] = (ALL,)
    baselines: tuple[str, ...] = ()
    ratios: tuple[float, ...] = (1.0,)
    countermeasures: tuple[str, ...] = ("none",)
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One model, taught once (or, in the arm `untouched`, not at all); fields as in `bench.scores.Score`."""

    family: str
    arm: str
    attacker: str
    seed: int
    method: str = ""
    surrogates: str = ""
    strength: str = ""
    countermeasure: str = "none"
    ratio: float = 0.0

    @property
    def name(self) -> str:
        """Path of its folder below `runs`."""
        ratio = f"ratio{self.ratio:g}" if self.ratio not in (0, 1) else ""
        countermeasure = self.countermeasure if self.countermeasure != "none" else ""
        arm = self.method if self.arm == "baseline" else self.arm
        details = (arm, self.surrogates, self.strength, countermeasure, ratio)
        return f"{self.family}/{'-'.join(filter(None, details))}/{self.attacker}/seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A table of experiments.

    Args:
        name: of the file. families: models, by the names of their recipes.
        steps: of fine-tuning, in place of the recipe's, for suites that only show that everything runs; 0 keeps it.
        seeds: of fine-tuning; arms share them. arms: out of `ARMS`. attackers: out of `ATTACKERS`.
    """

    name: str
    families: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    attackers: tuple[str, ...] = ("default",)
    people: PeoplePlan = field(kw_only=True)
    protection: ProtectionPlan = field(default_factory=ProtectionPlan)
    steps: int = 0

    def __post_init__(self) -> None:
        for key, known in (("families", recipe_names()), ("arms", ARMS), ("attackers", tuple(ATTACKERS))):
            values = getattr(self, key)
            if not values:
                raise UsageError(f"suite {self.name}: expected at least one of {key}, got none")
            for value in values:
                if value not in known:
                    raise UsageError(f"suite {self.name}: unknown {key} {value!r}", name_nearest(value, known))
        self._check_protection()
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"suite {self.name}: expected different seeds, got {list(self.seeds)}")

    def _check_protection(self) -> None:
        plan = self.protection
        rules = {
            "ratios in (0, 1]": all(0 < ratio <= 1 for ratio in plan.ratios),
            f"countermeasures out of {', '.join(COUNTERMEASURES)}": set(plan.countermeasures) <= {*COUNTERMEASURES},
            f"strengths out of {', '.join(STRENGTHS)}": set(plan.strengths) <= {*STRENGTHS},
            f"baselines out of {', '.join(BASELINES)}, or file.py:function": all(
                spec in BASELINES or is_external(spec) for spec in plan.baselines
            ),
            f"effort out of {', '.join(EFFORTS)}": plan.effort in EFFORTS,
            "methods of different names": len(set(self.methods)) == len(plan.baselines),
            "baselines for the arm baseline": "baseline" not in self.arms or bool(plan.baselines),
            "two families for leave-one-out": LEAVE_ONE_OUT not in plan.surrogates or len(self.families) > 1,
            "a ratio below 1 for the arm subset": "subset" not in self.arms or min(plan.ratios) < 1,
        }
        for rule, kept in rules.items():
            if not kept:
                raise UsageError(f"suite {self.name}: expected {rule}", "see docs/guides/bench.md")

    @property
    def digest(self) -> str:
        """Twelve hex digits that change with every setting but the name, and with what its names of settings mean."""
        settings = {key: value for key, value in asdict(self).items() if key != "name"}
        budgets = {strength: asdict(STRENGTHS[strength]) for strength in self.protection.strengths}
        return digest_of(settings | {"budgets": budgets, "search": self._search})

    @property
    def _search(self) -> dict[str, int]:
        return asdict(EFFORTS[self.protection.effort])

    def how_changed(self, trial: Trial) -> dict[str, Any]:
        """Return what decides the changed photos of a trial, besides the photos."""
        return {
            "method": self.method_digest(trial),
            "towers": self.towers(trial),
            "budget": asdict(STRENGTHS[trial.strength]),
            "search": self._search,
            "seed": self.protection.seed,
        }

    def recipe(self, trial: Trial) -> Recipe:
        """Return how the model of a trial is taught."""
        steps = {"steps": self.steps} if self.steps else {}
        return load_recipe(trial.family, **ATTACKERS[trial.attacker].changes, **steps)

    @property
    def methods(self) -> dict[str, str]:
        """Short names of the arm `baseline`'s methods, with what the suite calls them."""
        return {method_name(spec): spec for spec in self.protection.baselines}

    def method_digest(self, trial: Trial) -> str:
        """Return what changes when the method of a trial does."""
        return method_digest(self.methods.get(trial.method, trial.method))

    def towers(self, trial: Trial) -> str:
        """Return the towers that a trial's photos are protected against, by commas."""
        if trial.surrogates == ALL:
            return ",".join(self.families)
        if trial.surrogates == LEAVE_ONE_OUT:
            return ",".join(name for name in self.families if name != trial.family)
        return trial.surrogates

    def photo_set(self, trial: Trial) -> str:
        """Return the name of the folder of a trial's changed photos; trials that share photos share it."""
        return "-".join(filter(None, (trial.method, self.towers(trial).replace(",", "+"), trial.strength)))

    def trials(self, arms: tuple[str, ...] = ()) -> Iterator[Trial]:
        """Yield every trial of these arms, of all if none is given, in a fixed order.

        Raises:
            UsageError: an arm is not in this suite.
        """
        for arm in arms:
            if arm not in self.arms:
                raise UsageError(f"suite {self.name} has no arm {arm!r}", name_nearest(arm, self.arms))
        for family in self.families:
            for arm in arms or self.arms:
                for attacker in self.attackers if arm != "untouched" else self.attackers[:1]:
                    for details in self._details(arm):
                        for seed in self.seeds if arm != "untouched" else self.seeds[:1]:  # nothing depends on a seed
                            yield Trial(family=family, arm=arm, attacker=attacker, seed=seed, **details)

    def _details(self, arm: str) -> list[dict[str, Any]]:
        """Return what differs between the trials of an arm."""
        plan = self.protection
        if arm == "noise":
            return [{"method": NOISE, "strength": strength, "ratio": 1.0} for strength in plan.strengths]
        if arm == "subset":
            return [{"ratio": ratio} for ratio in plan.ratios if ratio < 1]
        if arm in ("protected", "baseline"):
            return [
                {"method": method, "surrogates": names, "strength": strength, "countermeasure": done, "ratio": ratio}
                for method, names, strength, done, ratio in product(
                    (DP2VL,) if arm == "protected" else self.methods,
                    plan.surrogates, plan.strengths, plan.countermeasures, plan.ratios,
                )
            ]  # fmt: skip
        return [{}]


def load_suite(name: str) -> Suite:
    """Return a suite that comes with the package, or the one in a TOML file.

    Raises:
        UsageError: there is none of that name, it is not TOML, or a key or value is unknown.
    """
    file = Path(name)
    if file.suffix != ".toml":
        bundled = resources.files("dp2vl.bench").joinpath("suites", f"{name}.toml")
        if not bundled.is_file():
            raise UsageError(f"no suite {name!r}", f"there are {', '.join(suite_names())}, or give a .toml file")
        text = bundled.read_text(encoding="utf-8")
    elif not file.is_file():
        raise UsageError(f"{file} is no file", f"there are {', '.join(suite_names())}")
    else:
        text = file.read_text(encoding="utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not TOML: {error}") from None
    people, protection = table.pop("people", {}), table.pop("protection", {})
    check_keys(f"suite {file.stem}", protection, ProtectionPlan, whole=True)
    check_keys(f"suite {file.stem}", people, PeoplePlan, whole=True)
    check_keys(f"suite {file.stem}", table, Suite, without={"name", "people", "protection"}, whole=True)
    return Suite(
        name=file.stem,
        people=PeoplePlan(**with_tuples(people)),
        protection=ProtectionPlan(**with_tuples(protection)),
        **with_tuples(table),
    )


def claim_folder(suite: Suite, out: Path) -> None:
    """Write which suite a folder belongs to, or check it.

    Raises:
        UsageError: it belongs to another suite, or holds something else.
    """
    check_folder(suite, out)
    path = out / SUITE_FILE
    if path.is_file():
        return
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and holds no suite", "choose a new folder")
    write_json(path, {"digest": suite.digest, **asdict(suite)})


def check_folder(suite: Suite, out: Path) -> None:
    """Raise a `UsageError` if a folder says that it belongs to another suite."""
    path = out / SUITE_FILE
    if not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("digest") != suite.digest:
        raise UsageError(
            f"{out} holds the suite {found.get('name')} ({found.get('digest')}), not {suite.name} ({suite.digest})",
            "choose another --out",
        )


def suite_names() -> list[str]:
    """Return the names of the suites that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in resources.files("dp2vl.bench").joinpath("suites").iterdir())
