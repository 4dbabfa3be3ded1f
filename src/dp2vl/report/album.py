"""The report of a run of `protect`: one page with pictures, figures and verdicts, and the same as markdown and CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from dp2vl.types import Outcome, Status

COLUMNS = ("change_levels", "ssim", "flip")


def write_album_report(
    outcomes: Sequence[Outcome], summary: Mapping[str, object], pictures: Mapping[str, Path], folder: Path
) -> Path:
    """Write `index.html`, `report.md` and `outcomes.csv` into `folder` and return the page's path.

    Args:
        outcomes: of all files. summary: as `AlbumResult.summary`.
        pictures: comparison pictures inside `folder`, by `Outcome.rel`.

    Raises:
        ValueError: there are no outcomes; a report on nothing would look like success.
    """
    if not outcomes:
        raise ValueError("expected at least one outcome, got none")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(o, pictures, folder) for o in outcomes]
    environment = Environment(
        loader=PackageLoader("dp2vl.report"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name, template in (("index.html", "album.html"), ("report.md", "album.md")):
        text = environment.get_template(template).render(rows=rows, summary=summary)
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "outcomes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "status", "verdict", "reason", *_figure_names(outcomes)])
        writer.writeheader()
        for o in outcomes:
            writer.writerow(
                {
                    "path": o.path,
                    "status": str(o.status),
                    "verdict": o.verdict,
                    "reason": o.reason,
                    **o.figures,
                }
            )
    return folder / "index.html"


def _figure_names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(name for o in outcomes for name in o.figures))


def _row(outcome: Outcome, pictures: Mapping[str, Path], folder: Path) -> dict[str, object]:
    shifts = {k: v for k, v in outcome.figures.items() if k.startswith("shift[")}
    picture = pictures.get(outcome.rel) if outcome.status == Status.PROTECTED else None
    return {
        "name": outcome.rel or outcome.path,
        "status": str(outcome.status),
        "verdict": outcome.verdict or outcome.reason,
        "word": outcome.verdict.split(":")[0] if outcome.verdict else str(outcome.status),
        "picture": picture.relative_to(folder).as_posix() if picture else "",
        "figures": {k: outcome.figures[k] for k in COLUMNS if k in outcome.figures},
        "shifts": shifts,
        "notes": outcome.notes,
    }
