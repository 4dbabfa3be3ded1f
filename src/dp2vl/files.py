"""How a file reaches the disk whole or not at all, and what tells its bytes from others."""

import hashlib
import os
import secrets
from pathlib import Path

from dp2vl.storage import as_os_error, is_local

PART_PREFIX, PART_SUFFIX = ".dp2vl-", ".part"
"""Names of files that are being written; a killed run leaves at most one."""


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a whole file as 64 hex digits, in constant memory."""
    with as_os_error(), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path` and make its folders; a crash leaves the old file or the new one, whole.

    A URL is written in one piece, which object storage takes whole or not at all.

    Raises:
        OSError: the disk is full or not writable; then nothing new is left behind but empty folders.
    """
    if not is_local(path):
        with as_os_error():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    try:
        with part.open("xb") as file:  # not tempfile, whose files only their owner may read
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names that were added to `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partials(out: Path) -> int:
    """Delete what killed runs left half-written under `out` and return how many files that were.

    Only for the holder of `lock_output`: another run's file in work would go as well.
    """
    if not is_local(out):
        return 0
    left = [
        Path(folder, name)
        for folder, _, names in os.walk(out)
        for name in names
        if name.startswith(PART_PREFIX) and name.endswith(PART_SUFFIX)
    ]
    for path in left:
        path.unlink()
    return len(left)
