"""What docs/concepts/security.md promises is held by tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "concepts" / "security.md"


def rows() -> list[tuple[str, str, str]]:
    table = PAGE.read_text(encoding="utf-8").split("<!-- promises -->")[1].split("<!-- /promises -->")[0]
    lines = [line for line in table.strip().splitlines() if line.startswith("| ")][1:]
    return [tuple(part.strip() for part in line.strip("|").split("|")) for line in lines]  # type: ignore[misc]


@pytest.mark.parametrize(("promise", "tests", "figure"), rows())
def test_every_promise_has_a_figure_and_names_tests_that_exist(promise, tests, figure):
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = re.findall(r"`(test_\w+)`", tests)
    assert named and set(named) <= there and figure, promise


def test_no_checkpoint_may_bring_code():
    sources = (ROOT / "src").rglob("*.py")
    assert not [path for path in sources if "trust_remote_code=True" in path.read_text(encoding="utf-8")]
