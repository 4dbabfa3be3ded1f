"""Qwen-VL's vision side: the tower (OpenCLIP's ViT-bigG at 448 px, no class token) and the resampler behind it.

Built on transformers' SigLIP blocks, which compute the same; names and layout of the published checkpoint are
translated by `from_published` and `to_published` (arXiv 2308.12966).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from dp2vl.errors import ModelError

EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class QwenVisionConfig:
    """Shape of the vision side, under the names of `visual` in Qwen-VL's config.json.

    Args:
        image_size, patch_size: side of the square that the tower takes and of one patch, in pixels.
        width, layers, heads, mlp_ratio: of the tower.
        output_dim: width of the language model.
        n_queries: tokens that the language model gets; a square number.
        position_grid: side of the grid of learned positions, enlarged to that of the patches.
        query_head_dim: width of one head of the resampler.

    The last three are fixed in the published code and absent from its config.json.
    """

    image_size: int = 448
    patch_size: int = 14
    width: int = 1664
    layers: int = 48
    heads: int = 16
    mlp_ratio: float = 4.9231
    output_dim: int = 4096
    n_queries: int = 256
    position_grid: int = 16
    query_head_dim: int = 128

    def __post_init__(self) -> None:
        for whole, part in (
            (self.image_size, self.patch_size),
            (self.width, self.heads),
            (self.output_dim, self.query_head_dim),
            (self.output_dim, 4),  # two axes, a sine and a cosine each
        ):
            if whole % part:
                raise ModelError(f"expected a multiple of {part} in Qwen-VL's vision configuration, got {whole}")
        if isqrt(self.n_queries) ** 2 != self.n_queries:
            raise ModelError(f"expected a square number of queries, got {self.n_queries}")

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // self.patch_size

    @property
    def mlp_width(self) -> int:
        return int(self.width * self.mlp_ratio)

    @property
    def query_heads(self) -> int:
        return self.output_dim // self.query_head_dim


class QwenVisionTower(nn.Module):
    """Patches -> tokens, without a class token and without a norm behind the last block."""

    def __init__(self, config: QwenVisionConfig) -> None:
        super().__init__()
        # Imported here, as reading the bundled towers needs this module but nothing of transformers.
        from transformers import SiglipVisionConfig
        from transformers.models.siglip.modeling_siglip import SiglipEncoder

        self.config = config
        self.conv1 = nn.Conv2d(3, config.width, config.patch_size, config.patch_size, bias=False)
        self.positional_embedding = nn.Parameter(
            torch.randn(config.position_grid**2, config.width) * config.width**-0.5
        )
        self.ln_pre = nn.LayerNorm(config.width, eps=EPS)
        blocks: Any = SiglipVisionConfig(
            hidden_size=config.width,
            intermediate_size=config.mlp_width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            hidden_act="gelu",
            layer_norm_eps=EPS,
        )
        blocks._attn_implementation = "sdpa"
        self.encoder = SiglipEncoder(blocks)

    def forward(self, pixels: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n patches width"]:
        """Return the tokens of normalised pixels."""
        patches = self.conv1(pixels.to(self.conv1.weight.dtype)).flatten(2).transpose(1, 2)
        positions = enlarge_grid(self.positional_embedding, self.config.grid)
        return self.encoder(self.ln_pre(patches + positions)).last_hidden_state


class Resampler(nn.Module):
    """Learned queries read the tower's tokens by one cross-attention, then a norm and a square matrix.

    Positions are 2-D sines and cosines, added to queries and keys but not to values.
    """

    def __init__(self, config: QwenVisionConfig) -> None:
        super().__init__()
        self.config, dim = config, config.output_dim
        positions = torch.from_numpy(sincos_grid(dim, isqrt(config.n_queries)))
        self.pos_embed = nn.Parameter(positions, requires_grad=False)
        self.query = nn.Parameter(torch.randn(config.n_queries, dim) * 0.02)
        self.kv_proj = nn.Linear(config.width, dim, bias=False) if config.width != dim else nn.Identity()
        self.attn = nn.MultiheadAttention(dim, config.query_heads, batch_first=True)
        self.ln_q = nn.LayerNorm(dim, eps=EPS)
        self.ln_kv = nn.LayerNorm(dim, eps=EPS)
        self.ln_post = nn.LayerNorm(dim, eps=EPS)
        self.proj = nn.Parameter(torch.randn(dim, dim) * dim**-0.5)

    def forward(self, tokens: Float[Tensor, "n patches width"]) -> Float[Tensor, "n queries dim"]:
        """Return what takes the place of the image in the language model's input."""
        values = self.ln_kv(self.kv_proj(tokens))
        keys = values + enlarge_grid(self.pos_embed, self.config.grid).to(values.dtype)
        queries = (self.ln_q(self.query) + self.pos_embed).expand(len(tokens), -1, -1)
        read, _ = self.attn(queries, keys, values, need_weights=False)
        return self.ln_post(read) @ self.proj


