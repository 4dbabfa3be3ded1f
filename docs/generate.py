"""Write the parts of the documentation that code can write: the command line reference and the tables of figures.

`--check` writes nothing and fails if anything is out of date.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "reference" / "cli.md"
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"


def make_cli_reference() -> str:
    """Return the reference of all commands and options as markdown."""
    command = [sys.executable, "-m", "typer", "dp2vl.cli", "utils", "docs", "--name", "dp2vl", "--title", "Commands"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() + "\n"


def make_displacement_table(record: dict) -> str:
    """Return the table of displacements: a row per set of surrogates, a column per tower, as it is / after JPEG 75."""
    rows = record["rows"]
    towers = list(dict.fromkeys(r["tower"] for r in rows))
    arms = list(dict.fromkeys((r["arm"], r["surrogates"]) for r in rows))
    lines = ["| copy | " + " | ".join(towers) + " | SSIM, lowest |", "|---" * (len(towers) + 2) + "|"]
    for arm, surrogates in arms:
        cells = []
        for tower in towers:
            found = {r["after"]: r for r in rows if (r["arm"], r["surrogates"], r["tower"]) == (arm, surrogates, tower)}
            held_out = arm == "protected" and tower not in surrogates.split(",")
            cell = f"{found['']['median']:.2f} / {found['jpeg75']['median']:.2f}"
            cells.append(f"*{cell}*" if held_out else cell)
        likeness = next(r["ssim_lowest"] for r in rows if (r["arm"], r["surrogates"]) == (arm, surrogates))
        name = "noise of the same size" if arm == "noise" else f"protected against {surrogates.replace(',', ' and ')}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {likeness:.3f} |")
    about = (
        f"\nMedian over {rows[0]['photos']} photos ({record['album']}), strength {record['strength']}, effort "
        f"{record['effort']}, seed {record['seed']}, commit {record['commit']}; as written / after JPEG 75. "
        "*Italics*: a tower that was not optimised against."
    )
    return "\n".join([*lines, about])


def fill(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between the markers of `name` replaced by `content`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"expected the markers of {name!r}, found none")
    return pattern.sub(lambda m: m.group(1) + content + "\n" + m.group(2), text)


def make_all() -> dict[Path, str]:
    """Return every generated file with its text."""
    record = json.loads((RESULTS / "displacement.json").read_text(encoding="utf-8"))
    readme = fill(README.read_text(encoding="utf-8"), "displacement", make_displacement_table(record))
    return {COMMANDS: make_cli_reference(), README: readme}


if __name__ == "__main__":
    for path, text in make_all().items():
        stale = not path.exists() or path.read_text(encoding="utf-8") != text
        if stale and "--check" in sys.argv:
            sys.exit(f"{path} is out of date; run `make docs`")
        path.write_text(text, encoding="utf-8")
