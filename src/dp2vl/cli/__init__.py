"""The command line: one file per command, each a thin layer over functions that Python callers use as well."""

import sys

import typer

from dp2vl.cli import demo, doctor, protect, verify
from dp2vl.errors import DP2VLError

app = typer.Typer(
    name="dp2vl",
    help="Protect private photos from being learned by vision-language models, and measure whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(protect.protect)
app.command()(verify.verify)
app.command()(doctor.doctor)
app.command()(demo.demo)


def main() -> None:
    """Run the command line; an expected error is one line on stderr and a hint, anything else a traceback."""
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
