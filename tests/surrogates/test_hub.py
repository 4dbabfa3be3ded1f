"""The hub's cache without network, what a download fetches, and the command that asks for it."""

import json
import re
import shutil
from types import SimpleNamespace

import huggingface_hub
import pytest
from httpx2 import Request, Response
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
from typer.testing import CliRunner

from dp2vl.cli.models import app
from dp2vl.errors import ModelError
from dp2vl.surrogates import load_surrogate
from dp2vl.surrogates.sets import KNOWN
from dp2vl.vlm.hub import choose_files
from dp2vl.vlm.known import KNOWN_MODELS
from dp2vl.vlm.revisions import REVISIONS

CONFIGS = ("config.json", "preprocessor_config.json")
OTHERS = (
    "README.md",
    "tokenizer.json",
    "tf_model.h5",
    "flax_model.msgpack",
    "open_clip_pytorch_model.bin",
    "model.fp16.safetensors",
)
SHARDS = tuple(f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
RUN = CliRunner()


@pytest.fixture
def cached(write_checkpoint, hub_cache):
    """A checkpoint in the layout of the hub's cache, as `clip:org/tower`."""
    folder, _ = write_checkpoint("clip")
    snapshot = hub_cache / "models--org--tower" / "snapshots" / "0123abcd"
    shutil.copytree(folder, snapshot)
    refs = hub_cache / "models--org--tower" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0123abcd")
    return snapshot


@pytest.fixture
def hub(monkeypatch):
    """A hub with one repository; records what is fetched."""
    sizes = dict.fromkeys((*CONFIGS, *OTHERS), 1_000) | {"model.safetensors": 2_000_000_000}
    siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in sizes.items()]
    fetched = []
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: SimpleNamespace(siblings=siblings))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repo, **k: fetched.append((repo, k)) or "folder")
    return fetched


def test_a_checkpoint_in_the_cache_loads_without_network(cached):
    assert load_surrogate("clip:org/tower").name == "clip:org/tower"
    assert load_surrogate("clip:org/tower@0123abcd").side_px == 56
    with pytest.raises(ModelError, match="not on this machine"):
        load_surrogate("clip:org/tower@fedc")


def test_a_broken_off_download_is_an_error_with_the_command(cached):
    (cached / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"is incomplete: .* has no model\.safetensors") as error:
        load_surrogate("clip:org/tower")
    assert error.value.hint == "dp2vl models pull clip:org/tower"


def test_a_missing_shard_is_an_error(cached):
    (cached / "model.safetensors").unlink()
    index = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}
    (cached / "model.safetensors.index.json").write_text(json.dumps(index))
    (cached / SHARDS[0]).touch()
    with pytest.raises(ModelError, match=SHARDS[1]):
        load_surrogate("clip:org/tower")


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "a b/c", "org/a--b", ""])
def test_what_is_neither_folder_nor_hub_id_is_an_error(source):
    with pytest.raises(ModelError, match="no such folder"):
        load_surrogate(f"clip:{source}")


@pytest.mark.parametrize(
    ("there", "fetched"),
    [
        (("model.safetensors", "pytorch_model.bin"), ("model.safetensors",)),
        (("pytorch_model.bin",), ("pytorch_model.bin",)),
        ((*SHARDS, "model.safetensors.index.json"), (*SHARDS, "model.safetensors.index.json")),
        (("model.safetensors", *SHARDS, "model.safetensors.index.json"), ("model.safetensors",)),
    ],
)
def test_only_what_loading_needs_is_fetched(there, fetched):
    assert set(choose_files((*CONFIGS, *OTHERS, *there))) == {*CONFIGS, *fetched}


def test_pull_shows_the_size_asks_and_fetches_only_the_needed_files(hub):
    done = RUN.invoke(app, ["pull", "clip:org/tower"], input="y\n")
    assert done.exit_code == 0
    assert "2.00 GB" in done.stderr
    assert done.stdout.splitlines()[-1] == "clip:org/tower"
    [(repo, settings)] = hub
    assert repo == "org/tower"
    assert set(settings["allow_patterns"]) == {*CONFIGS, "model.safetensors"}


def test_every_published_model_is_pinned_but_the_one_of_which_no_commit_is_known():
    repos = {spec.partition(":")[2] for spec in KNOWN} | {*KNOWN_MODELS}
    assert repos - {*REVISIONS} == {"Salesforce/blip2-itm-vit-g"} and {*REVISIONS} <= repos
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for commit in REVISIONS.values())


def test_pull_fetches_the_pinned_commit_unless_another_is_named(hub):
    repo = "openai/clip-vit-large-patch14-336"
    done = [RUN.invoke(app, ["pull", f"clip:{repo}{named}", "--yes"]) for named in ("", "@main", "@abc")]
    assert [settings["revision"] for _, settings in hub] == [REVISIONS[repo], "main", "abc"]
    assert f"revision {REVISIONS[repo][:12]}" in done[0].stderr


def test_another_commit_in_the_cache_is_not_the_pinned_one(cached, hub_cache):
    repo = "openai/clip-vit-large-patch14-336"
    folder = cached.parents[1].rename(hub_cache / f"models--{repo.replace('/', '--')}")
    assert load_surrogate(f"clip:{repo}@main").side_px == 56
    with pytest.raises(ModelError, match="not on this machine"):
        load_surrogate(f"clip:{repo}")
    (folder / "snapshots/0123abcd").rename(folder / "snapshots" / REVISIONS[repo])
    assert load_surrogate(f"clip:{repo}").side_px == 56


