"""The small set that tests share, and ways to damage a copy of it, one line at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL: dict[str, Any] = {
    "people": 4,
    "train_photos": 1,
    "probe_photos": 2,
    "size_px": 96,
    "seed": 3,
    "processes": 1,
}

Edit = Callable[[dict[str, Any]], None]


def edit_row(folder: Path, split: str, number: int, edit: Edit) -> dict[str, Any]:
    """Change one row of a split's table and return it."""
    return edit_line(folder / "photos" / split / "metadata.jsonl", number, edit)


def edit_line(path: Path, number: int, edit: Edit) -> dict[str, Any]:
    """Change one line of a JSON-lines file and return it."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows[number])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows[number]


def edit_people(folder: Path, edit: Edit) -> None:
    """Change every entry of people.json."""
    content = json.loads((folder / "people.json").read_text())
    for person in content["people"]:
        edit(person)
    (folder / "people.json").write_text(json.dumps(content))
