"""`dp2vl report`: what was measured, as pages and files that people look at."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of suites (or folders that hold some), or one folder of protected copies.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report.", show_default=False)],
) -> None:
    """Write tables and plots of suites, or the pictures and verdicts of a protected album. Needs records, no model."""
    from dp2vl.album import STATE_FOLDER
    from dp2vl.report.bench import write_bench_report

    albums = [run for run in runs if (run / STATE_FOLDER).is_dir()]
    print(_report_album(runs, out) if albums else write_bench_report(runs, out))


def _report_album(runs: list[Path], out: Path) -> Path:
    from dp2vl.errors import UsageError
    from dp2vl.preview import write_previews
    from dp2vl.records import OutcomeStore
    from dp2vl.report.album import summarise, write_album_report
    from dp2vl.types import Status

    if len(runs) > 1:
        raise UsageError(f"expected one folder of protected copies alone, got {len(runs)} folders", "one call for each")
    (album,) = runs
    if album.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} lies in {album}", "choose another --out: the report shows the unprotected photos")
    outcomes = list(OutcomeStore(album).latest().values())
    whole = [
        o for o in outcomes if o.status == Status.PROTECTED and Path(o.path).is_file() and (album / o.rel).is_file()
    ]
    gone = sum(o.status == Status.PROTECTED for o in outcomes) - len(whole)
    if gone:
        print(f"{gone} photos have no picture: the original or the copy is no longer there", file=sys.stderr)
    pictures = write_previews(whole, album, out / "pictures")
    return write_album_report(outcomes, summarise(outcomes), pictures, out)
