"""What a page may ask for, checked before a job starts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dp2vl.album import STATE_FOLDER
from dp2vl.dataset.facts import FACTS_FILE, read_facts
from dp2vl.protect.config import ProtectConfig, check_choice
from dp2vl.records import OutcomeStore
from dp2vl.surrogates.sets import bundled_names, require_here
from dp2vl.ui.shelf import Refused, Shelf


def check_request(kind: str, asked: Mapping[str, Any], shelves: Mapping[str, Shelf]) -> dict[str, str]:
    """Return the options of a job, complete, for `work.JOBS[kind]`.

    Args:
        kind: of the job. asked: what the page sent. shelves: where dropped photos are.

    Raises:
        Refused: an unknown kind or key, a value that is no text, no photos, no such folder, no consent.
        UsageError, ModelError: an unknown strength, effort or tower; a tower that is not on this machine.
    """
    if kind not in CHECKS:
        raise Refused(404, f"there is no job called {kind!r}")
    keys, check = CHECKS[kind]
    unknown = sorted(asked.keys() - keys)
    if unknown or not all(isinstance(value, str) for value in asked.values()):
        raise Refused(400, f"expected texts for {', '.join(keys)}, got {', '.join(unknown) or 'another type'}")
    return check({key: str(asked.get(key, "")).strip() for key in keys}, shelves)


def find_folder(what: str, text: Any) -> Path:
    """Return a folder of this machine that a person named.

    Raises:
        Refused: it is not named in full, or does not exist.
    """
    path = _as_path(what, text)
    if not os.path.isdir(path):  # noqa: PTH112 (`Path.is_dir` raises where a path is too long or may not be entered)
        raise Refused(400, f"the folder {path} does not exist", "check the spelling")
    return path


def read_names(album: Path) -> list[str]:
    """Return who is in an album, as its `facts.yaml` names them.

    Raises:
        DP2VLError: there is none, or it is wrong.
    """
    return [person.name for person in read_facts(album / FACTS_FILE)]


def recorded_towers(target: Path) -> list[str]:
    """Return the towers that copies were protected with, as far as the records beside them tell; none without records.

    Records name all towers that were measured. Bundled ones are always measured: they count if there are no others.

    Raises:
        DP2VLError: the records are damaged.
    """
    folder = next((f for f in (target, *target.parents) if (f / STATE_FOLDER).is_dir()), None)
    outcomes = OutcomeStore(folder).latest().values() if folder else ()
    figures = {name for o in outcomes if folder and (folder / o.rel).is_relative_to(target) for name in o.figures}
    names = {name[len("shift[") : -1] for name in figures if name.startswith("shift[") and name.endswith("]")}
    return sorted(names.difference(bundled_names()) or names)


def _check_protect(asked: dict[str, str], shelves: Mapping[str, Shelf]) -> dict[str, str]:
    options = asked | _check_settings(asked)
    if asked["source"]:
        source = find_folder("the photos", asked["source"])
        return options | {"source": str(source), "out": str(_find_out(source, asked["out"]))}
    return options | {"source": _filled(shelves["photos"]), "out": ""}


def _find_out(source: Path, asked: str) -> Path:
    if asked:
        return _as_path("the copies", asked)
    if source.name in ("", ".."):
        raise Refused(400, f"there is no place beside {source}", "name the folder for the copies")
    return source.with_name(f"{source.name}-protected")


def _check_verify(asked: dict[str, str], shelves: Mapping[str, Shelf]) -> dict[str, str]:
    options = asked | _find_copies(asked, shelves)
    recorded = [] if asked["surrogates"] else recorded_towers(Path(options["target"]))
    surrogates = asked["surrogates"] or ",".join(recorded) or "mini"
    require_here(surrogates)
    return options | {"surrogates": surrogates, "recorded": "yes" if recorded else ""}


def _find_copies(asked: dict[str, str], shelves: Mapping[str, Shelf]) -> dict[str, str]:
    if asked["target"]:
        target = _as_path("the copies", asked["target"])
        against = _as_path("the originals", asked["against"]) if asked["against"] else None
        for path in (target, against):
            if path is not None and not os.path.exists(path):  # noqa: PTH110 (as above)
                raise Refused(400, f"{path} does not exist", "check the spelling")
        return {"target": str(target), "against": str(against or "")}
    return {"target": _filled(shelves["copies"]), "against": _filled(shelves["originals"])}


def _check_simulate(asked: dict[str, str], shelves: Mapping[str, Shelf]) -> dict[str, str]:
    taught = asked["taught"] or "full"
    check_choice("taught", taught, TAUGHT)
    options = asked | _check_settings(asked) | {"taught": taught}
    if not asked["album"]:
        return options | {"against": ""}
    album = find_folder("the album", asked["album"])
    names = read_names(album)
    if asked["consent"] != "yes":
        raise Refused(400, f"no consent to teach a model who {', '.join(names)} are", "ask them, then tick the box")
    against = str(find_folder("the copies", asked["against"])) if asked["against"] else ""
    return options | {"album": str(album), "against": against}


def _check_settings(asked: Mapping[str, str]) -> dict[str, str]:
    known = {key: asked[key] for key in ("strength", "effort", "surrogates") if asked[key]}
    config = ProtectConfig(**known)  # type: ignore[arg-type]
    require_here(config.surrogates)
    return {"strength": config.strength, "effort": config.effort, "surrogates": config.surrogates}


def _as_path(what: str, text: Any) -> Path:
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise Refused(400, f"expected the folder of {what}, got nothing", "write its whole path")
    path = Path(text.strip())
    try:
        path = path.expanduser()
    except (RuntimeError, ValueError):
        raise Refused(400, f"there is no home folder {path.parts[0]}", "write the whole path") from None
    if not path.is_absolute():
        raise Refused(400, f"expected the whole path of {what}, got {text!r}", "begin it with / or ~")
    return path


def _filled(shelf: Shelf) -> str:
    if not shelf.files():
        raise Refused(400, "there are no photos yet", "drop some, or name a folder")
    return str(shelf.folder)


_SETTINGS = ("strength", "effort", "surrogates")
TAUGHT = ("full", "short")
"""How long the simulation teaches: as an adversary would, or for a first look."""
CHECKS = {
    "protect": (("source", "out", *_SETTINGS), _check_protect),
    "verify": (("target", "against", "surrogates"), _check_verify),
    "simulate": (("album", "against", "consent", "taught", *_SETTINGS), _check_simulate),
}
"""Kind of job -> what a page may say about it, and the function that checks it."""
