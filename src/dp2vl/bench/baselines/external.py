"""Methods from outside the package: a function in a Python file, held to the same budget as all others."""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dp2vl.bench.baselines.names import BASELINES
from dp2vl.errors import UsageError
from dp2vl.types import Budget

Method = Callable[..., Sequence[NDArray[np.uint8]]]
"""(photos, people, towers, budget, steps, seed) -> photos of the same shapes; all but photos as keywords."""
ROOM = Path(__file__).parent
"""Where the code of our baselines is."""
SLACK = 0.005
"""Similarity may be so much below the budget's: methods see tensors, the check sees rounded files."""


def is_external(spec: str) -> bool:
    """Return whether a method is given as `file.py:function`."""
    return ".py:" in spec


def method_name(spec: str) -> str:
    """Return the short name of a method: `file.function` of an external one, otherwise the name itself."""
    path, _, function = spec.rpartition(":")
    return f"{Path(path).stem}.{function}" if is_external(spec) else spec


def method_digest(spec: str) -> str:
    """Return what changes when the method does: the digest of its file; of a baseline, its name and its room's digest.

    Names of other arms (`dp2vl`, `noise`) come back as they are: the package's version stands for them.
    """
    if is_external(spec):
        return hashlib.sha256(_file(spec).read_bytes()).hexdigest()
    return f"{spec} {_room_digest(ROOM)}" if spec in BASELINES else spec


@cache
def _room_digest(room: Path) -> str:
    """Return a digest of the code of all baselines: they share a search."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(room.glob("*.py")))).hexdigest()


def load_method(spec: str) -> Method:
    """Return the function of `file.py:function`; the file is run.

    Raises:
        UsageError: there is no such file, it does not run, or there is no such function in it.
    """
    path, function = _file(spec), spec.rpartition(":")[2]
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    if module_spec is None or module_spec.loader is None:
        raise UsageError(f"{path} is no Python file", "write file.py:function")
    module = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:  # whatever the file of somebody else does
        raise UsageError(f"{path} does not run: {type(error).__name__}: {error}", "try it with python alone") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UsageError(f"{path} has no function {function}", "write file.py:function")
    return found


def _file(spec: str) -> Path:
    path = Path(spec.rpartition(":")[0])
    if not path.is_file():
        raise UsageError(f"{path} is no file", "write file.py:function")
    return path


def check_budget(
    before: Sequence[NDArray[np.uint8]], after: Sequence[NDArray[np.uint8]], budget: Budget, name: str
) -> None:
    """Raise a `UsageError` unless every photo came back, in its shape and type and within the budget."""
    from dp2vl.protect.quality import ssim

    if len(after) != len(before):
        raise UsageError(f"{name}: expected {len(before)} photos, got {len(after)}", "return one photo for each")
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if not isinstance(new, np.ndarray) or new.shape != old.shape or new.dtype != np.uint8:
            got = f"{new.dtype} {new.shape}" if isinstance(new, np.ndarray) else type(new).__name__
            raise UsageError(f"{name}, photo {number}: expected uint8 {old.shape}, got {got}", "keep shape and type")
        moved = int(np.abs(old.astype(int) - new.astype(int)).max())
        if moved > budget.levels:
            hint = "clip the change before it is added"
            raise UsageError(f"{name}, photo {number}: expected at most {budget.levels} levels, got {moved}", hint)
        likeness = ssim(old, new)
        if likeness < budget.ssim - SLACK:
            hint = "make the change smaller where photos are flat"
            raise UsageError(f"{name}, photo {number}: expected SSIM {budget.ssim:.2f}, got {likeness:.3f}", hint)
