"""How a file reaches the disk whole or not at all, and what tells its bytes from others."""

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from dp2vl.storage import as_os_error, is_local

PART_PREFIX, PART_SUFFIX = ".dp2vl-", ".part"
"""Names of files that are being written; a killed run leaves at most one."""


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a whole file as 64 hex digits, in constant memory."""
    with as_os_error(), _open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path, *, at_most: int = -1) -> bytes:
    """Return the bytes of a file, or its first `at_most`.

    Raises:
        OSError: it cannot be read, or a pipe or device has taken its place: nobody waits for those.
    """
    with as_os_error(), _open(path) as file:
        return file.read(at_most)


def _open(path: Path) -> BufferedReader:
    if not is_local(path):
        return path.open("rb")
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return file


def write_atomic(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Put `data` at `path` and make its folders; a crash leaves the old file or the new one, whole.

    A URL is written in one piece, which object storage takes whole or not at all.

    Args:
        replace: whether a file may be there; if not, one that another program puts there meanwhile stays, where the
            file system knows hard links.

    Raises:
        OSError: the disk is full or not writable, or there is such a file; then nothing new is left behind but empty
            folders.
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
        if replace or not _link(part, path):
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Put JSON at `path`, a line per value, as `write_atomic` puts bytes."""
    write_atomic(path, (json.dumps(content, indent=1) + "\n").encode())


_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EACCES)


def _link(part: Path, path: Path) -> bool:
    """Move `part` to a name that is free, and return whether the file system can do that in one step."""
    try:
        path.hardlink_to(part)
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, "another program put a file there meanwhile", str(path)) from error
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        return False
    part.unlink()
    return True


def sync_folder(folder: Path) -> None:
    """Make names that were added to `folder` survive a loss of power, where the file system knows how."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
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
