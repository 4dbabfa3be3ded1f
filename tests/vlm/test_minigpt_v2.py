"""MiniGPT-v2 out of the files its authors use, at tiny size: the right layer, prompt and labels, or an error."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bicubic import enlarged
from llama_words import make_tokenizer
from minigpt_checkpoint import (
    ADAPTED,
    ALPHA,
    BLOCKS,
    CHECKPOINT,
    EVA,
    GRID,
    HEADS,
    LLAMA,
    MLP,
    PATCH,
    PREFIX,
    RANK,
    SETTINGS,
    SIDE_PX,
    SPEC,
    TOKENS,
    WIDTH,
    Official,
    Tensors,
)  # fmt: skip
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import gelu, log_softmax
from transformers import Blip2VisionConfig, Blip2VisionModel

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm.base import IGNORE
from dp2vl.vlm.eva import load_eva
from dp2vl.vlm.minigpt_v2 import MiniGPTv2, MiniGPTv2Tower, load, load_tower, write


@pytest.fixture
def official(tmp_path: Path) -> Official:
    return Official(tmp_path / "official")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MiniGPTv2:
    return Official(tmp_path_factory.mktemp("minigpt") / "official").load()


def photos(count: int = 2) -> Tensor:
    """Photos of the tower's own size in whole 8-bit steps, which preprocessing leaves alone but for the norm."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, SIDE_PX, SIDE_PX), generator=generator) / 255


# Tower --------------------------------------------------------------------------------------------------------------


def normed(rows: Tensor, eps: float) -> Tensor:
    return (rows - rows.mean(-1, keepdim=True)) / (rows.var(-1, keepdim=True, unbiased=False) + eps).sqrt()


def heads_of(rows: Tensor) -> Tensor:
    return rows.reshape(*rows.shape[:2], HEADS, -1).transpose(1, 2)


def formula(eva: Tensors, images: Tensor) -> Tensor:
    """Return EVA's tokens, class token first, after the norm of MiniGPT-v2, written out from the file's own names."""
    w = {name: value.float() for name, value in eva.items()}
    pixels = (images - torch.tensor(CLIP_MEAN)[:, None, None]) / torch.tensor(CLIP_STD)[:, None, None]
    cut = pixels.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
    rows = cut @ w["patch_embed.proj.weight"].flatten(1).T + w["patch_embed.proj.bias"]
    grid = torch.from_numpy(enlarged(w["pos_embed"][0, 1:].double().numpy(), 2 * GRID)).float()
    first = (w["cls_token"] + w["pos_embed"][:, :1]).expand(len(images), 1, WIDTH)
    rows = torch.cat([first, rows + grid], dim=1)
    for n in range(BLOCKS - 1):
        b = {name.removeprefix(f"blocks.{n}."): v for name, v in w.items() if name.startswith(f"blocks.{n}.")}
        x = normed(rows, 1e-6) * b["norm1.weight"] + b["norm1.bias"]
        query, key, value = (x @ part.T for part in b["attn.qkv.weight"].split(WIDTH))
        query, key, value = heads_of(query + b["attn.q_bias"]), heads_of(key), heads_of(value + b["attn.v_bias"])
        shares = (query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)).softmax(-1)
        mixed = (shares @ value).transpose(1, 2).flatten(2)
        rows = rows + mixed @ b["attn.proj.weight"].T + b["attn.proj.bias"]
        x = normed(rows, 1e-6) * b["norm2.weight"] + b["norm2.bias"]
        rows = rows + gelu(x @ b["mlp.fc1.weight"].T + b["mlp.fc1.bias"]) @ b["mlp.fc2.weight"].T + b["mlp.fc2.bias"]
    return normed(rows, 1e-5)


