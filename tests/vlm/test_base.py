"""What the named families share: batches, scores of options, answers, and adapters that come back as they were."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from named_checkpoints import NAMED
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import log_softmax

from dp2vl.errors import ModelError, PhotoRefused
from dp2vl.vlm import load_vlm
from dp2vl.vlm.adapters import ADAPTER_FILE, ADAPTER_SETTINGS, Lora
from dp2vl.vlm.base import VLM, plain

Load = Callable[[str], VLM]
QUESTIONS = ["who", "is this person a man or the woman in the park"]
OPTIONS = [["a man", "woman in the park"], ["", "a"]]
SMALL = {"rank": 2, "alpha": 4, "dropout": 0.1}


@pytest.fixture
def fresh(named_folders: dict[str, Path]) -> Load:
    """A function that loads a family anew."""
    return lambda family: load_vlm(str(named_folders[family]))


@pytest.fixture(scope="module")
def models(named_folders: dict[str, Path]) -> dict[str, VLM]:
    """Models that no test changes."""
    return {family: load_vlm(str(folder)) for family, folder in named_folders.items()}


@pytest.fixture(params=NAMED)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(models: dict[str, VLM], family: str) -> VLM:
    return models[family]


def photos(count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, 50, 60), generator=generator) / 255


# Scores and answers ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def logits(model: VLM, image: Tensor | None, ids: list[int], begin: int) -> Tensor:
    """Return the logits behind each of `ids` from `begin` on: one pass, without cache and padding."""
    table = model.language.get_input_embeddings()
    seen = iter(model.visual_features(image[None])[0]) if image is not None else iter(())
    rows = [next(seen) if i == model.image_id else table(torch.tensor(i)) for i in ids]
    assert next(seen, None) is None
    return model.language(inputs_embeds=torch.stack(rows)[None]).logits[0, begin:]


def score_by_hand(model: VLM, image: Tensor | None, question: str, answer: str) -> Tensor:
    prompt = model.encode_prompt(question, image=image is not None)
    ending = model.encode_answer(question, answer)
    likely = log_softmax(logits(model, image, prompt + ending, len(prompt) - 1)[:-1], -1)
    return likely.gather(1, torch.tensor(ending)[:, None]).sum()


@pytest.mark.parametrize("with_photos", [True, False])
@pytest.mark.parametrize("options", [OPTIONS, [[""], [""]]], ids=["many", "one token"])
def test_options_score_as_one_pass_over_prompt_and_answer(model, with_photos, options):
    images = photos() if with_photos else None
    scores = model.score_options(images, QUESTIONS, options)
    assert scores.shape == (2, len(options[0])) and (scores < 0).all()
    lengths = {len(model.encode_answer("who", option)) for row in options for option in row}
    assert len(lengths) > 2 if options is OPTIONS else len(lengths) == 1
    assert min(lengths) == (2 if model.name.endswith("base") else 1)  # a space and the end, or the end alone
    for n, question in enumerate(QUESTIONS):
        image = None if images is None else images[n]
        by_hand = torch.stack([score_by_hand(model, image, question, option) for option in options[n]])
        torch.testing.assert_close(scores[n], by_hand, atol=1e-4, rtol=1e-4)


def test_the_loss_of_one_answer_is_its_score(models):
    model = models["llava"]  # where prompts of training and evaluation are the same and only the answer is learned
    score = model.score_options(photos(1), ["who"], [["a man"]])
    loss = model.loss(model.see(photos(1)), [[("who", "a man")]])
    torch.testing.assert_close(-loss * len(model.encode_answer("who", "a man")), score[0, 0], atol=1e-4, rtol=1e-4)


def test_scores_of_many_photos_do_not_depend_on_their_batch(models):
    model = models["llava"]
    images, questions = photos(18), [QUESTIONS[n % 2] for n in range(18)]
    options = [[f"a {n}", "man"] for n in range(18)]
    together = model.score_options(images, questions, options)
    assert together.shape == (18, 2)
    alone = [model.score_options(images[n : n + 1], questions[n : n + 1], options[n : n + 1]) for n in (0, 15, 16, 17)]
    torch.testing.assert_close(together[[0, 15, 16, 17]], torch.cat(alone), atol=1e-4, rtol=1e-4)
    answers = model.answer(images, questions, max_new_tokens=3)
    assert len(answers) == 18 and answers[17] == model.answer(images[17:], questions[17:], max_new_tokens=3)[0]


@pytest.mark.parametrize(
    ("images", "questions", "options"),
    [
        (2, 2, [["a"], ["a", "b"]]),
        (2, 2, [["a"]]),
        (2, 2, [[], []]),
        (2, 2, []),
        (2, 1, [["a"]]),
        (1, 2, [["a"], ["b"]]),
        (0, 0, []),
    ],
)
def test_numbers_that_do_not_fit_are_an_error(models, images, questions, options):
    with pytest.raises(ValueError, match="expected"):
        models["llava"].score_options(photos(images), QUESTIONS[:questions], options)


def test_as_many_photos_as_questions_are_needed_also_where_they_were_seen_before(models):
    model, seen = models["llava"], models["llava"].see(photos(3))
    with pytest.raises(ValueError, match="expected one photo per text, got 3 for 2"):
        model.loss(seen, [[("who", "a")], [("who", "a")]])
    for count in (1, 3):
        with pytest.raises(ValueError, match="expected one"):
            model.answer_seen(seen[:count], QUESTIONS, max_new_tokens=1)
        with pytest.raises(ValueError, match="expected one"):
            model.score_seen(seen[:count], QUESTIONS, [["a"], ["b"]])
    with pytest.raises(ValueError, match="expected one"):
        model.answer(photos(3), QUESTIONS)


def greedy(model: VLM, image: Tensor, question: str, count: int) -> list[int]:
    """Return the likeliest next token, again and again, ends among them."""
    prompt = model.encode_prompt(question)
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(logits(model, image, ids, -1).argmax()))
    return ids[len(prompt) :]


def test_answers_are_greedy_and_stop_at_the_ends(fresh, family):
    model = fresh(family)
    model.stop_ids = (*model.stop_ids[:1], -1)
    made = [greedy(model, photos()[n], QUESTIONS[n], 6) for n in range(2)]
    assert made[0] != made[1] and not {*made[0], *made[1]} & {*model.stop_ids}
    for end in (made[0][3], made[1][2]):
        model.stop_ids = (model.stop_ids[0], end)
        cut = [ids[: ids.index(end)] if end in ids else ids for ids in made]
        expected = [model.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in cut]
        assert min(map(len, cut)) < 6
        assert model.answer(photos(), QUESTIONS, max_new_tokens=6) == expected


@torch.no_grad()
def test_photos_of_different_sizes_come_as_a_list(model):
    images = [photos()[0], photos()[1, :, :30, 5:]]
    seen = model.see(images)
    # Not bit for bit: how a processor sums depends on the size of the batch.
    assert torch.allclose(seen, torch.cat([model.see(image[None]) for image in images]), atol=1e-5)
    assert torch.equal(model.score_options(images, QUESTIONS, OPTIONS), model.score_seen(seen, QUESTIONS, OPTIONS))
    assert model.answer(images, QUESTIONS, max_new_tokens=2) == model.answer_seen(seen, QUESTIONS, max_new_tokens=2)
    assert model.loss(seen, [[(question, "a")] for question in QUESTIONS]).isfinite()


def test_a_photo_that_is_too_small_is_an_error(model):
    with pytest.raises(PhotoRefused, match="at least 24 pixels on each side, got 100x23"):
        model.answer(torch.rand(1, 3, 23, 100), ["who"])


def test_a_photo_changes_what_a_model_says_of_it(model):
    both = model.score_options(photos(), ["who"] * 2, [["a man", "woman"]] * 2)
    assert (both[0] - both[1]).abs().max() > 1e-4


def test_marks_in_a_text_go_until_none_is_left():
    assert plain("a<s> b", ["<s>", "</s>"]) == "a b"
    assert plain("<</s>s></<s>s>", ["<s>", "</s>"]) == ""
    assert plain("a.b", [".*"]) == "a.b"


# Adapters -----------------------------------------------------------------------------------------------------------


def small(model: VLM) -> Lora:
    return Lora(**{**vars(model.lora), **SMALL})


def train(model: VLM) -> VLM:
    """Return the model with small adapters, and everything that they train moved."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.add_adapters(lora=small(model)):
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def scores(model: VLM) -> Tensor:
    return model.score_options(photos(), QUESTIONS, OPTIONS)


