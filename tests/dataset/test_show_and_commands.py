"""Contact sheets and the commands."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dp2vl.cli.dataset import app
from dp2vl.dataset.schema import read_dataset
from dp2vl.dataset.show import show_dataset
from dp2vl.errors import UsageError

run = CliRunner()


def test_there_is_a_sheet_per_person_and_scenario_and_it_holds_their_photos(small: Path, tmp_path: Path) -> None:
    paths = show_dataset(small, tmp_path, side_px=96)
    names = [f"person-p0{i}" for i in (1, 2, 3, 4)]
    scenarios = [f"scenario-{s}" for s in ("vehicle", "home", "pet", "possession", "family", "friends", "work")]
    assert [p.stem for p in paths] == ["overview", *names, *scenarios]
    sheet = np.asarray(Image.open(tmp_path / "person-p01.png"))
    data = read_dataset(small)
    photo = np.asarray(Image.open(data.path(data.rows["train"][0])))
    windows = np.lib.stride_tricks.sliding_window_view(sheet, photo.shape)
    rows, columns = np.nonzero((windows[:, :, 0, 0, 0, :] == photo[0, 0]).all(-1))
    assert any((windows[r, c, 0] == photo).all() for r, c in zip(rows, columns, strict=True))


def test_make_check_show_and_export_work_as_commands(tmp_path: Path) -> None:
    out = str(tmp_path / "set")
    order = ["--people", "2", "--train-photos", "1", "--probe-photos", "1", "--size", "96", "--seed", "1"]
    made = run.invoke(app, ["make", *order, "--scenarios", "pet,family", "--processes", "1", "--out", out])
    assert made.exit_code == 0, made.output
    assert len(made.stdout.split()[-1]) == 64
    checked = run.invoke(app, ["check", out])
    assert checked.exit_code == 0, checked.output
    shown = run.invoke(app, ["show", out])
    assert shown.exit_code == 0 and "scenario-family.png" in shown.stdout
    exported = run.invoke(app, ["export", out, "--kind", "llava"])
    assert exported.exit_code == 0 and Path(exported.stdout.strip()).is_file()


def test_check_prints_one_line_per_finding_with_its_rule_and_fails(copy: Path) -> None:
    row = read_dataset(copy).rows["train"][0]
    (copy / "photos" / "train" / row.file_name).unlink()
    checked = run.invoke(app, ["check", str(copy)])
    assert checked.exit_code == 1
    assert checked.stdout == f"error row-without-file train/{row.file_name}: there is no such photo\n"


def test_init_then_import_makes_a_set_of_ones_own(tmp_path: Path) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    assert run.invoke(app, ["init", str(album)]).exit_code == 0
    for seed, name in enumerate(["train/pet/1.png", "train/2.png", "probe/3.png"]):
        pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
        path = album / "me" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).resize((60, 60), Image.Resampling.BICUBIC).save(path)
    assert run.invoke(app, ["import", str(album), "--out", str(out)]).exit_code == 0
    checked = run.invoke(app, ["check", str(out)])
    assert checked.exit_code == 1 and "error consent p01" in checked.stdout  # nobody wrote who agreed


def test_a_wrong_kind_reaches_the_caller_as_an_error_with_a_hint(small: Path) -> None:
    result = run.invoke(app, ["export", str(small), "--kind", "lava"])
    assert isinstance(result.exception, UsageError) and "did you mean 'llava'" in str(result.exception)


@pytest.mark.parametrize("command", ["make", "check", "show", "import", "export", "init"])
def test_each_command_says_what_it_does(command: str) -> None:
    assert run.invoke(app, [command, "--help"]).exit_code == 0
