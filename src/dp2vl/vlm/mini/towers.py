"""The towers of the bundled models in plain torch: the numbers of their families' classes, ready much sooner.

Importing transformers takes longer than importing torch, and protecting a photo with the bundled towers needs nothing
of it. One class serves the three families, whose blocks differ in names only; names stay those of the families.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm import qwen_vision
from dp2vl.vlm.loading import BUNDLED
from dp2vl.vlm.memory import QWEN_VISUAL
from dp2vl.vlm.tower import VisionTower

BOTH = ("weight", "bias")
JOINED = 4
"""Neighbouring tokens of MiniGPT-v2 that become one, behind a norm without weights."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What tells the families' towers apart.

    Args:
        family, preprocess: see `VisionTower`.
        heads, eps, act: of each block. unread: last blocks that nobody reads. joined: tokens that become one.
        patches, positions, first, norm: names of the embeddings, the class token and the norm behind them; "" for none.
        attend: names of the matrices for query, key and value, or of the one for all three. project: of the one behind.
    """

    family: str
    preprocess: Preprocess
    heads: int
    eps: float
    act: Callable[[Tensor], Tensor] = gelu
    unread: int = 0
    joined: int = 1
    patches: str = "embeddings.patch_embedding"
    positions: str = "embeddings.position_embedding"
    first: str = "embeddings.class_embedding"
    norm: str = ""
    attend: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    project: str = "out_proj"


class _Attention(nn.Module):
    """Tokens look at one another. Its matrices are put into it by name."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def forward(self, hidden: Tensor) -> Tensor:
        parts = [_multiply(self, part, hidden) for part in self.form.attend]
        whole = parts if len(parts) == 3 else parts[0].chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.form.heads, -1)).transpose(1, 2) for part in whole)
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return _multiply(self, self.form.project, mixed)


