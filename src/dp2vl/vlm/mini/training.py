"""The loop that all trainings of mini models share: checkpoints, log, time limit. What a step is, is theirs."""

import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dp2vl.errors import ModelError
from dp2vl.files import write_atomic

CHECKPOINT_FILE, LOG_FILE = "checkpoint.pt", "train.jsonl"
LOG_EVERY = 20
MEASURING = 0.1
"""Share of a run's time that is kept for measuring at its end."""


class Training(Protocol):
    """Something that is being trained: `step` is the number of steps taken of `steps`."""

    name: str
    step: int
    steps: int

    def take_step(self) -> dict[str, float]:
        """Take one step and return its figures."""
        ...

    def measure(self) -> dict[str, float]:
        """Return figures on photos that no training sees."""
        ...

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs, with a "recipe" that must be the same when it is restored."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        ...

    def write(self, out: Path, figures: Mapping[str, float]) -> None:
        """Write what has been learned so far."""
        ...


def run_training(
    training: Training,
    out: Path,
    *,
    minutes: float = math.inf,
    save_every_s: float = 300.0,
    report: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train until all steps are taken or `minutes` have passed, from `out/checkpoint.pt` on if it is there.

    Args:
        out: gets the checkpoint, `train.jsonl` (a line per 20 steps and per checkpoint), and what `write` writes.
        minutes: time for this run, of which a tenth is kept for measuring; the length of the schedule is
            `training.steps` whatever the time.
        save_every_s: seconds between checkpoints; figures are measured then, too.
        report: takes lines about progress.

    Returns:
        The last figures: those of the steps, averaged over 20, those of `measure`, and `step`. Where no step was left
        to take, those that the log has.

    Raises:
        ModelError: the checkpoint is damaged, or of another recipe.
    """
    if (out / CHECKPOINT_FILE).exists():
        resume(training, out / CHECKPOINT_FILE)
        report(f"{training.name}: going on at step {training.step}")
        if training.step >= training.steps and (figures := _last_saved(out, training.step)):
            return figures
    began = saved = time.monotonic()
    recent: list[dict[str, float]] = []
    last: dict[str, float] = {}
    while True:
        now = time.monotonic()
        done = training.step >= training.steps or now - began > minutes * 60 * (1 - MEASURING)
        if done or now - saved > save_every_s:
            last |= {"step": training.step, **training.measure()}
            _save(training, out, last)
            _log(out, last | {"saved": True, "seconds": round(time.monotonic() - began, 1)})
            report(f"{training.name}: " + ", ".join(f"{key} {value}" for key, value in last.items()))
            saved = time.monotonic()
        if done:
            return last
        recent.append(training.take_step())
        if training.step % LOG_EVERY == 0:
            means = {key: round(float(np.mean([r[key] for r in recent if key in r])), 5) for key in recent[-1]}
            last = {"step": training.step, **means, "seconds": round(time.monotonic() - began, 1)}
            _log(out, last)
            recent = []


def resume(training: Training, path: Path) -> None:
    """Let `training` go on from a checkpoint.

    Raises:
        ModelError: it is damaged, or of another recipe (its length apart).
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        same = state["recipe"] == training.state()["recipe"]
    except Exception as error:  # torch raises whatever the damage led to
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"cannot read {path}: {first}", "delete it to begin again") from error
    if not same:
        raise ModelError(f"{path} is of another model or recipe", "use another --out, or delete it to begin again")
    training.restore(state)


def note_people(noted: Sequence[Mapping[str, int]], step: int, counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Return how many people there were from which step on: `noted`, and `counts` behind it if they are others."""
    known = [dict(note) for note in noted if note["step"] < step]
    return known if known and known[-1] == {**known[-1], **counts} else [*known, {"step": step, **counts}]


def cosine_rate(step: int, *, peak: float, warmup: float, steps: int, floor: float = 0.0) -> float:
    """Return the rate of a step, the first being 0: a linear rise to `peak`, a half cosine to `floor` of it."""
    if step < warmup:
        return peak * min((step + 1) / warmup, 1.0)
    done = (step - warmup) / max(steps - warmup, 1)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def make_optimiser(
    *groups: tuple[Sequence[nn.Parameter], float], lr: float, weight_decay: float, beta2: float = 0.98
) -> torch.optim.AdamW:
    """Return AdamW that decays matrices but neither norms nor biases.

    Args:
        groups: parameters, and the share of the rate at which they move.
    """
    made = [
        {"params": [p for p in some if (p.ndim > 1) == decays], "weight_decay": weight_decay * decays, "share": share}
        for some, share in groups
        for decays in (True, False)
    ]
    return torch.optim.AdamW([group for group in made if group["params"]], lr=lr, betas=(0.9, beta2))


def take_gradient_step(optimiser: torch.optim.Optimizer, loss: Tensor, *, rate: float, clip: float) -> None:
    """Take one step at learning rate `rate`, the norm of the gradient cut to `clip`; 0 does not cut."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]
    optimiser.zero_grad()
    loss.backward()
    if clip:
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], clip)
    optimiser.step()


def _save(training: Training, out: Path, figures: Mapping[str, float]) -> None:
    file = io.BytesIO()
    torch.save(training.state(), file)
    write_atomic(out / CHECKPOINT_FILE, file.getvalue())
    training.write(out, figures)


def _last_saved(out: Path, step: int) -> dict[str, float]:
    """Return the figures that the log has of this step's checkpoint; none if it has none."""
    try:
        last: dict[str, float] = json.loads((out / LOG_FILE).read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, IndexError, ValueError):  # absent, empty, or its last line was cut off
        return {}
    return {k: v for k, v in last.items() if k != "saved"} if last.get("saved") and last["step"] == step else {}


def _log(out: Path, line: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