def test_saved_adapters_on_a_fresh_model_give_the_same_scores(fresh, family, tmp_path):
    model = train(fresh(family))
    model.save_adapters(tmp_path / "adapters")
    again = fresh(family)
    before = scores(again)
    again.load_adapters(tmp_path / "adapters")
    assert torch.equal(scores(again), scores(model))
    assert (scores(again) - before).abs().max() > 0.1
    assert torch.equal(scores(again), scores(again))  # dropout is off
    assert again.encode_prompt("who") == model.encode_prompt("who")
    trained = sum(p.numel() for p in again.language.parameters() if p.requires_grad)
    assert trained == sum(p.numel() for p in model.language.parameters() if p.requires_grad) > 0


def test_fresh_adapters_change_nothing_and_depend_on_their_seed_alone(fresh, family):
    made = []
    for seed in (1, 1, 2):
        model = fresh(family)
        model.chat = True  # where there are two forms of a prompt, adapters go with this one
        before = scores(model)
        state = torch.get_rng_state()
        made.append(model.add_adapters(lora=small(model), seed=seed))
        assert torch.equal(torch.get_rng_state(), state)
        torch.testing.assert_close(scores(model), before)
    assert all(torch.equal(a, b) for a, b in zip(made[0], made[1], strict=True))
    assert not torch.equal(made[0][0], made[2][0])


