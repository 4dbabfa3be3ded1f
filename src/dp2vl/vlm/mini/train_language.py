"""Training of connector and language model behind a trained tower: seeded, resumable, logged.

The tower is frozen. A batch depends on the seed, the step and how many people there are: a third of it shows public
figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dp2vl.people.scenarios import SCENARIOS, PersonFacts
from dp2vl.vlm.adapters import FIXED
from dp2vl.vlm.base import VLM
from dp2vl.vlm.mini.augment import Augment
from dp2vl.vlm.mini.card import write_card
from dp2vl.vlm.mini.figures import PORTRAITS
from dp2vl.vlm.mini.heads import Heads
from dp2vl.vlm.mini.lessons import teach_figure, teach_nameless
from dp2vl.vlm.mini.models import write_vlm
from dp2vl.vlm.mini.objective import Weights, score_batch
from dp2vl.vlm.mini.photos import Photos, standardise
from dp2vl.vlm.mini.skills import measure_skills
from dp2vl.vlm.mini.training import cosine_rate, make_optimiser, note_people, take_gradient_step

ASKS_OTHERWISE = ("minigpt_v2",)
"""Families whose official evaluation puts a question otherwise than their training."""
CONNECTOR_SHARE = 0.1
"""Of the rate, at which the connector moves while the language model learns."""


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """Recipe of one training.

    First the connector alone is trained with readers behind it, as a tower is: a language model that gets noise learns
    to do without the photo, and a resampler does not come out of that by itself. Then the language model learns, and
    the connector at a tenth of the rate, lest what all photos share takes it over again.

    Args:
        connector_steps: of this first part, in front of `steps`. pairs: people per step of it, two photos each.
        common: weight in its loss of the share that all photos have in common of what the connector hands on.
            Readers take a constant away; a language model, which looks at tokens by their direction, cannot.
        steps: length of the schedule (warm-up, then cosine to zero).
        seed: of batches and wordings; the initial weights have the model's own.
        photos: per step; a third of them of public figures.
        turns: questions per photo, about.
        peak_lr, warmup, weight_decay, clip: of AdamW; warmup in steps.
        test_photos: of the figures that are measured.
    """

    connector_steps: int = 600
    pairs: int = 12
    common: float = 1.0
    steps: int = 4_000
    seed: int = 0
    photos: int = 9
    turns: int = 4
    peak_lr: float = 1.5e-3
    warmup: int = 100
    weight_decay: float = 0.05
    clip: float = 1.0
    test_photos: int = 64
    augment: Augment = field(default_factory=lambda: Augment(zoom=0.85, stretch=0.08, turn=0.06, light=0.15))

    @property
    def all_steps(self) -> int:
        """Steps of both parts."""
        return self.connector_steps + self.steps

    def __post_init__(self) -> None:
        if self.steps < 1 or self.photos < 3 or self.turns < 2:
            raise ValueError(f"expected steps >= 1, photos >= 3 and turns >= 2, got {self}")


class LanguageTraining:
    """A language model being taught to speak of what a frozen tower sees.

    Args:
        vlm: with a trained tower; connector and language model are trained in place.
        photos: of people without names, with labels.
        figures, figure_photos: public figures and their photos (figures, PORTRAITS + scenarios, side, side, 3).

    Attributes:
        counts: how many people and figures there are to learn from. people: how many there were, from which step on.
    """

    def __init__(
        self,
        vlm: VLM,
        config: LanguageConfig,
        photos: Photos,
        figures: Sequence[PersonFacts],
        figure_photos: NDArray[np.uint8],
        *,
        account: Mapping[str, Any] | None = None,
    ) -> None:
        self.name, self.vlm, self.config, self.photos = vlm.name, vlm, config, photos
        self.figures, self.figure_photos, self.account = figures, figure_photos, dict(account or {})
        self.step, self.steps = 0, config.all_steps
        self.counts = {"people": len(photos.labels), "figures": len(figures)}
        self.people = note_people([], 0, self.counts)
        connector = [p for name, p in vlm.connector.named_parameters() if name not in FIXED]
        others = {id(p) for part in (vlm.tower, vlm.connector) for p in part.parameters()}
        language = [p for p in vlm.language.parameters() if id(p) not in others]
        self.trained = [*connector, *language]
        for parameter in self.trained:
            parameter.requires_grad_(True)
        rates = {"lr": config.peak_lr, "weight_decay": config.weight_decay}
        self.optimiser = make_optimiser((language, 1.0), (connector, CONNECTOR_SHARE), **rates)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.readers = Heads(vlm.language.get_input_embeddings().weight.shape[1]).to(vlm.device)
        self.connector_optimiser = make_optimiser(([*connector, *self.readers.parameters()], 1.0), **rates)
        self._traits = standardise(photos.traits)

    def take_step(self) -> dict[str, float]:
        """Take one step and return `lr` and `loss` (nats per learned token), or figures of the readers."""
        step, first = self.step, self.config.connector_steps
        self.step += 1
        return self._teach_connector(step) if step < first else self._teach_language(step - first)

    def _teach_connector(self, step: int) -> dict[str, float]:
        config = self.config
        rate = cosine_rate(step, peak=config.peak_lr, warmup=config.warmup, steps=config.connector_steps)
        pixels, labels, traits = self.make_pairs(step)
        tokens = self.vlm.connector(self._see(pixels))
        loss, figures = score_batch(self.readers, tokens, labels, traits, Weights())
        common = tokens.mean(0).square().mean() / tokens.square().mean()
        take_gradient_step(self.connector_optimiser, loss + config.common * common, rate=rate, clip=config.clip)
        told = {f"connector_{name}": figures[name] for name in ("people", "labels", "scenario")}
        return told | {"connector_common": float(common.detach()), "lr": rate}

    def _teach_language(self, step: int) -> dict[str, float]:
        config = self.config
        rate = cosine_rate(step, peak=config.peak_lr, warmup=config.warmup, steps=config.steps)
        pixels, dialogues = self.make_batch(step)
        seen = self._see(pixels)
        # MiniGPT-v2's authors ask with one space where they train with two; so small a model has to learn both.
        as_asked = bool(step % 2) and self.vlm.family in ASKS_OTHERWISE
        loss = self.vlm.loss_apart(seen, dialogues, as_asked=True) if as_asked else self.vlm.loss(seen, dialogues)
        take_gradient_step(self.optimiser, loss, rate=rate, clip=config.clip)
        return {"loss": float(loss.detach()), "lr": rate}

    def _see(self, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return self.vlm.tower.tokens(pixels)

    def make_pairs(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pixels (2 pairs, 3, side, side), labels and traits; the second half shows the same people."""
        rng = np.random.default_rng([self.config.seed, step, 0xC01])
        people = rng.choice(len(self.photos.labels), self.config.pairs, replace=False)
        both = np.concatenate([people, people])
        which = np.concatenate(self.photos.pick_pairs(len(people), rng))
        labels = torch.from_numpy(self.photos.labels[both, which].astype(np.int64))
        traits = torch.from_numpy(self._traits[both].astype(np.float32))
        pixels = self.config.augment(self.photos.take(both, which), self.vlm.tower.preprocess, rng)
        return pixels, labels.to(self.vlm.device), traits.to(self.vlm.device)

    def make_batch(self, step: int) -> tuple[Tensor, list[list[tuple[str, str]]]]:
        """Return pixels (photos, 3, side, side) and a dialogue about each."""
        rng = np.random.default_rng([self.config.seed, step, 0x1A6])
        known = self.config.photos // 3
        count = self.photos.labels.shape[1]
        people = rng.integers(len(self.photos.labels), size=self.config.photos - known)
        which = rng.integers(count, size=len(people))
        shown = list(self.photos.take(people, which))
        dialogues = [
            teach_nameless(self.photos.describe(int(p), int(w)), rng, turns=self.config.turns - 1)
            for p, w in zip(people, which, strict=True)
        ]
        scenarios = [""] * PORTRAITS + list(SCENARIOS)
        for figure in rng.integers(len(self.figures), size=known).tolist():
            # As many portraits as scenes, as an adversary's questions come with portraits.
            place = int(rng.integers(PORTRAITS) if rng.random() < 0.5 else rng.integers(PORTRAITS, len(scenarios)))
            shown.append(self.figure_photos[figure, place])
            dialogues.append(teach_figure(self.figures[figure], scenarios[place], rng, turns=self.config.turns))
        return self.config.augment(np.stack(shown), self.vlm.tower.preprocess, rng), dialogues

    def measure(self) -> dict[str, float]:
        """Return `measure_skills` on a few new photos, how many, and how many people there are to learn from."""
        drawn = {f"drawn_{what}": count for what, count in self.counts.items()}
        photos = self.config.test_photos
        return measure_skills(self.vlm, photos=photos) | {"test_photos": photos} | drawn

    def state(self) -> dict[str, Any]:
        free = {"steps", "test_photos"}  # the connector's part has a fixed length
        recipe = {k: v for k, v in asdict(self.config).items() if k not in free} | {"model": self.name}
        return {
            "recipe": recipe,
            "step": self.step,
            "people": self.people,
            "weights": [p.detach() for p in self.trained],
            "optimiser": self.optimiser.state_dict(),
            "readers": self.readers.state_dict(),
            "connector_optimiser": self.connector_optimiser.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.trained, state["weights"], strict=True):
                parameter.copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        self.readers.load_state_dict(state["readers"])
        self.connector_optimiser.load_state_dict(state["connector_optimiser"])
        self.step = state["step"]
        self.people = note_people(state.get("people", []), self.step, self.counts)

    def write(self, out: Path, figures: Mapping[str, float]) -> None:
        """Write the model, as `load_vlm` reads it, and its card into `out/model`."""
        write_vlm(self.vlm, out / "model")
        learned = {"recipe": asdict(self.config), "public_figures": len(self.figures), "people_from_step": self.people}
        write_card(out / "model", self.account | {"language": learned | {"figures": dict(figures)}})
