"""What a person reads agrees with what the code does."""

import importlib
import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import dp2vl
from dp2vl.bench.suite import ProtectionPlan, load_suite
from dp2vl.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_generated_pages_are_up_to_date():
    run = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def read_blocks(page: Path, language: str = "") -> list[str]:
    """Return the blocks of a page that are marked with a language, or not marked at all."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def read_lines(page: Path, program: str) -> list[str]:
    return [line for block in read_blocks(page) for line in block.splitlines() if line.startswith(program + " ")]


def take(words: list[str]) -> None:
    """Raise unless the command line takes these words: every option is known, every argument that is needed is there.

    Typer may carry a click of its own, so nothing here asks for click's classes.
    """
    command: Any = get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words))


COMMANDS = [(page, line) for page in PAGES for line in read_lines(page, "dp2vl")]


def test_pages_show_commands():
    assert len(COMMANDS) > 30 and len({line.split()[1] for _, line in COMMANDS}) >= 7


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda part: part if isinstance(part, str) else part.name)
def test_the_command_line_takes_every_command_of_the_pages(page: Path, line: str):
    take(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("protect ~/Photos --out x --no-such-option", "No such option"),
        ("protect ~/Photos --effort", "requires an argument"),
        ("protect --out x", "Missing parameter: paths"),
        ("bench run smoke --no-such-option", "No such option"),
        ("bench entry smoke --out x", "Missing parameter"),
    ],
)
def test_the_command_line_refuses_what_no_page_may_show(line: str, message: str):
    with pytest.raises(Exception, match=message):
        take(line.split())
    with pytest.raises(KeyError, match="protetc"):
        take(["protetc", "~/Photos"])


RUN = (
    "dp2vl protect ~/Photos --out ~/Protected --dry-run",
    "dp2vl models list",
    "dp2vl dataset init album",
    "dp2vl report benchmarks/results --out report",
)
"""Commands of the pages that are cheap enough to run here. What trains, protects, draws or downloads is only read by
the command line above; the main path, the smoke suite and what the README shows have tests of their own."""


@pytest.mark.parametrize("line", RUN)
def test_cheap_commands_of_the_pages_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert any(shown.split("#")[0].strip() == line for _, shown in COMMANDS), f"no page shows {line}"
    (tmp_path / "Photos").mkdir()
    Image.new("RGB", (64, 64), (120, 90, 70)).save(tmp_path / "Photos" / "one.jpg")
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    words = [word.replace("~", str(tmp_path)) for word in shlex.split(line)[1:]]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.output


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_of_the_pages_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blocks = read_blocks(page, "python")
    if not blocks:
        return
    called = inspect.signature(dp2vl.protect_album)
    refused = dp2vl.Outcome(path="one.jpg", rel="one.jpg", status=dp2vl.Status.REFUSED, reason="too dark")

    def protect_album(*given: object, **named: object) -> dp2vl.AlbumResult:
        called.bind(*given, **named)  # the search itself has tests of its own
        return dp2vl.AlbumResult(outcomes=(refused,), towers=("mini-llava",))

    monkeypatch.setattr(dp2vl, "protect_album", protect_album, raising=False)
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, str(page), "exec"), {})


def test_suites_of_the_pages_are_suites(tmp_path: Path):
    (plan,) = read_blocks(ROOT / "docs" / "guides" / "bench.md", "toml")
    (suite,) = read_blocks(ROOT / "docs" / "guides" / "methods.md", "toml")
    table = tomllib.loads(plan)["protection"]
    ProtectionPlan(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
    (tmp_path / "mine.toml").write_text(suite, encoding="utf-8")
    assert "baseline" in load_suite(str(tmp_path / "mine.toml")).arms
    (tmp_path / "mine.toml").write_text(suite.split("[protection]")[0] + plan, encoding="utf-8")
    assert len(load_suite(str(tmp_path / "mine.toml")).protection.ratios) == 2


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_make_targets_of_the_pages_exist(page: Path):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in read_lines(page, "make"):
        assert line.split()[1] in targets, line


def all_commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for part, inner in getattr(command, "commands", {}).items():
        yield from all_commands(inner, f"{name} {part}")


ALL_COMMANDS = dict(all_commands(get_command(app), "dp2vl"))
REFERENCE = unescape((ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8"))


def find_undocumented(name: str, command: Any, reference: str) -> list[str]:
    """Return what the reference does not say of a command: its heading, its help, its arguments and options."""
    heading = f"# `{name}`\n" if " " in name else "# Commands\n"
    if heading not in reference:
        return [name]
    section = re.split(r"^#+ `", reference.split(heading, 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    first = " ".join((command.help or "").split("\n\n")[0].split())
    missing = [] if first and first in " ".join(section.split()) else ["help"]
    for parameter in command.params:
        shown = max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.name
        line = re.search(rf"^\* `[^`\n]*{re.escape(shown)}\b[^`\n]*`: .+", section, re.MULTILINE)
        if shown != "--help" and not (parameter.help and line):
            missing.append(shown)
    return missing


def test_all_commands_are_found():
    assert len(ALL_COMMANDS) > 15 and {"dp2vl bench run", "dp2vl models train", "dp2vl protect"} <= ALL_COMMANDS.keys()
    assert sum(len(command.params) for command in ALL_COMMANDS.values()) > 60


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_command_and_option_is_in_the_reference(name: str):
    assert find_undocumented(name, ALL_COMMANDS[name], REFERENCE) == []


def test_a_command_an_option_and_an_argument_that_the_reference_lacks_are_found():
    def missing(cut: str) -> list[str]:
        assert cut in REFERENCE
        return find_undocumented("dp2vl bench run", ALL_COMMANDS["dp2vl bench run"], REFERENCE.replace(cut, "", 1))

    assert missing("`dp2vl bench run`\n") == ["dp2vl bench run"]
    section = REFERENCE.split("# `dp2vl bench run`\n", 1)[1]
    option = re.search(r"^\* `--jobs.*\n", section, re.MULTILINE)
    argument = re.search(r"^\* `suite.*\n", section, re.MULTILINE)
    assert option and argument
    without = section.replace(option[0], "", 1).replace(argument[0], "", 1)
    found = find_undocumented("dp2vl bench run", ALL_COMMANDS["dp2vl bench run"], f"# `dp2vl bench run`\n{without}")
    assert sorted(found) == ["--jobs", "suite"]


def test_the_python_reference_names_what_exists_and_every_public_name():
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    for name in named:
        found = importlib.util.find_spec(name.rpartition(".")[0])
        assert found is not None, name
        module = importlib.import_module(name.rpartition(".")[0])
        assert hasattr(module, name.rpartition(".")[2]) or importlib.util.find_spec(name), name
    assert {name.rpartition(".")[2] for name in named} >= set(dp2vl.__all__) - {"__version__"}


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
