"""The modern families out of tiny checkpoints in the hub's format: whole, official in words and pixels, trainable."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from modern_checkpoints import RECIPES, hub_name, write
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate, log_softmax

from dp2vl.errors import ModelError, PhotoRefused
from dp2vl.vlm import load_vlm
from dp2vl.vlm.auto import ModernVLM, load
from dp2vl.vlm.base import IGNORE
from dp2vl.vlm.modern_families import MODERN
from dp2vl.vlm.modern_pixels import VIEWS
from dp2vl.vlm.modern_processors import to_pillow

FAMILIES = list(RECIPES)
CHATS = [f for f in FAMILIES if f != "paligemma"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: tmp_path_factory.mktemp("modern") / family for family in FAMILIES}


def checkpoint(folders: dict[str, Path], family: str) -> Path:
    if not folders[family].exists():
        write(family, folders[family])
    return folders[family]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(folders: dict[str, Path], family: str) -> Path:
    return checkpoint(folders, family)


@pytest.fixture
def model(family: str, folder: Path) -> ModernVLM:
    return load(f"tiny {family}", folder)


def photos(count: int = 2, size: tuple[int, int] = (60, 90), seed: int = 1) -> torch.Tensor:
    """Smooth random photos in whole levels, so that the official processors can get the same."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    fine = interpolate(coarse, size, mode="bicubic", align_corners=False).clamp(0, 1)
    return (fine * 255).round() / 255


# Loading --------------------------------------------------------------------------------------------------------


def test_every_tensor_of_the_file_is_in_the_model(family, model, tmp_path):
    expected = write(family, tmp_path / "again")
    found = model.language.state_dict()
    assert set(found) - set(expected) <= {"lm_head.weight"}
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert not model.language.training
    assert not any(p.requires_grad for p in model.language.parameters())
    assert (model.name, model.family) == (f"tiny {family}", family)


def test_the_old_names_of_the_hub_are_in_the_file(folders):
    first = {f: min(load_file(checkpoint(folders, f) / "model.safetensors")) for f in FAMILIES}
    assert first["qwen2_vl"].startswith("model.embed_tokens")
    assert first["gemma3"].startswith("language_model.model.")
    keys = load_file(checkpoint(folders, "paligemma") / "model.safetensors")
    assert any(key.startswith("vision_tower.vision_model.encoder.layers.") for key in keys)


def test_a_missing_shard_is_an_error_that_names_it(folder, tmp_path):
    copy = tmp_path / "sharded"
    shutil.copytree(folder, copy)
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = {name: shards[i % 2] for i, name in enumerate(tensors)}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    save_file({n: t for n, t in tensors.items() if index[n] == shards[0]}, copy / shards[0], {"format": "pt"})
    with pytest.raises(ModelError, match=f"is incomplete: .* has no {shards[1]}"):
        load_vlm(str(copy))


def test_a_missing_tensor_is_an_error_that_names_it(family, edited):
    lost = RECIPES[family].lost
    copy = edited(lambda tensors: tensors.pop(hub_name(RECIPES[family], lost)))
    with pytest.raises(ModelError, match=f"1 tensors missing: {lost}"):
        load("tiny", copy)


def test_a_tensor_that_no_module_takes_is_an_error(family, edited):
    name = hub_name(RECIPES[family], RECIPES[family].lost).replace("1.", "7.", 1)
    with pytest.raises(ModelError, match="1 tensors left over: "):
        load("tiny", edited(lambda tensors: tensors.update({name: torch.ones(4)})))


def test_another_type_is_an_error_that_names_the_nearest(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_5_omni"}))
    with pytest.raises(ModelError, match="got qwen2_5_omni; the nearest is qwen2_5_vl"):
        load("tiny", tmp_path)


@pytest.mark.parametrize("family", CHATS)
def test_a_checkpoint_without_a_chat_template_is_an_error(edited):
    copy = edited(lambda tensors: None)
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="has no chat template"):
        load("tiny", copy)


def test_a_checkpoint_without_image_settings_is_an_error(edited):
    copy = edited(lambda tensors: None)
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="the processor of tiny does not load"):
        load("tiny", copy)


@pytest.mark.parametrize("family", ["internvl", "gemma3"])
def test_a_tokenizer_without_the_end_of_answers_is_an_error(model, monkeypatch):
    monkeypatch.setattr(model.tokenizer, "convert_tokens_to_ids", lambda token: None)
    with pytest.raises(ModelError, match="does not know"):
        ModernVLM("tiny", model.family, model.language, model.processor)


