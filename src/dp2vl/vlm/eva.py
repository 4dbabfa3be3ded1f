"""EVA-CLIP's ViT-g (arXiv 2211.07636) out of `eva_vit_g.pth`, the file that BLIP-2 and MiniGPT-v2 begin with."""

import re
from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import Blip2VisionConfig, Blip2VisionModel

from dp2vl.errors import ModelError
from dp2vl.vlm.checkpoint import check_names

HEAD_WIDTH = 88
HEADS_OF_CLIP = ("norm.", "fc_norm.", "head.")
"""Behind the last block; neither BLIP-2 nor MiniGPT-v2 reads them."""
RENAMED = (
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding", "pos_embed"),
    ("embeddings.patch_embedding", "patch_embed.proj"),
    ("encoder.layers", "blocks"),
    ("layer_norm", "norm"),
    ("self_attn.projection", "attn.proj"),
    ("self_attn", "attn"),
)
"""Parts of names in transformers, and in the file."""

Shapes = Mapping[str, tuple[int, ...]]
"""Names of tensors and their shapes."""


def load_eva(spec: str, path: Path, *, heads: int | None = None) -> Blip2VisionModel:
    """Return the tower, float32, with every weight from the file but for its last block, which nobody reads.

    The norm behind the blocks, which BLIP-2 trained itself, is none: its weights are 1 and 0.

    Args:
        spec: what errors call it.
        path: of `eva_vit_g.pth`.
        heads: of each block, where they are not 88 wide.

    Raises:
        ModelError: a tensor is missing, left over or of another shape, or the file is damaged.
    """
    found = read_file(spec, path)
    config = _read_shape(spec, found, heads)
    with torch.device("meta"):  # weights are put in its place, none are drawn
        model = Blip2VisionModel(config)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    ignored = (*HEADS_OF_CLIP, f"blocks.{config.num_hidden_layers}.")
    found = {name: value.float() for name, value in found.items() if not name.startswith(ignored)}
    check_tensors(spec, found, _expected(shapes), "the whole tower")
    model.load_state_dict({name: _take(found, name, shape) for name, shape in shapes.items()}, assign=True)
    return model.eval()


def _read_shape(spec: str, found: Mapping[str, Tensor], heads: int | None) -> Blip2VisionConfig:
    """Return the configuration that the shapes of the tensors say."""
    try:
        width, _, patch, _ = found["patch_embed.proj.weight"].shape
        grid = isqrt(found["pos_embed"].shape[1] - 1)
        mlp_width = found["blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{spec} does not hold EVA's tower: {error}", "fetch eva_vit_g.pth again") from None
    published = Blip2VisionConfig()
    # Counted where the tower is not the published one, whose number is known: a file cut short must not pass.
    blocks = max(int(m[1]) for name in found if (m := re.match(r"blocks\.(\d+)\.", name)))
    heads = heads or width // HEAD_WIDTH
    if not heads or width % heads:
        raise ModelError(f"{spec}: {heads} heads do not share a width of {width}", "give vision_heads in config.json")
    return Blip2VisionConfig(
        hidden_size=width,
        intermediate_size=mlp_width,
        num_hidden_layers=published.num_hidden_layers if width == published.hidden_size else blocks,
        num_attention_heads=heads,
        image_size=grid * patch,
        patch_size=patch,
    )


def _expected(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Return names and shapes in the file for those in transformers."""
    expected = {_theirs(name): shape for name, shape in shapes.items() if not name.startswith("post_layernorm.")}
    for name in [n for n in expected if n.endswith(".qkv.bias")]:
        (length,) = expected.pop(name)
        for part in "qv":
            expected[name.replace("qkv.bias", f"{part}_bias")] = (length // 3,)
    return expected


def _take(found: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    """Return the tensor that transformers calls `name`."""
    if name.startswith("post_layernorm."):
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    theirs = _theirs(name)
    if not theirs.endswith(".qkv.bias"):
        return found[theirs]
    query, value = (found[theirs.replace("qkv.bias", f"{part}_bias")] for part in "qv")
    return torch.cat([query, torch.zeros_like(query), value])  # keys have none


def _theirs(name: str) -> str:
    for ours, theirs in RENAMED:
        name = name.replace(ours, theirs)
    return name


def read_file(spec: str, path: Path) -> dict[str, Any]:
    """Return what a file of tensors holds by name; a `.pth` file may hold more than tensors, but no code.

    Raises:
        ModelError: it is damaged, holds code, or holds no names.
    """
    try:
        found = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, SafetensorError, UnpicklingError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{spec}: {path.name} does not load: {first}", "fetch it again") from error
    if not isinstance(found, dict):
        raise ModelError(f"{spec}: expected {path.name} to hold tensors by name", "fetch it again")
    return found


def check_tensors(spec: str, tensors: Mapping[str, Tensor], shapes: Shapes, what: str) -> None:
    """Raise a `ModelError` unless `tensors` are exactly those of `shapes`, by name and shape."""
    check_names(spec, tensors, shapes, what)
    odd = [name for name in sorted(shapes) if tuple(tensors[name].shape) != shapes[name]]
    if odd:
        shown = ", ".join(odd[:3]) + (" ..." if len(odd) > 3 else "")
        message = f"{spec} does not hold {what}: {len(odd)} tensors of another shape: {shown}"
        raise ModelError(message, "fetch the checkpoint again")