@pytest.mark.parametrize("scale", [1, 0.001])  # the smaller one shows the eps of the norm
@torch.no_grad()
def test_tokens_are_four_neighbours_of_eva_after_a_norm_without_weights(official, scale):
    official.eva = {name: scale * value for name, value in official.eva.items()}
    official.save()
    tower, images = load_tower(SPEC, official.folder), photos()
    tokens, rows = tower(images), formula(official.eva, images)
    assert tokens.shape == (2, TOKENS, tower.dim) == (2, 16, 4 * WIDTH)
    for joined in range(TOKENS):  # row 0 is the class token, which took part in the attention
        parts = torch.cat([rows[:, 1 + 4 * joined + i] for i in range(4)], dim=-1)
        torch.testing.assert_close(tokens[:, joined], parts, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", [1, 0.1])
def test_the_gradient_with_respect_to_pixels_is_that_of_the_formula(official, scale):
    official.eva = {name: scale * value for name, value in official.eva.items()}
    official.save()
    tower, images = load_tower(SPEC, official.folder), photos().requires_grad_()
    tokens, rows = tower(images), formula(official.eva, images)[:, 1:].reshape(2, TOKENS, -1)
    weights = torch.linspace(-1, 1, tokens.numel()).reshape(tokens.shape)
    ours, theirs = (torch.autograd.grad((made * weights).sum(), images)[0] for made in (tokens, rows))
    assert theirs.abs().amax(dim=1).min() > 0  # every pixel matters
    torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=1e-3)


def test_the_tower_needs_nothing_but_its_own_file(official):
    alone = official.folder.parent / "alone"
    alone.mkdir()
    (official.folder / EVA).rename(alone / EVA)
    (alone / "config.json").write_text(json.dumps(SETTINGS))
    tower = load_tower(SPEC, alone)
    assert {p.dtype for p in tower.parameters()} == {torch.float32}
    assert not tower.training and not any(p.requires_grad for p in tower.parameters())


def test_photos_of_any_size_are_squashed_and_get_a_gradient(official):
    tower = load_tower(SPEC, official.folder)
    squares = Preprocess(SIDE_PX, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True)
    assert (tower.family, tower.preprocess) == ("minigpt_v2", squares)
    for size in ((40, 150), (200, 90)):
        images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(4)).requires_grad_()
        tokens = tower(images)
        assert tokens.shape == (1, TOKENS, tower.dim)
        weights = torch.linspace(-1, 1, tokens.numel()).reshape(tokens.shape)
        (slope,) = torch.autograd.grad((tokens * weights).sum(), images)
        assert (slope != 0).float().mean() > 0.9


