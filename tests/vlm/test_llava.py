"""LLaVA-1.5 out of the files on the hub, at tiny size: all tensors, the right layer, prompt and labels, or an error."""

import json

import numpy as np
import pytest
import torch
from llama_words import make_tokenizer
from llava_checkpoint import PATCH, SHARDS, SIDE_PX, TOKENS, WIDTH, Official, make_words, published
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, linear
from transformers import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm import load_tower as load_tower_by_name
from dp2vl.vlm import load_vlm
from dp2vl.vlm.base import IGNORE
from dp2vl.vlm.llava import SYSTEM, Llava, LlavaTower, load_tower, preprocess, write

SPEC = "llava:tiny"


@pytest.fixture
def official(tmp_path) -> Official:
    return Official(tmp_path / "official")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Official:
    """A checkpoint that no test changes."""
    return Official(tmp_path_factory.mktemp("llava") / "official")


@pytest.fixture(scope="module")
def model(shared) -> Llava:
    """A model that no test changes."""
    return shared.load()


def photos(count: int = 2, height: int = SIDE_PX, width: int = SIDE_PX) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator) / 255


# Loading ------------------------------------------------------------------------------------------------------------


def test_every_tensor_of_the_files_is_used_as_it_is(shared):
    model = load_vlm(str(shared.folder))
    ours = {published(name): value for name, value in model.language.state_dict().items()}
    theirs = shared.written()
    assert ours.keys() == theirs.keys() and len(theirs) == 80
    assert all(torch.equal(ours[name], theirs[name].float()) for name in theirs)
    parts = (model.tower, model.connector, model.language)
    assert not any(p.requires_grad for part in parts for p in part.parameters())
    assert not any(module.training for part in parts for module in part.modules())


def test_buffers_of_older_repositories_are_no_error(official):
    buffers = {
        "language_model.model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(3),
        "vision_tower.vision_model.embeddings.position_ids": torch.arange(TOKENS + 1)[None],
    }
    official.edit(lambda tensors: tensors.update(buffers))
    official.load()
    load_tower(SPEC, official.folder)


CONNECTOR = "multi_modal_projector.linear_1.bias"
LOST = ("language_model.model.layers.1.mlp.up_proj.weight", "language_model.lm_head.weight", CONNECTOR)
TOWER = "vision_tower.vision_model.encoder.layers.1.mlp.fc1.weight"


@pytest.mark.parametrize("name", [*LOST, TOWER])
def test_a_missing_tensor_is_an_error_that_names_it(official, name):
    official.edit(lambda tensors: tensors.pop(name))
    with pytest.raises(ModelError, match=rf"1 tensors missing: \S*{name.rpartition('_model.')[2]}"):
        official.load()


@pytest.mark.parametrize("name", ["language_model.model.layers.2.mlp.up_proj.weight", "multi_modal_projector.norm"])
def test_a_tensor_left_over_is_an_error_that_names_it(official, name):
    official.edit(lambda tensors: tensors.update({name: torch.ones(2)}))
    with pytest.raises(ModelError, match=rf"1 tensors left over: \S*{name.rpartition('_model.')[2]}"):
        official.load()


@pytest.mark.parametrize("name", [*LOST, TOWER])
def test_a_tensor_of_another_shape_is_an_error_that_names_it(official, name):
    official.edit(lambda tensors: tensors.update({name: torch.ones(3, 5)}))
    with pytest.raises(ModelError, match=rf"1 tensors of another shape: \S*{name.rpartition('_model.')[2]}"):
        official.load()


@pytest.mark.parametrize("shard", SHARDS)
def test_a_missing_file_is_an_error_that_names_it(official, shard):
    (official.folder / shard).unlink()
    for load in (load_vlm, load_tower_by_name):
        with pytest.raises(ModelError, match=f"has no {shard}"):
            load(str(official.folder))


def test_a_damaged_file_is_a_one_line_error(official):
    (official.folder / SHARDS[0]).write_bytes(b"not tensors")
    for load in (load_vlm, load_tower_by_name):
        with pytest.raises(ModelError, match="does not load") as error:
            load(str(official.folder))
        assert "\n" not in error.value.message


def test_a_folder_of_another_family_is_an_error(official):
    official.set(model_type="clip")
    for load in (lambda: official.load(), lambda: load_tower(SPEC, official.folder)):
        with pytest.raises(ModelError, match="to be of type llava, got clip"):
            load()


@pytest.mark.parametrize(
    "change",
    [
        {"vision_feature_layer": -1},
        {"vision_feature_select_strategy": "full"},
        {"vision_config": {"model_type": "siglip_vision_model", "image_size": SIDE_PX, "patch_size": PATCH}},
    ],
)
def test_a_relative_that_reads_another_tower_or_layer_is_an_error(official, change):
    official.set(**change)
    for load in (lambda: official.load(), lambda: load_tower(SPEC, official.folder)):
        with pytest.raises(ModelError, match=r"to read its tower as LLaVA-1\.5 does"):
            load()


