"""CLIP, SigLIP and EVA out of checkpoints in the published formats: the right layer, all weights, or an error."""

import json
from dataclasses import fields

import pytest
import torch
from torch.nn.functional import interpolate

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, HALF, Preprocess
from dp2vl.protect import usual
from dp2vl.protect.usual import Usual, find_usual
from dp2vl.surrogates import Surrogate, load_surrogate

SIDE_PX = {"clip": 56, "siglip": 56, "eva": 448}
FAMILIES = list(SIDE_PX)


def squares(side_px: int) -> torch.Tensor:
    """Photos of the tower's own size in whole levels, which preprocessing leaves alone but for the normalisation."""
    return torch.randint(0, 256, (2, 3, side_px, side_px), generator=torch.Generator().manual_seed(1)) / 255


def normalised(images: torch.Tensor, mean: tuple, std: tuple) -> torch.Tensor:
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def after_layers(vision: torch.nn.Module, hidden: torch.Tensor, count: int) -> torch.Tensor:
    for layer in vision.encoder.layers[:count]:
        hidden = layer(hidden, attention_mask=None)
    return hidden


@torch.no_grad()
def test_clip_tokens_are_the_patches_after_the_last_layer_but_one(write_checkpoint):
    folder, model = write_checkpoint("clip")
    vision, images = model.vision_model, squares(56)
    start = vision.pre_layrnorm(vision.embeddings(normalised(images, CLIP_MEAN, CLIP_STD)))
    features = load_surrogate(f"clip:{folder}").features(images)
    torch.testing.assert_close(features.tokens, after_layers(vision, start, 2)[:, 1:], atol=1e-5, rtol=1e-5)
    last = vision.post_layernorm(after_layers(vision, start, 3)[:, 0])
    torch.testing.assert_close(features.pooled, last, atol=1e-5, rtol=1e-5)
    assert features.tokens.shape == (2, 16, 32)


