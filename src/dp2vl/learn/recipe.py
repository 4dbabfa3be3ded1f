"""How an adversary fine-tunes one model: frozen in TOML, named by a digest of everything that matters."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from typing import Any

from dp2vl.errors import UsageError
from dp2vl.learn.countermeasures import COUNTERMEASURES
from dp2vl.learn.strict import check_keys, digest_of, with_tuples


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """What is trained of the language model and beside it.

    Args:
        rank, alpha, dropout: of LoRA; where it sits is the family's own choice. Rank 0 puts none.
        connector: whether the connector is trained. everything: whether the whole language model is, in place of LoRA.
        tower_rank: of LoRA on the vision tower, which published recipes leave frozen; 0 puts none.
    """

    rank: int
    alpha: int
    dropout: float = 0.05
    connector: bool
    everything: bool = False
    tower_rank: int = 0

    def __post_init__(self) -> None:
        if not (self.rank or self.connector or self.everything or self.tower_rank):
            raise UsageError("expected something to train, got rank 0 and no connector", "set rank or connector")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to fine-tune.

    Args:
        name: of the file.
        steps: of the optimiser. patience: how many times as long it goes on all the same. photos: per step.
        turns: questions asked about each of them, each a conversation of its own: else a later answer is read off an
            earlier one and not off the face.
        peak_lr: of adapters; `connector_lr` of the connector. floor: last rate as a share of the first, at the end of
            a half cosine. warmup: share of the steps. rate: factor on both rates, for those who go on longer.
        weight_decay, beta2, clip: of AdamW; clip 0 does not cut gradients.
        checkpoints: shares of the steps after which questions are asked.
        general: share of photos that are ordinary ones of other people (`retain`), as an adversary mixes in to keep
            the model useful.
        protect_general: whether ordinary photos come twice, as they are and protected with this project's own tool, so
            that the model learns to see through it.
        composites: how many pasted photos per person and scenario take the place of the private ones; 0 for none.
        augment: whether each photo is cropped, turned and relit anew whenever it is shown.
        purify: what is done to all photos first, out of `COUNTERMEASURES`.
    """

    name: str
    adapters: Adapters
    steps: int
    photos: int
    turns: int
    peak_lr: float
    connector_lr: float
    floor: float = 0.0
    warmup: float = 0.03
    weight_decay: float = 0.0
    beta2: float = 0.999
    clip: float = 1.0
    patience: int = 1
    rate: float = 1.0
    checkpoints: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    general: float = 0.0
    augment: bool = False
    purify: str = "none"
    protect_general: bool = False
    composites: int = 0

    def __post_init__(self) -> None:
        rules = {
            "steps >= 1 and patience >= 1": self.steps >= 1 and self.patience >= 1,
            "rate > 0": self.rate > 0,
            "photos >= 1": self.photos >= 1,
            "turns >= 1": self.turns >= 1,
            "general in [0, 1)": 0 <= self.general < 1,
            "checkpoints in (0, 1], rising, the last 1": self.checkpoints[-1:] == (1.0,)
            and all(0 < a < b for a, b in zip((1e-9, *self.checkpoints), self.checkpoints, strict=False)),
            f"purify out of {', '.join(COUNTERMEASURES)}": self.purify in COUNTERMEASURES,
        }
        for rule, kept in rules.items():
            if not kept:
                raise UsageError(f"recipe {self.name}: expected {rule}", "see docs/guides/bench.md")

    @property
    def length(self) -> int:
        """Steps in all."""
        return self.steps * self.patience

    @property
    def digest(self) -> str:
        """Twelve hex digits that change with every setting but the name."""
        return digest_of({key: value for key, value in asdict(self).items() if key != "name"})

    @property
    def stops(self) -> tuple[int, ...]:
        """The steps after which questions are asked, each once."""
        return tuple(dict.fromkeys(max(1, round(share * self.length)) for share in self.checkpoints))


def load_recipe(name: str, **changes: Any) -> Recipe:
    """Return a recipe that comes with the package.

    Args:
        name: of a mini model or a family.
        changes: fields that an attacker sets differently; fields of `Adapters` are given under their own names.

    Raises:
        UsageError: there is none of that name, or a change is no field.
    """
    file = resources.files("dp2vl.learn").joinpath("recipes", f"{name}.toml")
    if not file.is_file():
        raise UsageError(f"no recipe for {name!r}", f"there are {', '.join(recipe_names())}")
    recipe = parse_recipe(name, tomllib.loads(file.read_text(encoding="utf-8")))
    inner = {f.name for f in fields(Adapters)}
    outer = {key: value for key, value in changes.items() if key not in inner}
    check_keys(f"recipe {name}", outer, Recipe)
    adapters = replace(recipe.adapters, **{key: value for key, value in changes.items() if key in inner})
    return replace(recipe, adapters=adapters, **outer)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in resources.files("dp2vl.learn").joinpath("recipes").iterdir())


def parse_recipe(name: str, table: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a TOML table describes; its `adapters` are a table of their own.

    Raises:
        UsageError: a key is unknown or missing; the nearest known key is named.
    """
    table = dict(table)
    adapters = table.pop("adapters", {})
    check_keys(f"recipe {name}", table, Recipe, without={"name", "adapters"}, whole=True)
    check_keys(f"recipe {name}", adapters, Adapters, whole=True)
    return Recipe(name=name, adapters=Adapters(**adapters), **with_tuples(table))


@dataclass(frozen=True, kw_only=True)
class Attacker:
    """Somebody who deviates from the default recipe.

    Args:
        name: what tables call them. changes: for `load_recipe`.
        what: one sentence for people.
    """

    name: str
    what: str
    changes: Mapping[str, Any] = field(default_factory=dict)


_ALL = (
    Attacker(name="default", what="the family's published LoRA recipe, on the photos as they are"),
    # At the full rate a run of this length leaves protected photos unfitted on one of the models (docs/log.md).
    Attacker(name="patient", what="trains four times as long at a third of the rate, until protected photos are fitted",
             changes={"patience": 4, "rate": 0.3}),
    Attacker(name="connector", what="trains the connector alone", changes={"rank": 0, "connector": True}),
    Attacker(name="tower", what="puts LoRA on the vision tower as well", changes={"tower_rank": 16}),
    # A rate for adapters is far too high for whole weights; this one was tried on development seeds (docs/log.md).
    Attacker(name="everything", what="trains connector and language model in full",
             changes={"rank": 0, "connector": True, "everything": True, "peak_lr": 1e-3, "connector_lr": 1e-3}),
    Attacker(name="mix", what="mixes in as many ordinary photos, and takes twice the steps",
             changes={"general": 0.5, "patience": 2}),
    Attacker(name="augment", what="crops, turns and relights photos whenever they are shown",
             changes={"augment": True}),
    Attacker(name="purify", what="makes all photos grey and compresses them as JPEG 75 first",
             changes={"purify": "grey-jpeg75"}),
    Attacker(name="adaptive", what="protects ordinary photos with this tool, learns from both forms, tower included",
             changes={"general": 0.5, "patience": 2, "protect_general": True, "tower_rank": 16}),
    Attacker(name="synthetic", what="pastes faces from three photos into scenes and learns from those alone",
             changes={"composites": 12}),
)  # fmt: skip
ATTACKERS: Mapping[str, Attacker] = {attacker.name: attacker for attacker in _ALL}
"""Attackers by name."""