def enlarge_grid(grid: Float[Tensor, "side*side dim"], side: int) -> Float[Tensor, "side2*side2 dim"]:
    """Return a square grid of rows at another size: bicubic, in float32, as the published code does on every pass."""
    old = isqrt(len(grid))
    if old == side:
        return grid
    square = grid.float().reshape(1, old, old, -1).permute(0, 3, 1, 2)
    larger = interpolate(square, (side, side), mode="bicubic", align_corners=False)
    return larger.permute(0, 2, 3, 1).reshape(side * side, -1).to(grid.dtype)


def sincos_grid(dim: int, side: int) -> NDArray[np.float32]:
    """Return 2-D positions (side * side, dim): the first half of a row encodes the column, the second the row."""
    rate = 1.0 / 10000 ** (np.arange(dim // 4) / (dim / 4))
    down, across = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    parts = []
    for place in (across, down):
        angle = place.reshape(-1, 1) * rate
        parts += [np.sin(angle), np.cos(angle)]
    return np.concatenate(parts, axis=1).astype(np.float32)


_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_TOWER = ("positional_embedding", "conv1.weight", "ln_pre.weight", "ln_pre.bias")
_RESAMPLER = (
    "attn_pool.pos_embed", "attn_pool.query", "attn_pool.kv_proj.weight", "attn_pool.attn.in_proj_weight",
    "attn_pool.attn.in_proj_bias", "attn_pool.attn.out_proj.weight", "attn_pool.attn.out_proj.bias",
    "attn_pool.ln_q.weight", "attn_pool.ln_q.bias", "attn_pool.ln_kv.weight", "attn_pool.ln_kv.bias",
    "ln_post.weight", "ln_post.bias", "proj",
)  # fmt: skip


def published_names(config: QwenVisionConfig) -> tuple[set[str], set[str]]:
    """Return the tensors of the tower and of the resampler as the checkpoint calls them behind `transformer.visual.`"""
    layers = {
        f"transformer.resblocks.{n}.{part}.{kind}"
        for n in range(config.layers)
        for part in (*_BLOCK, "attn.in_proj")
        for kind in ("weight", "bias")
    }
    square = config.width == config.output_dim
    return {*_TOWER, *layers}, {name for name in _RESAMPLER if not (square and "kv_proj" in name)}


def tower_from_published(config: QwenVisionConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a `QwenVisionTower`.

    The rows of `in_proj` are ordered by head: query, key and value of head 0, then those of head 1, and so on.
    """
    state = {name: tensors[name] for name in _TOWER}
    for n in range(config.layers):
        ours, theirs = f"encoder.layers.{n}", f"transformer.resblocks.{n}"
        for kind in ("weight", "bias"):
            state |= {f"{ours}.{a}.{kind}": tensors[f"{theirs}.{b}.{kind}"] for b, a in _BLOCK.items()}
            joined = tensors[f"{theirs}.attn.in_proj.{kind}"]
            by_head = joined.reshape(config.heads, 3, config.width // config.heads, *joined.shape[1:])
            for i, name in enumerate("qkv"):
                part = by_head[:, i].reshape(config.width, *joined.shape[1:])
                state[f"{ours}.self_attn.{name}_proj.{kind}"] = part
    return state


def tower_to_published(tower: QwenVisionTower) -> dict[str, Tensor]:
    """Return the tower's tensors under the checkpoint's names; the inverse of `tower_from_published`."""
    config, state = tower.config, tower.state_dict()
    found = {name: state[name] for name in _TOWER}
    for n in range(config.layers):
        ours, theirs = f"encoder.layers.{n}", f"transformer.resblocks.{n}"
        for kind in ("weight", "bias"):
            found |= {f"{theirs}.{b}.{kind}": state[f"{ours}.{a}.{kind}"] for b, a in _BLOCK.items()}
            parts = [state[f"{ours}.self_attn.{name}_proj.{kind}"] for name in "qkv"]
            heads = [p.reshape(config.heads, config.width // config.heads, *p.shape[1:]) for p in parts]
            found[f"{theirs}.attn.in_proj.{kind}"] = torch.stack(heads, 1).reshape(
                3 * config.width, *parts[0].shape[1:]
            )
    return found


def resampler_from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a `Resampler`."""
    return {name.removeprefix("attn_pool."): tensors[name] for name in _RESAMPLER if name in tensors}


def resampler_to_published(resampler: Resampler) -> dict[str, Tensor]:
    """Return the resampler's tensors under the checkpoint's names; the inverse of `resampler_from_published`."""
    outside = {"ln_post.weight", "ln_post.bias", "proj"}
    state = resampler.state_dict()
    return {name if name in outside else f"attn_pool.{name}": value for name, value in state.items()}
