"""What a data set looks like on disk: typed rows, and the strict reading and writing of them.

```
README.md  croissant.json  people.json  generator.jsonl (synthetic sets only)
photos/<split>/metadata.jsonl   photos/<split>/<person_id>/0001.png
qa/{probe,stranger,reverse,twohop,text,utility}.jsonl
```
Rows are flat and never null: a column that is null in one split and a string in another makes `datasets` refuse the
whole set, so "nothing" is "" and structures are JSON texts. Every split has the same columns.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from dp2vl.errors import DP2VLError
from dp2vl.files import hash_file

SPLITS = ("train", "probe", "stranger", "object", "retain")
"""train: private photos. probe: new faces of the same people. stranger: faces of others. object: the affiliation
without the person (the thing, or the co-subject's face). retain: ordinary photos of others, to see what is kept."""

QUESTION_FILES = ("probe", "stranger", "reverse", "twohop", "text", "utility")
DERIVED = ("export", "sheets")
CONSENTS = ("synthetic", "self", "written")


@dataclass(frozen=True, kw_only=True)
class PhotoRow:
    """One photo: one line of `photos/<split>/metadata.jsonl`. Columns are the same in every split.

    Args:
        file_name: path below the split's folder, with "/".
        photo_id: unique in the set. sha256: hex digest of the file.
        person_id: whose photo it is; in `object` whose affiliation it shows.
        role: the split's name.
        scenario, category, token: what the photo shows; "" where it shows no affiliation.
        captions_json: list of descriptions. turns_json: list of [question, answer], on every fact of the person.
        co_subjects_json: list of person ids of the others in the photo.
        bbox_json: what -> [left, top, right, bottom] in pixels.
        width, height: pixels.
        source: procedural, synthetic or own. consent: one of `CONSENTS`, or "" where nobody gave it.
        seed: of the drawing; -1 for a photo that was not drawn.
        parent_photo_id: the clean twin of a protected photo, else "".
        protector, protector_version, eps255, run_id: how it was protected; eps255 is in grey levels, 0 for clean.
    """

    file_name: str
    photo_id: str
    sha256: str
    person_id: str
    role: str
    scenario: str = ""
    category: str = ""
    token: str = ""
    captions_json: str = "[]"
    turns_json: str = "[]"
    co_subjects_json: str = "[]"
    bbox_json: str = "{}"
    width: int
    height: int
    source: str = "own"
    licence: str = ""
    consent: str = ""
    seed: int = -1
    parent_photo_id: str = ""
    protector: str = ""
    protector_version: str = ""
    eps255: int = 0
    run_id: str = ""

    @property
    def captions(self) -> list[str]:
        """The descriptions."""
        return list(json.loads(self.captions_json))

    @property
    def turns(self) -> list[tuple[str, str]]:
        """The question-answer pairs."""
        return [(q, a) for q, a in json.loads(self.turns_json)]

    @property
    def co_subjects(self) -> list[str]:
        """Person ids of the others in the photo."""
        return list(json.loads(self.co_subjects_json))


@dataclass(frozen=True, kw_only=True)
class QuestionRow:
    """One question: one line of `qa/*.jsonl`.

    Args:
        qid: unique in the set. template_id: which wording of the versioned question file.
        photo_id: what is shown; "" for a question without a photo.
        person_id: the cluster for intervals.
        slot: identity, category, token, reverse, twohop or utility. format: open, mcq or yesno.
        options: empty for open questions. answer_index: into `options`, -1 for open questions.
        answer: the right answer. aliases: other right answers, the answer itself included.
        chance: accuracy of a uniform guess; 0 for open questions.
    """

    qid: str
    template_id: str
    photo_id: str
    person_id: str
    scenario: str
    slot: str
    format: str
    question: str
    options: tuple[str, ...] = ()
    answer_index: int = -1
    answer: str
    aliases: tuple[str, ...] = ()
    paraphrase_id: int = 0
    chance: float = 0.0
    lang: str = "en"


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """One person of `people.json`.

    Args:
        person_id: neutral ("p01"), so that no path tells a name.
        role: member (their facts are to be learned), co-subject, stranger or retain.
        consent: one of `CONSENTS`, or "".
        seed: of the genome; -1 for a real person.
        facts: scenario -> {"category": ..., "token": ..., and what else the scenario needs}.
        genome: traits of a synthetic person; empty for a real one.
    """

    person_id: str
    display_name: str
    role: str = "member"
    aliases: tuple[str, ...] = ()
    consent: str = ""
    seed: int = -1
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    genome: Mapping[str, float | str] = field(default_factory=dict)


COLUMNS: dict[str, type] = {f.name: f.type for f in fields(PhotoRow)}  # type: ignore[misc]
"""Column -> type (str or int) of every `metadata.jsonl`."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set as read from disk. `record` maps photo_id to what the generator drew; empty for real albums."""

    folder: Path
    rows: Mapping[str, tuple[PhotoRow, ...]]
    people: Mapping[str, PersonRow]
    questions: Mapping[str, tuple[QuestionRow, ...]]
    record: Mapping[str, Mapping[str, Any]]

    def path(self, row: PhotoRow) -> Path:
        """Return where the photo of `row` lies."""
        return self.folder / "photos" / row.role / row.file_name

    def all_rows(self) -> Iterator[PhotoRow]:
        """Yield the rows of all splits in order."""
        for split in SPLITS:
            yield from self.rows[split]

    def members(self) -> list[PersonRow]:
        """Return the people whose facts are to be learned, in order."""
        return [p for p in self.people.values() if p.role == "member"]


def check_inside(name: str, where: str) -> None:
    """Raise a `DP2VLError` if a photo's name leads out of the folder that it counts from; `where` is who names it."""
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        if path.is_absolute() or path.drive or ".." in path.parts:
            hint = "put the photo into the folder and name it from there"
            raise DP2VLError(f"{where} names a photo outside its folder: {name!r}", hint)


def photo_name(row: PhotoRow) -> str:
    """Return how messages name a photo: split and path."""
    return f"{row.role}/{row.file_name}"


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a hint that names the choice closest to `word`, or all of them if none is close."""
    names = sorted(choices)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"


def read_dataset(folder: Path) -> DataSet:
    """Return the data set in `folder`; strict about columns, silent about content (see `check_dataset`).

    Raises:
        DP2VLError: it is no data set, a line has an unknown or missing column, or names a photo outside the set.
    """
    people = read_people(folder)
    rows = {s: tuple(_build(PhotoRow, r, f"{s} row") for r in read_jsonl(split_file(folder, s))) for s in SPLITS}
    for row in (row for split in rows.values() for row in split):
        check_inside(row.role, str(folder))
        check_inside(row.file_name, str(folder))
    questions = {}
    for name in QUESTION_FILES:
        lines = read_jsonl(folder / "qa" / f"{name}.jsonl")
        questions[name] = tuple(_build(QuestionRow, r, f"{name} question") for r in lines)
    record = {r["photo_id"]: r["facts"] for r in read_jsonl(folder / "generator.jsonl")}
    return DataSet(folder=folder, rows=rows, people=people, questions=questions, record=record)


def read_people(folder: Path) -> dict[str, PersonRow]:
    """Return the people of a data set by id.

    Raises:
        DP2VLError: there is no `people.json`, or it has an unknown key.
    """
    path = folder / "people.json"
    if not path.is_file():
        raise DP2VLError(f"{folder} is no data set: people.json is missing", "dp2vl dataset make or import writes one")
    entries = json.loads(path.read_text(encoding="utf-8"))["people"]
    return {e["person_id"]: _build(PersonRow, e, "person") for e in entries}


def split_file(folder: Path, split: str) -> Path:
    """Return where the rows of `split` lie."""
    return folder / "photos" / split / "metadata.jsonl"


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a JSON-lines file; none where the file is absent.

    Raises:
        DP2VLError: a line is no JSON object.
    """
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise DP2VLError(f"{path} line {number} is not JSON: {error.msg}", "make or import the set again") from None
    return rows


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write dataclasses or dicts as JSON lines; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dicts = (r if isinstance(r, dict) else asdict(r) for r in rows)
    path.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in dicts), encoding="utf-8")


