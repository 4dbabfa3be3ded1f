"""Tables of numbers with intervals, and what they look like as markdown and CSV."""

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Args:
        text: words, where it is no number.
        value, low, high: a number and its interval; low and high are None where there is none.
        why: the reason why the number says nothing, "" where it may be read.
        digits: behind the point.
    """

    text: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    digits: int = 2

    @property
    def shown(self) -> str:
        """The number without its interval, or the words."""
        return self.text if self.value is None else f"{self.value:.{self.digits}f}"

    @property
    def interval(self) -> str:
        """The interval in brackets, or "" where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"[{self.low:.{self.digits}f}, {self.high:.{self.digits}f}]"

    def __str__(self) -> str:
        return f"{self.shown} {self.interval}".strip()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a report.

    Args:
        key: short name, also of its file. title: what it shows. about: how to read it, in a sentence or two.
        columns: headings. rows: as many cells each.
        missing: what to do to get this table, for when it has no rows.
    """

    key: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: list[list[Cell]] = field(default_factory=list)
    missing: str

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"expected {len(self.columns)} cells in a row of {self.key}, got {len(row)}")

    @property
    def notes(self) -> list[str]:
        """Why numbers of a table say nothing, each reason once, but for those that the row's own gate says."""
        return list(dict.fromkeys(why for row in self.rows for cell in row if (why := self._untold(cell, row))))

    def number_of(self, cell: Cell, row: Sequence[Cell]) -> str:
        """Return the number of a cell's note, from 1, or "" where it has none."""
        why = self._untold(cell, row)
        return str(self.notes.index(why) + 1) if why else ""

    def _untold(self, cell: Cell, row: Sequence[Cell]) -> str:
        told = row[self.columns.index("gate")].text if "gate" in self.columns else ""
        return "" if told == f"failed: {cell.why}" else cell.why

    @property
    def file_name(self) -> str:
        """The name of its CSV file."""
        return f"{self.key.lower()}.csv"


def number_cell(row: dict[str, Any] | None, why: str = "", digits: int = 2) -> Cell:
    """Return the cell of a row of `scores.jsonl`, which may be missing or undefined."""
    if row is None:
        return Cell(NOT_MEASURED)
    if row["value"] is None:
        return Cell("undefined", why=why)
    return Cell("", row["value"], row["ci_low"], row["ci_high"], why, digits)


def plain_cell(value: float | None, why: str = "", digits: int = 2) -> Cell:
    """Return the cell of a number without an interval."""
    return Cell(NOT_MEASURED) if value is None else Cell("", value, why=why, digits=digits)


def show_cell(row: dict[str, Any]) -> str:
    """Return a number with its interval, such as "0.82 [0.71, 0.90]"; "undefined" where there is none."""
    return str(number_cell(row))


def make_markdown(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    number_of: Callable[[Cell, Sequence[Cell]], str] | None = None,
) -> str:
    """Return a table as markdown; numbers that say nothing stand in brackets with a question mark.

    Args:
        number_of: gives the number of a cell's note, which follows the question mark; see `Table`.
    """

    def show(cell: Cell, row: Sequence[Cell]) -> str:
        if not cell.why:
            return str(cell)
        return f"({cell})?" + (f" {mark}" if number_of and (mark := number_of(cell, row)) else "")

    lines = ["| " + " | ".join(map(escape_markdown, columns)) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(escape_markdown(show(cell, row)) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def make_csv(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table as CSV: numbers in full, and two more columns for the intervals of a column that has some."""
    bounded = [any(row[i].low is not None for row in rows) for i in range(len(columns))]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    heads = [
        [name, f"{name}, low", f"{name}, high"] if has else [name] for name, has in zip(columns, bounded, strict=True)
    ]
    writer.writerow([escape_csv(name) for names in heads for name in names])
    for row in rows:
        line: list[object] = []
        for cell, has in zip(row, bounded, strict=True):
            line.append(escape_csv(cell.text) if cell.value is None else cell.value)
            line += [cell.low, cell.high] if has else []
        writer.writerow(line)
    return file.getvalue()


def plain_text(text: str) -> str:
    """Return text that can be written as UTF-8: what a file name holds besides has backslash escapes."""
    return text.encode(errors="backslashreplace").decode()


def escape_markdown(text: str) -> str:
    """Return text as one line of markdown that makes no tag, link, cell or emphasis; code in backticks stays code."""
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(" ".join(text.splitlines()), quote=False))


def escape_csv(text: str) -> str:
    """Return text that spreadsheets take for text: what they would take for a formula begins with an apostrophe."""
    return f"'{text}" if len(text) > 1 and text[0] in "=+-@\t\r" else text


_MARKDOWN = re.compile(r"[\\|*~]|(?<!\w)_|_(?!\w)|(?<=\])\(")
