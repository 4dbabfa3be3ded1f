"""Recipes are strict, have a digest of all that matters, and attackers change what they say."""

import tomllib
from dataclasses import fields, replace

import pytest

from dp2vl.errors import UsageError
from dp2vl.learn.recipe import ATTACKERS, Recipe, load_recipe, parse_recipe, recipe_names
from dp2vl.vlm.loading import FAMILIES
from dp2vl.vlm.mini.models import MINI_MODELS

TABLE = tomllib.loads(
    "steps = 10\nphotos = 4\nturns = 2\npeak_lr = 1e-3\nconnector_lr = 1e-4\n"
    "[adapters]\nrank = 4\nalpha = 8\nconnector = true\n"
)


FROZEN = {
    "llava": "22c9b7b828d0",
    "mini-llava": "bfa3dfa4f6c6",
    "mini-minigpt-v2": "d202a64b2f5e",
    "mini-qwen-vl": "2e13a9a1a686",
    "minigpt_v2": "d1a357e8a38c",
    "qwen_vl": "91de27532d88",
}
"""Digests of recipes; a new one here means that published numbers are of another adversary."""


def test_recipes_are_the_ones_that_published_numbers_were_made_with():
    assert {name: load_recipe(name).digest for name in recipe_names()} == FROZEN


def test_every_family_and_every_mini_model_has_a_recipe():
    assert set(recipe_names()) == {*FAMILIES, *MINI_MODELS}
    for name in recipe_names():
        assert load_recipe(name).name == name


@pytest.mark.parametrize("name", MINI_MODELS)
def test_a_mini_model_is_attacked_as_its_full_one_but_for_rates_and_steps(name):
    mini, full = load_recipe(name), load_recipe(MINI_MODELS[name].family)
    assert mini.adapters == full.adapters
    free = {"name", "steps", "photos", "peak_lr", "connector_lr"}
    assert all(getattr(mini, f.name) == getattr(full, f.name) for f in fields(Recipe) if f.name not in free)


def test_published_set_ups_are_the_published_ones():
    assert (load_recipe("llava").adapters.rank, load_recipe("llava").adapters.alpha) == (128, 256)
    qwen = load_recipe("qwen_vl")
    assert (qwen.adapters.rank, qwen.adapters.alpha, qwen.adapters.connector) == (64, 16, False)
    assert (qwen.weight_decay, qwen.beta2) == (0.1, 0.95)
    mini = load_recipe("minigpt_v2")
    assert (mini.adapters.rank, mini.adapters.connector, mini.floor, mini.clip) == (64, True, 0.1, 0.0)


def test_the_digest_changes_with_every_setting_and_not_with_the_name():
    recipe = parse_recipe("a", TABLE)
    assert parse_recipe("b", TABLE).digest == recipe.digest
    others = {"steps": 11, "turns": 3, "peak_lr": 2e-3, "floor": 0.5, "checkpoints": (1.0,), "purify": "grey-jpeg75"}
    digests = {replace(recipe, **{key: value}).digest for key, value in others.items()}
    digests.add(replace(recipe, adapters=replace(recipe.adapters, dropout=0.0)).digest)
    assert len(digests | {recipe.digest}) == len(others) + 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 3}, "unknown key 'step'; hint: did you mean steps"),
        ({"adapters": {"rank": 4, "alpha": 8, "connector": True, "bias": 1}}, "unknown key 'bias'"),
        ({"adapters": {"rank": 4}}, "expected alpha, connector"),
        ({"adapters": {"rank": 0, "alpha": 1, "connector": False}}, "expected something to train"),
        ({"steps": 0}, "expected steps >= 1"),
        ({"checkpoints": [0.5]}, "the last 1"),
        ({"checkpoints": [0.5, 0.2, 1.0]}, "rising"),
        ({"general": 1.0}, "general in"),
        ({"purify": "bleach"}, "purify out of none, jpeg90"),
    ],
)
def test_recipes_that_make_no_sense_are_errors(change, message):
    with pytest.raises(UsageError) as error:
        parse_recipe("mine", TABLE | change)
    assert message in str(error.value)


def test_an_unknown_recipe_or_change_names_what_there_is():
    with pytest.raises(UsageError, match=r"there are .*mini-llava"):
        load_recipe("mini-lava")
    with pytest.raises(UsageError, match="unknown key 'lr'"):
        load_recipe("mini-llava", lr=1.0)


@pytest.mark.parametrize("name", ATTACKERS)
def test_attackers_change_recipes_as_they_say(name):
    plain, changed = load_recipe("mini-qwen-vl"), load_recipe("mini-qwen-vl", **ATTACKERS[name].changes)
    assert (changed.digest == plain.digest) == (name == "default")


def test_stops_are_steps_and_none_comes_twice():
    assert parse_recipe("a", TABLE).stops == (2, 5, 8, 10)
    assert parse_recipe("a", TABLE | {"steps": 1}).stops == (1,)
    assert parse_recipe("a", TABLE | {"patience": 3}).stops == (8, 15, 22, 30)
