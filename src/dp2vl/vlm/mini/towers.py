"""Vision towers at mini size: transformers' own classes, and the tokens that a language model gets.

Photos only: the connector and the language model of a family take `VisionTower.tokens` from here.
"""

from abc import abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm
from transformers import (
    Blip2VisionConfig,
    Blip2VisionModel,
    CLIPVisionConfig,
    CLIPVisionModel,
)

from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Shape of one tower; `tower.json` beside the weights holds the same fields.

    Args:
        name: what a user types, for instance "mini-llava".
        family: whose class, preprocessing and choice of tokens; a key of `FAMILIES`.
        side_px, patch_px: side of the square that the tower sees and of one patch.
        width, layers, heads, mlp_width: of the transformer.
    """

    name: str
    family: str
    side_px: int
    patch_px: int
    width: int
    layers: int
    heads: int
    mlp_width: int

    def __post_init__(self) -> None:
        if self.side_px % self.patch_px or self.width % self.heads:
            raise ValueError(
                f"expected side_px divisible by patch_px and width by heads, "
                f"got {self.side_px}, {self.patch_px}, {self.width}, {self.heads}"
            )
        if self.family not in FAMILIES:
            raise ValueError(f"expected a family out of {', '.join(FAMILIES)}, got {self.family!r}")

    @property
    def shape(self) -> dict[str, Any]:
        """The fields under the names of transformers' configurations."""
        return {
            "image_size": self.side_px,
            "patch_size": self.patch_px,
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.mlp_width,
        }


class VisionTower(nn.Module):
    """A vision tower with its family's preprocessing and choice of tokens.

    Attributes:
        config: the shape.
        vision: the transformers model; its `state_dict` is what the weight file holds.
        preprocess: photos (n, 3, h, w), sRGB in [0, 1], any size -> normalised (n, 3, side_px, side_px).
    """

    vision: Any
    preprocess: Preprocess

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def tokens(self, pixels: Tensor) -> Tensor:
        """Return what the connector takes, (n, tokens, d), of preprocessed pixels (n, 3, side, side)."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length d of one token."""

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens (n, tokens, d) of photos (n, 3, h, w), sRGB in [0, 1], of any size."""
        return self.tokens(self.preprocess(images))


class LlavaTower(VisionTower):
    """LLaVA: CLIP's patch tokens after the last layer but one, padded photos (arXiv 2310.03744).

    LLaVA never reads the last layer, which exists because the class has it; here it is the identity, not trained.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.vision = CLIPVisionModel(CLIPVisionConfig(**config.shape, hidden_act="quick_gelu"))
        self.preprocess = Preprocess(config.side_px, "pad", "bicubic", CLIP_MEAN, CLIP_STD)
        last = self.vision.encoder.layers[-1]
        for linear in (last.self_attn.out_proj, last.mlp.fc2):
            nn.init.zeros_(linear.weight)
        last.requires_grad_(False)
        self.vision.post_layernorm.requires_grad_(False)

    def tokens(self, pixels: Tensor) -> Tensor:
        hidden = self.vision.pre_layrnorm(self.vision.embeddings(pixels))
        for layer in self.vision.encoder.layers[:-1]:  # equals hidden_states[-2] without the cost of the last layer
            hidden = layer(hidden, attention_mask=None)
        return hidden[:, 1:]

    @property
    def dim(self) -> int:
        return self.config.width


class MiniGPTv2Tower(VisionTower):
    """MiniGPT-v2: EVA's patch tokens after the last layer, LayerNorm without weights, four neighbours joined.

    Photos are squashed to a square (arXiv 2310.09478).
    """

    joined = 4

    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        # The class's default spread of initial weights (1e-10) is for loading, not for training.
        self.vision = Blip2VisionModel(Blip2VisionConfig(**config.shape, initializer_range=0.02))
        self.preprocess = Preprocess(config.side_px, "squash", "bicubic", CLIP_MEAN, CLIP_STD)
        self.vision.post_layernorm.requires_grad_(False)

    def tokens(self, pixels: Tensor) -> Tensor:
        hidden = self.vision.embeddings(pixels)
        for layer in self.vision.encoder.layers:
            hidden = layer(hidden)
        patches = layer_norm(hidden.float(), (self.config.width,), eps=1e-5)[:, 1:]
        return patches.reshape(len(patches), -1, self.dim)

    @property
    def dim(self) -> int:
        return self.joined * self.config.width


FAMILIES: dict[str, type[VisionTower]] = {"llava": LlavaTower, "minigpt_v2": MiniGPTv2Tower}
"""VisionTower class of each family."""

_CONFIGS = (
    TowerConfig(
        name="mini-llava",
        family="llava",
        side_px=96,
        patch_px=12,
        width=192,
        layers=6,
        heads=4,
        mlp_width=768,
    ),
    TowerConfig(
        name="mini-minigpt-v2",
        family="minigpt_v2",
        side_px=112,
        patch_px=14,
        width=160,
        layers=8,
        heads=4,
        mlp_width=704,
    ),
)

MINI_TOWERS = MappingProxyType({config.name: config for config in _CONFIGS})
"""Shapes of the towers of this package by name; `dp2vl models train NAME` trains each."""


def make_tower(config: TowerConfig, *, seed: int) -> VisionTower:
    """Return an untrained tower in evaluation mode; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FAMILIES[config.family](config).eval()
