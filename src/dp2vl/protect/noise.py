"""The control of every protection: as large a change to a photo, at random."""

from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from dp2vl.protect.budget import Similarity, apply_change
from dp2vl.types import Budget


def add_noise(pixels: NDArray[Any], *, budget: Budget, seed: int) -> NDArray[Any]:
    """Return a photo with noise of random sign that fills the budget: its bound, or its similarity if that is nearer.

    Args:
        pixels: uint8 or uint16, shape (h, w, c) with c 1 or 3.
        seed: of the signs, and of which pixels are rounded up.
    """
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1, 1], (pixels.shape[2], *pixels.shape[:2]))
    image = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)) / np.iinfo(pixels.dtype).max
    change = Similarity(image).fit(torch.from_numpy(sign[None] * np.float32(budget.linf)), budget.ssim)[0].numpy()
    return apply_change(pixels, _to_levels_at_random(change, rng), levels=budget.levels)


def _to_levels_at_random(change: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Return a change in whole levels whose mean square is that of `change`.

    To the nearest level, a change that is as large everywhere would go up or down as a whole, and past the budget.
    """
    size = np.abs(change) * 255
    low = np.floor(size)
    up = rng.random(size.shape, dtype=np.float32) < (size**2 - low**2) / (2 * low + 1)
    rounded: NDArray[np.float32] = np.sign(change) * (low + up) / np.float32(255)
    return rounded
