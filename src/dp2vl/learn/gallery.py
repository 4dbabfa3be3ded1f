"""Photos as a model sees them: each looked at once, then used as often as questions are asked about it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dp2vl.vlm.base import BATCH, VLM
from dp2vl.vlm.tower import Images

BLANK = "blank"
"""Id of a grey square, for questions to a model that sees nothing."""
BLANK_PX = 256

Pixels = Mapping[str, NDArray[np.uint8]]
"""Photo id -> sRGB (h, w, 3)."""


class Gallery:
    """What a model's tower makes of photos, kept on the CPU in the model's precision.

    Memory is photos x tokens x length of a token: 16 MB for 300 photos of a mini model, 800 MB for 700 of LLaVA-1.5.

    Args:
        vlm: its tower must not change while the gallery is in use.
        pixels: photos of any sizes; `BLANK` need not be among them.
    """

    def __init__(self, vlm: VLM, pixels: Pixels) -> None:
        self.vlm = vlm
        self._pixels = dict(pixels) | {BLANK: np.full((BLANK_PX, BLANK_PX, 3), 128, np.uint8)}
        self._seen: dict[str, Tensor] = {}

    def rows(self, ids: Sequence[str]) -> Images:
        """Return what `VLM.loss`, `answer_seen` and `score_seen` take for these photos."""
        new = list(dict.fromkeys(i for i in ids if i not in self._seen))
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            with torch.no_grad():
                seen = self.vlm.see([to_tensor(self._pixels[i]).to(self.vlm.device) for i in part])
            self._seen |= {i: row.cpu() for i, row in zip(part, seen, strict=True)}
        rows = [self._seen[i] for i in ids]
        if len({row.shape for row in rows}) > 1:  # families that take photos themselves
            return rows
        return torch.stack(rows).to(self.vlm.device)


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Return a photo (3, h, w), sRGB in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).float() / 255
