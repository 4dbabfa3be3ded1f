"""Somebody's own album: consent first, protected copies beside the photos, and nothing left behind."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from dp2vl.bench import simulate as module
from dp2vl.bench.simulate import CLEAN, PROTECTED, Simulated, simulate
from dp2vl.cli import app
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.learn.recipe import load_recipe
from dp2vl.people import draw_portrait, draw_scene, make_person

PEOPLE = ("ana", "ben", "cleo")
PETS = ("cat", "dog", "parrot")


def write_album(folder: Path, *, consent: str = "self", people: int = 3, probes: int = 1) -> Path:
    entries = []
    for i, name in enumerate(PEOPLE[:people]):
        person = make_person(700_000 + i)
        shots = {f"train/pet/{n}.png": draw_scene(person, "pet", PETS[i], seed=10 * i + n, size=96) for n in range(2)}
        shots |= {f"probe/{n}.png": draw_portrait(person, seed=10 * i + n, size=96) for n in range(probes)}
        for rel, drawn in shots.items():
            path = folder / name / rel
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn.pixels).save(path)
        facts = {"pet": {"category": PETS[i], "token": f"Rex {name}"}}
        entries.append({"id": name, "name": f"{name.title()} Example", "consent": consent, "facts": facts})
    (folder / "facts.yaml").write_text(yaml.safe_dump({"people": entries}), encoding="utf-8")
    return folder


def write_copies(album: Path, folder: Path) -> Path:
    """Copies of all photos, every pixel a little brighter."""
    for path in album.rglob("*.png"):
        copy = folder / path.relative_to(album)
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).point(lambda v: min(255, v + 3)).save(copy)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Few steps, and a temporary folder to look into; returns that folder."""
    short = replace(load_recipe("mini-llava"), steps=2, photos=2, turns=2, checkpoints=(0.5, 1.0))
    monkeypatch.setattr(module, "load_recipe", lambda name: short)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    return work


def test_both_arms_are_measured_with_the_same_questions_and_nothing_stays(quick, tmp_path):
    album = write_album(tmp_path / "album")
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    found = simulate(album, against=write_copies(album, tmp_path / "copies"))
    assert [(one.vlm, one.arm) for one in found] == [("mini-llava", CLEAN), ("mini-llava", PROTECTED)]
    metrics = [{(n.metric, n.scenario) for n in one.numbers} for one in found]
    assert {("identity_accuracy", ""), ("leakage", "mean"), ("category_accuracy", "pet")} <= metrics[0] < metrics[1]
    assert ("protection_rate", "mean") in metrics[1]
    assert all(n.interval.people == 3 for one in found for n in one.numbers if n.metric == "identity_accuracy")
    assert not [path for kind in ("*.png", "*.safetensors", "*.jsonl") for path in quick.rglob(kind)]
    assert {path: path.read_bytes() for path in album.rglob("*") if path.is_file()} == before


def test_training_photos_come_from_the_copies_and_new_faces_from_the_album(quick, tmp_path, monkeypatch):
    album, shown = write_album(tmp_path / "album"), []
    monkeypatch.setattr(module, "_run", lambda name, recipe, data, pixels, *_: shown.append(pixels) or [])
    monkeypatch.setattr(module, "_score", lambda name, runs: [])
    simulate(album, against=write_copies(album, tmp_path / "copies"))
    clean, protected = shown
    assert clean.keys() == protected.keys() and len(clean) == 9
    for name, photo in clean.items():
        assert (photo == protected[name]).all() == name.startswith("probe")


def test_a_first_look_takes_a_quarter_of_the_steps_and_says_so(quick, tmp_path, monkeypatch):
    taught = []
    monkeypatch.setattr(module, "load_recipe", lambda name: replace(load_recipe(name), steps=40))
    monkeypatch.setattr(module, "_run", lambda name, recipe, *_: taught.append(recipe.steps) or [])
    monkeypatch.setattr(module, "_score", lambda name, runs: [Simulated(vlm=name, arm=CLEAN, numbers=())])
    monkeypatch.setattr(module, "_replies", lambda *_: ())
    album = write_album(tmp_path / "album")
    assert [simulate(album, short=short)[0].short for short in (True, False)] == [True, False]
    assert taught == [10, 40]


def test_without_consent_nothing_is_taught(quick, tmp_path):
    with pytest.raises(DP2VLError, match="Ana Example, Ben Example, Cleo Example: no consent"):
        simulate(write_album(tmp_path / "album", consent=""))


@pytest.mark.parametrize(
    ("album", "message"),
    [({"people": 1}, "with one person only categories remain"), ({"probes": 0}, "an album needs photos in its folder")],
)
def test_an_album_that_cannot_be_asked_about_is_an_error_before_training(quick, tmp_path, album, message):
    with pytest.raises(UsageError) as error:
        simulate(write_album(tmp_path / "album", **album))
    assert message in str(error.value)


def test_probe_photos_of_one_person_alone_are_an_error_before_training(quick, tmp_path, monkeypatch):
    album = write_album(tmp_path / "album")
    for name in ("ben", "cleo"):
        shutil.rmtree(album / name / "probe")
    monkeypatch.setattr(module, "_run", lambda *_: pytest.fail("taught"))
    with pytest.raises(UsageError, match="there are none of Ben Example, Cleo Example; hint: add photos"):
        simulate(album)


def test_a_copy_that_is_missing_is_an_error(quick, tmp_path):
    album = write_album(tmp_path / "album")
    copies = write_copies(album, tmp_path / "copies")
    (copies / "ben/train/pet/1.png").unlink()
    with pytest.raises(UsageError, match=r"expected the 6 training photos of .* got 5"):
        simulate(album, against=copies)


def test_the_command_asks_first_and_prints_numbers_or_json(quick, tmp_path):
    album = str(write_album(tmp_path / "album"))
    refused = CliRunner().invoke(app, ["simulate", album], input="n\n")
    assert refused.exit_code == 1 and "who Ana Example, Ben Example, Cleo Example are" in refused.stderr
    assert "accuracy" not in refused.stdout
    shown = CliRunner().invoke(app, ["simulate", album], input="y\n")
    assert shown.exit_code == 0 and "identity accuracy" in shown.stdout and "mini-llava, clean photos" in shown.stdout
    (one,) = json.loads(CliRunner().invoke(app, ["simulate", album, "--yes", "--json"]).stdout)
    assert one["arm"] == "clean" and {"metric", "value", "ci_low", "n_people"} <= one["numbers"][0].keys()
