"""Which baselines there are, and one way to run them all."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dp2vl.bench.baselines import albums, patterns
from dp2vl.bench.baselines.encoders import ENCODER_METHODS, Scene
from dp2vl.bench.baselines.names import BASELINES, PIXELATE
from dp2vl.bench.baselines.search import walk
from dp2vl.protect.budget import Similarity, apply_change
from dp2vl.surrogates.protocol import Surrogate
from dp2vl.types import Budget

STEP_FACTORS = (0.5, 1.0, 2.0)
"""Steps that are tried where a method's own were chosen for another budget; the one whose loss ends lowest is taken."""
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
    boxes: Sequence[Sequence[Sequence[int]]] = (),
) -> list[NDArray[np.uint8]]:
    """Return photos as a baseline changes them, each within the budget: its bound first, then its similarity.

    Args:
        name: out of `BASELINES`.
        photos: (h, w, 3), all of one size. people: who is on each.
        towers: encoders that the method may know.
        steps: looks at each photo and tower, as `protect` takes them at the same effort.
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
    images = torch.stack([torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in photos]).float() / 255
    generator = Generator().manual_seed(seed)
    change = _find_change(name, Scene(images, people, towers), budget.linf, steps, generator)
    change = Similarity(images).fit(change.clamp(-budget.linf, budget.linf), budget.ssim)
    return [apply_change(photo, own.numpy(), levels=budget.levels) for photo, own in zip(photos, change, strict=True)]


def _find_change(name: str, scene: Scene, linf: float, steps: int, generator: Generator) -> Tensor:
    if name in _PATTERNS:
        return _PATTERNS[name](scene.images, scene.people, linf=linf, generator=generator)
    if name in _ALBUMS:
        return _ALBUMS[name](scene, linf=linf, steps=steps, generator=generator)
    make, how = ENCODER_METHODS[name]
    loss = make(scene)
    tried = np.linspace(0, len(scene.images) - 1, min(TRIED, len(scene.images))).astype(int).tolist()
    ends = []
    for factor in STEP_FACTORS:
        one = how.scaled(factor)
        found = walk(scene.images, scene.towers, loss, one, rows=tried, linf=linf, steps=steps, generator=generator)
        with torch.no_grad():
            after = (scene.images[tried] + found).clamp(0, 1)
            whole = [loss(t, after, torch.tensor(tried), Generator().manual_seed(0)) for t in range(len(scene.towers))]
        ends.append((float(torch.stack(whole).mean()), factor, one))
    best = min(ends)[2]
    return walk(scene.images, scene.towers, loss, best, linf=linf, steps=steps, generator=generator)