def test_all_families_of_the_table_are_tested():
    assert list(MODERN) == FAMILIES


# Pixels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 90), (230, 70), (31, 29)])
def test_pixels_agree_with_the_official_processor(model, size):
    photo = photos(1, size)[0]
    settings = model.processor.image_processor
    official = model._read([photo], [model._prompt("What?", True)])
    ours = VIEWS[model.settings.view](settings, photo)
    assert ours["pixel_values"].shape == official["pixel_values"].shape
    scale = torch.tensor(settings.image_std).max()  # from normalised units to [0, 1]
    difference = (ours.pop("pixel_values") - official["pixel_values"]).abs().max() * scale
    assert difference <= 2 / 255
    assert all(torch.equal(value, official[key]) for key, value in ours.items())


def test_visual_features_are_what_the_language_model_gets_and_have_a_gradient(model):
    images = photos(2, (70, 50)).requires_grad_()
    features = model.visual_features(images)
    read = model._read(images, [model._prompt("What?", True)] * 2)
    assert features.shape[:2] == (2, (read["input_ids"][0] == model.image_id).sum())
    official = {key: read[key] for key in read if key.startswith(("pixel_values", "image_", "batch_"))}
    pooled = model.language.get_image_features(**official, return_dict=True).pooler_output
    width = model.language.config.get_text_config().hidden_size
    torch.testing.assert_close(
        features[..., :width].flatten(), torch.cat([p.flatten() for p in pooled]), atol=0.1, rtol=0.1
    )
    weights = torch.linspace(-1, 1, features.numel()).reshape(features.shape)
    (slope,) = torch.autograd.grad((features * weights).sum(), images)
    assert (slope != 0).float().mean() > 0.8  # the rest is black or white


def test_photos_of_several_sizes_give_as_many_features_as_each_needs(model):
    images = [photos(1, (60, 60))[0], photos(1, (60, 300))[0]]
    features = model.visual_features(images)
    alone = [model.visual_features([image])[0] for image in images]
    for ours, expected in zip(features, alone, strict=True):
        torch.testing.assert_close(ours, expected)
    assert isinstance(features, torch.Tensor) == (model.settings.view == "square")


@pytest.mark.parametrize("family", ["qwen3_vl"])
def test_qwen3_features_hold_what_enters_its_first_layers(model):
    assert model.visual_features(photos(1)).shape[-1] == 3 * 32


# Words ----------------------------------------------------------------------------------------------------------


def test_prompts_are_the_official_ones(family, model):
    assert model._prompt("What?", True) == RECIPES[family].prompt
    written = {"paligemma": "<image><bos>answer en What?\n"}.get(family, RECIPES[family].prompt)
    assert model.tokenizer.decode(model.encode_prompt("What?")) == written


@pytest.mark.parametrize("family", ["paligemma", "gemma3", "idefics3"])
def test_a_text_begins_once(model):
    ids = model._read(photos(1), [model._prompt("What?", True)])["input_ids"][0].tolist()
    assert ids.count(model.tokenizer.bos_token_id) == 1


@pytest.mark.parametrize("family", [f for f in CHATS if f != "llava_onevision"])
def test_a_dialogue_is_written_as_the_template_writes_it(model):
    """But for LLaVA-OneVision, whose template puts a space behind `assistant` in answers and none in prompts."""
    turns = [("What?", "a cat"), ("Where?", "at home"), ("Why?", "no idea")]
    encoded = model.encode_dialogue(turns)
    said = []
    for question, answer in turns:
        photo = [] if said else [{"type": "image"}]
        said.append({"role": "user", "content": [*photo, {"type": "text", "text": question}]})
        said.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    whole = model.processor.apply_chat_template(said, tokenize=False)
    written = whole if model.family.startswith("qwen") else whole.rstrip("\n")
    assert model.tokenizer.decode(encoded.ids) == written
    assert encoded.ids == model.tokenizer(written, add_special_tokens=False).input_ids


