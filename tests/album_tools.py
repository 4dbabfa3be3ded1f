"""Small albums, a small tower in a file, and the command line as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dp2vl.people import draw_portrait, make_person

WROTE_ALL = (0, 4)
"""Exit statuses of `dp2vl protect` where every photo has a copy: what fools a tiny tower alone protects nothing."""
WROTE_SOME = (3, 4)


class _Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 5, 3), torch.nn.Tanh(), torch.nn.Conv2d(16, 24, 3, 2), torch.nn.Tanh()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images - 0.5).flatten(2).mean(-1)


def write_tower(folder: Path) -> str:
    """Write a tiny TorchScript encoder and return the name under which `load_surrogate` finds it."""
    path = folder / "tower.pt"
    if not path.exists():
        torch.jit.script(_Encoder().eval()).save(str(path))
    return f"torchscript:{path}?px=32"


def write_album(
    folder: Path, *, photos: int = 3, side_px: int = 80, suffixes: tuple[str, ...] = (".png", ".jpg")
) -> None:
    """Write portraits of different synthetic people as `photo-0.png`, `photo-1.jpg`, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(photos):
        pixels = draw_portrait(make_person(920_000 + i), seed=i, size=side_px).pixels
        Image.fromarray(pixels).save(folder / f"photo-{i}{suffixes[i % len(suffixes)]}", quality=92)


def run_cli(*arguments: str | Path, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
    """Run `dp2vl` in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "dp2vl.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout_s)


def digests(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files under `folder` but the records, by relative path."""
    files = (p for p in folder.rglob("*") if p.is_file() and ".dp2vl" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def read_pixels(path: Path) -> np.ndarray:
    """Return a file's pixels as signed integers."""
    return np.asarray(Image.open(path).convert("RGB")).astype(int)