def write_tables(
    folder: Path,
    *,
    rows: Iterable[PhotoRow],
    people: Sequence[PersonRow],
    questions: Mapping[str, Sequence[QuestionRow]],
    record: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Write everything but photos, card and Croissant file. Splits without rows get no folder."""
    by_split: dict[str, list[PhotoRow]] = {}
    for row in rows:
        by_split.setdefault(row.role, []).append(row)
    for split, members in by_split.items():
        write_jsonl(split_file(folder, split), members)
    for name in QUESTION_FILES:
        if questions.get(name):
            write_jsonl(folder / "qa" / f"{name}.jsonl", questions[name])
    lines = [dict(r) for r in record]
    if lines:
        write_jsonl(folder / "generator.jsonl", lines)
    text = json.dumps({"version": 1, "people": [asdict(p) for p in people]}, indent=1, ensure_ascii=False)
    (folder / "people.json").write_text(text + "\n", encoding="utf-8")


def dataset_digest(folder: Path) -> str:
    """Return one hex digest over the names and bytes of all files in `folder`; equal sets have equal digests.

    Exports and contact sheets do not count: they are made from the rest.
    """
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if name.parts[0] not in DERIVED:
            total.update(f"{name.as_posix()} {hash_file(path)}\n".encode())
    return total.hexdigest()


def _build(kind: type, values: Mapping[str, Any], what: str) -> Any:
    known = {f.name for f in fields(kind)}
    for name in values:
        if name not in known:
            raise DP2VLError(f"a {what} has the unknown column {name!r}", nearest(name, known))
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise DP2VLError(f"a {what} is incomplete: {error}", "make or import the set again") from None