SETUPS = {
    "connector alone": {"rank": 0, "connector": True},
    "tower too": {"tower_rank": 3},
    "everything": {"rank": 0, "connector": True, "everything": True},
}


@pytest.mark.parametrize("setup", SETUPS)
def test_other_set_ups_train_what_they_say_and_come_back(fresh, family, setup, tmp_path):
    model, lora = fresh(family), Lora(**{**vars(small(fresh(family))), "full": (), **SETUPS[setup]})
    model.chat = True
    before = scores(model)
    trained = model.add_adapters(lora=lora)
    torch.testing.assert_close(scores(model), before)
    towers = {id(p) for p in model.tower.parameters()}
    connector = {id(p) for p in model.connector.parameters() if p.requires_grad}
    ours = {id(p) for p in trained}
    every = [p for part in model.parts for p in part.parameters()]
    assert ours == {id(p) for p in every if p.requires_grad}
    assert bool(ours & towers) == (setup == "tower too")
    if setup == "connector alone":
        assert ours == connector
    if setup == "everything":
        fixed = {id(p) for name, p in model.connector.named_parameters() if name == "pos_embed"}
        assert ours == {id(p) for p in every} - towers - fixed
    model.loss(model.see(photos()), [[("who", "a man")]] * 2).backward()
    assert any(p.grad is not None and p.grad.any() for p in trained)
    with torch.no_grad():
        for parameter in trained:
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    model.save_adapters(tmp_path)
    again = fresh(family)
    again.load_adapters(tmp_path)
    assert torch.equal(scores(again), scores(model))
    assert (scores(again) - before).abs().max() > 1e-3


@pytest.fixture
def saved(fresh: Load, tmp_path: Path) -> Path:
    train(fresh("llava")).save_adapters(tmp_path / "adapters")
    return tmp_path / "adapters"


def change_settings(folder: Path, change: Callable[[dict], object]) -> None:
    settings = json.loads((folder / ADAPTER_SETTINGS).read_text())
    change(settings)
    (folder / ADAPTER_SETTINGS).write_text(json.dumps(settings))


