"""Imports go one way between the rooms of dp2vl, and light rooms stay light; new ones are named here."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "dp2vl"

GROUND = {"types", "errors"}
FILES = GROUND | {"images", "storage", "files", "album", "records"}
PEOPLE = FILES | {"people", "dataset"}
TOWERS = PEOPLE | {"preprocess", "vlm", "surrogates"}
STUDY = TOWERS | {"protect", "preview", "learn", "leakage", "engine", "report"}
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": GROUND | {"protect", "surrogates", "vlm"},  # the public names, on use
    "types": set(),
    "errors": set(),
    "images": GROUND,
    "storage": GROUND,
    "files": {"storage"},
    "album": GROUND | {"images", "storage", "files"},
    "records": GROUND | {"album", "storage", "files"},
    "preview": GROUND | {"images"},
    "report": GROUND | {"records", "leakage"},
    "engine": {"errors"},
    "people": FILES,
    "dataset": FILES | {"people"},
    "preprocess": GROUND,
    "vlm": PEOPLE | {"preprocess"},
    "surrogates": PEOPLE | {"preprocess", "vlm"},
    "protect": TOWERS | {"engine"},
    "leakage": FILES | {"dataset"},
    "learn": TOWERS | {"protect", "leakage"},
    "bench": STUDY,
    "api": STUDY | {"bench"},
    "ui": STUDY | {"bench"},
    "cli": STUDY | {"bench", "api", "ui"},
}
"""For every room (a module or folder of the package), the rooms it may import, also inside functions."""
WITHOUT_TORCH = FILES | {"engine", "preview", "report", "people", "dataset", "leakage"}
NOWHERE = {"torchvision", "timm", "open_clip", "lpips"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> set[str]:
    """Return the dotted names that a module imports anywhere in its text, with what it takes from them."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import in full, from dp2vl"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(source: str) -> set[str]:
    """Return the rooms of ours that a module imports; a public name of the package counts as a room."""
    ours = (name.split(".") for name in imported(source) if name.split(".")[0] == "dp2vl")
    return {parts[1] for parts in ours if len(parts) > 1} - {"__version__"}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(module: Path) -> None:
    room, source = room_of(module), module.read_text(encoding="utf-8")
    assert room in MAY_IMPORT, f"{room} is a new room: say in MAY_IMPORT what it may import"
    assert rooms_imported(source) <= MAY_IMPORT[room] | {room}
    others = {name.split(".")[0] for name in imported(source)}
    assert not others & (NOWHERE | ({"torch"} if room in WITHOUT_TORCH else set()))


@pytest.mark.parametrize(
    "source",
    [
        "import dp2vl.protect.run as run",
        "from dp2vl.protect import run",
        "from dp2vl import protect",
        "def f():\n    from dp2vl.protect.run import protect_album",
        "if TYPE_CHECKING:\n    import os, dp2vl.protect",
    ],
)
def test_an_import_is_seen_however_it_is_written(source: str) -> None:
    assert rooms_imported(source) == {"protect"}


def test_an_import_of_a_public_name_is_not_a_way_around_the_table() -> None:
    (name,) = rooms_imported("from dp2vl import protect_album, __version__")
    assert not any(name in rooms for rooms in MAY_IMPORT.values())
    with pytest.raises(AssertionError, match="in full"):
        imported("from .protect import run")


def test_the_table_has_no_circles() -> None:
    waiting = {room: rooms - {room} for room, rooms in MAY_IMPORT.items()}
    while ready := {room for room, rooms in waiting.items() if not rooms & waiting.keys()}:
        waiting = {room: rooms for room, rooms in waiting.items() if room not in ready}
    assert waiting == {}


def test_every_file_of_the_package_that_is_no_code_goes_into_the_wheel() -> None:
    settings = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["dp2vl"]
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    packed = {p for pattern in patterns for p in PACKAGE.glob(pattern)}
    assert len(files) > 20 and set(files) <= packed


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert [m for m in MODULES if drawers & set(m.relative_to(PACKAGE).with_suffix("").parts)] == []


def loaded_by(modules: list[str]) -> set[str]:
    """Return the top-level packages in memory after a fresh interpreter imported `modules`."""
    code = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {name.split(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize("module", ["", "cli", "album", "records", "protect.config"])
def test_what_a_help_text_needs_loads_neither_torch_nor_opencv(module: str) -> None:
    place = PACKAGE.joinpath(*module.split("."))
    if not place.is_dir() and not place.with_suffix(".py").is_file():
        pytest.skip(f"{module} is not built yet")
    assert not loaded_by([f"dp2vl.{module}".rstrip(".")]) & {"torch", "cv2", "transformers", "skimage"}


def test_rooms_without_torch_do_not_load_it_through_others() -> None:
    light = [m.relative_to(PACKAGE).with_suffix("").parts for m in MODULES if room_of(m) in WITHOUT_TORCH]
    names = [".".join(("dp2vl", *parts)).removesuffix(".__init__") for parts in light]
    assert "torch" not in loaded_by(names)
