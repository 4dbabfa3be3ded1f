"""Contact sheets: who is who, which scenario, which value, at a glance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dp2vl.dataset.schema import DataSet, PersonRow, PhotoRow, read_dataset
from dp2vl.people.scenarios import SCENARIOS

GAP_PX, LABEL_PX, TITLE_PX = 6, 190, 34
OVERVIEW_PEOPLE = 8


@dataclass(frozen=True)
class Line:
    """One line of a sheet: words on the left, photos beside them."""

    label: str
    photos: Sequence[PhotoRow]


def show_dataset(folder: Path, out: Path | None = None, *, side_px: int = 132) -> list[Path]:
    """Write contact sheets and return their paths: an overview, one per member, one per scenario.

    Args:
        out: default `folder/sheets`. side_px: side of each photo on a sheet.

    Raises:
        DP2VLError: `folder` is no data set.
    """
    data = read_dataset(folder)
    out = out or folder / "sheets"
    out.mkdir(parents=True, exist_ok=True)
    members = data.members()
    scenarios = [s for s in SCENARIOS if any(s in p.facts for p in members)]
    sheets = {"overview": ("One photo per scenario; last, the face alone", _overview(data, members, scenarios))}
    for person in members:
        title = f"{person.display_name} ({person.person_id}): one person"
        sheets[f"person-{person.person_id}"] = (title, _person_lines(data, person))
    for scenario in scenarios:
        title = f"{SCENARIOS[scenario].title}: sorted by value; last, a new photo of the face alone"
        sheets[f"scenario-{scenario}"] = (title, _scenario_lines(data, members, scenario))
    paths = []
    for name, (title, lines) in sheets.items():
        paths.append(out / f"{name}.png")
        draw_sheet(data, title, lines, side_px=side_px).save(paths[-1])
    return paths


def draw_sheet(data: DataSet, title: str, lines: Sequence[Line], *, side_px: int) -> Image.Image:
    """Return a sheet: a title, then one line of photos under the other."""
    step = side_px + GAP_PX
    widest = max((len(line.photos) for line in lines), default=0)
    size = (LABEL_PX + widest * step + GAP_PX, TITLE_PX + len(lines) * step + GAP_PX)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    pen.text((GAP_PX, 7), title, "black", ImageFont.load_default(18))
    for i, line in enumerate(lines):
        top = TITLE_PX + i * step
        pen.multiline_text((GAP_PX, top + 4), line.label, "black", font)
        for j, row in enumerate(line.photos):
            with Image.open(data.path(row)) as photo:
                photo.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
                sheet.paste(photo, (LABEL_PX + j * step, top))
    return sheet


def _overview(data: DataSet, members: Sequence[PersonRow], scenarios: Sequence[str]) -> list[Line]:
    lines = []
    for person in members[:OVERVIEW_PEOPLE]:
        photos = [p for s in scenarios for p in _rows(data, "train", person, s)[:1]]
        values = "\n".join(person.facts[s]["category"] for s in scenarios if s in person.facts)
        lines.append(Line(f"{person.display_name}\n{values}", [*photos, *_rows(data, "probe", person)[:1]]))
    return lines


def _person_lines(data: DataSet, person: PersonRow) -> list[Line]:
    lines = []
    for scenario, fact in person.facts.items():
        alone = _rows(data, "object", person, scenario)
        lines.append(Line(_label(scenario, fact), [*_rows(data, "train", person, scenario), *alone]))
    plain = [r for r in _rows(data, "train", person) if r.scenario not in person.facts]
    lines += [Line("other training\nphotos", part) for part in _chunks(plain)]
    return lines + [Line("new photos of\nthe face (probe)", part) for part in _chunks(_rows(data, "probe", person))]


def _scenario_lines(data: DataSet, members: Iterable[PersonRow], scenario: str) -> list[Line]:
    with_fact = sorted((p for p in members if scenario in p.facts), key=lambda p: p.facts[scenario]["category"])
    return [
        Line(
            f"{_label(scenario, p.facts[scenario])}\n\n{p.display_name}",
            [*_rows(data, "train", p, scenario), *_rows(data, "probe", p)[:1]],
        )
        for p in with_fact
    ]


def _rows(data: DataSet, split: str, person: PersonRow, scenario: str | None = None) -> list[PhotoRow]:
    mine = [r for r in data.rows[split] if r.person_id == person.person_id]
    return [r for r in mine if scenario is None or r.scenario == scenario]


def _label(scenario: str, fact: object) -> str:
    words = dict(fact)  # type: ignore[call-overload]
    other = words.get("other") if words.get("other") != words.get("token") else ""
    return "\n".join(w for w in (f"{scenario}: {words['category']}", words.get("token"), other) if w)


def _chunks(rows: Sequence[PhotoRow], size: int = 6) -> list[Sequence[PhotoRow]]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]
