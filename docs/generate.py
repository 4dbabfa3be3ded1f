"""Write the parts of the documentation that code can write: the command line reference. `--check` fails on drift."""

import subprocess
import sys
from pathlib import Path

CLI = Path(__file__).parent / "reference" / "cli.md"


def make_cli_reference() -> str:
    """Return the reference of all commands and options as markdown."""
    command = [
        sys.executable,
        "-m",
        "typer",
        "dp2vl.cli",
        "utils",
        "docs",
        "--name",
        "dp2vl",
        "--title",
        "Commands",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() + "\n"


if __name__ == "__main__":
    text = make_cli_reference()
    if "--check" in sys.argv and CLI.read_text(encoding="utf-8") != text:
        sys.exit(f"{CLI} is out of date; run `make docs`")
    CLI.write_text(text, encoding="utf-8")