@pytest.mark.parametrize("change", [{"vision_config": {"hidden_size": 30}}, {"vision_config": 7}, {"text_config": "x"}])
def test_settings_that_make_no_model_are_a_one_line_error(official, change):
    official.set(**change)
    for load in (lambda: official.load(), lambda: load_tower(SPEC, official.folder)):
        with pytest.raises(ModelError, match=r"config\.json does not fit") as error:
            load()
        assert "\n" not in error.value.message


def test_a_tokenizer_without_bos_is_an_error(official):
    make_words(add_bos_token=False).save_pretrained(official.folder)
    with pytest.raises(ModelError, match="to add BOS") as error:
        official.load()
    assert "add_bos_token" in error.value.hint


def test_a_tokenizer_without_the_image_token_is_an_error(official):
    make_tokenizer().save_pretrained(official.folder)
    with pytest.raises(ModelError, match="expected <image> to have the id"):
        official.load()


def test_an_absent_tokenizer_is_an_error(official):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (official.folder / name).unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        official.load()


# Tower --------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_tokens_are_the_last_states_but_one_without_the_class_token(shared, model):
    tower = shared.model.model.vision_tower
    pixels = preprocess(SIDE_PX)(photos())
    states = tower(pixels, output_hidden_states=True).hidden_states
    assert len(states) == 4
    torch.testing.assert_close(model.see(photos()), states[-2][:, 1:], atol=1e-6, rtol=1e-6)
    assert model.see(photos()).shape == (2, TOKENS, WIDTH) == (2, model.image_tokens, model.tower.dim)
    assert (states[-2] - states[-1]).abs().max() > 0.1


@torch.no_grad()
def test_the_tower_alone_is_the_tower_of_the_whole_model(shared, model, official):
    other = [n for n in official.tensors if not n.startswith("vision_tower.")]
    official.edit(lambda tensors: [tensors.update({n: torch.zeros(1)}) for n in other])
    tower = load_tower(SPEC, official.folder)
    assert torch.equal(tower(photos()), model.see(photos()))
    ours, theirs = tower.vision.state_dict(), model.tower.vision.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
    assert {p.dtype for p in tower.parameters()} == {torch.float32}
    assert not tower.training and not any(p.requires_grad for p in tower.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(TOWER), r"1 tensors missing: encoder\.layers\.1\.mlp\.fc1\.weight"),
        (lambda tensors: tensors.update({TOWER: torch.ones(3, 5)}), r"1 tensors of another shape: encoder"),
        (
            lambda tensors: tensors.update({TOWER.replace(".1.", ".3."): torch.ones(3, 5)}),
            r"1 tensors left over: encoder",
        ),
    ],
)
def test_a_tower_that_does_not_fit_is_an_error_that_names_the_tensor(official, change, message):
    official.edit(change)
    with pytest.raises(ModelError, match=message):
        load_tower(SPEC, official.folder)


@pytest.mark.parametrize("size", [(60, 60), (40, 150), (150, 41), (333, 57), (56, 500), (9, 14)])
def test_photos_are_padded_as_the_official_processor_does(model, size):
    official = LlavaImageProcessorPil(
        do_pad=True, size={"shortest_edge": SIDE_PX}, crop_size={"height": SIDE_PX, "width": SIDE_PX}, resample=3
    )
    image = photos(1, *size)
    pillow = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy())
    theirs = torch.from_numpy(np.array(official(pillow).pixel_values))
    spread = torch.tensor(CLIP_STD)[:, None, None]
    off = (model.tower.preprocess(image) - theirs) * spread * 255
    assert off.abs().max() <= 2
    cropped = Preprocess(SIDE_PX, "shortest_crop", "bicubic", CLIP_MEAN, CLIP_STD)(image)
    assert size == (60, 60) or ((cropped - theirs) * spread * 255).abs().max() > 20


def test_colours_of_the_repository_hold_but_not_its_crop(official):
    settings = {"do_center_crop": True, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2]}
    (official.folder / "preprocessor_config.json").write_text(json.dumps(settings))
    expected = Preprocess(SIDE_PX, "pad", "bilinear", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), round_8bit=True)
    assert load_tower(SPEC, official.folder).preprocess == official.load().tower.preprocess == expected


