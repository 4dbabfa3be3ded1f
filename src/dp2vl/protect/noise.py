"""The control of every protection: as large a change to a photo, at random."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dp2vl.protect.budget import apply_change, visibility_mask


def add_noise(pixels: NDArray[Any], *, levels: int, seed: int) -> NDArray[Any]:
    """Return a photo with noise of random sign that fills the budget everywhere; same shape and dtype.

    Args:
        pixels: uint8 or uint16, shape (h, w, c) with c 1 or 3.
        levels: bound in 8-bit grey levels, before the visibility mask. seed: of the signs.
    """
    planes = np.repeat(pixels, 3 // pixels.shape[2], axis=2).transpose(2, 0, 1)
    image = torch.from_numpy(planes[None].copy()).float() / np.iinfo(pixels.dtype).max
    bound = levels / 255 * visibility_mask(image)[0].numpy()
    sign = np.random.default_rng(seed).choice([-1, 1], (pixels.shape[2], *pixels.shape[:2]))
    return apply_change(pixels, (sign * bound).astype(np.float32), levels=levels)