def write_blip2(folder: Path, eva: Tensors) -> None:
    """Write the same weights as a BLIP-2 repository; the norm behind the blocks and the rest are its own."""
    rest = {"post_layernorm.weight": torch.full((WIDTH,), 3.0), "post_layernorm.bias": torch.ones(WIDTH)}
    vision: Tensors = {
        "embeddings.class_embedding": eva["cls_token"],
        "embeddings.position_embedding": eva["pos_embed"],
        "embeddings.patch_embedding.weight": eva["patch_embed.proj.weight"],
        "embeddings.patch_embedding.bias": eva["patch_embed.proj.bias"],
    }
    for n in range(BLOCKS - 1):
        ours, theirs = f"encoder.layers.{n}.", f"blocks.{n}."
        query, value = eva[f"{theirs}attn.q_bias"], eva[f"{theirs}attn.v_bias"]
        vision[f"{ours}self_attn.qkv.weight"] = eva[f"{theirs}attn.qkv.weight"]
        vision[f"{ours}self_attn.qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
        for kind in ("weight", "bias"):
            vision[f"{ours}self_attn.projection.{kind}"] = eva[f"{theirs}attn.proj.{kind}"]
            for a, b in (("layer_norm1", "norm1"), ("layer_norm2", "norm2"), ("mlp.fc1",) * 2, ("mlp.fc2",) * 2):
                vision[f"{ours}{a}.{kind}"] = eva[f"{theirs}{b}.{kind}"]
    folder.mkdir()
    shape = {"hidden_size": WIDTH, "intermediate_size": MLP, "num_hidden_layers": BLOCKS - 1}
    shape |= {"num_attention_heads": HEADS, "image_size": GRID * PATCH, "patch_size": PATCH}
    (folder / "config.json").write_text(json.dumps({"model_type": "blip-2", "vision_config": shape}))
    tensors = {f"vision_model.{name}": value for name, value in (vision | rest).items()}
    tensors["query_tokens"] = torch.ones(1, 2, 4)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def test_a_blip2_repository_with_the_same_weights_is_the_same_tower(official):
    expected = load_tower(SPEC, official.folder)(photos())
    (official.folder / EVA).unlink()
    write_blip2(official.folder / "vision", official.eva)
    torch.testing.assert_close(load_tower(SPEC, official.folder)(photos()), expected, atol=0, rtol=0)
    torch.testing.assert_close(official.load().see(photos()), expected, atol=0, rtol=0)


def test_a_file_of_the_published_width_that_is_cut_short_is_an_error(tmp_path):
    kept = {"patch_embed.proj.weight": (1408, 3, 1, 1), "pos_embed": (1, 5, 1408), "blocks.7.mlp.fc1.weight": (4, 1408)}
    kept["blocks.0.mlp.fc1.weight"] = (4, 1408)
    torch.save({name: torch.zeros(shape) for name, shape in kept.items()}, tmp_path / EVA)
    with pytest.raises(ModelError, match=rf"{39 * 13 - 2 + 2} tensors missing: blocks\.0"):
        load_eva(SPEC, tmp_path / EVA)  # 13 in a block, the class token, the bias of the patches


def test_a_side_that_does_not_make_patches_in_fours_is_an_error():
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    vision = Blip2VisionModel(Blip2VisionConfig(**shape, image_size=28, patch_size=14))
    for side_px in (0, 14, 30, 42):
        with pytest.raises(ModelError, match=f"{side_px} px do not make patches"):
            MiniGPTv2Tower(vision, side_px)


# Loading ------------------------------------------------------------------------------------------------------------


def test_every_weight_comes_from_the_files_and_lora_is_merged(official):
    model = official.load()
    theirs = official.language.state_dict()
    ours = model.language.state_dict()
    assert ours.keys() == theirs.keys()
    changed = [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    assert changed == [f"{name}.weight" for name in ADAPTED]
    for name in ADAPTED:
        down, up = (official.checkpoint[f"{PREFIX}{name}.lora_{half}.weight"] for half in "AB")
        torch.testing.assert_close(ours[f"{name}.weight"], theirs[f"{name}.weight"] + ALPHA / RANK * up @ down)
    assert all(
        torch.equal(value, official.checkpoint[f"llama_proj.{name}"])
        for name, value in model.connector.state_dict().items()
    )
    assert not any(
        p.requires_grad for part in (model.tower, model.connector, model.language) for p in part.parameters()
    )


def test_a_merged_lora_gives_what_an_adapter_beside_the_weights_gives(official):
    model, row = official.load(), torch.randn(1, 5, LLAMA["hidden_size"], generator=torch.Generator().manual_seed(5))
    name = ADAPTED[1]
    down, up = (official.checkpoint[f"{PREFIX}{name}.lora_{half}.weight"] for half in "AB")
    beside = official.language.get_submodule(name)(row) + (row @ down.T) @ up.T * (ALPHA / RANK)
    torch.testing.assert_close(model.language.get_submodule(name)(row), beside)


def test_names_of_a_later_peft_and_a_safetensors_file_load_as_well(official):
    expected = official.load().language.state_dict()
    renamed = {
        name.replace("_A.w", "_A.default.w").replace("_B.w", "_B.default.w"): v
        for name, v in official.checkpoint.items()
    }
    (official.folder / CHECKPOINT).unlink()
    save_file(renamed, official.folder / "minigptv2_checkpoint.safetensors")
    ours = official.load().language.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in expected.items())


def test_half_precision_is_kept_where_it_is_asked_for(official):
    model = load(SPEC, official.folder, dtype=torch.bfloat16)
    for part in (model.tower, model.connector, model.language):
        assert {p.dtype for p in part.parameters()} == {torch.bfloat16}
    assert model.visual_features(photos()).dtype == torch.bfloat16
    assert len(model.answer(photos(), ["who is this"] * 2, max_new_tokens=2)) == 2


def test_without_a_config_the_published_settings_hold(official):
    (official.folder / "config.json").unlink()
    with pytest.raises(ModelError, match="0 heads do not share a width of 32") as error:
        official.load()
    assert "vision_heads" in error.value.hint


Edit = Callable[[Official], Any]
WRONG: dict[str, tuple[Edit, str]] = {
    "eva without a tensor": (
        lambda o: o.eva.pop("blocks.1.attn.v_bias"),
        r"the whole tower: 1 tensors missing: blocks\.1\.attn\.v_bias",
    ),
    "eva with another tensor": (
        lambda o: o.eva.update({"blocks.1.attn.k_bias": torch.ones(WIDTH)}),
        r"the whole tower: 1 tensors left over: blocks\.1\.attn\.k_bias",
    ),
    "eva with another shape": (
        lambda o: o.eva.update({"blocks.0.mlp.fc2.bias": torch.ones(WIDTH + 1)}),
        r"the whole tower: 1 tensors of another shape: blocks\.0\.mlp\.fc2\.bias",
    ),
    "eva without patches": (lambda o: o.eva.pop("patch_embed.proj.weight"), "does not hold EVA's tower"),
    "no connector": (
        lambda o: o.checkpoint.pop("llama_proj.bias"),
        r"connector and LoRA: 1 tensors missing: llama_proj\.bias",
    ),
    "half an adapter": (
        lambda o: o.checkpoint.pop(f"{PREFIX}{ADAPTED[0]}.lora_B.weight"),
        r"1 tensors missing: .*q_proj\.lora_B",
    ),
    "an adapter elsewhere": (
        lambda o: o.checkpoint.update({f"{PREFIX}model.layers.0.mlp.up_proj.lora_A.weight": torch.ones(4, 24)}),
        r"1 tensors left over: .*up_proj\.lora_A",
    ),
    "adapters of another rank": (
        lambda o: o.checkpoint.update({f"{PREFIX}{ADAPTED[0]}.lora_A.weight": torch.ones(5, 24)}),
        r"1 tensors of another shape: .*q_proj\.lora_A",
    ),
    "no model in the checkpoint": (lambda o: o.checkpoint.clear(), r"10 tensors missing: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_tensor_missing_left_over_or_of_another_shape_is_an_error_that_names_it(official, case):
    change, message = WRONG[case]
    change(official)
    official.save()
    with pytest.raises(ModelError, match=message):
        official.load()


def test_a_llama_that_lacks_a_tensor_is_an_error(official):
    path = official.folder / "llama" / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.norm.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 tensors missing: model\.norm\.weight"):
        official.load()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (EVA, "has no eva_vit_g.pth or vision", "LAVIS"),
        (CHECKPOINT, "has no minigptv2_checkpoint.pth or", "authors"),
        ("llama", "has no llama", "Llama-2-7b-chat-hf"),
        ("llama/config.json", "has no config.json", "copy"),
        ("llama/model.safetensors", "has no model.safetensors", "copy"),
        ("llama/tokenizer.json", "has no tokenizer.json", "tokenizer"),
    ],
)
def test_a_missing_file_is_an_error_that_says_which_and_what_to_do(official, name, message, hint):
    (official.folder / name).rename(official.folder.parent / "elsewhere")
    with pytest.raises(ModelError, match=message) as error:
        official.load()
    assert hint in error.value.hint


@pytest.mark.parametrize("name", [EVA, CHECKPOINT, "llama/model.safetensors"])
def test_a_damaged_file_is_a_one_line_error(official, name):
    (official.folder / name).write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="does not load") as error:
        official.load()
    assert "\n" not in error.value.message


