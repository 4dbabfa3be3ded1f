"""Tiny checkpoints of the named families, written once, and changed copies of the modern families'."""

from collections.abc import Callable
from pathlib import Path

import pytest
from named_checkpoints import NAMED, write_named
from safetensors.torch import load_file, save_file
from torch import Tensor

Edit = Callable[[Callable[[dict[str, Tensor]], object]], Path]


@pytest.fixture(scope="session")
def named_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of each of `NAMED`."""
    folders = {family: tmp_path_factory.mktemp("named") / family for family in NAMED}
    write_named(folders)
    return folders


@pytest.fixture
def edited(folder: Path, tmp_path: Path) -> Edit:
    """Return a function that copies the checkpoint in `folder`, its tensors changed by another function."""

    def edit(change: Callable[[dict[str, Tensor]], object]) -> Path:
        copy = tmp_path / "edited"
        copy.mkdir()
        for path in folder.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
        tensors = load_file(copy / "model.safetensors")
        change(tensors)
        save_file(tensors, copy / "model.safetensors", {"format": "pt"})
        return copy

    return edit
