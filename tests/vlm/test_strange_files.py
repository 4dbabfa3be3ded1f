"""Models by strangers: files that would run code are refused, and files that name others cannot leave their folder."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import minigpt_checkpoint
import pytest
import torch
from safetensors.torch import load_file
from transformers import Blip2Config, Blip2Model, CLIPVisionConfig, CLIPVisionModel, PreTrainedModel

from dp2vl.errors import ModelError
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm import load_vlm
from dp2vl.vlm.hub import weight_files
from dp2vl.vlm.mini.training import resume

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT = SIZES | {"vocab_size": 32}
OPT = {"model_type": "opt", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16}
SAFE, BIN = "model.safetensors", "pytorch_model.bin"


class Payload:
    """Pickled, it is a command that runs as soon as somebody unpickles it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"echo run > '{self.marker}'",)


def save_archive(payload: Payload, path: Path) -> None:
    torch.save({"model": payload, "weight": torch.zeros(1)}, path)


def save_legacy(payload: Payload, path: Path) -> None:
    torch.save({"model": payload}, path, _use_new_zipfile_serialization=False)


def save_bare(payload: Payload, path: Path) -> None:
    path.write_bytes(pickle.dumps(payload))


def write_tower(family: str, folder: Path) -> None:
    """Write a tiny encoder as its repository has it."""
    models: dict[str, Callable[[], PreTrainedModel]] = {
        "clip": lambda: CLIPVisionModel(CLIPVisionConfig(**SIZES, image_size=28, patch_size=14)),
        "eva": lambda: Blip2Model(
            Blip2Config(
                vision_config=SIZES | {"image_size": 28, "patch_size": 14},
                qformer_config=TEXT | {"encoder_hidden_size": 16},
                text_config=OPT | {"vocab_size": 32, "word_embed_proj_dim": 16},
            )
        ),
    }
    models[family]().save_pretrained(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "model"


@pytest.fixture(scope="module", params=[save_archive, save_legacy, save_bare], ids=["archive", "legacy", "bare"])
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pickle that would write a marker, and the marker."""
    place = tmp_path_factory.mktemp("hostile")
    request.param(Payload(place / "marker"), place / "pickle")
    return place / "pickle", place / "marker"


def refuse(load: Callable[[], object], marker: Path) -> None:
    with pytest.raises(ModelError, match=r"does not load|cannot read") as error:
        load()
    assert "\n" not in error.value.message
    assert not marker.exists(), "code in a file was run"


def test_the_made_up_pickles_do_run_code_where_nobody_looks(hostile):
    """Without this, the tests below would pass with a payload that does nothing."""
    pickled, marker = hostile
    try:
        torch.load(pickled, weights_only=False)
    except (pickle.UnpicklingError, RuntimeError):
        pickle.loads(pickled.read_bytes())
    assert marker.read_text() == "run\n"
    marker.unlink()


@pytest.mark.parametrize("name", [minigpt_checkpoint.EVA, minigpt_checkpoint.CHECKPOINT, f"llama/{BIN}"])
def test_code_in_a_file_of_minigpt_is_not_run(named_folders, folder, hostile, name):
    pickled, marker = hostile
    shutil.copytree(named_folders["minigpt_v2"], folder)
    if name.endswith(BIN):
        (folder / "llama" / SAFE).unlink()
    shutil.copy(pickled, folder / name)
    refuse(lambda: load_vlm(str(folder)), marker)
    if name == minigpt_checkpoint.EVA:
        refuse(lambda: load_surrogate(f"vlm:{folder}"), marker)


@pytest.mark.parametrize("family", ["clip", "eva"])
def test_code_in_the_weights_of_an_encoder_is_not_run(folder, hostile, family):
    pickled, marker = hostile
    write_tower(family, folder)
    (folder / SAFE).unlink()
    shutil.copy(pickled, folder / BIN)
    refuse(lambda: load_surrogate(f"{family}:{folder}"), marker)


@pytest.mark.parametrize("family", ["llava", "qwen_vl"])
def test_code_in_a_shard_is_not_run(named_folders, folder, hostile, family):
    pickled, marker = hostile
    shutil.copytree(named_folders[family], folder)
    shards = [path for path in folder.iterdir() if path.suffix in {".bin", ".safetensors"}]
    for path in [*shards, folder / f"{SAFE}.index.json"]:
        path.unlink(missing_ok=True)
    for path in shards:
        shutil.copy(pickled, path.with_suffix(".bin"))
    places = {"transformer.visual.proj": shards[0].with_suffix(".bin").name}
    (folder / f"{BIN}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    refuse(lambda: load_vlm(str(folder)), marker)
    refuse(lambda: load_surrogate(f"vlm:{folder}"), marker)


def test_code_in_a_torchscript_encoder_is_not_run(tmp_path, hostile):
    pickled, marker = hostile
    shutil.copy(pickled, tmp_path / "tower.pt")
    refuse(lambda: load_surrogate(f"torchscript:{tmp_path / 'tower.pt'}?px=32"), marker)


class Writes(torch.nn.Module):
    """An encoder whose program, made of torch's operations alone, writes over a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) + torch.from_file(self.path, shared=True, size=4).fill_(1.0).sum()


class Saves(Writes):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        torch.save(images, self.path)
        return images.flatten(1)


@pytest.mark.parametrize("kind", [Writes, Saves])
def test_a_torchscript_program_that_writes_files_is_refused(tmp_path, kind):
    marker = tmp_path / "marker"
    program = torch.jit.script(kind(str(marker)))
    program.save(str(tmp_path / "tower.pt"))
    with pytest.raises(ModelError, match="would do more than encode"):
        load_surrogate(f"torchscript:{tmp_path / 'tower.pt'}?px=32")
    assert not marker.exists()
    program(torch.zeros(1, 3, 2, 2))
    assert marker.exists(), "the program is harmless, and the test says nothing"


def test_code_in_a_training_state_is_not_run(hostile):
    pickled, marker = hostile
    refuse(lambda: resume(None, pickled), marker)  # type: ignore[arg-type]


def test_code_in_adapters_beside_the_weights_is_not_run(folder, hostile):
    """Transformers would put them on without being asked."""
    pickled, marker = hostile
    write_tower("clip", folder)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "target_modules": ["q_proj"]}))
    shutil.copy(pickled, folder / "adapter_model.bin")
    refuse(lambda: load_surrogate(f"clip:{folder}"), marker)


