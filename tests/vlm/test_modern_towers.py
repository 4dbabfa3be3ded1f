"""The towers of the modern families without their language models: what the whole models' connectors take."""

import json
from pathlib import Path

import pytest
import torch
from modern_checkpoints import RECIPES, hub_name, write
from safetensors.torch import load_file, save_file
from torch import Tensor

from dp2vl.errors import ModelError
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm import load_tower, load_vlm
from dp2vl.vlm.auto import ModernVLM
from dp2vl.vlm.memory import is_visual

FAMILIES = list(RECIPES)
SIZES = [(60, 90), (70, 31)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: tmp_path_factory.mktemp("modern") / family for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(folders: dict[str, Path], family: str) -> Path:
    if not folders[family].exists():
        write(family, folders[family])
    return folders[family]


def photos(size: tuple[int, int] = (60, 90), count: int = 2) -> Tensor:
    return torch.randint(0, 256, (count, 3, *size), generator=torch.Generator().manual_seed(1)) / 255


def connect(model: ModernVLM, tokens: Tensor) -> Tensor:
    """Return what the connector of a whole model makes of a photo's tokens."""
    first = model.connector[0]
    if model.settings.view == "patches":  # joined by fours; of Qwen3-VL there are several in a row
        mergers = [first, *(model.connector[1] if len(model.connector) > 1 else ())]
        parts = tokens.chunk(len(mergers), dim=-1)
        return torch.cat([merge(p.reshape(4 * len(p), -1)) for merge, p in zip(mergers, parts, strict=True)], dim=-1)
    tiles = tokens.reshape(-1, 16, 16) if model.settings.view == "split" else tokens[None]
    return first(tiles).flatten(0, 1)


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_tokens_are_what_the_connector_of_the_whole_model_takes(family, folder, size):
    model, tokens = load_vlm(str(folder)), load_tower(str(folder))(photos(size))
    for ours, theirs in zip(tokens, model.visual_features(photos(size)), strict=True):
        if family == "llava_onevision":  # the language model gets line breaks between the rows of tiles
            breaks = (theirs == model.language.model.image_newline).all(-1)
            assert breaks.any()
            theirs = theirs[~breaks]
        torch.testing.assert_close(connect(model, ours), theirs, atol=1e-5, rtol=1e-5)


def test_a_folder_is_a_surrogate_with_tokens_their_mean_and_a_gradient(family, folder):
    surrogate = load_surrogate(f"vlm:{folder}")
    assert (surrogate.name, surrogate.family) == (f"vlm:{folder}", family)
    images = photos((70, 50)).requires_grad_()
    pooled, tokens, identity = surrogate.features(images)
    assert identity is None
    torch.testing.assert_close(pooled, tokens.mean(1))
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3
    weights = torch.linspace(-1, 1, tokens.numel()).reshape(tokens.shape)
    (slope,) = torch.autograd.grad((tokens * weights).sum(), images)
    assert (slope != 0).float().mean() > 0.8  # the rest is black or white


def test_the_side_is_that_of_a_square_or_tile(family, folder):
    sides = {"llava_onevision": 28, "idefics3": 32, "smolvlm": 32, "internvl": 56, "paligemma": 28, "gemma3": 56}
    assert load_surrogate(f"vlm:{folder}").side_px == sides.get(family, 448)


@torch.no_grad()
def test_nothing_but_the_tower_is_read(folder, edited):
    copy = edited(lambda tensors: tensors.update({k: torch.zeros(1) for k in tensors if not is_visual(k)}))
    for path in copy.glob("*token*"):
        path.unlink()
    tower = load_tower(str(copy))
    assert torch.equal(tower(photos()), load_tower(str(folder))(photos()))
    assert {p.dtype for p in tower.parameters()} == {torch.float32}
    assert not tower.training and not any(p.requires_grad for p in tower.parameters())
    assert not any("language" in name or "text" in name for name in tower.state_dict())


@pytest.mark.parametrize("family", ["qwen2_5_vl", "gemma3"])
@torch.no_grad()
def test_files_without_the_tower_may_be_absent(folder, edited):
    copy = edited(lambda tensors: None)
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    save_file({k: v for k, v in tensors.items() if is_visual(k)}, copy / "model-00001-of-00002.safetensors")
    index = {"weight_map": {k: f"model-0000{1 if is_visual(k) else 2}-of-00002.safetensors" for k in tensors}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert torch.equal(load_tower(str(copy))(photos()), load_tower(str(folder))(photos()))
    with pytest.raises(ModelError, match="has no model-00002"):
        load_vlm(str(copy))


@torch.no_grad()
def test_half_precision_is_read_as_float32(folder, edited):
    copy = edited(lambda tensors: tensors.update({k: v.bfloat16() for k, v in tensors.items()}))
    tokens = load_tower(str(copy))(photos())
    assert tokens.dtype == torch.float32
    torch.testing.assert_close(tokens, load_tower(str(folder))(photos()), atol=0.2, rtol=0.2)


def test_a_tensor_missing_left_over_or_of_another_shape_is_an_error_that_names_it(family, edited):
    lost = RECIPES[family].lost
    theirs, ours = hub_name(RECIPES[family], lost), lost.split(".", 2)[2]
    more = theirs.replace("1.", "7.", 1)
    copy = edited(lambda tensors: tensors.update({more: torch.ones(4), theirs: torch.ones(3)}))
    with pytest.raises(ModelError, match=f"the whole tower: 1 tensors left over: {ours.replace('1.', '7.', 1)}"):
        load_tower(str(copy))
    tensors = load_file(copy / "model.safetensors")
    del tensors[more]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"1 tensors of another shape: {ours}"):
        load_tower(str(copy))
    del tensors[theirs]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"1 tensors missing: {ours}"):
        load_tower(str(copy))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_damaged_file_is_a_one_line_error(edited, name):
    copy = edited(lambda tensors: None)
    (copy / name).write_bytes(b"{")
    with pytest.raises(ModelError) as error:
        load_tower(str(copy))
    assert "\n" not in error.value.message


@pytest.mark.parametrize("family", ["qwen2_5_vl", "paligemma"])
@pytest.mark.parametrize("vision", [{"hidden_size": 30, "num_attention_heads": 7}, 7])
def test_settings_that_make_no_tower_are_a_one_line_error(edited, vision):
    copy = edited(lambda tensors: None)
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(settings | {"vision_config": vision}))
    with pytest.raises(ModelError) as error:
        load_tower(str(copy))
    assert "\n" not in error.value.message
