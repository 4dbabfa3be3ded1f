"""Tiny checkpoints of the named families, written once, for tests that do not change them."""

from pathlib import Path

import pytest
from named_checkpoints import NAMED, write_named


@pytest.fixture(scope="session")
def named_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of each of `NAMED`."""
    folders = {family: tmp_path_factory.mktemp("named") / family for family in NAMED}
    write_named(folders)
    return folders
