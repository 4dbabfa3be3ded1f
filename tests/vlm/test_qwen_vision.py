"""Qwen-VL's tower and resampler against the authors' formulas, written out in NumPy from the checkpoint's names."""

from math import isqrt

import numpy as np
import pytest
import torch
from bicubic import enlarged
from numpy.typing import NDArray
from qwen_checkpoint import BLOCKS, DIM, HEADS, PATCH, QUERIES, SIDE_PX, VISUAL, WIDTH, Official, Tensors
from scipy.special import erf, softmax
from torch import Tensor

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm.qwen_vision import QwenVisionConfig, sincos_grid
from dp2vl.vlm.qwen_vl import QwenVL, load_tower, load_vision

SPEC = "qwen_vl:tiny"
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Official:
    """A checkpoint that no test changes."""
    return Official(tmp_path_factory.mktemp("qwen") / "official")


@pytest.fixture(scope="module")
def model(shared) -> QwenVL:
    """A model that no test changes."""
    return shared.load()


def normed(x: Array, w: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * w[f"{name}.weight"] + w[f"{name}.bias"]


def tower_formula(w: dict[str, Array], pixels: Array) -> Array:
    """Return the tokens of one photo (3, side, side), rows of `in_proj` by head."""
    grid = SIDE_PX // PATCH
    cut = pixels.reshape(3, grid, PATCH, grid, PATCH).transpose(1, 3, 0, 2, 4).reshape(grid**2, -1)
    rows = cut @ w["conv1.weight"].reshape(WIDTH, -1).T + enlarged(w["positional_embedding"], grid)
    rows = normed(rows, w, "ln_pre")
    for n in range(BLOCKS):
        b = {k.removeprefix(f"transformer.resblocks.{n}."): v for k, v in w.items() if f"resblocks.{n}." in k}
        mixed = normed(rows, b, "ln_1") @ b["attn.in_proj.weight"].T + b["attn.in_proj.bias"]
        size, heads = WIDTH // HEADS, []
        for head in range(HEADS):
            at = 3 * size * head
            query, key, value = (mixed[:, at + i * size : at + (i + 1) * size] for i in range(3))
            heads.append(softmax(query / np.sqrt(size) @ key.T, axis=-1) @ value)
        rows = rows + np.concatenate(heads, 1) @ b["attn.out_proj.weight"].T + b["attn.out_proj.bias"]
        inner = normed(rows, b, "ln_2") @ b["mlp.c_fc.weight"].T + b["mlp.c_fc.bias"]
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        rows = rows + inner @ b["mlp.c_proj.weight"].T + b["mlp.c_proj.bias"]
    return rows


def resampler_formula(w: dict[str, Array], tokens: Array) -> Array:
    """Return what the language model gets of one photo: q and k with positions, v without."""
    p = {name.removeprefix("attn_pool."): value for name, value in w.items() if name.startswith("attn_pool.")}
    value = normed(tokens @ p["kv_proj.weight"].T if "kv_proj.weight" in p else tokens, p, "ln_kv")
    key = value + enlarged(p["pos_embed"], isqrt(len(tokens)))
    query = normed(p["query"], p, "ln_q") + p["pos_embed"]
    weights, biases = np.split(p["attn.in_proj_weight"], 3), np.split(p["attn.in_proj_bias"], 3)
    q, k, v = (x @ a.T + b for x, a, b in zip((query, key, value), weights, biases, strict=True))
    heads = []
    for part in np.split(np.arange(DIM), DIM // 128):
        heads.append(softmax(q[:, part] @ k[:, part].T / np.sqrt(128), axis=-1) @ v[:, part])
    read = np.concatenate(heads, 1) @ p["attn.out_proj.weight"].T + p["attn.out_proj.bias"]
    return normed(read, w, "ln_post") @ w["proj"]


def pixels(seed: int = 4) -> Tensor:
    return torch.randn(1, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(seed))


def visual(tensors: Tensors) -> dict[str, Array]:
    return {k.removeprefix(VISUAL): v.double().numpy() for k, v in tensors.items() if k.startswith(VISUAL)}


@torch.no_grad()
def test_tokens_and_what_the_resampler_makes_of_them_follow_the_formulas(shared, model):
    w = visual(shared.tensors)
    tokens = tower_formula(w, pixels()[0].double().numpy())
    ours = model.tower.tokens(pixels())
    assert ours.shape == (1, 1024, WIDTH) and tokens.std() > 0.5
    np.testing.assert_allclose(ours[0].numpy(), tokens, atol=1e-4)
    read = resampler_formula(w, tokens)
    assert read.shape == (QUERIES, DIM) and read.std() > 0.5
    np.testing.assert_allclose(model.connector(ours)[0].numpy(), read, atol=1e-4)
    assert torch.equal(load_tower(SPEC, shared.folder).tokens(pixels()), ours)
    assert read.std(axis=0).mean() > 0.1  # queries differ


def test_the_gradient_with_respect_to_pixels_is_the_slope_of_the_formulas(shared, model):
    w, start = visual(shared.tensors), pixels().requires_grad_()
    weights = torch.linspace(-1, 1, QUERIES * DIM).reshape(1, QUERIES, DIM)
    (slope,) = torch.autograd.grad((model.connector(model.tower.tokens(start)) * weights).sum(), start)

    def total(image: Array) -> float:
        return float((resampler_formula(w, tower_formula(w, image)) * weights[0].double().numpy()).sum())

    image, step = start[0].detach().double().numpy(), 1e-3
    way = slope[0].double().numpy() / slope.norm().item()
    for direction in (way, pixels(5)[0].double().numpy() / SIDE_PX):
        found = (total(image + step * direction) - total(image - step * direction)) / (2 * step)
        assert found == pytest.approx(float((slope[0].double().numpy() * direction).sum()), rel=1e-3, abs=1e-2)
    assert (slope != 0).float().mean() > 0.99


@torch.no_grad()
def test_equal_widths_need_no_projection_of_keys_and_values(tmp_path):
    official = Official(tmp_path / "square", width=DIM)
    assert not any("kv_proj" in name for name in official.tensors)
    _, resampler = load_vision(SPEC, official.folder)
    tokens = torch.randn(1, 1024, DIM, generator=torch.Generator().manual_seed(7))
    expected = resampler_formula(visual(official.tensors), tokens[0].double().numpy())
    np.testing.assert_allclose(resampler(tokens)[0].numpy(), expected, atol=1e-4)
    official.edit(lambda tensors: tensors.update({f"{VISUAL}attn_pool.kv_proj.weight": torch.ones(DIM, DIM)}))
    with pytest.raises(ModelError, match=r"1 tensors left over: attn_pool\.kv_proj\.weight"):
        load_tower(SPEC, official.folder)


def test_fresh_positions_encode_the_column_first():
    grid = sincos_grid(8, 3)
    for row in range(3):
        for column in range(3):
            parts = [f(place * rate) for place in (column, row) for f in (np.sin, np.cos) for rate in (1, 0.01)]
            np.testing.assert_allclose(grid[3 * row + column], parts, atol=1e-6)


def test_photos_of_any_size_are_squashed_and_get_a_gradient(model):
    assert model.tower.preprocess == Preprocess(SIDE_PX, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True)
    images = torch.rand(1, 3, 40, 150, generator=torch.Generator().manual_seed(3)).requires_grad_()
    features = model.visual_features(images)
    assert features.shape == (1, QUERIES, DIM)
    weights = torch.linspace(-1, 1, features.numel()).reshape(features.shape)
    (slope,) = torch.autograd.grad((features * weights).sum(), images)
    assert (slope != 0).float().mean() > 0.9


@pytest.mark.parametrize("change", [{"width": 15}, {"image_size": 450}, {"output_dim": 100}, {"n_queries": 200}])
def test_shapes_that_do_not_divide_are_an_error(change):
    with pytest.raises(ModelError, match="expected a"):
        QwenVisionConfig(**change)