ANSWERS = {f: "{}<|im_end|>\n" for f in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")}
ANSWERS |= {f: "{}<|im_end|>" for f in ("llava_onevision", "internvl")}
ANSWERS |= {f: " {}<end_of_utterance>" for f in ("idefics3", "smolvlm")} | {"gemma3": "{}<end_of_turn>"}
"""What each family learns of an answer."""


@pytest.mark.parametrize("family", CHATS)
def test_learned_are_the_answers_with_their_ends(family, model):
    turns = [("What?", "a cat"), ("Where?", "at home")]
    encoded = model.encode_dialogue(turns)
    assert all(label in (IGNORE, token) for token, label in zip(encoded.ids, encoded.labels, strict=True))
    learned = model.tokenizer.decode([label for label in encoded.labels if label != IGNORE])
    assert learned == "".join(ANSWERS[family].format(answer) for _, answer in turns)
    assert encoded.labels[-1] == encoded.ids[-1]
    weighed = model.tokenizer.decode(model.encode_answer(*turns[0]))
    assert weighed == ANSWERS[family].format("a cat").rstrip("\n")  # a model stops at the mark


@pytest.mark.parametrize("family", CHATS)
def test_an_end_that_the_template_does_not_write_is_an_error(model, monkeypatch):
    monkeypatch.setattr(model, "settings", replace(model.settings, tail="<no such mark>"))
    with pytest.raises(ModelError, match="does not end answers with"):
        model.encode_dialogue([("What?", "a cat"), ("Where?", "at home")])


@pytest.mark.parametrize("family", ["paligemma"])
def test_paligemma_learns_one_answer_about_a_photo(model):
    encoded = model.encode_dialogue([("What?", "a cat")])
    assert model.tokenizer.decode(encoded.ids) == "<image><bos>answer en What?\na cat<eos>"
    assert model.tokenizer.decode([label for label in encoded.labels if label != IGNORE]) == "a cat<eos>"
    with pytest.raises(ModelError, match="knows no dialogues"):
        model.encode_dialogue([("What?", "a cat"), ("Where?", "at home")])


def test_answers_are_words_and_do_not_depend_on_the_batch(model):
    images, questions = [photos(1, (60, 60))[0], photos(1, (60, 300))[0]], ["What?", "Who is this, and where?"]
    model.stop_ids = (model.stop_ids[0],)
    answers = model.answer(images, questions, max_new_tokens=3)
    assert all(isinstance(answer, str) for answer in answers)
    assert answers == [model.answer([i], [q], max_new_tokens=3)[0] for i, q in zip(images, questions, strict=True)]


@pytest.mark.parametrize("family", ["qwen2_vl", "gemma3"])
def test_answers_are_greedy_whatever_the_repository_prefers(model, edited):
    copy = edited(lambda tensors: None)
    wild = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 50.0}
    (copy / "generation_config.json").write_text(json.dumps(wild))
    asked = (photos(), ["What?", "Who?"])
    assert load("tiny", copy).answer(*asked, max_new_tokens=5) == model.answer(*asked, max_new_tokens=5)


def likelihood(model: ModernVLM, photo: torch.Tensor, question: str, option: str) -> float:
    """The sum over an answer, out of one pass over the whole text as the official processor reads it."""
    count = len(model.encode_answer(question, option))
    prompt = model._prompt(question, True)
    if model.family == "paligemma":
        read = model.processor(text=[prompt], suffix=[option], images=[[to_pillow(photo)]], return_tensors="pt")
        read.pop("labels")
    else:
        text = f"{prompt}{model.settings.lead}{option}{model.settings.end}"
        read = model.processor(text=[text], images=[[to_pillow(photo)]], return_tensors="pt", add_special_tokens=False)
    logits = model.language(**read).logits[0, -count - 1 : -1]
    return log_softmax(logits, -1).gather(-1, read["input_ids"][0, -count:, None]).sum().item()


@torch.no_grad()
def test_scores_are_sums_over_the_whole_answer(model):
    images, questions = photos(), ["What?", "Who is it?"]
    options = [["a cat", "no", "nobody at all"], ["Ann", "Bob B", "C"]]
    scores = model.score_options(images, questions, options)
    expected = [
        [likelihood(model, i, q, o) for o in some] for i, q, some in zip(images, questions, options, strict=True)
    ]
    torch.testing.assert_close(scores, torch.tensor(expected), atol=1e-3, rtol=1e-4)


def learned_count(model: ModernVLM, dialogue: list[tuple[str, str]]) -> int:
    return sum(label != IGNORE for label in model.encode_dialogue(dialogue).labels)


@torch.no_grad()
def test_the_loss_is_the_mean_over_what_is_learned(model, monkeypatch):
    monkeypatch.setattr(model, "settings", replace(model.settings, tail=""))  # then it is what the scores weigh
    images, dialogues = photos(), [[("What?", "a cat")], [("Who is it?", "nobody at all")]]
    scores = model.score_options(images, ["What?", "Who is it?"], [["a cat"], ["nobody at all"]])
    count = sum(learned_count(model, dialogue) for dialogue in dialogues)
    assert model.loss(model.see(images), dialogues).item() == pytest.approx(-scores.sum().item() / count, rel=1e-4)