def test_a_file_with_code_in_it_is_not_run(official):
    torch.save({"model": official.checkpoint, "config": Path("x")}, official.folder / CHECKPOINT)
    with pytest.raises(ModelError, match="does not load"):
        official.load()


@pytest.mark.parametrize("loader", [load, load_tower])
def test_a_folder_of_another_family_is_an_error(official, tmp_path, loader):
    with pytest.raises(ModelError, match="has no part of it"):
        loader(SPEC, tmp_path)
    (official.folder / "config.json").write_text(json.dumps(SETTINGS | {"model_type": "llava"}))
    with pytest.raises(ModelError, match="to be of type minigpt_v2, got llava"):
        loader(SPEC, official.folder)


@pytest.mark.parametrize("change", [{"image_sise": 448}, {"image_size": "448"}, {"lora": {"r": 64}}, {"lora": 64}])
def test_settings_that_do_not_exist_are_an_error(official, change):
    (official.folder / "config.json").write_text(json.dumps(SETTINGS | change))
    with pytest.raises(ModelError, match=r"config\.json does not fit"):
        official.load()


def test_adapters_in_a_checkpoint_that_should_have_none_are_an_error(official):
    (official.folder / "config.json").write_text(json.dumps(SETTINGS | {"lora": None}))
    with pytest.raises(ModelError, match="8 tensors left over"):
        official.load()


