"""Which baselines there are, and one way to run them all."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dp2vl.bench.baselines import albums, patterns
from dp2vl.bench.baselines.encoders import ENCODER_METHODS, Scene
from dp2vl.bench.baselines.names import BASELINES, PIXELATE
from dp2vl.bench.baselines.search import Loss, Search
from dp2vl.protect.budget import Similarity, apply_change
from dp2vl.surrogates.protocol import Surrogate
from dp2vl.types import Budget

STEP_FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Steps that are tried where a method's own were chosen for another budget; the one whose loss ends lowest is taken.
Small ones often win: of 12 levels, a similarity of .98 leaves about 3."""
TRIED = 12
"""Photos on which they are tried."""
_PATTERNS = {"shared-pattern": patterns.share_pattern, "lsp": patterns.patch_patterns, "pil": patterns.learn_linear}
_ALBUMS = {
    "universal": albums.universal,
    "unlearnable-clusters": albums.clusters,
    "error-minimising": albums.minimise_error,
}


def apply_baseline(
    name: str,
    photos: Sequence[NDArray[np.uint8]],
    people: Sequence[str],
    towers: Sequence[Surrogate],
    *,
    budget: Budget,
    steps: int = 40,
    seed: int = 0,
    device: str = "cpu",
    boxes: Sequence[Sequence[Sequence[int]]] = (),
) -> list[NDArray[np.uint8]]:
    """Return photos as a baseline changes them, each within the budget: its bound first, then its similarity.

    Every method searches within both, as `protect` does. What each gets:

    - Methods of one photo (`ENCODER_METHODS`): `steps` steps, each with one look per tower; `m-attack-v2` takes four
      crops a step, `lowkey` also looks at a blurred copy, `shadowcast-jpeg` looks after JPEG. Before that, steps of
      each of `STEP_FACTORS` are tried at full length on `TRIED` photos, and the best one is taken for all.
    - Methods of the whole album: `steps` looks at each photo and tower; `error-minimising` spreads them over rounds.
    - Patterns: no tower; `pil` takes its own 200 steps with a linear model.

    Args:
        name: out of `BASELINES`.
        photos: (h, w, 3), all of one size. people: who is on each.
        towers: encoders that the method may know.
        steps: looks at each photo and tower, as `protect` takes them at the same effort.
        device: where the towers are.
        boxes: per photo, boxes of heads (left, top, right, bottom), for `pixelate` alone, which keeps to no budget.

    Raises:
        ValueError: the name is unknown, or photos, people and boxes do not fit.
    """
    if name not in BASELINES:
        raise ValueError(f"expected one of {', '.join(BASELINES)}, got {name!r}")
    if len(people) != len(photos) or len({photo.shape for photo in photos}) != 1:
        raise ValueError(f"expected {len(photos)} people and photos of one size, got {len(people)} people")
    if name == PIXELATE:
        return [patterns.pixelate(photo, own) for photo, own in zip(photos, boxes, strict=True)]
    images = torch.stack([torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in photos]).to(device).float() / 255
    generator = Generator().manual_seed(seed)
    change = _find_change(name, Scene(images, people, towers), budget, steps, generator)
    change = Similarity(images).fit(change.clamp(-budget.linf, budget.linf), budget.ssim)
    changes = change.cpu().numpy()
    return [apply_change(photo, own, levels=budget.levels) for photo, own in zip(photos, changes, strict=True)]


def _find_change(name: str, scene: Scene, budget: Budget, steps: int, generator: Generator) -> Tensor:
    if name in _PATTERNS:
        return _PATTERNS[name](scene.images, scene.people, budget=budget, generator=generator)
    if name in _ALBUMS:
        return _ALBUMS[name](scene, budget=budget, steps=steps, generator=generator)
    make, how = ENCODER_METHODS[name]
    loss = make(scene)
    spread = np.linspace(0, len(scene.images) - 1, min(TRIED, len(scene.images)))
    tried = torch.from_numpy(spread.astype(int))
    searches = [
        Search(
            towers=len(scene.towers), loss=loss, how=how.scaled(factor), budget=budget, steps=steps, generator=generator
        )
        for factor in STEP_FACTORS
    ]
    ends = [_judge(scene, loss, tried, search.find(scene.images, tried)) for search in searches]
    return searches[ends.index(min(ends))].find(scene.images, torch.arange(len(scene.images)))


@torch.no_grad()
def _judge(scene: Scene, loss: Loss, rows: Tensor, change: Tensor) -> float:
    """Return the loss of changed photos, mean over photos and towers, the same randomness for all."""
    after = (scene.images[rows] + change).clamp(0, 1)
    ends = [loss(t, after, rows, Generator().manual_seed(0)) for t in range(len(scene.towers))]
    return float(torch.stack(ends).mean())
