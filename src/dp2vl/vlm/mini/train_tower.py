"""Training of one tower: seeded, resumable, logged. A batch depends on the seed and the step alone."""

import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import dp2vl
from dp2vl.album import write_atomic
from dp2vl.errors import ModelError
from dp2vl.vlm.mini.augment import Augment
from dp2vl.vlm.mini.files import write_tower
from dp2vl.vlm.mini.objective import Heads, Weights, score_batch
from dp2vl.vlm.mini.photos import PhotoPlan, Photos
from dp2vl.vlm.mini.recall import measure_recall
from dp2vl.vlm.mini.towers import TowerConfig, VisionTower, make_tower

CHECKPOINT_FILE, LOG_FILE = "checkpoint.pt", "train.jsonl"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Recipe of one training.

    Args:
        steps: length of the schedule (warm-up, then cosine to zero).
        seed: of weights, batches and augmentation.
        pairs: people per step; each brings a portrait and another photo.
        peak_lr, warmup, weight_decay, clip: of AdamW; warmup in steps.
        average: decay of the running average of weights; the average is what is written.
        bf16: multiply in bfloat16, faster on processors that have it.
        save_every_s: seconds between checkpoints; the tower is written and its recall measured then, too.
        recall_people: people of the recall figure.
    """

    steps: int = 3_000
    seed: int = 0
    pairs: int = 40
    peak_lr: float = 1e-3
    warmup: int = 150
    weight_decay: float = 0.05
    clip: float = 1.0
    average: float = 0.995
    bf16: bool = False
    save_every_s: float = 300.0
    recall_people: int = 200
    weights: Weights = field(default_factory=Weights)
    augment: Augment = field(default_factory=Augment)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.pairs < 2:
            raise ValueError(f"expected steps >= 1 and pairs >= 2, got {self.steps} and {self.pairs}")

    def rate(self, step: int) -> float:
        """Return the learning rate of `step`."""
        if step < self.warmup:
            return self.peak_lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.peak_lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class TowerTraining:
    """A tower being trained: `step` is the number of steps taken."""

    def __init__(self, shape: TowerConfig, config: TrainConfig, photos: Photos, *, device: str = "cpu") -> None:
        self.config, self.photos, self.device, self.step = config, photos, device, 0
        self.tower = make_tower(shape, seed=config.seed).to(device)
        # The backward pass of scaled dot product attention is slow in bfloat16 on processors.
        self.tower.vision.set_attn_implementation("eager" if config.bf16 and device == "cpu" else "sdpa")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.heads = Heads(self.tower.dim).to(device)
        self.model = nn.ModuleList([self.tower, self.heads])
        self.average = AveragedModel(self.tower, multi_avg_fn=get_ema_multi_avg_fn(config.average))
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.peak_lr, betas=(0.9, 0.98))
        spread = photos.traits.std(0)
        self._traits = (photos.traits - photos.traits.mean(0)) / np.where(spread > 0, spread, 1)

    @property
    def averaged(self) -> VisionTower:
        """The tower with the running average of the weights."""
        return cast(VisionTower, self.average.module)

    def take_step(self) -> dict[str, float]:
        """Take one step and return its figures (see `score_batch`) with `lr`."""
        pixels, labels, traits = self.make_batch(self.step)
        rate = self.config.rate(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.config.bf16):
            tokens = self.tower.tokens(pixels)
        loss, figures = score_batch(self.heads, tokens, labels, traits, self.config.weights)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        self.average.update_parameters(self.tower)
        self.step += 1
        return figures | {"lr": rate}

    def make_batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pixels (2 pairs, 3, side, side), labels and traits; the second half shows the same people."""
        rng = np.random.default_rng([self.config.seed, step])
        people = rng.choice(len(self.photos.traits), self.config.pairs, replace=False)
        count = self.photos.labels.shape[1]
        first = rng.integers(self.photos.portraits, size=len(people))
        second = (first + rng.integers(1, count, size=len(people))) % count
        who, which = np.tile(people, 2), np.concatenate([first, second])
        pixels = self.config.augment(self.photos.take(who, which), self.tower.preprocess, rng)
        labels = torch.from_numpy(self.photos.labels[who, which].astype(np.int64))
        traits = torch.from_numpy(self._traits[who].astype(np.float32))
        return pixels.to(self.device), labels.to(self.device), traits.to(self.device)

    def measure(self) -> dict[str, float]:
        """Return the recall of the averaged tower, from the mean token and through the trained identity head."""
        tower, people = self.averaged, self.config.recall_people
        return {
            "recall_mean": round(measure_recall(lambda x: tower(x).mean(1), people=people), 4),
            "recall_head": round(measure_recall(lambda x: self.heads(tower(x))[0], people=people), 4),
        }

    def state(self) -> dict[str, Any]:
        """Return everything that `resume` needs."""
        return {
            "recipe": _recipe(self.tower.config, self.config),
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            ModelError: it is damaged, or of another tower or recipe (its length apart).
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            same = state["recipe"] == _recipe(self.tower.config, self.config)
        except Exception as error:  # torch raises whatever the damage led to
            raise ModelError(f"cannot read {path}: {error}", "delete it to begin again") from error
        if not same:
            raise ModelError(f"{path} is of another tower or recipe", "use another --out, or delete it to begin again")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def train_tower(
    shape: TowerConfig,
    config: TrainConfig,
    photos: Photos,
    out: Path,
    *,
    minutes: float = math.inf,
    device: str = "cpu",
    plan: PhotoPlan | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train until `config.steps` are taken or `minutes` have passed, from `out/checkpoint.pt` on if it is there.

    Args:
        out: gets the checkpoint, `train.jsonl` (a line per 20 steps and per checkpoint), and the tower.
        minutes: time for this run; the schedule's length is `config.steps` whatever the time.
        plan: how the photos were drawn, for the record.
        report: takes lines about progress.

    Returns:
        The last figures: those of `score_batch` averaged over 20 steps, recall, `step`.
    """
    training = TowerTraining(shape, config, photos, device=device)
    if (out / CHECKPOINT_FILE).exists():
        training.resume(out / CHECKPOINT_FILE)
        report(f"{shape.name}: going on at step {training.step}")
    began = saved = time.monotonic()
    recent: list[dict[str, float]] = []
    last: dict[str, float] = {}
    while True:
        now = time.monotonic()
        done = training.step >= config.steps or now - began > minutes * 60
        if done or now - saved > config.save_every_s:
            last |= {"step": training.step, **training.measure()}
            _save(training, out, plan, last, began, report)
            saved = time.monotonic()
        if done:
            return last
        recent.append(training.take_step())
        if training.step % 20 == 0:
            means = {key: round(float(np.mean([r[key] for r in recent if key in r])), 5) for key in recent[-1]}
            last = {"step": training.step, **means, "seconds": round(time.monotonic() - began, 1)}
            _log(out, last)
            recent = []


def _save(
    training: TowerTraining,
    out: Path,
    plan: PhotoPlan | None,
    figures: dict[str, float],
    began: float,
    report: Callable[[str], None],
) -> None:
    file = io.BytesIO()
    torch.save(training.state(), file)
    write_atomic(out / CHECKPOINT_FILE, file.getvalue())
    record = {
        "version": dp2vl.__version__,
        "torch": torch.__version__,
        "recipe": asdict(training.config),
        "photos": asdict(plan) if plan else {},
        "figures": figures,
    }
    write_tower(training.averaged, out, record)
    _log(out, figures | {"saved": True, "seconds": round(time.monotonic() - began, 1)})
    report(f"{training.tower.config.name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))


def _log(out: Path, line: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _recipe(shape: TowerConfig, config: TrainConfig) -> dict[str, Any]:
    """Return what a resumed training must share with the one before it; the length may change."""
    free = {"steps", "save_every_s", "recall_people"}
    return {"tower": asdict(shape)} | {key: value for key, value in asdict(config).items() if key not in free}
