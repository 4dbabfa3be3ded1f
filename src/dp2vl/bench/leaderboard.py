"""Entries of the leaderboard: one file per method and suite, checked against a schema, and the page made of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import dp2vl
from dp2vl.bench.scores import SCORES
from dp2vl.bench.suite import Suite, load_suite, suite_names
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.files import write_json

Entry = dict[str, Any]
CONDITION = ("family", "surrogates", "countermeasure", "attacker", "ratio")
"""What the results of one entry differ by."""


def make_entries(suite: Suite, out: Path, *, method: str, source: str, external: bool = False) -> list[Entry]:
    """Return a method's entries from a suite's scores, one per strength: its rates over all seeds, and the lowest.

    Args:
        suite: what was run. Its digest is taken from the run, which may be older than this version's search.
        out: folder of the suite, scored. method: as the scores name it, `dp2vl` for this tool.
        source: where the method is from: a paper, a repository.
        external: whether somebody else than the method's authors ran it.

    Raises:
        UsageError: the scores have no such method, or are of another suite.
        DP2VLError: there are no scores, or nothing says of which suite they are.
    """
    path = out / SCORES
    if not path.is_file():
        raise DP2VLError(f"{path} is absent", "dp2vl bench run first")
    digest = _read_digest(suite, out)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    others = {r["suite"] for r in rows} - {suite.name}
    if others:
        raise UsageError(f"{path} has scores of {', '.join(sorted(others))}", "name the suite that was run")
    rates = [r for r in rows if (r["metric"], r["scenario"], r["seed"]) == ("protection_rate", "mean", "all")]
    own = [r for r in rates if r["method"] == method and r["value"] is not None]
    if not own:
        known = sorted({r["method"] for r in rates if r["method"]}) or ["none"]
        raise UsageError(f"{path} has no protection rate of {method!r}", f"there are {', '.join(known)}")
    about = {"source": source, "external": external, "suite": suite.name, "suite_digest": digest}
    strengths = dict.fromkeys(r["strength"] for r in own)
    return [_make_entry(about, [r for r in own if r["strength"] == s]) for s in strengths]


def _read_digest(suite: Suite, out: Path) -> str:
    """Return the digest under which a suite was run, once its settings are those of `suite`."""
    path = out / "suite.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DP2VLError(f"{path} is absent: nothing says which suite was run", "dp2vl bench run writes it") from None
    except ValueError as error:
        raise DP2VLError(f"{path} is not JSON: {error}", "dp2vl bench run writes it") from None
    settings = json.loads(json.dumps(asdict(suite)))
    other = [name for name, value in settings.items() if run.get(name) != value]
    if other:
        message = f"{out} holds the suite {run.get('name')}, which is not {suite.name}: other {', '.join(other)}"
        raise UsageError(message, "name the suite that was run")
    return str(run["digest"])


def _make_entry(about: Entry, rows: Sequence[dict[str, Any]]) -> Entry:
    kept = (*CONDITION, "value", "ci_low", "ci_high", "gate")
    entry = {
        "schema": 1,
        "method": rows[0]["method"],
        **about,
        "version": dp2vl.__version__,
        "strength": rows[0]["strength"],
        "worst": min(r["value"] for r in rows),
        "results": [{key: row[key] for key in kept} for row in rows],
    }
    check_entry(entry, rows[0]["method"])
    return entry


def place_of(entry: Entry) -> Path:
    """Return where an entry lies below a leaderboard's folder; what third parties cite tells their files apart."""
    cited = sha256(f"{entry['suite_digest']} {entry['source']}".encode()).hexdigest()[:8]
    name = entry["method"] + (f"-external-{cited}" if entry["external"] else "")
    return Path(entry["suite"], entry["strength"], f"{name}.json")


def write_entry(entry: Entry, folder: Path) -> Path:
    """Write an entry to its place below `folder` and return the path.

    Raises:
        UsageError: the entry is broken, or there is one of the same run whose worst case is lower.
    """
    check_entry(entry, entry["method"])
    path = folder / place_of(entry)
    if path.is_file():
        earlier = _read_entry(path)
        if earlier["suite_digest"] == entry["suite_digest"] and earlier["worst"] < entry["worst"]:
            message = f"{path} has a lower worst case: {earlier['worst']}, not {entry['worst']}"
            raise UsageError(message, "an entry can be lowered; remove it if what it says was wrong")
    write_json(path, entry)
    return path


