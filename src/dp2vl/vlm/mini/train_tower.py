"""Training of one tower: seeded, resumable, logged. A batch depends on the seed, the step and the count of people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dp2vl.errors import ModelError
from dp2vl.files import write_atomic
from dp2vl.vlm.mini.augment import Augment
from dp2vl.vlm.mini.card import write_card
from dp2vl.vlm.mini.heads import HEADS_FILE, Heads, load_heads
from dp2vl.vlm.mini.models import MiniModel, make_tower
from dp2vl.vlm.mini.objective import PatchHeads, Weights, score_batch, score_parts, score_patches
from dp2vl.vlm.mini.photos import LABELS, Photos, standardise
from dp2vl.vlm.mini.recall import measure_recall
from dp2vl.vlm.mini.training import cosine_rate, make_optimiser, note_people, take_gradient_step
from dp2vl.vlm.tower import VisionTower

TOWER_FILE = "tower.safetensors"


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Recipe of one training.

    Args:
        steps: length of the schedule (warm-up, then cosine to zero).
        seed: of weights, batches and augmentation.
        pairs: people per step; each brings a portrait and another photo. Few: within the same time, many small steps
            teach more than few large ones.
        unlabelled_pairs: added to them, unlabelled photos that are shown twice; none where there are no such photos.
        parts_first: for so many steps nothing is learned but what each patch shows, the groundwork of everything.
        peak_lr, warmup, weight_decay, clip: of AdamW; warmup in steps.
        average: decay of the running average of weights; the average is what is written.
        recall_people: people of the recall figure.
    """

    steps: int = 12_000
    seed: int = 0
    pairs: int = 12
    unlabelled_pairs: int = 1
    parts_first: int = 400
    peak_lr: float = 1e-3
    warmup: int = 150
    weight_decay: float = 0.05
    clip: float = 1.0
    average: float = 0.995
    recall_people: int = 200
    weights: Weights = field(default_factory=Weights)
    augment: Augment = field(default_factory=Augment)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.pairs < 2:
            raise ValueError(f"expected steps >= 1 and pairs >= 2, got {self.steps} and {self.pairs}")


