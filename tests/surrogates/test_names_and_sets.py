"""Names of towers and sets: what they expand to, what is missing, and which name was meant."""

import subprocess
import sys

import pytest
import torch

from dp2vl.errors import ModelError
from dp2vl.surrogates import Features, held_out_towers, load_surrogate, load_surrogates, sets
from dp2vl.surrogates.sets import KNOWN, SETS, is_here, tower_names, tower_states


class Mean:
    """The smallest thing that is a surrogate."""

    side_px = 8

    def __init__(self, name: str, family: str = "mean") -> None:
        self.name, self.family, self.device = name, family, "nowhere"

    def features(self, images: torch.Tensor) -> Features:
        return Features(images.mean(dim=(2, 3)))

    def to(self, device: str) -> "Mean":
        self.device = device
        return self


def test_sets_expand_to_published_towers_and_thorough_holds_standard():
    assert tower_names("standard") == [t.spec for t in SETS["standard"]]
    assert set(tower_names("standard")) < set(tower_names("thorough")) == set(KNOWN)


def test_names_come_once_and_in_order():
    specs = [t.spec for t in SETS["standard"]]
    assert tower_names(f"{specs[1]}, standard,") == [specs[1], specs[0], specs[2]]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("standrd", "standard"),
        ("clp:openai/x", "clip:"),
        ("mini-lava", "mini"),
        ("torchscrip:x.pt", "torchscript:"),
    ],
)
def test_an_unknown_name_is_an_error_that_suggests_the_nearest(name, meant):
    for load in (load_surrogate, load_surrogates, tower_names):
        with pytest.raises(ModelError, match="unknown tower") as error:
            load(name)
        assert f"did you mean {meant}" in error.value.hint


def test_a_set_that_is_not_here_is_one_line_with_size_and_command():
    with pytest.raises(ModelError, match="3 of 3 towers are not here") as error:
        load_surrogates("standard")
    assert "\n" not in error.value.message
    assert error.value.hint == "dp2vl models pull standard (about 9.9 GB)"


def test_a_tower_that_is_not_here_is_an_error_with_its_own_command():
    spec = "clip:openai/clip-vit-base-patch16"
    for load in (load_surrogate, load_surrogates):
        with pytest.raises(ModelError) as error:
            load(spec)
        assert error.value.hint == f"dp2vl models pull {spec}"


def test_nothing_is_loaded_where_one_of_several_towers_is_absent(write_checkpoint, monkeypatch):
    here = f"clip:{write_checkpoint('clip')[0]}"
    monkeypatch.setattr("dp2vl.surrogates.load_surrogate", lambda *a, **k: pytest.fail("loaded a tower"))
    with pytest.raises(ModelError, match="1 of 2 towers are not here: siglip:a/b"):
        load_surrogates(f"{here},siglip:a/b")


def test_names_and_objects_load_together_each_once(write_checkpoint):
    spec = f"clip:{write_checkpoint('clip')[0]}"
    own = Mean("own")
    towers = load_surrogates([spec, own, spec])
    assert [t.name for t in towers] == [spec, "own"]
    assert towers[1] is own
    assert own.device == "cpu"


def test_a_single_object_is_a_list_of_one():
    assert [t.name for t in load_surrogates(Mean("own"))] == ["own"]


def test_what_is_no_tower_is_refused():
    with pytest.raises(ValueError, match="names and Surrogate objects, got int"):
        load_surrogates([3])
    with pytest.raises(ValueError, match="different names, got 'own' twice"):
        load_surrogates([Mean("own"), Mean("own")])
    with pytest.raises(ValueError, match="at least one tower"):
        load_surrogates([])
    with pytest.raises(ModelError, match="at least one tower"):
        load_surrogates(" ,")


def test_bundled_towers_of_other_families_are_held_out(monkeypatch):
    bundled = {"mini-a": Mean("mini-a", "mini-a"), "mini-b": Mean("mini-b", "mini-b")}
    monkeypatch.setattr("dp2vl.surrogates.bundled_names", lambda: list(bundled))
    monkeypatch.setattr("dp2vl.surrogates.load_surrogate", lambda name, device: bundled[name])
    assert [t.name for t in held_out_towers([Mean("x", "mini-a")])] == ["mini-b"]
    assert held_out_towers(bundled.values()) == []


def test_towers_are_listed_with_their_state(write_checkpoint, monkeypatch):
    states = tower_states()
    assert set(KNOWN) <= set(states)
    assert states["clip:openai/clip-vit-large-patch14-336"] == "not here, 1.7 GB"
    assert is_here(f"clip:{write_checkpoint('clip')[0]}")
    assert not is_here("torchscript:/nowhere.pt?px=8")
    monkeypatch.setattr(sets, "is_here", lambda name: True)
    assert set(tower_states().values()) <= {"here", "here (bundled)"}


def test_expanding_names_does_not_import_torch():
    calls = "sets.tower_names('thorough'); sets.tower_states(); print('torch' in sys.modules)"
    code = f"import sys; from dp2vl.surrogates import sets; {calls}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