def test_a_photo_has_576_slots_at_the_published_size(model):
    vision = {"image_size": 336, "patch_size": 14, "hidden_size": 1024, "num_attention_heads": 16}
    text = {"model_type": "llama", "num_hidden_layers": 1}
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=model.image_id)
    with torch.device("meta"):
        whole = LlavaForConditionalGeneration(config)
    large = Llava("large", whole, LlavaTower(whole.model.vision_tower, preprocess(336)), model.tokenizer)
    assert large.image_tokens == large.encode_prompt("who").count(large.image_id) == 576
    assert large.tower.dim == 1024


# Prompts and labels -------------------------------------------------------------------------------------------------


def spell(model: Llava, ids: list[int]) -> str:
    """Return tokens joined: ▁ where one of them says space, # where the image is, ↵ for the byte of a line break."""
    tokens = ("#" if i == model.image_id else model.tokenizer.convert_ids_to_tokens(i) for i in ids)
    return "".join("↵" if token == "<0x0A>" else token for token in tokens)


IMAGE = "#" * TOKENS
OPENING = "<s>▁" + SYSTEM.replace(" ", "▁") + "▁USER:▁"


def test_a_prompt_is_that_of_vicuna_with_the_photo_first(model):
    ids = model.encode_prompt("who is this")
    assert spell(model, ids) == f"{OPENING}{IMAGE}▁↵who▁is▁this▁ASSISTANT:"
    tokens = model.tokenizer.convert_ids_to_tokens(ids)
    assert tokens[:4] == ["<s>", "▁A", "▁chat", "▁between"]
    before, after = ids.index(model.image_id), len(ids) - ids[::-1].index(model.image_id)
    assert tokens[before - 2 : before] == ["▁USER:", "▁"]
    assert tokens[after : after + 3] == ["▁", "<0x0A>", "who"]
    assert tokens[-1] == "▁ASSISTANT:"
    assert ids.count(1) == 1


def test_learned_are_an_answer_and_its_end(model):
    encoded = model.encode_dialogue([("who is this", "a man")])
    assert spell(model, encoded.ids) == f"{OPENING}{IMAGE}▁↵who▁is▁this▁ASSISTANT:▁a▁man</s>"
    learned = [label for label in encoded.labels if label != IGNORE]
    assert spell(model, learned) == "▁a▁man</s>"
    assert encoded.labels == [IGNORE] * (len(encoded.ids) - len(learned)) + encoded.ids[-len(learned) :]
    assert encoded.ids == model.encode_prompt("who is this") + model.encode_answer("who is this", "a man")


def test_later_questions_follow_without_a_space_and_are_not_learned(model):
    encoded = model.encode_dialogue(
        [("who is this", "a man"), (" is the man in the park ", "or not"), ("who", "woman")]
    )
    first = f"{OPENING}{IMAGE}▁↵who▁is▁this▁ASSISTANT:▁a▁man</s>"
    later = "USER:▁is▁the▁man▁in▁the▁park▁ASSISTANT:▁or▁not</s>USER:▁who▁ASSISTANT:▁woman</s>"
    assert spell(model, encoded.ids) == first + later
    learned = "".join(spell(model, [i]) if label != IGNORE else " " for i, label in zip(*encoded, strict=True))
    assert learned.split() == ["▁a▁man</s>", "▁or▁not</s>", "▁woman</s>"]
    assert all(label in (IGNORE, token) for token, label in zip(*encoded, strict=True))
    assert encoded.ids.count(model.image_id) == TOKENS
    tokens = model.tokenizer.convert_ids_to_tokens(encoded.ids)
    assert [tokens[i + 1] for i, token in enumerate(tokens[:-1]) if token == "</s>"] == ["USER"] * 2


def test_labels_of_answers_in_bytes_and_of_none_are_whole(model):
    for answer in ("名前 é 9", "x" * 20):
        encoded = model.encode_dialogue([("who", answer)])
        learned = [label for label in encoded.labels if label != IGNORE]
        assert learned[-1] == 2 and model.tokenizer.decode(learned[:-1]).strip() == answer
    encoded = model.encode_dialogue([("who", "")])
    assert spell(model, [label for label in encoded.labels if label != IGNORE]) == "</s>"


def test_without_a_photo_the_question_follows_the_system_sentence(model):
    encoded = model.encode_dialogue([("who is this", "a man")], image=False)
    assert spell(model, encoded.ids) == f"{OPENING}who▁is▁this▁ASSISTANT:▁a▁man</s>"
    assert spell(model, [label for label in encoded.labels if label != IGNORE]) == "▁a▁man</s>"
    assert len(model.answer(None, ["who is this"], max_new_tokens=2)) == 1


NASTY = ("who <image> is", "who </s> is", "<s>who<pad><unk>", "<ima<image>ge> </<s>s> who", "<image><image>")


