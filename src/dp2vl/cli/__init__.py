"""The command line: one file per command, each a thin layer over functions that Python callers use as well."""

import io
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from dp2vl.cli import bench, dataset, demo, doctor, models, protect, report, simulate, train, ui, verify
from dp2vl.errors import DP2VLError

app = typer.Typer(
    name="dp2vl",
    help="Protect private photos from being learned by vision-language models, and measure whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dp2vl {version('dp2vl')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command()(protect.protect)
app.command()(verify.verify)
app.command()(simulate.simulate)
app.command()(report.report)
app.command()(ui.ui)
app.command()(doctor.doctor)
app.command()(demo.demo)
models.app.command()(train.train)
app.add_typer(models.app, name="models")
app.add_typer(dataset.app, name="dataset")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Run the command line; an expected error is one line on stderr and a hint, anything else a traceback."""
    # Threads that wait for one another by spinning slow a busy machine down fivefold; torch reads this when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):  # names of files need not be valid text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except DP2VLError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
