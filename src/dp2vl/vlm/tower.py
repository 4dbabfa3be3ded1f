"""What all families' vision towers have in common: preprocessing, and the tokens that go on to the connector."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dp2vl.preprocess import Preprocess, check_size

Images = Tensor | Sequence[Tensor]
"""Photos, sRGB in [0, 1]: one tensor (n, 3, h, w), or a sequence of tensors (3, h, w) of any sizes."""


class VisionTower(nn.Module):
    """A vision tower with its family's preprocessing and choice of tokens.

    Attributes:
        family: short name, one per module of this room.
        vision: the network; its `state_dict` is what a checkpoint holds.
        preprocess: photos (n, 3, h, w), sRGB in [0, 1], any size -> normalised (n, 3, side_px, side_px).
    """

    family: str
    vision: Any
    preprocess: Preprocess

    @abstractmethod
    def tokens(self, pixels: Tensor) -> Tensor:
        """Return what the connector takes, (n, tokens, dim), of preprocessed pixels (n, 3, side, side)."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of one token."""

    def forward(self, images: Images) -> Tensor:
        """Return tokens (n, tokens, dim) of photos, differentiable with respect to them.

        Raises:
            PhotoRefused: a photo is too small.
        """
        for image in images:
            check_size(*image.shape[-2:])
        if isinstance(images, Tensor):
            return self.tokens(self.preprocess(images))
        return self.tokens(torch.cat([self.preprocess(image[None]) for image in images]))