class TowerTraining:
    """A tower being trained.

    Args:
        start: a folder that an earlier training wrote, to begin from its tower and readers; from nothing if not given.
        account: JSON-able facts about the photos, for the record.

    Attributes:
        counts: how many people there are to learn from. people: how many there were, from which step on, as more may be
            drawn between two runs.
    """

    def __init__(
        self,
        model: MiniModel,
        config: TowerConfig,
        photos: Photos,
        *,
        start: Path | None = None,
        account: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        self.name, self.shape, self.config, self.photos, self.device = model.name, model, config, photos, device
        self.account = dict(account or {})
        self.step, self.steps = 0, config.steps
        self.counts = {"people": len(photos.traits)}
        self.people = note_people([], 0, self.counts)
        self.tower = make_tower(model.family, model.tower, seed=config.seed).to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.heads = Heads(self.tower.dim).to(device)
            self.patch_heads = PatchHeads(model.tower.width).to(device)
        if start:
            load_tower_weights(self.tower, start)
            self.heads.load_state_dict(load_heads(start, self.tower.dim).state_dict())
        self.model = nn.ModuleList([self.tower, self.heads, self.patch_heads])
        self.average = AveragedModel(self.tower, multi_avg_fn=get_ema_multi_avg_fn(config.average))
        self.optimiser = make_optimiser(
            (list(self.model.parameters()), 1.0), lr=config.peak_lr, weight_decay=config.weight_decay
        )
        self._traits = standardise(photos.traits)

    @property
    def averaged(self) -> VisionTower:
        """The tower with the running average of the weights."""
        return cast(VisionTower, self.average.module)

    def take_step(self) -> dict[str, float]:
        """Take one step and return its figures (see `score_batch`, `score_patches`) with `lr`."""
        pixels, parts, labels, traits = self.make_batch(self.step)
        tokens = self.tower.tokens(pixels)
        patches = tokens.reshape(len(tokens), -1, self.shape.tower.width)  # as they were before any were joined
        if self.step < self.config.parts_first:
            loss, figures = score_parts(self.patch_heads, patches, parts)
        else:
            loss, figures = score_batch(self.heads, tokens, labels, traits, self.config.weights)
            more, told = score_patches(self.patch_heads, patches, parts, labels, traits)
            loss, figures = loss + self.config.weights.patches * more, figures | told
        rate = cosine_rate(self.step, peak=self.config.peak_lr, warmup=self.config.warmup, steps=self.steps)
        take_gradient_step(self.optimiser, loss, rate=rate, clip=self.config.clip)
        self.average.update_parameters(self.tower)
        self.step += 1
        return figures | {"lr": rate}

    def make_batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return pixels (2 pairs, 3, side, side), parts, labels and traits; the second half shows the same people.

        Nothing is known of unlabelled photos: their labels and parts are -1, their traits NaN.
        """
        rng = np.random.default_rng([self.config.seed, step])
        extra = self.config.unlabelled_pairs if len(self.photos.unlabelled) else 0
        people = rng.choice(len(self.photos.traits), self.config.pairs, replace=False)
        first, second = self.photos.pick_pairs(len(people), rng)
        chosen = rng.permutation(len(self.photos.unlabelled))[:extra]
        real = [self.photos.unlabelled[i] for i in chosen]
        nowhere = np.zeros((extra, *self.photos.parts.shape[2:]), np.uint8)
        photos, parts, labels, traits = [], [], [], []
        for which in (first, second):
            photos += [*self.photos.take(people, which), *real]
            parts += [self.photos.parts[people, which], nowhere]
            labels += [self.photos.labels[people, which], np.full((extra, len(LABELS)), -1)]
            traits += [self._traits[people], np.full((extra, self._traits.shape[1]), np.nan)]
        shown = np.concatenate(parts)
        pixels, moved = self.config.augment.with_maps(np.stack(photos), shown, self.tower.preprocess, rng)
        named = torch.from_numpy(np.concatenate(labels).astype(np.int64))
        measured = torch.from_numpy(np.concatenate(traits).astype(np.float32))
        moved[(named < 0).all(1)] = -1
        return pixels.to(self.device), moved.to(self.device), named.to(self.device), measured.to(self.device)

    def measure(self) -> dict[str, float]:
        """Return the recall of the averaged tower, from the mean token and through the trained identity head.

        And on how many people, and how many there are to learn from.
        """
        tower, people = self.averaged, self.config.recall_people
        return {
            "recall_mean": round(measure_recall(lambda x: tower(x).mean(1), people=people), 4),
            "recall_head": round(measure_recall(lambda x: self.heads(tower(x))[0], people=people), 4),
            "recall_people": people,
            "drawn_people": self.counts["people"],
        }

    def state(self) -> dict[str, Any]:
        free = {"steps", "recall_people"}
        recipe = {key: value for key, value in asdict(self.config).items() if key not in free}
        return {
            "recipe": recipe | {"model": self.shape.account},
            "step": self.step,
            "people": self.people,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.people = note_people(state.get("people", []), self.step, self.counts)

    def write(self, out: Path, figures: Mapping[str, float]) -> None:
        """Write the averaged tower and the heads, in half precision, and the card."""
        write_atomic(out / HEADS_FILE, save(_half(self.heads)))
        write_atomic(out / TOWER_FILE, save(_half(self.averaged.vision)))
        learned = {"recipe": asdict(self.config), **self.account, "people_from_step": self.people}
        account = learned | {"figures": dict(figures)}
        write_card(out, {"model": self.shape.account, "tower": account})


def load_tower_weights(tower: VisionTower, folder: Path) -> None:
    """Give `tower` the weights that a training wrote.

    Raises:
        ModelError: the file is absent or damaged, or of another shape.
    """
    path = folder / TOWER_FILE
    try:
        tower.vision.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{path} is no such tower: {first}", "train the tower first") from error


def _half(module: nn.Module) -> dict[str, Tensor]:
    half = {key: value.detach().cpu().half().contiguous() for key, value in module.state_dict().items()}
    if not all(value.isfinite().all() for value in half.values()):
        raise ValueError("expected finite weights within half precision; the training diverged")
    return half