@pytest.mark.parametrize("text", NASTY)
def test_special_tokens_in_a_text_are_not_special(model, text):
    encoded = model.encode_dialogue([(text, f"a {text}"), (text, text)])
    assert encoded.ids.count(model.image_id) == TOKENS
    specials = [i for i in encoded.ids if i in model.tokenizer.get_added_vocab().values() and i != model.image_id]
    assert specials == [1, 2, 2]
    assert model.encode_prompt(text).count(2) == 0
    assert model.encode_answer("who", text).count(2) == 1
    assert model.loss(model.see(photos(1)), [[(text, "a man")]]).isfinite()


# Use ----------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_logits_are_those_of_the_whole_model_of_transformers(shared, model):
    encoded = model.encode_dialogue([("who is this", "a man")])
    pixels = preprocess(SIDE_PX)(photos(1))
    whole = shared.model(input_ids=torch.tensor([encoded.ids]), pixel_values=pixels).logits[0, :-1]
    expected = cross_entropy(whole, torch.tensor(encoded.labels[1:]))
    torch.testing.assert_close(model.loss(model.see(photos(1)), [[("who is this", "a man")]]), expected)


def test_visual_features_are_the_connectors_and_reach_the_pixels(shared, model):
    images = photos(2, 40, 70).requires_grad_()
    features = model.visual_features(images)
    w = {name: value.float() for name, value in shared.tensors.items() if name.startswith("multi")}
    rows = model.see(images)
    for n in (1, 2):
        part = f"multi_modal_projector.linear_{n}"
        rows = linear(gelu(rows) if n == 2 else rows, w[f"{part}.weight"], w[f"{part}.bias"])
    torch.testing.assert_close(features, rows)
    assert features.shape == (2, TOKENS, 24)
    weights = torch.linspace(-1, 1, features.numel()).reshape(features.shape)
    (slope,) = torch.autograd.grad((features * weights).sum(), images)
    assert (slope != 0).float().mean() > 0.9


def test_the_loss_of_a_batch_is_the_mean_over_its_learned_tokens(model):
    seen = model.see(photos(2))
    dialogues = [[("who", "a")], [("who is this person in the park", "a man in the park"), ("who", "or not a man")]]
    alone = [model.loss(seen[n : n + 1], dialogues[n : n + 1]) for n in range(2)]
    counts = [sum(label != IGNORE for label in model.encode_dialogue(d).labels) for d in dialogues]
    assert counts[0] != counts[1] and (alone[0] - alone[1]).abs() > 1e-3
    expected = sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    torch.testing.assert_close(model.loss(seen, dialogues), expected, atol=1e-5, rtol=1e-5)


def test_the_official_adapters_are_on_the_language_model_and_the_projector_is_trained_whole(official):
    model = official.load()
    trained = model.add_adapters()
    adapted = {name.split(".lora_")[0] for name, p in model.language.named_parameters() if "lora_" in name}
    linears = [f"self_attn.{p}_proj" for p in "qkvo"] + [f"mlp.{p}_proj" for p in ("gate", "up", "down")]
    assert adapted == {f"model.language_model.layers.{n}.{part}" for n in range(2) for part in linears}
    assert trained[-4:] == list(model.connector.parameters()) and len(trained) == 2 * 14 + 4
    assert {min(p.shape) for p in trained[:-4]} <= {24, 40, 128} and 128 in trained[0].shape
    assert {id(p) for p in model.language.parameters() if p.requires_grad} == {id(p) for p in trained}
    assert not any(p.requires_grad for p in model.tower.parameters())
    model.loss(model.see(photos(1)), [[("who is this", "a man")]]).backward()
    assert all(p.grad is not None for p in trained)
    assert all(p.grad.abs().max() > 0 for p in trained[-4:])


def test_half_precision_is_kept_where_it_is_asked_for(shared):
    model = load_vlm(str(shared.folder), dtype=torch.bfloat16)
    assert {p.dtype for p in model.language.parameters()} == {torch.bfloat16}
    assert model.visual_features(photos()).dtype == torch.bfloat16
    assert len(model.answer(photos(), ["who is this"] * 2, max_new_tokens=2)) == 2


def test_more_than_2048_tokens_are_an_error(model):
    with pytest.raises(ModelError, match="expected at most 2048 tokens"):
        model.answer(photos(1), ["who is this " * 700])


@torch.no_grad()
def test_a_written_model_is_read_as_the_same(model, tmp_path):
    write(model, tmp_path / "mini")
    again = load_vlm(str(tmp_path / "mini"))
    ours, theirs = again.language.state_dict(), model.language.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
    assert again.encode_dialogue([("who", "a man")]) == model.encode_dialogue([("who", "a man")])
    assert torch.equal(load_tower("again", tmp_path / "mini")(photos()), model.see(photos()))