def check_entry(entry: object, where: str) -> None:
    """Raise a `UsageError` that names what is wrong, unless an entry follows the schema and its own numbers."""
    schema = json.loads(resources.files("dp2vl.bench").joinpath("schemas", "leaderboard.json").read_text("utf-8"))
    for error in sorted(Draft202012Validator(schema).iter_errors(entry), key=lambda e: list(map(str, e.path))):
        place = "/".join(map(str, error.path)) or "the entry"
        raise UsageError(f"{where}: {place}: {error.message}", "make it with `dp2vl bench entry`")
    assert isinstance(entry, dict)
    try:
        json.dumps(entry, allow_nan=False)
    except ValueError:
        raise UsageError(f"{where}: a number is NaN or infinite", "leave out what is undefined") from None
    for result in entry["results"]:
        if None not in (result["ci_low"], result["ci_high"]) and result["ci_low"] > result["ci_high"]:
            raise UsageError(f"{where}: ci_low {result['ci_low']} is above ci_high {result['ci_high']}", "swap them")
    if len({tuple(result[key] for key in CONDITION) for result in entry["results"]}) < len(entry["results"]):
        raise UsageError(f"{where}: two results are of the same condition", "keep what was measured over all seeds")
    lowest = _worst(entry)["value"]
    if abs(lowest - entry["worst"]) > 1e-9:
        raise UsageError(f"{where}: worst is {entry['worst']}, the lowest result {lowest}", "say the lowest")


def _read_entry(path: Path) -> Entry:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}", "make it with `dp2vl bench entry`") from None
    check_entry(entry, str(path))
    place = place_of(entry)
    if path.absolute().parts[-3:] != place.parts:
        raise UsageError(f"{path} lies in the wrong place: it is {place}", "move it there")
    return entry


def read_entries(folder: Path) -> list[Entry]:
    """Return all entries below a folder, each checked.

    Raises:
        UsageError: the folder does not exist, or a file is no entry or lies in another's place.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "check the spelling")
    return [_read_entry(path) for path in sorted(folder.rglob("*.json"))]


def make_page(entries: Iterable[Entry]) -> str:
    """Return the leaderboard as markdown: a table per suite and strength, the best worst case first.

    Of several entries of one method the lowest counts: a third party can lower a score, nobody can raise it. A worst
    case whose gate failed says nothing, so it ranks after all that say something.
    """
    boards: dict[tuple[str, str, str], dict[str, list[Entry]]] = {}
    for entry in entries:
        board = boards.setdefault((entry["suite"], entry["suite_digest"], entry["strength"]), {})
        board.setdefault(entry["method"], []).append(entry)
    parts = [
        "# Leaderboard",
        "Protection rate: 1 - leakage of protected photos / leakage of clean ones. The worst case ranks.",
    ]
    for (suite, digest, strength), methods in sorted(boards.items()):
        parts.append(f"## {suite}, {strength} (suite {digest})")
        if suite in suite_names() and load_suite(suite).digest != digest:
            parts.append("Of an older search: the suite has another digest in this version, so its numbers may differ.")
        counting = [min(found, key=lambda entry: entry["worst"]) for found in methods.values()]
        parts.append(_make_table(counting))
    if any(")? |" in part for part in parts):
        parts.append(_WHY)
    return "\n\n".join(parts) + "\n"


_WHY = (
    "(...)?: a gate failed, so the number is inconclusive and ranks after those that are not. Either clean photos "
    "leaked too little to protect anything, or the model did not fit the changed photos: one that learned little "
    "tells little."
)


def _worst(entry: Entry) -> dict[str, Any]:
    return min(entry["results"], key=lambda result: result["value"])


def _is_void(result: dict[str, Any]) -> bool:
    return result["gate"] == "failed"


def _make_table(entries: Iterable[Entry]) -> str:
    lines = ["| method | worst case | mean | in | gates | source |", "|---|---|---|---|---|---|"]
    for entry in sorted(entries, key=lambda e: (_is_void(_worst(e)), -e["worst"], e["method"])):
        results, worst = entry["results"], _worst(entry)
        part = f"{worst['ratio']:.0%} of photos" if worst["ratio"] < 1 else ""
        place = [worst["family"], worst["surrogates"], worst["countermeasure"], worst["attacker"], part]
        failed = sum(map(_is_void, results))
        mean = sum(r["value"] for r in results) / len(results)
        cells = [
            entry["method"],
            _show(worst["value"], void=_is_void(worst)),
            _show(mean, void=failed > 0),
            ", ".join(w for w in place if w not in ("", "none", "default")),
            "passed" if not failed else f"inconclusive: {failed} of {len(results)} failed",
            entry["source"] + (" (run by a third party)" if entry["external"] else ""),
        ]
        lines.append("| " + " | ".join(c.replace("|", "/") for c in cells) + " |")
    return "\n".join(lines)


def _show(value: float, *, void: bool) -> str:
    return f"({value:.2f})?" if void else f"{value:.2f}"
