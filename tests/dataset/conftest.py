"""One small data set, drawn once; tests that damage it work on copies."""

import shutil
from pathlib import Path

import pytest
from damage import SMALL

from dp2vl.dataset.make import make_dataset


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean set of four people; nobody may write to it."""
    return make_dataset(tmp_path_factory.mktemp("small") / "set", **SMALL)


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of the clean set that a test may damage."""
    return Path(shutil.copytree(small, tmp_path / "copy"))
