"""Any encoder saved as TorchScript that takes RGB in [0, 1] and returns one row per picture."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from dp2vl.errors import ModelError
from dp2vl.preprocess import Preprocess
from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower

FORM = "torchscript:<path>?px=<side of the square that it takes>"
_OF_FILES = re.compile(rb"\b(from_file|torch\s*\.\s*save|ops\s*\.\s*(?!aten\b|prim\b)\w+)\b")
"""Operations in the source of a TorchScript program that reach files, or that are none of torch's own."""


def load(spec: str) -> Tower:
    """Return the encoder of `torchscript:<path>?px=N`: photos squashed to N x N pixels, bicubic; pooled rows only.

    The file is run once on a grey picture, so that a wrong size or a missing gradient shows at once.

    Raises:
        ModelError: the spec does not parse, or the file is absent, not TorchScript, not such an encoder, or a program
            that would read or write files.
    """
    path, side_px = _parse(spec)
    try:
        _check_program(path)
        model = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path} does not load as TorchScript: {_first_line(error)}", f"expected {FORM}") from error
    tower = Tower(spec, path.stem, model, Preprocess(side_px), _read, folder=None, program=path)
    _try_out(tower)
    return tower


def _parse(spec: str) -> tuple[Path, int]:
    path, _, options = spec.partition(":")[2].partition("?")
    key, _, value = options.partition("=")
    if not path or key != "px" or not value.isdecimal() or int(value) == 0:
        raise ModelError(f"expected {FORM}, got {spec!r}", f"for instance torchscript:{path or 'encoder.pt'}?px=224")
    if not Path(path).expanduser().is_file():
        raise ModelError(f"no such file: {path}", "give the path of a TorchScript encoder")
    return Path(path).expanduser(), int(value)


def _check_program(path: Path) -> None:
    """Raise a `ModelError` if the program names an operation on files: before loading, which runs a part of it."""
    reader = torch._C.PyTorchFileReader(str(path))  # the one that loads it, so that both see the same
    for name in (record for record in reader.get_all_records() if record.endswith(".py")):
        if found := _OF_FILES.search(reader.get_record(name)):
            message = f"{path} would do more than encode: its program has {found[0].decode()}"
            raise ModelError(message, "use an encoder from somebody you trust")


def _try_out(tower: Tower) -> None:
    grey = torch.full((1, 3, tower.side_px, tower.side_px), 0.5, requires_grad=True)
    try:
        pooled = tower.features(grey).pooled
    except RuntimeError as error:
        message = f"{tower.name} fails on a picture of {tower.side_px} px: {_first_line(error)}"
        raise ModelError(message, "is px the size that it was made for?") from error
    if not isinstance(pooled, Tensor) or pooled.ndim != 2:
        got = tuple(pooled.shape) if isinstance(pooled, Tensor) else type(pooled).__name__
        raise ModelError(f"expected {tower.name} to return rows of shape (n, d), got {got}")
    if not pooled.requires_grad:
        raise ModelError(f"{tower.name} passes no gradient to its input", "export it without torch.no_grad")


def _read(model: nn.Module, squares: Tensor) -> Features:
    return Features(model(squares))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