@torch.no_grad()
def test_siglip_tokens_are_normed_and_pooled_by_attention(write_checkpoint):
    folder, model = write_checkpoint("siglip")
    vision, images = model.vision_model, squares(56)
    tokens = vision.post_layernorm(after_layers(vision, vision.embeddings(normalised(images, HALF, HALF)), 3))
    features = load_surrogate(f"siglip:{folder}").features(images)
    torch.testing.assert_close(features.tokens, tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(features.pooled, vision.head(tokens), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_eva_tokens_are_four_neighbours_after_a_norm_without_weights(write_checkpoint):
    folder, model = write_checkpoint("eva")
    vision, images = model.vision_model, squares(448)
    patches = vision.embeddings.patch_embedding(normalised(images, CLIP_MEAN, CLIP_STD)).flatten(2).transpose(1, 2)
    position = vision.embeddings.position_embedding
    grid = position[:, 1:].reshape(1, 4, 4, 32).permute(0, 3, 1, 2)
    grid = interpolate(grid, (8, 8), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
    first = (vision.embeddings.class_embedding + position[:, :1]).expand(2, 1, 32)
    hidden = torch.cat([first, patches + grid], dim=1)
    for layer in vision.encoder.layers:
        hidden = layer(hidden)
    normed = (hidden - hidden.mean(-1, keepdim=True)) / (hidden.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    features = load_surrogate(f"eva:{folder}").features(images)
    assert features.tokens.shape == (2, 16, 128)
    torch.testing.assert_close(features.pooled, normed[:, 0], atol=2e-5, rtol=1e-4)
    for joined in range(16):  # token 1 is the first patch: 0 is the class token
        parts = torch.cat([normed[:, 1 + 4 * joined + i] for i in range(4)], dim=-1)
        torch.testing.assert_close(features.tokens[:, joined], parts, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["clip", "clip-vision", "siglip", "eva"])
def test_every_weight_of_the_tower_comes_from_the_checkpoint(write_checkpoint, family):
    folder, model = write_checkpoint(family)
    tower = load_surrogate(f"{family.partition('-')[0]}:{folder}")
    theirs = getattr(model, "vision_model", model).state_dict()
    ours = getattr(tower.model, "vision", tower.model).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert {p.dtype for p in tower.model.parameters()} == {torch.float32}
    assert not tower.model.training


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_in_half_precision_is_loaded_as_float32(write_checkpoint, family):
    folder, model = write_checkpoint(family)
    model.half().save_pretrained(folder)
    assert load_surrogate(f"{family}:{folder}").features(squares(64)).pooled.dtype == torch.float32


def test_weights_in_the_older_bin_format_load(write_checkpoint):
    folder, model = write_checkpoint("clip")
    expected = load_surrogate(f"clip:{folder}").features(squares(56)).pooled
    (folder / "model.safetensors").unlink()
    prefixed = {f"vision_model.{key}": value for key, value in model.vision_model.state_dict().items()}
    torch.save(prefixed, folder / "pytorch_model.bin")
    torch.testing.assert_close(load_surrogate(f"clip:{folder}").features(squares(56)).pooled, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_photos_of_any_size_get_a_gradient_and_weights_get_none(write_checkpoint, family):
    tower = load_surrogate(f"{family}:{write_checkpoint(family)[0]}")
    assert (tower.name.partition(":")[0], tower.family, tower.side_px) == (family, family, SIDE_PX[family])
    for size in ((40, 100), (300, 90)):
        images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2)).requires_grad_()
        features = tower.features(images)
        for feature in (features.pooled, features.tokens):
            weights = torch.linspace(-1, 1, feature.numel()).reshape(feature.shape)
            (slope,) = torch.autograd.grad((feature * weights).sum(), images, retain_graph=True)
            assert slope.abs().amax(dim=(0, 1)).min() >= 0
            assert (slope != 0).float().mean() > 0.9
    assert not any(weight.requires_grad for weight in tower.model.parameters())


LOST = {
    "clip": "encoder.layers.1.mlp.fc1.weight",
    "siglip": "head.probe",
    "eva": "encoder.layers.2.self_attn.qkv.bias",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_missing_tensor_is_an_error_that_names_it(write_checkpoint, edit_tensors, family):
    folder, _ = write_checkpoint(family)
    edit_tensors(folder, lambda tensors: tensors.pop(f"vision_model.{LOST[family]}"))
    with pytest.raises(ModelError, match=f"1 tensors missing: {LOST[family]}"):
        load_surrogate(f"{family}:{folder}")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_that_the_configuration_does_not_know_is_an_error(write_checkpoint, edit_tensors, family):
    folder, _ = write_checkpoint(family)
    name = "vision_model.encoder.layers.3.layer_norm1.weight"
    edit_tensors(folder, lambda tensors: tensors.update({name: torch.ones(32)}))
    with pytest.raises(ModelError, match="1 tensors left over: "):
        load_surrogate(f"{family}:{folder}")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tensor_of_another_shape_is_an_error(write_checkpoint, edit_tensors, family):
    folder, _ = write_checkpoint(family)
    name = "vision_model.encoder.layers.0.layer_norm1.weight"
    edit_tensors(folder, lambda tensors: tensors.update({name: torch.ones(33)}))
    with pytest.raises(ModelError, match=r"1 tensors of another shape: encoder\.layers\.0"):
        load_surrogate(f"{family}:{folder}")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_of_another_family_is_an_error(write_checkpoint, family):
    other = FAMILIES[FAMILIES.index(family) - 1]
    with pytest.raises(ModelError, match="to be of type"):
        load_surrogate(f"{family}:{write_checkpoint(other)[0]}")


def test_broken_files_are_one_line_errors(write_checkpoint):
    folder, _ = write_checkpoint("clip")
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="does not load") as error:
        load_surrogate(f"clip:{folder}")
    assert "\n" not in error.value.message
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        load_surrogate(f"clip:{folder}")


def test_the_checkpoint_decides_filter_and_normalisation_where_it_says_so(write_checkpoint):
    folder, _ = write_checkpoint("siglip")
    settings = {"resample": 2, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    preprocess = load_surrogate(f"siglip:{folder}").preprocess
    assert (preprocess.interpolation, preprocess.mean, preprocess.std) == (
        "bilinear",
        (0.1, 0.2, 0.3),
        (0.4, 0.5, 0.6),
    )


def test_towers_look_at_photos_as_the_models_that_they_stand_for(write_checkpoint):
    ways = {f: load_surrogate(f"{f}:{write_checkpoint(f)[0]}").preprocess for f in FAMILIES}
    assert ways == {
        "clip": Preprocess(56, "pad", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True),
        "siglip": Preprocess(56, "squash", "bicubic", HALF, HALF, round_8bit=True),
        "eva": Preprocess(448, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_usual_for_a_tower_is_measured_once_per_machine(write_checkpoint, monkeypatch, family: str):
    folder, _ = write_checkpoint(family)
    measured = []

    def measure(tower: Surrogate, **_: object) -> Usual:
        measured.append(tower.name)
        return Usual(*(torch.ones(3) for _ in fields(Usual)))

    monkeypatch.setattr(usual, "measure_usual", measure)
    for _ in range(2):
        find_usual(load_surrogate(f"{family}:{folder}"))
    assert measured == [f"{family}:{folder}"]