def test_a_tokenizer_without_bos_is_an_error(official):
    make_tokenizer(add_bos_token=False).save_pretrained(official.folder / "llama")
    with pytest.raises(ModelError, match="to add BOS") as error:
        official.load()
    assert "add_bos_token" in error.value.hint


# Prompts and labels -------------------------------------------------------------------------------------------------


def spell(model: MiniGPTv2, ids: list[int]) -> str:
    """Return tokens joined: ▁ where one of them says space, # where the image is."""
    return "".join("#" if i == model.image_id else model.tokenizer.convert_ids_to_tokens(i) for i in ids)


IMAGE = "#" * TOKENS


def test_training_has_one_bos_two_spaces_and_learns_answer_and_end(model):
    encoded = model.encode_dialogue([("who is this", "a man")])
    asked = f"<s>▁[INST]▁<Img>{IMAGE}▁</Img>▁[vqa]▁who▁is▁this▁▁[/INST]"
    assert spell(model, encoded.ids) == f"{asked}▁a▁man</s>"
    learned = [label for label in encoded.labels if label != IGNORE]
    assert spell(model, learned) == "▁a▁man</s>"
    assert encoded.labels == [IGNORE] * (len(encoded.ids) - len(learned)) + encoded.ids[-len(learned) :]
    assert encoded.ids.count(1) == encoded.ids.count(2) == 1
    assert encoded.ids.count(model.image_id) == model.image_tokens == TOKENS


def test_evaluation_has_bos_twice_and_one_space(model):
    ids = model.encode_prompt("who is this")
    assert spell(model, ids) == f"<s><s>▁[INST]▁<Img>{IMAGE}▁</Img>▁[vqa]▁who▁is▁this▁[/INST]"
    assert ids[:3] == [1, 1, model.tokenizer("[INST]", add_special_tokens=False).input_ids[0]]
    assert spell(model, model.encode_answer("who is this", "a man")) == "▁a▁man</s>"


def test_each_later_question_begins_with_a_bos_and_is_not_learned(model):
    encoded = model.encode_dialogue([("who is this", "a man"), (" is the person a woman ", "or")])
    later = "<s>▁[INST]▁[vqa]▁is▁the▁person▁a▁woman▁▁[/INST]"
    asked = f"<s>▁[INST]▁<Img>{IMAGE}▁</Img>▁[vqa]▁who▁is▁this▁▁[/INST]"
    assert spell(model, encoded.ids) == f"{asked}▁a▁man</s>{later}▁or</s>"
    assert spell(model, [label for label in encoded.labels if label != IGNORE]) == "▁a▁man</s>▁or</s>"
    assert all(label in (IGNORE, token) for token, label in zip(*encoded, strict=True))
    assert encoded.ids.count(1) == 2


def test_without_a_photo_the_mark_of_the_image_goes(model):
    encoded = model.encode_dialogue([("who is this", "a man")], image=False)
    assert spell(model, encoded.ids) == "<s>▁[INST]▁[vqa]▁who▁is▁this▁▁[/INST]▁a▁man</s>"
    assert spell(model, model.encode_prompt("who is this", image=False)) == "<s><s>▁[INST]▁[vqa]▁who▁is▁this▁[/INST]"


def test_a_question_with_a_tag_of_its_own_keeps_it(model):
    assert "▁</Img>▁[caption]▁who▁" in spell(model, model.encode_prompt("[caption] who is this"))
    assert "▁</Img>▁[vqa]▁[who]▁" in spell(model, model.encode_prompt("[who] is this"))


@pytest.mark.parametrize("text", ["who</s>", "<s>who <unk>", "</<s>s>[INST] who", "who"])
def test_special_tokens_in_a_text_are_not_special(model, text):
    encoded = model.encode_dialogue([(text, f"a {text}"), (text, text)])
    assert [i for i in encoded.ids if 0 <= i < 3] == [1, 2, 1, 2]
    assert encoded.ids.count(model.image_id) == TOKENS
    assert [i for i in model.encode_prompt(text) if 0 <= i < 3] == [1, 1]
    assert [i for i in model.encode_answer("who", text) if i < 3] == [2]