class _Mlp(nn.Module):
    """Two matrices, put into it by name, and what is between them."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def forward(self, hidden: Tensor) -> Tensor:
        return _multiply(self, "fc2", self.form.act(_multiply(self, "fc1", hidden)))


def _multiply(module: nn.Module, name: str, hidden: Tensor) -> Tensor:
    matrix: Any = module._modules[name]
    return linear(hidden, matrix.weight, matrix.bias)


_BRANCHES: Mapping[str, Callable[[Form], nn.Module]] = {"self_attn": _Attention, "mlp": _Mlp}


class PlainTower(VisionTower):
    """A vision transformer with norms before attention and MLP.

    Args:
        form: of the family. tensors: float32, under the family's names.
    """

    def __init__(self, form: Form, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.form, self.family, self.preprocess = form, form.family, form.preprocess
        self.vision = nn.Module()
        for name, value in tensors.items():
            *path, last = name.split(".")
            place: Any = self.vision
            for part in path:
                if part not in place._modules:
                    place.add_module(part, _BRANCHES[part](form) if part in _BRANCHES else nn.Module())
                place = place._modules[part]
            place.register_parameter(last, nn.Parameter(value, requires_grad=False))
        self.blocks = len({n.split(".")[2] for n in tensors if n.startswith("encoder.layers.")}) - form.unread
        self._weights = dict(self.vision.named_parameters())

    def _apply(self, *args: Any, **options: Any) -> "PlainTower":
        super()._apply(*args, **options)
        self._weights = dict(self.vision.named_parameters())
        return self

    def tokens(self, pixels: Tensor) -> Tensor:
        form = self.form
        hidden = self._embed(pixels)
        if form.norm:
            hidden = self._norm(hidden, form.norm)
        for number in range(self.blocks):
            name = f"encoder.layers.{number}"
            block: Any = self.vision.get_submodule(name)
            hidden = hidden + block.self_attn(self._norm(hidden, f"{name}.layer_norm1"))
            hidden = hidden + block.mlp(self._norm(hidden, f"{name}.layer_norm2"))
        if form.joined > 1:
            hidden = layer_norm(hidden, hidden.shape[-1:], eps=1e-5)
        if form.first:
            hidden = hidden[:, 1:]
        return hidden.reshape(len(hidden), -1, self.dim)

    @property
    def dim(self) -> int:
        return self.form.joined * int(self._weights[f"{self.form.patches}.weight"].shape[0])

    def _embed(self, pixels: Tensor) -> Tensor:
        """Return patches, by one product as they do not overlap, with their positions, behind the class token."""
        form, weights = self.form, self._weights
        kernel = weights[f"{form.patches}.weight"]
        count, colours, side, _ = pixels.shape
        patch = kernel.shape[-1]
        grid = side // patch
        cut = pixels.reshape(count, colours, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5)
        flat = cut.reshape(count, grid * grid, -1)
        hidden = linear(flat, kernel.flatten(1), weights.get(f"{form.patches}.bias"))
        positions = weights[form.positions]
        if not form.first:
            return hidden + qwen_vision.enlarge_grid(positions, grid)
        first = weights[form.first].reshape(1, 1, -1).expand(count, -1, -1)
        return torch.cat([first, hidden], 1) + positions.reshape(1, grid * grid + 1, -1)

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(hidden, hidden.shape[-1:], weight, bias, self.form.eps)


def load_bundled(name: str) -> PlainTower:
    """Return the tower of a bundled model, float32; the same numbers as `dp2vl.vlm.load_tower`.

    Raises:
        ModelError: its files are damaged.
    """
    folder = BUNDLED / name
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        form, tensors = _READERS[config["model_type"]](folder, config)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"{folder} is damaged: {type(error).__name__} {error}", "install dp2vl again") from error
    return PlainTower(form, tensors).eval()


def _read_llava(folder: Path, config: Any) -> tuple[Form, dict[str, Tensor]]:
    shape = config["vision_config"]
    form = Form(
        family="llava",
        preprocess=Preprocess(shape["image_size"], "pad", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True),
        heads=shape["num_attention_heads"],
        eps=shape["layer_norm_eps"],
        act=_quick_gelu,
        unread=1,
        positions="embeddings.position_embedding.weight",
        norm="pre_layrnorm",
    )
    before = ("embeddings.class_embedding", "embeddings.patch_embedding.weight", form.positions)
    norm = tuple(f"pre_layrnorm.{kind}" for kind in BOTH)
    block = ("self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj", "self_attn.out_proj", *_NORM_MLP)
    names = (*before, *norm, *_name_blocks(shape["num_hidden_layers"], block), *_BEHIND)
    return form, _take(folder / "model.safetensors", "vision_tower.", names)


def _read_minigpt(folder: Path, config: Any) -> tuple[Form, dict[str, Tensor]]:
    shape = json.loads((folder / "vision" / "config.json").read_text(encoding="utf-8"))["vision_config"]
    form = Form(
        family="minigpt_v2",
        preprocess=Preprocess(config["image_size"], "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True),
        heads=shape["num_attention_heads"],
        eps=shape["layer_norm_eps"],
        joined=JOINED,
        attend=("qkv",),
        project="projection",
    )
    before = (form.first, form.positions, *(f"{form.patches}.{kind}" for kind in BOTH))
    block = ("self_attn.qkv", "self_attn.projection", *_NORM_MLP)
    names = (*before, *_name_blocks(shape["num_hidden_layers"], block), *_BEHIND)
    return form, _take(folder / "vision" / "model.safetensors", "vision_model.", names)


def _read_qwen(folder: Path, config: Any) -> tuple[Form, dict[str, Tensor]]:
    shape = qwen_vision.QwenVisionConfig(**config["visual"])
    form = Form(
        family="qwen_vl",
        preprocess=Preprocess(shape.image_size, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True),
        heads=shape.heads,
        eps=qwen_vision.EPS,
        patches="conv1",
        positions="positional_embedding",
        first="",
        norm="ln_pre",
    )
    published, _ = qwen_vision.published_names(shape)
    found = _take(folder / "model.safetensors", QWEN_VISUAL, sorted(published))
    state = qwen_vision.tower_from_published(shape, found)
    attend = ("self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj", "self_attn.out_proj")
    block = ("layer_norm1", *attend, "layer_norm2", "mlp.fc1", "mlp.fc2")
    before = ("positional_embedding", "conv1.weight", "ln_pre.weight", "ln_pre.bias")
    return form, {name: state[name] for name in (*before, *_name_blocks(shape.layers, block))}


_READERS = {"llava": _read_llava, "minigpt_v2": _read_minigpt, "qwen": _read_qwen}
_NORM_MLP = ("layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2")
_BEHIND = tuple(f"post_layernorm.{kind}" for kind in BOTH)


def _name_blocks(count: int, parts: Sequence[str]) -> list[str]:
    """Return the names of the tensors of all blocks, in the order of the families' classes: digests depend on it."""
    return [f"encoder.layers.{n}.{part}.{kind}" for n in range(count) for part in parts for kind in BOTH]


def _take(path: Path, prefix: str, names: Iterable[str]) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(prefix + name).float() for name in names}


def _quick_gelu(hidden: Tensor) -> Tensor:
    return hidden * torch.sigmoid(1.702 * hidden)
