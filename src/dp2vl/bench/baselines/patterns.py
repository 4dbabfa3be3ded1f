"""Baselines that need no encoder: patterns that photos share, and the face made unrecognisable."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, interpolate

from dp2vl.bench.baselines.search import carried
from dp2vl.protect.views import blur
from dp2vl.types import Budget

SHARED_SIGMA = 4.0
PATCHES = 8
"""LSP: a pattern is a grid of so many patches a side, each of one colour."""
SMALL, LINEAR_STEPS, LINEAR_RATE, FIT_EVERY = 32, 200, 0.5, 10
"""PIL: side in pixels of what the linear model sees; steps that model and patterns take in turn; steps after which
patterns are made as small as the similarity asks."""
BLOCKS = 6
"""Pixelated faces have so many blocks a side."""


def share_pattern(images: Tensor, people: Sequence[str], *, budget: Budget, generator: Generator) -> Tensor:
    """Return one smooth random pattern for all photos."""
    noise = blur(torch.randn(1, *images.shape[1:], generator=generator), SHARED_SIGMA)
    pattern = (noise / noise.abs().mean()).clamp(-1, 1) * budget.linf
    return pattern.to(images).expand_as(images).clone()


def patch_patterns(images: Tensor, people: Sequence[str], *, budget: Budget, generator: Generator) -> Tensor:
    """Return one linearly separable pattern per person: random colours on a grid (LSP, arXiv 2111.00898)."""
    names = list(dict.fromkeys(people))
    grid = torch.randn(len(names), 3, PATCHES, PATCHES, generator=generator).sign() * budget.linf
    wide = interpolate(grid, images.shape[-2:], mode="nearest").to(images)
    return wide[[names.index(name) for name in people]]


def learn_linear(images: Tensor, people: Sequence[str], *, budget: Budget, generator: Generator) -> Tensor:
    """Return changes that make photos linearly separable by person: they and a linear model lower its loss together.

    Perturbation-induced linearisation (arXiv 2601.19967): the only surrogate is linear in pixels.
    """
    names, linf = list(dict.fromkeys(people)), budget.linf
    index = torch.tensor([names.index(name) for name in people], device=images.device)
    small = interpolate(images, (SMALL, SMALL), mode="bilinear", antialias=True)
    change = torch.zeros_like(small).requires_grad_()
    weights = (torch.randn(small[0].numel(), len(names), generator=generator) * 0.01).to(images).requires_grad_()
    for step in range(LINEAR_STEPS):
        loss = cross_entropy((small + change - 0.5).flatten(1) @ weights, index)
        slope, turn = torch.autograd.grad(loss, (change, weights))
        with torch.no_grad():
            weights -= LINEAR_RATE * turn
            change -= linf / 10 * slope.sign()
            change.clamp_(-linf, linf)
            if (step + 1) % FIT_EVERY == 0:
                change *= carried(images, _enlarge(change, images), budget.ssim)
    return _enlarge(change.detach(), images).clamp(-linf, linf)


def _enlarge(change: Tensor, images: Tensor) -> Tensor:
    return interpolate(change, images.shape[-2:], mode="bilinear")


def pixelate(image: np.ndarray, boxes: Sequence[Sequence[int]]) -> np.ndarray:
    """Return a photo (h, w, 3) with what lies in the boxes (left, top, right, bottom) in coarse blocks.

    Not a protection that anybody would call imperceptible: what is left without the face bounds what any change can
    reach.
    """
    out = image.copy()
    for left, top, right, bottom in boxes:
        part = out[top:bottom, left:right]
        rows, columns = (np.arange(n) * BLOCKS // n for n in part.shape[:2])
        for r in range(BLOCKS):
            for c in range(BLOCKS):
                block = np.ix_(rows == r, columns == c)
                if part[block].size:
                    part[block] = part[block].mean((0, 1)).round().astype(out.dtype)
    return out
