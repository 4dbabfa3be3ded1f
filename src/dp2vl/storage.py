"""Places of photos: paths of this machine, and URLs of object storage that behave like paths."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from platformdirs import user_state_path

from dp2vl.errors import DP2VLError, UsageError


def locate(place: str | Path) -> Path:
    """Return a place as a path; one with a scheme (`s3://bucket/album`) is read and written through fsspec.

    What comes back for a URL is a `upath.UPath`: not a `Path` by class, but with the methods of one.

    Raises:
        UsageError: the scheme is unknown, or what it needs is not installed.
    """
    if not isinstance(place, str) or "://" not in place:
        return Path(place) if isinstance(place, str) else place
    from upath import UPath

    try:
        url = UPath(place)
        local = url.fs.protocol  # connects as far as that needs no network, and so finds what is missing
    except (ImportError, ValueError) as error:
        raise UsageError(f"{place} cannot be opened: {error}", "see fsspec's list of schemes and packages") from error
    return Path(url.path) if "file" in local else cast(Path, url)


def is_local(place: Path) -> bool:
    """Return whether a place is on this machine's file system."""
    return isinstance(place, Path)


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn what a storage's own client raises into an `OSError` of one line."""
    try:
        yield
    except (OSError, DP2VLError):
        raise
    except Exception as error:  # each storage has errors of its own: a refusal of one photo must not end the album
        raise OSError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def why(error: OSError) -> str:
    """Return what went wrong in a few words; errors of storages have no `strerror`."""
    return error.strerror or str(error) or type(error).__name__


def list_files(folder: Path) -> list[Path]:
    """Return all files under a URL, in order of their names; its one file if it is none of a folder.

    Raises:
        OSError: they cannot be listed.
    """
    url = cast(Any, folder)
    with as_os_error():
        found = sorted(map(str, url.fs.find(url.path)))
    return [cast(Path, url / name.removeprefix(url.path.rstrip("/")).lstrip("/")) for name in found]


def state_home() -> Path:
    """Return the folder of what is remembered per user: DP2VL_STATE_DIR, or the user's state folder."""
    return Path(os.environ.get("DP2VL_STATE_DIR") or user_state_path("dp2vl", appauthor=False))