@torch.no_grad()
def test_longer_dialogues_are_learned_answer_by_answer(model):
    turns = [("What?", "a cat"), ("Where?", "at home")]
    first, both = (model.loss(photos(1), [turns[:n]]).item() for n in (1, 2))
    counts = [learned_count(model, [turn]) for turn in turns]
    second = (both * sum(counts) - first * counts[0]) / counts[1]
    assert second > 0 and second != pytest.approx(first)


@pytest.mark.parametrize("family", CHATS)
@torch.no_grad()
def test_questions_without_photos_do_not_remember_the_last_photo(model):
    before = model.score_options(None, ["Who?"], [["Ann", "Bob"]])
    model.score_options(photos(1, (90, 90)), ["What?"], [["a", "b"]])
    torch.testing.assert_close(model.score_options(None, ["Who?"], [["Ann", "Bob"]]), before)
    assert len(model.answer(None, ["Who?", "Why?"], max_new_tokens=2)) == 2
    assert model.loss(None, [[("Who?", "Ann")]]).isfinite()


@pytest.mark.parametrize("family", ["paligemma"])
def test_a_family_that_needs_photos_says_so(model):
    with pytest.raises(ModelError, match="answers about photos only"):
        model.answer(None, ["Who?"])


def test_half_precision_answers_learns_and_has_a_gradient(folder):
    model = load("tiny", folder, dtype=torch.bfloat16)
    assert {p.dtype for p in model.language.parameters()} == {torch.bfloat16}
    images = photos(1).requires_grad_()
    model.visual_features(images).float().square().sum().backward()
    assert (images.grad != 0).any()
    assert len(model.answer(images, ["What?"], max_new_tokens=2)) == 1
    assert model.loss(images, [[("What?", "a cat")]]).isfinite()


def test_text_cannot_claim_to_be_a_photo(model):
    token = model.processor.image_token
    assert model._prompt(f"What? {token}", True) == model._prompt("What?", True)


def test_a_photo_that_is_too_small_is_an_error(model):
    small = torch.rand(1, 3, 100, 23)
    for use in (lambda: model.answer(small, ["who"]), lambda: model.visual_features(small)):
        with pytest.raises(PhotoRefused, match="at least 24 pixels on each side, got 23x100"):
            use()


def test_numbers_that_do_not_fit_are_errors(model):
    with pytest.raises(ValueError, match="per photo, got 1 for 2"):
        model.answer(photos(), ["What?"])
    with pytest.raises(ValueError, match="per photo, got 1 for 2"):
        model.loss(photos(), [[("What?", "a")]])
    with pytest.raises(ValueError, match="expected as many options"):
        model.score_options(photos(), ["What?", "Who?"], [["a"], ["a", "b"]])


def test_what_is_too_long_is_an_error(model):
    model.max_length = 60
    with pytest.raises(ModelError, match="expected at most 60 tokens"):
        model.answer(photos(1), ["What? " * 40])
    with pytest.raises(ModelError, match="expected at most 60 tokens"):
        model.loss(photos(1, (30, 30)), [[("W", "a" * 100)]])


# Adapters -------------------------------------------------------------------------------------------------------


def test_learning_reaches_the_adapters_only_and_none_is_in_the_tower(model):
    trained = model.add_adapters()
    per_layer = 4 if model.family.startswith("qwen") else 7
    assert len(trained) == 2 * per_layer * 2  # A and B, two layers
    adapted = {name for name, p in model.language.named_parameters() if p.requires_grad}
    assert all("lora_" in name and not any(w in name for w in ("vis", "projector", "connector")) for name in adapted)
    model.language.train()
    before = model.loss(photos(), [[("What?", "a cat")], [("Who?", "Ann")]])
    before.backward()
    assert before.isfinite()
    assert {n for n, p in model.language.named_parameters() if p.grad is not None} == adapted
    assert all((p.grad != 0).any() for n, p in model.language.named_parameters() if "lora_B" in n)


def test_adapters_come_back_from_a_folder(model, folder, tmp_path):
    for parameter in model.add_adapters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_adapters(tmp_path / "adapters")
    asked = (photos(1), ["What?"], [["a cat", "no"]])
    again = load("tiny", folder)
    plain = again.score_options(*asked)
    again.load_adapters(tmp_path / "adapters")
    torch.testing.assert_close(again.score_options(*asked), model.score_options(*asked))
    assert (again.score_options(*asked) - plain).abs().max() > 1e-3
