"""Models by name: which family a folder is of, what is unknown or incomplete, and whether memory suffices."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from named_checkpoints import NAMED
from safetensors.torch import save_file

from dp2vl.errors import ModelError
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm import loading, memory
from dp2vl.vlm.loading import bundled_names, find_family, find_source, load_tower, load_vlm
from dp2vl.vlm.memory import check_memory, count_bytes

FAMILY = {name: name.partition(" ")[0] for name in NAMED}


@pytest.fixture(params=NAMED)
def folder(request: pytest.FixtureRequest, named_folders: dict[str, Path]) -> Path:
    return named_folders[request.param]


def family_of(folder: Path) -> str:
    return FAMILY[folder.name]


# Names --------------------------------------------------------------------------------------------------------------


def test_a_folder_is_loaded_as_the_family_it_is_of(folder):
    assert find_source(str(folder)) == folder
    assert find_family(str(folder), folder) == family_of(folder)
    model = load_vlm(str(folder))
    assert (model.family, model.name, model.tower.family) == (family_of(folder), str(folder), family_of(folder))
    assert model.device.type == "cpu"
    dtypes = {p.dtype for part in (model.tower, model.connector, model.language) for p in part.parameters()}
    assert dtypes == {torch.float32}


def test_a_minigpt_needs_no_config_to_be_known(tmp_path):
    for name in ("minigptv2_checkpoint.pth", "minigptv2_checkpoint.safetensors", "eva_vit_g.pth"):
        folder = tmp_path / name.partition(".")[2]
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
        assert find_source(str(folder)) == folder and find_family("it", folder) == "minigpt_v2"


@pytest.mark.parametrize(
    ("found", "family"),
    [("qwen2_vl", "qwen2_vl"), ("qwen", "qwen_vl"), ("minigpt_v2", "minigpt_v2"), (["llava"], "['llava']")],
)
def test_what_is_none_of_the_named_families_keeps_its_type(tmp_path, found, family):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": found}))
    assert find_family("it", tmp_path) == family


def test_an_unknown_name_is_an_error_that_says_what_there_is():
    with pytest.raises(ModelError, match="unknown model 'mini-lava'") as error:
        load_vlm("mini-lava")
    assert "folder" in error.value.hint and all(name in error.value.hint for name in bundled_names())
    with pytest.raises(ModelError, match="unknown model 'no/such/folder'"):
        load_tower("no/such/folder")


def test_a_hub_id_that_was_not_fetched_is_an_error_that_says_how_to(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for load, source in ((load_vlm, "nobody/nothing"), (load_tower, "vlm:nobody/nothing")):
        with pytest.raises(ModelError, match="vlm:nobody/nothing is not on this machine") as error:
            load("nobody/nothing")
        assert error.value.hint == f"dp2vl models pull {source}"


def test_a_hub_id_of_which_the_tower_was_fetched_is_a_tower_and_no_model(named_folders, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--qwen" / "snapshots" / "0123abcd"
    shutil.copytree(named_folders["qwen_vl"], snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123abcd")
    assert load_vlm("org/qwen").family == "qwen_vl"
    (snapshot / "pytorch_model-00001-of-00003.bin").unlink()
    assert load_tower("org/qwen").family == load_surrogate("vlm:org/qwen").family == "qwen_vl"
    with pytest.raises(ModelError, match="has no pytorch_model-00001-of-00003") as error:
        load_vlm("org/qwen")
    assert error.value.hint == "dp2vl models pull org/qwen"  # not the tower, which is here


def test_a_folder_without_a_config_is_an_error(tmp_path):
    for load in (load_vlm, load_tower):
        with pytest.raises(ModelError, match=rf"incomplete: {tmp_path} has no config\.json"):
            load(str(tmp_path))
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        find_family("it", tmp_path)


@pytest.mark.parametrize(("family", "lost"), [("llava", "tokenizer.json"), ("qwen_vl", "qwen.tiktoken")])
def test_a_tokenizer_that_is_absent_is_an_error_before_weights_are_read(named_folders, tmp_path, family, lost):
    shutil.copytree(named_folders[family], tmp_path / "it")
    for path in (tmp_path / "it").iterdir():
        if path.name == lost or path.name.startswith("tokenizer"):
            path.unlink()
        elif path.suffix in (".bin", ".safetensors"):
            path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"tokenizer|tiktoken"):
        load_vlm(str(tmp_path / "it"))


@pytest.mark.parametrize("found", ["internvl_chat", "phi3_v"])
def test_an_unknown_type_is_an_error_that_lists_all_families(tmp_path, found):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": found}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelError, match=rf"llava, qwen, minigpt_v2, qwen2_vl, .*gemma3, got {found}") as error:
        load_vlm(str(tmp_path))
    assert ("-hf" in error.value.hint) == (found == "internvl_chat")


@pytest.mark.parametrize("text", ["{", "[]", '"llava"'])
def test_a_config_that_is_no_object_is_an_error(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").touch()
    for load in (load_vlm, load_tower):
        with pytest.raises(ModelError, match=r"config\.json is not a JSON object"):
            load(str(tmp_path))


def test_the_tower_of_an_unknown_family_is_an_error_that_names_the_nearest(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_5_omni"}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelError, match="got qwen2_5_omni; the nearest is qwen2_5_vl"):
        load_tower(str(tmp_path))


# Memory -------------------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_fit_is_an_error_that_says_need_and_have(folder, monkeypatch):
    monkeypatch.setattr(memory, "_free_bytes", lambda device: 6_000_000_000)
    monkeypatch.setattr(loading, "count_bytes", lambda folder, itemsize, tower=False: itemsize * 7_000_000_000)
    with pytest.raises(ModelError, match=r"needs 32\.2 GB of memory on cpu, 6\.0 GB are free") as error:
        load_vlm(str(folder))
    assert "bfloat16" in error.value.hint
    for load in (lambda: load_vlm(str(folder), dtype=torch.bfloat16), lambda: load_tower(str(folder))):
        with pytest.raises(ModelError, match=r"needs (16\.1|32\.2) GB of memory") as error:
            load()
        assert "bfloat16" not in error.value.hint and "mini-llava" in error.value.hint  # it is, or cannot be


def test_the_need_is_counted_from_the_files_and_the_type(folder, monkeypatch):
    size = count_bytes(folder, 2)
    assert count_bytes(folder, 4) == 2 * size > 4 * count_bytes(folder, 1, tower=True) > 0
    model = load_vlm(str(folder))
    parts = (model.tower, model.connector, model.language)  # LLaVA's share weights
    held = sum(p.numel() * 4 for p in {p for part in parts for p in part.parameters()})
    assert 0.5 * 2 * size < held < 1.15 * 2 * size
    vision = (model.tower, model.connector) if model.family == "qwen_vl" else (load_tower(str(folder)),)
    seen = sum(p.numel() for part in vision for p in part.parameters())  # a resampler is read with its tower
    assert 0.5 < seen / count_bytes(folder, 1, tower=True) < 1.15
    monkeypatch.setattr(memory, "_free_bytes", lambda device: int(1.2 * size))
    with pytest.raises(ModelError, match="of memory on cpu"):
        load_vlm(str(folder))
    load_vlm(str(folder), dtype=torch.bfloat16)


def test_what_is_not_loaded_is_not_counted(tmp_path, named_folders):
    shutil.copytree(named_folders["minigpt_v2"], tmp_path / "it")
    folder, before = tmp_path / "it", count_bytes(named_folders["minigpt_v2"], 4)
    path = folder / "minigptv2_checkpoint.pth"
    whole = torch.load(path, weights_only=True)
    torch.save(whole | {"optimizer": {"state": {0: torch.zeros(10**6)}}}, path)
    (folder / "vision").mkdir()
    beside = {"vision_model.a": torch.zeros(5, 2), "qformer.b": torch.zeros(10**6, dtype=torch.float64)}
    save_file(beside, folder / "vision" / "model.safetensors")
    assert count_bytes(folder, 4) == before  # the tower comes out of eva_vit_g.pth
    (folder / "eva_vit_g.pth").unlink()
    assert count_bytes(folder, 4, tower=True) == 40


def test_a_damaged_file_counts_two_bytes_per_number(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    assert count_bytes(tmp_path, 4) == 200
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert count_bytes(tmp_path, 4) == 200


def test_a_model_for_a_gpu_needs_memory_here_too(monkeypatch):
    monkeypatch.setattr(memory, "_free_bytes", {"cpu": 10, "cuda": 100}.get)
    with pytest.raises(ModelError, match="of memory on cpu"):
        check_memory("it", need_bytes=50, device="cuda")
    monkeypatch.setattr(memory, "_free_bytes", {"cpu": 100, "cuda": 10}.get)
    with pytest.raises(ModelError, match="of memory on cuda"):
        check_memory("it", need_bytes=50, device="cuda")


def test_memory_that_is_not_known_is_enough(monkeypatch):
    monkeypatch.setattr(memory, "_free_bytes", lambda device: None)
    check_memory("it", need_bytes=10**15, device="mps")
    monkeypatch.setattr(memory, "_free_bytes", lambda device: 10)
    check_memory("it", need_bytes=10, device="cpu")
    with pytest.raises(ModelError):
        check_memory("it", need_bytes=11, device="cpu")


def test_what_is_free_is_some_of_the_machine():
    assert 10**6 < memory._free_bytes("cpu") < 10**14
    assert memory._free_bytes("mps") is None


# Surrogates ---------------------------------------------------------------------------------------------------------

TOKENS = {"llava": (16, 32), "minigpt_v2": (16, 128), "qwen_vl": (1024, 32)}


def test_a_folder_is_a_surrogate_with_tokens_their_mean_and_a_gradient(folder):
    surrogate = load_surrogate(f"vlm:{folder}")
    assert (surrogate.name, surrogate.family) == (f"vlm:{folder}", family_of(folder))
    images = torch.rand(2, 3, 70, 90, generator=torch.Generator().manual_seed(0)).requires_grad_()
    pooled, tokens, identity = surrogate.features(images)
    assert identity is None
    assert tokens.shape == (2, *TOKENS[family_of(folder)])
    torch.testing.assert_close(pooled, tokens.mean(1))
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3
    weights = torch.linspace(-1, 1, tokens.numel()).reshape(tokens.shape)
    (slope,) = torch.autograd.grad((tokens * weights).sum(), images)
    assert (slope != 0).float().mean() > 0.9


def test_a_surrogate_moves_what_the_connector_of_its_model_gets(folder):
    model, images = load_vlm(str(folder)), torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0))
    tokens = load_surrogate(f"vlm:{folder}").features(images).tokens
    torch.testing.assert_close(tokens, model.see(images), atol=1e-5, rtol=1e-5)
