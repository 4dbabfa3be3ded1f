"""Settings in TOML, read strictly: every key is known, none is missing, and a digest names them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any

from dp2vl.errors import UsageError


def check_keys(
    where: str, given: Mapping[str, Any], kind: type, *, without: Collection[str] = (), whole: bool = False
) -> None:
    """Raise a `UsageError` unless the keys of a table are fields of a dataclass.

    Args:
        where: what the message names, such as "recipe mini-llava".
        given: the table. kind: the dataclass.
        without: fields that do not come from this table.
        whole: whether every field that has no default must be there.
    """
    known = {f.name: f for f in fields(kind) if f.name not in without}
    for key in given:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}", name_nearest(key, known))
    needed = [k for k, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    missing = [key for key in needed if key not in given]
    if whole and missing:
        raise UsageError(f"{where}: expected {', '.join(missing)}", f"every {where.split()[0]} sets these")


def name_nearest(word: object, known: Iterable[str]) -> str:
    """Return a hint that names the choice closest to `word`, or all of them if none is close."""
    names = list(known)
    near = get_close_matches(str(word), names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def with_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with its lists as tuples, which frozen dataclasses hold."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def digest_of(settings: Any) -> str:
    """Return twelve hex digits of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
