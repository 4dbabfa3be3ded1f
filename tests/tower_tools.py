"""A small tower with random weights, for tests of everything around towers."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dp2vl.surrogates.protocol import Features


class TinyTower:
    """Two convolutions: tokens are their map, the pooled feature is the map's mean and spread."""

    side_px = 32
    family = "tiny"

    def __init__(self, seed: int = 0, name: str = "tiny") -> None:
        generator = torch.Generator().manual_seed(seed)
        self.name = name
        self.first = torch.randn(12, 3, 4, 4, generator=generator) * 0.5
        self.second = torch.randn(24, 12, 2, 2, generator=generator) * 0.3

    def features(self, images: Tensor) -> Features:
        small = F.interpolate(images, (self.side_px, self.side_px), mode="bilinear", antialias=True) - 0.5
        grid = torch.tanh(F.conv2d(torch.tanh(F.conv2d(small, self.first, stride=4)), self.second, stride=2))
        tokens = grid.flatten(2).transpose(1, 2)
        return Features(torch.cat([tokens.mean(1), tokens.std(1)], -1), tokens)

    def to(self, device: str) -> "TinyTower":
        return self
