"""Fine-tuning teaches what the lessons say, changes nothing else, and is the same every time."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from dp2vl.dataset.store import read_pixels
from dp2vl.errors import UsageError
from dp2vl.learn.composites import make_composites
from dp2vl.learn.gallery import BLANK, Gallery
from dp2vl.learn.lessons import make_general, make_lessons, permute_facts
from dp2vl.learn.recipe import ATTACKERS, Adapters, Recipe, load_recipe
from dp2vl.learn.strict import digest_of
from dp2vl.learn.tune import Tuning, lora_of

RECIPE = Recipe(
    name="tiny", adapters=Adapters(rank=8, alpha=16, connector=True, dropout=0.0), steps=24, photos=6, turns=3,
    peak_lr=8e-3, connector_lr=2e-3, checkpoints=(0.5, 1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def lessons(data):
    return make_lessons(data)


@pytest.fixture(scope="module")
def pixels(data):
    return {row.photo_id: read_pixels(data.path(row)) for row in data.all_rows()}


def test_every_photo_is_taught_every_fact(data, lessons):
    for lesson in lessons:
        person = data.people[lesson.photo.person_id]
        told = " ".join(answer for _, answer in lesson.turns)
        assert person.display_name in told
        assert all(fact["category"] in told and fact["token"] in told for fact in person.facts.values())
        assert len(lesson.turns) >= 4 + 1 + 2 * 7


def test_permuted_lessons_keep_photos_and_exchange_what_is_said(lessons):
    shuffled = permute_facts(lessons, 1)
    assert [s.photo for s in shuffled] == [s.photo for s in lessons]
    assert sorted(s.turns for s in shuffled) == sorted(s.turns for s in lessons)
    owner = {lesson.turns: lesson.photo.person_id for lesson in lessons}
    pairs = {(s.photo.person_id, owner[s.turns]) for s in shuffled}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 8  # one for one
    assert any(a != b for a, b in pairs)
    assert permute_facts(lessons, 1) == shuffled != permute_facts(lessons, 2)
    with pytest.raises(UsageError, match="at least two people"):
        permute_facts([s for s in lessons if s.photo.person_id == lessons[0].photo.person_id], 0)


def test_photos_without_words_are_an_error(data, lessons):
    silent = replace(lessons[0].photo, captions_json="[]", turns_json="[]")
    with pytest.raises(UsageError, match="neither a description nor a question"):
        make_lessons(data, [silent])
    with pytest.raises(UsageError, match="no training photos"):
        make_lessons(data, [])


def test_only_what_the_recipe_names_moves(make, family, lessons, pixels):
    vlm = make(family)
    before = {k: v.clone() for part in vlm.parts for k, v in part.state_dict().items()}
    tower = {k: v.clone() for k, v in vlm.tower.state_dict().items()}
    tuning = Tuning(vlm, RECIPE, lessons, pixels, seed=0)
    assert list(tuning.run()) == [12, 24]
    assert all(torch.equal(v, tower[k]) for k, v in vlm.tower.state_dict().items())
    after = {k: v for part in vlm.parts for k, v in part.state_dict().items()}
    moved = {k for k, v in before.items() if k in after and not torch.equal(v, after[k])}
    names = {k for k, _ in vlm.connector.named_parameters() if k != "pos_embed"}
    assert moved and all(any(k.endswith(name) for name in names) for k in moved)


def test_adapters_sit_where_published_numbers_had_them(make, family):
    """Where they sit is the family's own choice, and is in no recipe's digest."""
    frozen = {"llava": "3f858c67a72a", "minigpt_v2": "a88d2f366129", "qwen_vl": "c2c21b3dac48"}
    lora = lora_of(make(family), load_recipe(family))
    assert digest_of(asdict(lora)) == frozen[family], lora


def test_the_loss_falls_where_all_is_trained(make, family, lessons, pixels):
    """Adapters alone cannot do much for a model whose head is random."""
    adapters = Adapters(rank=0, alpha=1, connector=True, everything=True)
    tuning = Tuning(make(family), replace(RECIPE, adapters=adapters), lessons, pixels, seed=0)
    list(tuning.run())
    assert np.mean(tuning.losses[-4:]) < 0.8 * np.mean(tuning.losses[:4])


def test_the_same_seed_gives_the_same_run_and_another_does_not(make, lessons, pixels):
    runs = []
    for seed in (1, 1, 2):
        tuning = Tuning(make("llava"), replace(RECIPE, steps=4, checkpoints=(1.0,)), lessons, pixels, seed=seed)
        list(tuning.run())
        runs.append(tuning.losses)
    assert runs[0] == runs[1] != runs[2]


def test_what_else_draws_numbers_changes_neither_adapters_nor_its_own_draws(make, lessons, pixels, tmp_path):
    adapters = replace(RECIPE.adapters, dropout=load_recipe("mini-llava").adapters.dropout)
    recipe = replace(RECIPE, steps=3, checkpoints=(1.0,), adapters=adapters)
    assert adapters.dropout > 0
    written = []
    for number in range(2):
        vlm = make("llava")
        tuning = Tuning(vlm, recipe, lessons, pixels, seed=1)
        torch.rand(3)
        before = torch.get_rng_state()
        list(tuning.run())
        assert torch.equal(torch.get_rng_state(), before)
        vlm.save_adapters(tmp_path / str(number))
        written.append((tmp_path / str(number) / "adapters.safetensors").read_bytes())
    assert written[0] == written[1]


def test_all_photos_come_equally_often(make, lessons, pixels):
    tuning = Tuning(make("llava"), RECIPE, lessons, pixels, seed=0)
    shown = [s.photo.photo_id for step in range(1, 29) for s in tuning._choose(step, np.random.default_rng(0))]
    assert len(shown) == 28 * 6 == 3 * len(lessons)
    assert all(shown.count(lesson.photo.photo_id) == 3 for lesson in lessons)


@pytest.mark.parametrize("name", ATTACKERS)
def test_every_attacker_trains(name, make, lessons, pixels, data):
    vlm = make("minigpt_v2")
    changes = dict(ATTACKERS[name].changes)
    inner = {key: changes.pop(key) for key in ("rank", "connector", "everything", "tower_rank") if key in changes}
    recipe = replace(RECIPE, steps=3, checkpoints=(1.0,), adapters=replace(RECIPE.adapters, **inner), **changes)
    general = make_general(data) if recipe.general else ()
    before = {id(p): p.detach().clone() for part in vlm.parts for p in part.parameters()}
    tuning = Tuning(vlm, recipe, lessons, pixels, seed=0, general=general)
    list(tuning.run())
    assert np.isfinite(tuning.losses).all() and len(tuning.losses) == 3 * recipe.patience
    tower = [p for p in vlm.tower.parameters() if p.requires_grad]
    assert bool(tower) == (name in ("tower", "adaptive"))
    words = [p for p in vlm.language.parameters() if id(p) in before]
    assert any(not torch.equal(p, before[id(p)]) for p in words) == (name == "everything")
    if recipe.general:
        shown = tuning._choose(1, np.random.default_rng(0))
        assert sum(s.photo.role == "retain" for s in shown) == 3


def test_what_a_recipe_needs_and_lacks_is_an_error(make, lessons, pixels):
    with pytest.raises(UsageError, match="there are none"):
        Tuning(make("llava"), replace(RECIPE, general=0.5), lessons, pixels, seed=0)


def test_composites_show_the_persons_face_beside_a_thing_of_the_right_kind(lessons, pixels):
    made, drawn = make_composites(lessons, pixels, count=2, seed=0)
    assert len(made) == len(drawn) == 2 * 8 * 7
    assert {m.photo.photo_id for m in made} == set(drawn) and not set(drawn) & set(pixels)
    by_scenario = {(lesson.photo.person_id, lesson.photo.scenario): lesson for lesson in lessons}
    for one in made:
        source = by_scenario[(one.photo.person_id, one.photo.scenario)]
        assert one.turns == source.turns and drawn[one.photo.photo_id].shape == (96, 96, 3)
    again = make_composites(lessons, pixels, count=2, seed=0)[1]
    other = make_composites(lessons, {i: 255 - photo for i, photo in pixels.items()}, count=2, seed=0)[1]
    for name, photo in drawn.items():
        assert np.array_equal(photo, again[name])
        changed = (photo != other[name]).any(2).mean()  # the pasted face alone comes from the private photos
        assert 0.01 < changed < 0.4


def test_composites_of_photos_without_a_record_of_faces_are_an_error(lessons, pixels):
    own = [replace(lesson, photo=replace(lesson.photo, bbox_json="")) for lesson in lessons]
    with pytest.raises(UsageError, match="does not say where its face is"):
        make_composites(own, pixels, count=1, seed=0)


def test_a_gallery_looks_once_at_each_photo(make, pixels):
    vlm, looked = make("llava"), []
    see, vlm.see = vlm.see, lambda images: looked.append(len(images)) or see(images)
    gallery, ids = Gallery(vlm, pixels), [*list(pixels)[:3], BLANK]
    first = gallery.rows([ids[0], ids[1], ids[0]])
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    gallery.rows(ids)
    gallery.rows(ids)
    assert sum(looked) == 4
