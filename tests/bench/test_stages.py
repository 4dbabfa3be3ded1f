"""What a stage leaves behind comes back bit for bit, and says what it was made from."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dp2vl.bench import stages
from dp2vl.bench.stages import draw_people, question, teach
from dp2vl.bench.suite import PeoplePlan, Suite
from dp2vl.learn.countermeasures import apply_countermeasure

PLAN = PeoplePlan(count=4, train_photos=1, probe_photos=1, size_px=96, seed=3)
SUITE = Suite(
    name="tiny", families=("mini-llava",), seeds=(0,), arms=("clean", "untouched"), attackers=("default", "purify"),
    people=PLAN, steps=2,
)  # fmt: skip
CLEAN, PURIFY, UNTOUCHED = SUITE.trials()


def quiet(line: str) -> None:
    """Takes lines about progress."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    draw_people(SUITE, folder, quiet, processes=1)
    return folder


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_adapters_and_their_record_that_were_removed_come_back_bit_for_bit(out):
    folder = teach(SUITE, CLEAN, out / "data", out, quiet)
    before = read_all(folder)
    assert {"record.json", "done.json", "step00002/adapters.safetensors"} <= before.keys()
    record = json.loads(before["record.json"])
    assert record["lora"]["targets"] and record["lora"]["rank"] == record["recipe"]["adapters"]["rank"]
    timing = json.loads((folder.parent / "timing.json").read_text())
    assert timing["seconds"] > 0 and {"torch", "device"} <= timing["machine"].keys()
    shutil.rmtree(folder)
    teach(SUITE, CLEAN, out / "data", out, quiet)
    assert read_all(folder) == before


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, np.ndarray]]:
    """The photos that models were asked about, one entry per checkpoint; nothing is asked."""
    found: list[dict[str, np.ndarray]] = []
    monkeypatch.setattr(stages, "_ask_checkpoint", lambda trial, step, pixels, asks, device: found.append(pixels) or [])
    return found


def test_an_adversary_who_cleans_photos_cleans_those_that_they_ask_about_too(out, shown):
    for trial in (UNTOUCHED, PURIFY):
        (out / "runs" / trial.name / "adapters/step00002").mkdir(parents=True, exist_ok=True)
        question(SUITE, trial, out / "data", out, quiet)
    plain, cleaned = shown
    assert {name.split("-")[0] for name in plain} == {"train", "probe", "object", "stranger", "retain"}
    for name, photo in plain.items():
        assert np.ptp(photo.astype(int), axis=2).max() > 0
        assert np.array_equal(cleaned[name], apply_countermeasure(photo, "grey-jpeg75"))


def test_answers_say_what_they_were_made_from(out, shown):
    question(SUITE, UNTOUCHED, out / "data", out, quiet)
    done = json.loads((out / "runs" / UNTOUCHED.name / "done.json").read_text())
    assert done["inputs"]["recipe_digest"] == SUITE.recipe(UNTOUCHED).digest
    assert done["inputs"]["data"] == json.loads((out / "data/done.json").read_text())["sha256"]
    assert {"dp2vl", "model", "questions"} <= done["inputs"].keys() and "shown" not in done["inputs"]