def change_tensors(folder: Path, change: Callable[[dict], object]) -> None:
    tensors = load_file(folder / ADAPTER_FILE)
    change(tensors)
    save_file(tensors, folder / ADAPTER_FILE)


def test_adapters_of_another_family_are_an_error(fresh, saved):
    with pytest.raises(ModelError, match="expected adapters of family qwen_vl, got llava"):
        fresh("qwen_vl").load_adapters(saved)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no tensors": lambda folder: (folder / ADAPTER_FILE).unlink(),
    "no settings": lambda folder: (folder / ADAPTER_SETTINGS).unlink(),
    "no safetensors": lambda folder: (folder / ADAPTER_FILE).write_bytes(b"not tensors"),
    "cut short": lambda folder: (folder / ADAPTER_FILE).write_bytes((folder / ADAPTER_FILE).read_bytes()[:-9]),
    "no JSON": lambda folder: (folder / ADAPTER_SETTINGS).write_text("{"),
    "a list": lambda folder: (folder / ADAPTER_SETTINGS).write_text("[]"),
    "no set-up": lambda folder: change_settings(folder, lambda settings: settings.pop("lora")),
    "no family": lambda folder: change_settings(folder, lambda settings: settings.pop("family")),
    "an unknown setting": lambda folder: change_settings(folder, lambda settings: settings["lora"].update(r=4)),
    "set-up in words": lambda folder: change_settings(folder, lambda settings: settings.update(lora="large")),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_adapters_are_a_one_line_error(fresh, saved, case):
    DAMAGE[case](saved)
    model = fresh("llava")
    with pytest.raises(ModelError, match="cannot read adapters in") as error:
        model.load_adapters(saved)
    assert "\n" not in error.value.message
    model.add_adapters(lora=small(model))  # nothing was done to the model


A = "language.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
MISFIT: dict[str, Callable[[Path], object]] = {
    "one is missing": lambda folder: change_tensors(folder, lambda tensors: tensors.pop(A)),
    "one more": lambda folder: change_tensors(folder, lambda tensors: tensors.update({A + "s": torch.ones(2)})),
    "another part": lambda folder: change_tensors(folder, lambda tensors: tensors.update({"tower.a": torch.ones(2)})),
    "another shape": lambda folder: change_tensors(folder, lambda tensors: tensors.update({A: torch.ones(3, 24)})),
    "no connector": lambda folder: change_tensors(
        folder, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("connector")]
    ),
    "another rank": lambda folder: change_settings(folder, lambda settings: settings["lora"].update(rank=3)),
    "other modules": lambda folder: change_settings(
        folder, lambda settings: settings["lora"].update(targets=".*gate_proj")
    ),
    "connector not trained": lambda folder: change_settings(
        folder, lambda settings: settings["lora"].update(connector=False)
    ),
}


@pytest.mark.parametrize("case", MISFIT)
def test_adapters_that_do_not_fit_are_an_error(fresh, saved, case):
    MISFIT[case](saved)
    with pytest.raises(ModelError, match="do not fit"):
        fresh("llava").load_adapters(saved)


def test_adapters_come_once(fresh, saved):
    model = fresh("llava")
    model.add_adapters(lora=small(model))
    with pytest.raises(ModelError, match="has adapters already"):
        model.add_adapters(lora=small(model))
    with pytest.raises(ModelError, match="has adapters already"):
        model.load_adapters(saved)


def test_a_model_without_adapters_has_none_to_save(fresh, tmp_path):
    with pytest.raises(ModelError, match="no adapters to save"):
        fresh("llava").save_adapters(tmp_path)
    assert list(tmp_path.glob("*.safetensors")) == []


def test_names_that_no_module_has_are_an_error(fresh):
    model = fresh("qwen_vl base")
    with pytest.raises(ModelError, match="qwen_vl base"):
        model.add_adapters(lora=Lora(**{**vars(small(model)), "targets": "no_such_layer"}))
    assert not model.chat  # still a base model
