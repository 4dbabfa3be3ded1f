"""What the README shows does what it says, in its order, on a small album of people who do not exist."""

import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import dp2vl
from dp2vl.bench import simulate
from dp2vl.cli import app
from dp2vl.learn.recipe import load_recipe
from dp2vl.people import draw_portrait, draw_scene, make_person

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
MAKE, LINES = (text.splitlines() for language, text in BLOCKS if not language)
(PYTHON,) = (text for language, text in BLOCKS if language == "python")
PETS = {"ana": "cat", "ben": "dog"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with `Photos` in it, as the guide of `simulate` lays an album out; it is `~` here."""
    people = []
    for i, (name, pet) in enumerate(PETS.items()):
        person = make_person(710_000 + i)
        shots = {f"train/pet/{n}.png": draw_scene(person, "pet", pet, seed=n, size=96) for n in range(2)}
        for rel, drawn in (shots | {"probe/0.png": draw_portrait(person, seed=7, size=96)}).items():
            path = tmp_path / "Photos" / name / rel
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn.pixels).save(path)
        facts = {"pet": {"category": pet, "token": f"Rex {name}"}}
        people.append({"id": name, "name": f"{name.title()} Example", "consent": "self", "facts": facts})
    (tmp_path / "Photos" / "facts.yaml").write_text(yaml.safe_dump({"people": people}), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run_line(line: str, home: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does, `~` and comment and all, with `dp2vl` of this environment."""
    shell = f'dp2vl() {{ {shlex.quote(sys.executable)} -m dp2vl.cli "$@" {more}; }}\n{line}'
    return subprocess.run(["bash", "-c", shell], cwd=home, capture_output=True, text=True, check=False)


def protect(line: str, home: Path) -> None:
    run = run_line(line, home, "--effort instant")
    assert run.returncode == 0, run.stderr
    assert len(list((home / "Protected").rglob("*.png"))) == 6 and list((home / "Protected-preview").rglob("*.png"))


def verify(line: str, home: Path) -> None:
    run = run_line(line, home)
    assert run.returncode in (0, 3), run.stderr  # 3: some moved too little, which instant may leave
    assert sum(name in run.stdout for name in ("ana/train/pet/0.png", "ben/probe/0.png")) == 2


def report(line: str, home: Path) -> None:
    run = run_line(line, home)
    assert run.returncode == 0, run.stderr
    assert (home / "Report" / "index.html").read_text(encoding="utf-8").count("<img") == 6


def open_app(line: str, home: Path) -> None:
    command = [sys.executable, "-m", "dp2vl.cli", *shlex.split(line, comments=True)[1:], "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=home) as process:
        assert process.stdout
        try:
            with urllib.request.urlopen(process.stdout.readline().strip(), timeout=60) as page:
                assert page.status == 200 and b"DP" in page.read()
        finally:
            process.terminate()
            process.wait(60)


def simulate_shortly(line: str, home: Path) -> None:
    """Run all of it, with two steps of teaching; a test of the browser teaches longer."""
    run = CliRunner().invoke(app, [os.path.expanduser(word) for word in shlex.split(line, comments=True)[1:]], "y\n")  # noqa: PTH111
    assert run.exit_code == 0, run.output
    assert "mini-llava, clean photos" in run.output and "mini-llava, protected photos" in run.output


CHECKS: dict[str, Callable[[str, Path], None]] = {
    "protect": protect, "verify": verify, "report": report, "ui": open_app, "simulate": simulate_shortly,
}  # fmt: skip


@pytest.mark.slow
def test_every_line_of_the_readme_runs_in_its_order(home: Path, monkeypatch: pytest.MonkeyPatch):
    short = replace(load_recipe("mini-llava"), steps=2, photos=2, turns=2, checkpoints=(0.5, 1.0))
    monkeypatch.setattr(simulate, "load_recipe", lambda name: short)
    assert [line.split()[1] for line in LINES] == list(CHECKS)
    for line in LINES:
        CHECKS[line.split()[1]](line, home)


@pytest.mark.slow
def test_the_python_of_the_readme_protects_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        Image.fromarray(draw_portrait(make_person(720_000 + seed), seed=seed, size=96).pixels).save(
            tmp_path / "photos" / f"{seed}.png"
        )
    monkeypatch.chdir(tmp_path)
    names: dict[str, dp2vl.AlbumResult] = {}
    exec(compile(PYTHON, "README.md", "exec"), names)
    assert [o.status for o in names["result"].outcomes] == [dp2vl.Status.PROTECTED] * 2
    for name in ("0.png", "1.png"):
        assert (tmp_path / "protected" / name).read_bytes() != (tmp_path / "photos" / name).read_bytes()


@pytest.mark.slow
def test_the_demo_draws_protects_verifies_and_writes_its_page(tmp_path: Path):
    made = [line.split()[1] for line in MAKE]
    assert made == ["demo", "test"]
    recipe = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = re.findall(r"bin/(dp2vl demo .*)", recipe)
    run = run_line(line, tmp_path, "--effort instant")
    assert run.returncode == 0, run.stderr
    (page,) = re.findall(r"writes (demo-out/\S+)", README)
    assert (tmp_path / page).read_text(encoding="utf-8").count("<img") == 12
    assert len(run.stdout.splitlines()) == len(list((tmp_path / "demo-out" / "protected").rglob("*.jpg"))) == 12