def test_pull_fetches_nothing_after_a_no(hub):
    done = RUN.invoke(app, ["pull", "clip:org/tower"], input="n\n")
    assert done.exit_code == 1
    assert hub == []


def test_pull_of_a_set_fetches_its_towers_unasked_with_yes(hub):
    assert RUN.invoke(app, ["pull", "standard", "--yes"]).exit_code == 0
    assert len(hub) == 3


@pytest.mark.parametrize("source", ["Qwen/Qwen-VL-Chat", "Qwen/Qwen-VL", "Qwen/Qwen-VL-Chat@abc"])
def test_of_qwen_vl_the_index_and_the_shards_of_the_tower_are_fetched(hub, monkeypatch, tmp_path, source):
    shards = [f"pytorch_model-{i:05d}-of-00010.bin" for i in range(1, 11)]
    places = {f"transformer.h.{i}.ln_1.weight": shard for i, shard in enumerate(shards)}
    places |= {"transformer.visual.proj": shards[7], "transformer.visual.conv1.weight": shards[8]}
    places |= {"transformer.visual.attn_pool.query": shards[9]}
    index = "pytorch_model.bin.index.json"
    (tmp_path / index).write_text(json.dumps({"weight_map": places}))
    names = (*CONFIGS, *OTHERS, index, *shards)
    siblings = [SimpleNamespace(rfilename=name, size=10**9 if name in shards else 1_000) for name in names]
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: SimpleNamespace(siblings=siblings))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repo, name, revision: str(tmp_path / name))
    done = RUN.invoke(app, ["pull", f"vlm:{source}", "--yes"])
    assert done.exit_code == 0 and "3.00 GB" in done.stderr
    [(repo, settings)] = hub
    assert repo == source.partition("@")[0]
    assert set(settings["allow_patterns"]) == {*CONFIGS, index, *shards[7:]}


def test_pull_of_a_gated_repository_without_a_token_is_one_line_and_a_hint(hub, monkeypatch):
    def refuse(*args, **kwargs):
        response = Response(403, request=Request("GET", "https://huggingface.co"))
        raise GatedRepoError("403 Client Error\nCannot access gated repo", response=response)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    error = RUN.invoke(app, ["pull", "google/gemma-3-4b-it", "--yes"]).exception
    assert isinstance(error, ModelError) and error.message == "google/gemma-3-4b-it is gated"
    assert "licence" in error.hint and "hf auth login" in error.hint and "\n" not in error.hint


def test_pull_fetches_nothing_that_is_here(cached, hub):
    done = RUN.invoke(app, ["pull", "clip:org/tower"])
    assert done.exit_code == 0
    assert hub == []
    assert "1 were here already" in done.stderr


def test_pull_without_network_is_one_line(monkeypatch):
    def refuse(*args, **kwargs):
        raise HfHubHTTPError.__bases__[0]("Name or service not known\nmore lines")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    error = RUN.invoke(app, ["pull", "standard", "--yes"]).exception
    assert isinstance(error, ModelError)
    assert "\n" not in error.message
    assert "cannot fetch openai/clip-vit-large-patch14-336" in error.message


def test_pull_stops_where_the_disk_is_too_small(hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    error = RUN.invoke(app, ["pull", "clip:org/tower", "--yes"]).exception
    assert isinstance(error, ModelError)
    assert "2.0 GB" in error.message
    assert hub == []


def test_pull_of_what_is_not_on_the_hub_is_a_usage_error():
    error = RUN.invoke(app, ["pull", "torchscript:x.pt?px=3"]).exception
    assert getattr(error, "exit_code", None) == 2


def test_list_tells_of_models_and_of_what_each_tower_stands_for(cached):
    rows = {row["name"]: row for row in json.loads(RUN.invoke(app, ["list", "--json"]).stdout)}
    tower = rows["clip:openai/clip-vit-large-patch14-336"]
    assert tower["what"] == "tower" and tower["here"] is False
    assert "LLaVA-1.5" in tower["about"] and tower["about"].endswith("sets: standard, thorough")
    model = rows["llava-hf/llava-1.5-7b-hf"]
    assert model["what"] == "model" and model["memory_bytes"] > 1.3e10
    assert rows["mini-llava"]["here"] is True
    assert rows["MiniGPT-v2"]["here"] is False and rows["MiniGPT-v2"]["memory_bytes"] > 1.5e10
    text = RUN.invoke(app, ["list"]).stdout
    assert all(name in text for name in rows)
    assert len(re.findall(r"needs [0-9.]+ GB of memory in (?:b?float\d+)", text)) == len(rows)


def test_check_loads_a_model_in_the_type_that_is_asked_for():
    done = RUN.invoke(app, ["check", "mini-llava", "--dtype", "bfloat16", "--photos", "0"])
    assert done.exit_code == 0, done.output
    assert "family llava" in done.stdout
    for wrong in (["mini-llava", "--dtype", "int8"], ["clip:org/tower", "--dtype", "bfloat16"]):
        assert RUN.invoke(app, ["check", *wrong]).exception.exit_code == 2


def test_check_runs_a_tower_and_prints_its_shapes(cached):
    done = RUN.invoke(app, ["check", "clip:org/tower"])
    assert done.exit_code == 0
    assert "pooled (1, 32), tokens (1, 16, 32), gradient yes" in done.stdout
