"""Texts that begin alike are read once, and nothing comes out differently."""

from pathlib import Path

import pytest
import torch
from modern_checkpoints import write
from named_checkpoints import NAMED

from dp2vl.errors import ModelError
from dp2vl.vlm import base, load_vlm
from dp2vl.vlm.base import VLM
from dp2vl.vlm.branches import ROOT, Tree, pad

ASKED = [
    [("who", ["a man", "a woman", ""]), ("who is this", ["a man"]), ("in the park", ["a", "the park", "man"])],
    [("is this a man or the woman", ["woman", "a man in the park"])],
]


@pytest.fixture(params=NAMED)
def model(request: pytest.FixtureRequest, named_folders: dict[str, Path]) -> VLM:
    return load_vlm(str(named_folders[request.param]))


@pytest.fixture(scope="module")
def modern(tmp_path_factory: pytest.TempPathFactory) -> VLM:
    folder = tmp_path_factory.mktemp("modern") / "smolvlm"
    write("smolvlm", folder)
    return load_vlm(str(folder))


def photos(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 50, 60, generator=torch.Generator().manual_seed(3))


def test_a_tree_merges_what_begins_alike_and_nothing_else():
    tree = Tree()
    assert tree.add([5, 5, 7]) == [0, 1, 2]  # one id twice is two tokens
    assert tree.add([5, 5, 8]) == [0, 1, 3]
    assert tree.add([7], after=3) == [4] and tree.add([7, 7], after=3) == [4, 5]
    assert tree.ids == [5, 5, 7, 8, 7, 7]
    assert tree.parents == [ROOT, 0, 1, 1, 3, 4]
    assert tree.places == [0, 1, 2, 2, 3, 4]
    assert len(tree) == 6


def test_a_node_sees_its_own_branch_and_padding_sees_itself():
    tree, other = Tree(), Tree()
    tree.add([1, 2, 3])
    tree.add([1, 4])
    other.add([9])
    ids, places, mask = pad([tree, other], fill=0)
    assert ids.tolist() == [[1, 2, 3, 4], [9, 0, 0, 0]] and places[0].tolist() == [0, 1, 2, 1]
    seen = mask[:, 0] == 0
    assert seen[0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    assert torch.equal(seen[1], torch.eye(4, dtype=bool))
    assert (mask[:, 0][~seen] == float("-inf")).all()


@pytest.mark.parametrize("tokens", [1024, 1], ids=["one tree for a photo", "one tree for a question"])
def test_many_questions_about_a_photo_score_as_each_alone(model, monkeypatch, tokens):
    monkeypatch.setattr(base, "TREE_TOKENS", tokens)
    check_scores(model)


def test_modern_families_score_many_questions_too(modern):
    check_scores(modern)


def check_scores(model: VLM) -> None:
    seen = model.see(photos())
    scores = model.score_each(seen, ASKED)
    assert [[len(s) for s in some] for some in scores] == [[3, 1, 3], [2]]
    for n, questions in enumerate(ASKED):
        for (question, options), score in zip(questions, scores[n], strict=True):
            alone = model.score_options(photos()[n : n + 1], [question], [options])[0]
            torch.testing.assert_close(score, alone, atol=1e-4, rtol=1e-4)


def test_questions_without_photos_score_as_each_alone(model):
    scores = model.score_each(None, ASKED)
    for questions, some in zip(ASKED, scores, strict=True):
        for (question, options), score in zip(questions, some, strict=True):
            torch.testing.assert_close(score, model.score_options(None, [question], [options])[0], atol=1e-4, rtol=1e-4)


TURNS = [[("who", "a man"), ("who is this", "a man in the park"), ("who", "a woman")], [("in the park", "")]]


def test_turns_apart_are_learned_as_if_each_had_its_own_photo(model):
    check_turns(model)


def test_turns_apart_of_a_modern_family(modern):
    check_turns(modern)


def check_turns(model: VLM) -> None:
    images = photos()
    model.language.requires_grad_(True)
    apart = model.loss_apart(model.see(images), TURNS)
    repeated = torch.stack([images[0], images[0], images[0], images[1]])
    alone = model.loss(model.see(repeated), [[turn] for turns in TURNS for turn in turns])
    torch.testing.assert_close(apart, alone, atol=1e-5, rtol=1e-5)
    trained = model.language.get_output_embeddings().weight
    ours, theirs = (torch.autograd.grad(loss, trained, retain_graph=True)[0] for loss in (apart, alone))
    assert theirs.abs().max() > 0
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)
    together = model.loss(model.see(images), TURNS)
    assert (together - apart).abs() > 1e-5


def test_what_does_not_fit_is_an_error(model):
    seen = model.see(photos())
    with pytest.raises(ValueError, match="expected one photo per"):
        model.score_each(seen, ASKED[:1])
    with pytest.raises(ValueError, match="expected one photo per"):
        model.loss_apart(seen, TURNS[:1])
    model.max_length = 5
    with pytest.raises(ModelError, match="expected at most 5 tokens"):
        model.score_each(seen, ASKED)


def test_turns_may_be_learned_as_they_are_asked(model):
    seen = model.see(photos(1))
    loss = model.loss_apart(seen, [[("who", "a man")]], as_asked=True)
    count = len(model.encode_answer("who", "a man"))
    torch.testing.assert_close(-loss * count, model.score_options(photos(1), ["who"], [["a man"]])[0, 0])
