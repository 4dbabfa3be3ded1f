import shutil
import zipfile
from dataclasses import replace

import pytest
import torch

from album_tools import write_tower
from dp2vl.protect import usual
from dp2vl.protect.usual import USUAL_FILE, Usual, find_usual, measure_usual, write_usual
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm.loading import bundled_names, find_source
from tower_tools import TinyTower


def same(one: Usual, other: Usual) -> bool:
    pairs = [(vars(one)[key], vars(other)[key]) for key in vars(one)]
    return all((a is None) == (b is None) and (a is None or torch.allclose(a, b, atol=1e-4)) for a, b in pairs)


def draw_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a dozen plain squares stand for people, whose drawing takes long."""
    monkeypatch.setattr(usual, "PEOPLE", 12)
    generator = torch.Generator().manual_seed(0)
    people = torch.rand(usual.PEOPLE, 1, 3, 1, 1, generator=generator).repeat_interleave(usual.PHOTOS, 0)
    noise = (0.1 * torch.randn(1, 3, 32, 32, generator=generator) for _ in people)
    photos = [(person + one).clamp(0, 1) for person, one in zip(people, noise, strict=True)]
    monkeypatch.setattr(usual, "usual_photos", lambda: photos)


def refuse_to_measure(*_, **__):
    raise AssertionError("measured again")


@pytest.fixture
def undrawn(monkeypatch):
    def refuse():
        raise AssertionError("people were drawn although what is usual came with the tower")

    monkeypatch.setattr(usual, "usual_photos", refuse)


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_towers_bring_what_is_usual_for_their_weights(name, undrawn):
    found = find_usual(load_surrogate(name))
    assert found.axes.shape == (len(found.who_centre), usual.AXES)
    assert float(found.spread) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled_names())
def test_what_comes_with_a_tower_is_what_it_would_measure_here(name):
    tower = load_surrogate(name)
    shipped, measured = find_usual(tower), measure_usual(tower)
    for key in ("pooled_centre", "who_centre", "token_centre", "spread"):
        assert torch.allclose(vars(shipped)[key], vars(measured)[key], rtol=1e-3, atol=1e-3), key
    alike = torch.linalg.svdvals(torch.linalg.qr(shipped.axes)[0].T @ torch.linalg.qr(measured.axes)[0])
    assert alike.min() > 0.99


def test_a_tower_of_other_weights_is_measured_anew(tmp_path, monkeypatch):
    draw_squares(monkeypatch)
    folder = tmp_path / "copy"
    shutil.copytree(find_source("mini-llava"), folder)
    tower = load_surrogate(f"vlm:{folder}")
    write_usual(tower, folder / USUAL_FILE)
    written = find_usual(tower)
    assert same(written, measure_usual(tower))
    with torch.no_grad():
        next(tower.model.parameters()).mul_(1.5)
    assert not same(written, find_usual(tower))
    assert same(find_usual(tower), measure_usual(tower))


def test_what_was_measured_is_remembered_for_the_same_weights_read_the_same_way(tmp_path, monkeypatch):
    draw_squares(monkeypatch)
    folder = tmp_path / "copy"
    shutil.copytree(find_source("mini-llava"), folder)
    (folder / USUAL_FILE).unlink(missing_ok=True)
    measured = find_usual(load_surrogate(f"vlm:{folder}"))
    monkeypatch.setattr(usual, "measure_usual", refuse_to_measure)
    assert same(find_usual(load_surrogate(f"vlm:{folder}")), measured)
    other = load_surrogate(f"vlm:{folder}")
    other.family = "read in another way"
    with pytest.raises(AssertionError, match="measured again"):
        find_usual(other)
    with torch.no_grad():
        next((changed := load_surrogate(f"vlm:{folder}")).model.parameters()).mul_(1.5)
    with pytest.raises(AssertionError, match="measured again"):
        find_usual(changed)


def test_a_program_is_remembered_by_all_of_its_bytes(tmp_path, monkeypatch):
    draw_squares(monkeypatch)
    name = write_tower(tmp_path)
    measured = find_usual(load_surrogate(name))
    monkeypatch.setattr(usual, "measure_usual", refuse_to_measure)
    assert same(find_usual(load_surrogate(name)), measured)
    with zipfile.ZipFile(tmp_path / "tower.pt", "a") as file:
        file.writestr("tower/extra/note", "another program with the same weights")
    with pytest.raises(AssertionError, match="measured again"):
        find_usual(load_surrogate(name))


def test_a_state_folder_that_cannot_be_written_costs_time_alone(tmp_path, monkeypatch):
    draw_squares(monkeypatch)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DP2VL_STATE_DIR", str(tmp_path / "file" / "state"))
    tower = TinyTower()
    tower.folder = tmp_path
    assert same(find_usual(tower), measure_usual(tower))


def test_a_damaged_file_is_as_good_as_none(tmp_path, monkeypatch):
    draw_squares(monkeypatch)
    tower = TinyTower()
    tower.folder = tmp_path
    (tmp_path / USUAL_FILE).write_bytes(b"not a tensor")
    assert same(find_usual(tower), measure_usual(tower))
    none = replace(measure_usual(tower), token_centre=None, token_variance=None)
    assert not same(none, find_usual(tower))
