"""What a suite asks for: who, which models, which arms, how often. Frozen in TOML, strict, with a digest."""

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

from dp2vl.errors import UsageError
from dp2vl.learn.recipe import ATTACKERS, Recipe, load_recipe, recipe_names
from dp2vl.learn.strict import check_keys, digest_of, name_nearest, with_tuples
from dp2vl.people.scenarios import SCENARIOS

ARMS = ("clean", "untouched", "permuted")
"""clean: fine-tuned on the photos as they are. untouched: not fine-tuned. permuted: facts given to people at random."""


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
class Trial:
    """One model, taught once (or, in the arm `untouched`, not at all)."""

    family: str
    arm: str
    attacker: str
    seed: int

    @property
    def name(self) -> str:
        """Path of its folder below `runs`."""
        return f"{self.family}/{self.arm}/{self.attacker}/seed{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """How it is taught."""
        return load_recipe(self.family, **ATTACKERS[self.attacker].changes)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A table of experiments.

    Args:
        name: of the file. families: models, by the names of their recipes.
        seeds: of fine-tuning; arms share them. arms: out of `ARMS`. attackers: out of `ATTACKERS`.
    """

    name: str
    families: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    attackers: tuple[str, ...] = ("default",)
    people: PeoplePlan = field(kw_only=True)

    def __post_init__(self) -> None:
        for key, known in (("families", recipe_names()), ("arms", ARMS), ("attackers", tuple(ATTACKERS))):
            values = getattr(self, key)
            if not values:
                raise UsageError(f"suite {self.name}: expected at least one of {key}, got none")
            for value in values:
                if value not in known:
                    raise UsageError(f"suite {self.name}: unknown {key} {value!r}", name_nearest(value, known))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"suite {self.name}: expected different seeds, got {list(self.seeds)}")

    @property
    def digest(self) -> str:
        """Twelve hex digits that change with every setting but the name."""
        return digest_of({key: value for key, value in asdict(self).items() if key != "name"})

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
                for attacker in self.attackers:
                    for seed in self.seeds if arm != "untouched" else self.seeds[:1]:  # nothing in it depends on a seed
                        yield Trial(family=family, arm=arm, attacker=attacker, seed=seed)


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
    people = table.pop("people", {})
    check_keys(f"suite {file.stem}", people, PeoplePlan, whole=True)
    check_keys(f"suite {file.stem}", table, Suite, without={"name", "people"}, whole=True)
    return Suite(name=file.stem, people=PeoplePlan(**with_tuples(people)), **with_tuples(table))


def suite_names() -> list[str]:
    """Return the names of the suites that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in resources.files("dp2vl.bench").joinpath("suites").iterdir())
