"""Which stage has been done: a file in its folder names the digest of what it was made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dp2vl.files import write_atomic

DONE = "done.json"


def is_done(folder: Path, digest: str) -> bool:
    """Return whether the folder was made from what has this digest."""
    try:
        return bool(json.loads((folder / DONE).read_text(encoding="utf-8"))["digest"] == digest)
    except (FileNotFoundError, ValueError, KeyError):
        return False


def mark_done(folder: Path, digest: str, more: Mapping[str, Any] | None = None) -> None:
    """Write what a folder was made from, after all else."""
    write_atomic(folder / DONE, (json.dumps({"digest": digest, **(more or {})}) + "\n").encode())
