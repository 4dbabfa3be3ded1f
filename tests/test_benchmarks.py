"""Scripts that measure are run by hand, so what they import from the package must not go unnoticed when it moves."""

import runpy
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(BENCHMARKS.rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(BENCHMARKS)))
def test_all_that_a_script_imports_is_there(script, monkeypatch):
    monkeypatch.syspath_prepend(str(script.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # some set it, and would leave it set
    runpy.run_path(str(script), run_name="imported")
