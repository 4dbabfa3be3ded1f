"""The report of protected photos: pictures, figures, verdicts and advice as a page, as markdown and as CSV."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from dp2vl.report.bench import make_environment
from dp2vl.report.cells import escape_csv, plain_text
from dp2vl.types import STRENGTHS, Outcome, Status

COLUMNS = ("change_levels", "ssim", "flip")
ORDERS = {
    "album": "in the album's order",
    "verdict": "weakest first",
    "visible": "most visible first",
    "name": "by name",
}
"""How the photos of the page can be sorted."""
_WORDS = ("failed", "refused", "none", "weak", "strong", "skipped")
"""Verdicts and statuses, what needs attention first."""

_TREATMENTS = {"jpeg75": "JPEG at quality 75", "half": "shrinking to half its size", "blur1": "a slight blur"}


def write_album_report(
    outcomes: Sequence[Outcome], summary: Mapping[str, object], pictures: Mapping[str, Path], folder: Path
) -> Path:
    """Write `index.html`, `report.md` and `outcomes.csv` into `folder` and return the page's path.

    The page runs no script and can be sorted nevertheless. Its pictures stay files, so that it opens with thousands.

    Args:
        outcomes: of all files. summary: as `AlbumResult.summary`, or `summarise`.
        pictures: comparison pictures inside `folder`, by `Outcome.rel`.

    Raises:
        ValueError: there are no outcomes; a report on nothing would look like success.
    """
    if not outcomes:
        raise ValueError("expected at least one outcome, got none")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(o, pictures, folder) for o in outcomes]
    _rank(rows)
    environment = make_environment()
    for name, template in (("index.html", "album.html"), ("report.md", "album.md")):
        text = environment.get_template(template).render(rows=rows, summary=summary, orders=ORDERS)
        (folder / name).write_text(plain_text(text), encoding="utf-8")
    figures = _figure_names(outcomes)
    with (folder / "outcomes.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(map(escape_csv, ["path", "status", "verdict", "reason", "advice", *figures]))
        for o in outcomes:
            texts = (o.path, str(o.status), o.verdict, o.reason, advise(o))
            writer.writerow([*map(escape_csv, texts), *(o.figures.get(name) for name in figures)])
    return folder / "index.html"


def summarise(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return counts per status and verdict, as `AlbumResult.summary`, and the towers that copies were measured on.

    Which of these were used is not in the records.
    """
    count = {str(s): sum(o.status == s for o in outcomes) for s in Status}
    words = [_word(o) for o in outcomes if o.status == Status.PROTECTED]
    verdicts = {word: words.count(word) for word in ("strong", "weak", "none")}
    return {"files": len(outcomes), **count, "verdicts": verdicts, "towers": [], "measured": _measured(outcomes)}


def advise(outcome: Outcome, settings: Mapping[str, str] | None = None) -> str:
    """Return what to do about a photo, in a sentence; "" for one that is as well off as can be measured.

    Args:
        settings: `strength` and `effort` of the run, where they are known: what was tried is not advised.
    """
    if outcome.status in (Status.REFUSED, Status.FAILED):
        return "There is no protected copy: do not share the original in its place."
    if outcome.status == Status.SKIPPED or _word(outcome) not in ("weak", "none"):
        return ""
    rest = " If that does not help, keep the photo to yourself." if _word(outcome) == "none" else ""
    shifts = {name: value for name, value in outcome.figures.items() if name.startswith("shift[")}
    worst = min(shifts, key=lambda name: shifts[name], default="")
    tower, _, after = worst.removeprefix("shift[").rpartition("]")
    if "not optimised against" in outcome.verdict:
        return f"Weakest on {tower}, which was not among the towers used: name more with --surrogates.{rest}"
    ways = _untried(outcome, settings or {})
    if not ways:
        return "No effort or strength is left to try: if this is too little for you, keep the photo to yourself."
    again = f"protect the original again {', or '.join(ways)}"
    if after:
        treatment = after.removeprefix(" after ")
        return f"Weakest after {_TREATMENTS.get(treatment, treatment)}: {again}.{rest}"
    return f"{again[0].upper()}{again[1:]}.{rest}"


def _untried(outcome: Outcome, settings: Mapping[str, str]) -> list[str]:
    """Return what may still help."""
    ways = ["with a longer --effort" if settings else "with a longer --effort than this copy had"]
    if settings.get("effort") == "thorough":
        ways = []
    # Where the strength is not known: more than `standard` allows was allowed to `strong` alone.
    most = outcome.figures.get("change_levels", 0) > STRENGTHS["standard"].levels
    if settings.get("strength", "strong" if most else "") != "strong":
        ways.append("with a higher --strength")
    return ways


def _measured(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the towers of all figures, such as `shift[mini-llava] after jpeg75`."""
    names = (name for o in outcomes for name in o.figures if name.startswith("shift["))
    return list(dict.fromkeys(name.removeprefix("shift[").rpartition("]")[0] for name in names))


def _word(outcome: Outcome) -> str:
    return outcome.verdict.split(":")[0] if outcome.verdict else str(outcome.status)


def _figure_names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(name for o in outcomes for name in o.figures))


def _row(outcome: Outcome, pictures: Mapping[str, Path], folder: Path) -> dict[str, object]:
    shifts = {k.removeprefix("shift"): v for k, v in outcome.figures.items() if k.startswith("shift[")}
    picture = pictures.get(outcome.rel) if outcome.status == Status.PROTECTED else None
    return {
        "name": outcome.rel or outcome.path,
        "status": str(outcome.status),
        "verdict": outcome.verdict or outcome.reason,
        "word": _word(outcome),
        "advice": advise(outcome),
        "picture": quote(os.fsencode(picture.relative_to(folder))) if picture else "",
        "figures": {k: outcome.figures[k] for k in COLUMNS if k in outcome.figures},
        "shifts": shifts,
        "worst": min(shifts.values(), default=0.0),
        "notes": outcome.notes,
    }


def _rank(rows: Sequence[dict]) -> None:
    """Give every row its place in each of the orders; places are what the page's style sheet sorts by."""
    keys = {
        "album": lambda row: 0,
        "verdict": lambda row: (_WORDS.index(row["word"]) if row["word"] in _WORDS else 0, row["worst"]),
        "visible": lambda row: -row["figures"].get("flip", -1.0),
        "name": lambda row: row["name"].casefold(),
    }
    for row in rows:
        row["places"] = {}
    for order, key in keys.items():
        for place, row in enumerate(sorted(rows, key=key)):
            row["places"][order] = place
