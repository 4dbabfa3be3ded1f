"""Entries of the leaderboard: one file per method and suite, checked against a schema, and the page made of them."""

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import dp2vl
from dp2vl.bench.scores import SCORES
from dp2vl.bench.suite import Suite
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.files import write_atomic

Entry = dict[str, Any]


def make_entries(suite: Suite, out: Path, *, method: str, source: str, external: bool = False) -> list[Entry]:
    """Return a method's entries from a suite's scores, one per strength: its rates over all seeds, and the lowest.

    Args:
        out: folder of the suite, scored. method: as the scores name it, `dp2vl` for this tool.
        source: where the method is from: a paper, a repository.
        external: whether somebody else than the method's authors ran it.

    Raises:
        UsageError: the scores have no such method.
        DP2VLError: there are no scores.
    """
    path = out / SCORES
    if not path.is_file():
        raise DP2VLError(f"{path} is absent", "dp2vl bench run first")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rates = [r for r in rows if (r["metric"], r["scenario"], r["seed"]) == ("protection_rate", "mean", "all")]
    own = [r for r in rates if r["method"] == method and r["value"] is not None]
    if not own:
        known = sorted({r["method"] for r in rates if r["method"]}) or ["none"]
        raise UsageError(f"{path} has no protection rate of {method!r}", f"there are {', '.join(known)}")
    strengths = dict.fromkeys(r["strength"] for r in own)
    return [_make_entry(suite, [r for r in own if r["strength"] == s], source, external) for s in strengths]


def _make_entry(suite: Suite, rows: Sequence[dict[str, Any]], source: str, external: bool) -> Entry:
    kept = ("family", "surrogates", "countermeasure", "attacker", "ratio", "value", "ci_low", "ci_high", "gate")
    entry = {
        "schema": 1,
        "method": rows[0]["method"],
        "source": source,
        "external": external,
        "suite": suite.name,
        "suite_digest": suite.digest,
        "version": dp2vl.__version__,
        "strength": rows[0]["strength"],
        "worst": min(r["value"] for r in rows),
        "results": [{key: row[key] for key in kept} for row in rows],
    }
    check_entry(entry, rows[0]["method"])
    return entry


def write_entry(entry: Entry, folder: Path) -> Path:
    """Write an entry to `folder/<suite>/<strength>/<method>.json`; one of a third party says so in its name."""
    name = entry["method"] + ("-external" if entry["external"] else "")
    path = folder / entry["suite"] / entry["strength"] / f"{name}.json"
    write_atomic(path, (json.dumps(entry, indent=1) + "\n").encode())
    return path


def check_entry(entry: object, where: str) -> None:
    """Raise a `UsageError` that names what is wrong, unless an entry follows the schema and its own numbers."""
    schema = json.loads(resources.files("dp2vl.bench").joinpath("schemas", "leaderboard.json").read_text("utf-8"))
    for error in sorted(Draft202012Validator(schema).iter_errors(entry), key=lambda e: list(map(str, e.path))):
        place = "/".join(map(str, error.path)) or "the entry"
        raise UsageError(f"{where}: {place}: {error.message}", "make it with `dp2vl bench entry`")
    assert isinstance(entry, dict)
    lowest = min(result["value"] for result in entry["results"])
    if abs(lowest - entry["worst"]) > 1e-9:
        raise UsageError(f"{where}: worst is {entry['worst']}, the lowest result {lowest}", "say the lowest")


def read_entries(folder: Path) -> list[Entry]:
    """Return all entries below a folder, each checked.

    Raises:
        UsageError: the folder does not exist, or a file is no entry.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "check the spelling")
    entries = []
    for path in sorted(folder.rglob("*.json")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}", "make it with `dp2vl bench entry`") from None
        check_entry(entry, str(path))
        entries.append(entry)
    return entries


def make_page(entries: Iterable[Entry]) -> str:
    """Return the leaderboard as markdown: a table per suite and strength, the best worst case first.

    Of several entries of one method the lowest counts: a third party can lower a score, nobody can raise it.
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
        parts.append(_make_table(methods.values()))
    return "\n\n".join(parts) + "\n"


def _make_table(methods: Iterable[Sequence[Entry]]) -> str:
    counting = [min(found, key=lambda e: e["worst"]) for found in methods]
    lines = ["| method | worst case | mean | in | gates | source |", "|---|---|---|---|---|---|"]
    for entry in sorted(counting, key=lambda e: (-e["worst"], e["method"])):
        results = entry["results"]
        worst = min(results, key=lambda r: r["value"])
        place = [worst["family"], worst["surrogates"], worst["countermeasure"], worst["attacker"]]
        where = ", ".join(w for w in place if w not in ("", "none", "default"))
        failed = sum(r["gate"] == "failed" for r in results)
        gates = "passed" if not failed else f"inconclusive: {failed} of {len(results)} failed"
        mean = sum(r["value"] for r in results) / len(results)
        source = entry["source"] + (" (run by a third party)" if entry["external"] else "")
        cells = [entry["method"], f"{entry['worst']:.2f}", f"{mean:.2f}", where, gates, source]
        lines.append("| " + " | ".join(c.replace("|", "/") for c in cells) + " |")
    return "\n".join(lines)
