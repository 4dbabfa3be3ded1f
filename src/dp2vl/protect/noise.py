"""The control of every protection: as large a change to a photo, at random."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dp2vl.protect.budget import Similarity, apply_change
from dp2vl.types import Budget


def add_noise(pixels: NDArray[Any], *, budget: Budget, seed: int) -> NDArray[Any]:
    """Return a photo with noise of random sign that fills the budget: its bound, or its similarity if that is nearer.

    Args:
        pixels: uint8 or uint16, shape (h, w, c) with c 1 or 3.
        seed: of the signs.
    """
    sign = np.random.default_rng(seed).choice([-1, 1], (pixels.shape[2], *pixels.shape[:2]))
    image = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)) / np.iinfo(pixels.dtype).max
    change = Similarity(image).fit(torch.from_numpy(sign[None] * np.float32(budget.linf)), budget.ssim)
    return apply_change(pixels, change[0].numpy(), levels=budget.levels)
