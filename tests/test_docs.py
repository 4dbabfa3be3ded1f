"""What a person reads agrees with what the code does."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dp2vl

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_generated_pages_are_up_to_date():
    run = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_the_pages_exist_with_their_options(page: Path):
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for line in re.findall(r"^dp2vl .*$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = line.split("#")[0].split()
        names = [w for w in words[1:3] if re.fullmatch("[a-z]+", w)]
        command = " ".join(["dp2vl", *(names if names[0] in ("models", "dataset") else names[:1])])
        assert f"## `{command}`" in reference, f"{page.name}: {line}"
        for option in re.findall(r"--[a-z-]+", line):
            assert f"`{option}" in reference or f"/{option}" in reference, f"{page.name}: {option}"


def test_every_public_name_loads_and_has_a_docstring():
    for name in dp2vl.__all__:
        assert name == "__version__" or getattr(dp2vl, name).__doc__, name


def test_pages_make_no_promises():
    words = re.compile(r"\b(guaranteed?|immune|unbreakable|100 % safe)\b", re.IGNORECASE)
    for page in PAGES:
        assert not words.search(page.read_text(encoding="utf-8")), page.name


def test_the_rooms_of_the_design_page_are_the_rooms_on_disk():
    table = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("## How")[0]
    named = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    places = (ROOT / "src" / "dp2vl").iterdir()
    rooms = {p.stem for p in places if (p.is_dir() or p.suffix == ".py") and not p.name.startswith("_")}
    assert rooms == named


def test_the_example_of_protect_images_runs():
    if importlib.util.find_spec("dp2vl.vlm.mini") is None:
        pytest.skip("no bundled towers")
    import torch

    photos = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    out = dp2vl.protect_images(photos, effort="quick", budget=dp2vl.Budget(linf=6 / 255))
    assert 3 / 255 < float((out - photos).abs().max()) <= 6.51 / 255