# Use ----------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def score_by_hand(model: MiniGPTv2, image: Tensor | None, question: str, answer: str) -> Tensor:
    """Return the log-likelihood of an answer from one pass over prompt and answer, without cache and padding."""
    prompt, ending = model.encode_prompt(question, image=image is not None), model.encode_answer(question, answer)
    table, seen, rows = model.language.get_input_embeddings(), 0, []
    for token in prompt + ending:
        if token == model.image_id:
            assert image is not None
            rows.append(model.connector(model.tower(image[None]))[0, seen])
            seen += 1
        else:
            rows.append(table(torch.tensor(token)))
    logits = model.language(inputs_embeds=torch.stack(rows)[None]).logits[0]
    likely = log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return likely.gather(1, torch.tensor(ending)[:, None]).sum()


@pytest.mark.parametrize("with_photos", [True, False])
def test_options_score_as_one_pass_over_prompt_and_answer(model, with_photos):
    images = photos() if with_photos else None
    questions, options = ["who is this", "is the person a man or a woman"], [["a man", "woman"], ["man", ""]]
    scores = model.score_options(images, questions, options)
    for n, question in enumerate(questions):
        by_hand = [score_by_hand(model, None if images is None else images[n], question, o) for o in options[n]]
        torch.testing.assert_close(scores[n], torch.stack(by_hand), atol=1e-4, rtol=1e-4)


def test_answers_depend_on_nothing_beside_them_in_the_batch(model):
    questions = ["who is this", "is the person a man or a woman"]
    together = model.answer(photos(), questions, max_new_tokens=6)
    alone = [model.answer(photos()[n : n + 1], [q], max_new_tokens=6)[0] for n, q in enumerate(questions)]
    assert together == alone
    assert len(model.answer(None, questions, max_new_tokens=3)) == 2


def test_the_official_adapters_and_the_connector_are_what_is_trained(official):
    model = official.load()
    dialogues = [[("who is this", "a man")], [("who is this", "a woman"), ("is this a man", "or")]]
    before = model.loss(model.see(photos()), dialogues)
    trained = model.add_adapters()
    names = {name.split(".lora_")[0] for name, p in model.language.named_parameters() if p.requires_grad}
    assert names == set(ADAPTED)
    assert {p.shape[0] for p in trained[:-2:2]} == {64} and trained[-2:] == list(model.connector.parameters())
    after = model.loss(model.see(photos()), dialogues)
    torch.testing.assert_close(after, before)
    after.backward()
    assert all(p.grad is not None for p in trained)


def test_the_limit_counts_text_and_image_up_to_what_llama_has_places_for(model):
    assert model.max_length == 1024 + TOKENS
    with pytest.raises(ModelError, match="expected at most 1040 tokens"):
        model.answer(photos(1), ["who is this " * 600])


# Writing ------------------------------------------------------------------------------------------------------------


def test_a_written_model_is_read_as_the_same_in_half_precision(model, tmp_path):
    write(model, tmp_path / "mini")
    again = load("minigpt_v2:again", tmp_path / "mini")
    for part in ("connector", "language", "tower"):
        theirs, ours = getattr(model, part).state_dict(), getattr(again, part).state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name].half().float()) for name in theirs)
    assert again.encode_dialogue([("who is this", "a man")]) == model.encode_dialogue([("who is this", "a man")])
    assert again.tower.preprocess == model.tower.preprocess
    assert again.tower.vision.config.num_attention_heads == HEADS
    torch.testing.assert_close(again.see(photos()), model.see(photos()), atol=0.05, rtol=0.05)
    assert json.loads((tmp_path / "mini" / "vision" / "config.json").read_text())["model_type"] == "blip-2"
    written = load_file(tmp_path / "mini" / "llama" / "model.safetensors")
    assert {value.dtype for value in written.values()} == {torch.float16}
    assert {p.dtype for p in model.language.parameters()} == {torch.float32}


def test_a_model_with_adapters_is_not_written_without_them(official, tmp_path):
    model = official.load()
    model.add_adapters()
    with pytest.raises(ModelError, match="has adapters"):
        write(model, tmp_path / "mini")