OUTSIDE = [
    "../outside.safetensors",
    "../../outside.safetensors",
    "sub/../../outside.safetensors",
    "/outside.safetensors",
]


@pytest.mark.parametrize("index", [f"{SAFE}.index.json", f"{BIN}.index.json"])
@pytest.mark.parametrize("outside", OUTSIDE)
def test_an_index_cannot_name_a_file_outside_its_folder(folder, index, outside):
    write_tower("clip", folder)
    (folder / SAFE).rename(folder.parent / "outside.safetensors")
    if outside == "/absolute":
        outside = str(folder.parent / "outside.safetensors")
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": {"a": outside}}))
    for wanted in (None, lambda name: name == "other"):
        with pytest.raises(ModelError, match="names a file outside its folder") as error:
            weight_files(folder, wanted)
        assert "\n" not in error.value.message and error.value.hint
    with pytest.raises(ModelError, match="names a file outside its folder"):
        load_surrogate(f"clip:{folder}")


@pytest.mark.parametrize("name", ["", ".", 5, None, ["a"]])
def test_an_index_that_names_no_file_is_an_error(folder, name):
    folder.mkdir()
    (folder / f"{SAFE}.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelError, match="is damaged"):
        weight_files(folder)


@pytest.mark.parametrize("family", ["llava", "qwen_vl", "minigpt_v2"])
def test_the_index_of_a_vision_language_model_cannot_leave_its_folder(named_folders, folder, family):
    shutil.copytree(named_folders[family], folder)
    part = folder / "llama" if family == "minigpt_v2" else folder
    if family == "minigpt_v2":
        (part / SAFE).unlink()
        (part / f"{SAFE}.index.json").write_text(json.dumps({"weight_map": {"a": "x.safetensors"}}))
    index = next(part.glob("*.index.json"))
    whole = json.loads(index.read_text())
    first = next(iter(whole["weight_map"]))
    whole["weight_map"][first] = "../../outside.safetensors"
    index.write_text(json.dumps(whole))
    with pytest.raises(ModelError, match="names a file outside its folder"):
        load_vlm(str(folder))


def test_a_config_cannot_choose_another_index(folder):
    """Transformers reads the index that `transformers_weights` names, and what that one names anywhere."""
    write_tower("clip", folder)
    outside = folder.parent / "outside.safetensors"
    shutil.copy(folder / SAFE, outside)
    places = dict.fromkeys(load_file(outside), f"../{outside.name}")
    (folder / "other.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    config = json.loads((folder / "config.json").read_text())
    config["transformers_weights"] = "other.safetensors.index.json"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="names its weights itself"):
        load_surrogate(f"clip:{folder}")


@pytest.mark.parametrize("key", ["vocab_file", "tokenizer_file", "merges_file"])
def test_a_tokenizer_cannot_be_read_from_outside_its_folder(named_folders, folder, key):
    shutil.copytree(named_folders["llava"], folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][0] | {"id": 9_999, "content": "<stranger>"})
    (folder.parent / "outside.json").write_text(json.dumps(tokenizer))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {key: "../outside.json"}))
    assert "<stranger>" not in load_vlm(str(folder)).tokenizer.get_vocab()
