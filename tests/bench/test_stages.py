"""What a stage leaves behind comes back bit for bit, and says what it was made from."""

import json
import shutil
from pathlib import Path

import pytest

from dp2vl.bench.stages import draw_people, teach
from dp2vl.bench.suite import PeoplePlan, Suite

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
    timing = json.loads((folder.parent / "timing.json").read_text())
    assert timing["seconds"] > 0 and {"torch", "device"} <= timing["machine"].keys()
    shutil.rmtree(folder)
    teach(SUITE, CLEAN, out / "data", out, quiet)
    assert read_all(folder) == before
