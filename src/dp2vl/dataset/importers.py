"""Albums in other shapes, made into our data set: own folders with one YAML, conversation files, Yo'LLaVA, MyVLM."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from dp2vl.dataset.ask import QuestionMaker, make_captions, make_pairs
from dp2vl.dataset.card import write_card
from dp2vl.dataset.chats import FORMATS, read_chats, split_pairs
from dp2vl.dataset.facts import FACTS_FILE, KnownPerson, read_facts
from dp2vl.dataset.schema import PersonRow, PhotoRow, QuestionRow, check_inside, nearest, write_tables
from dp2vl.dataset.store import encode_png, new_folder, read_pixels
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.files import hash_bytes, hash_file
from dp2vl.images import PHOTO_SUFFIXES
from dp2vl.people.scenarios import SCENARIOS, PersonFacts


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One photo that is about to be taken in.

    Args:
        source: the photo's file. owner: id of a `KnownPerson`. split: train or probe.
        scenario: what it shows, or "". captions, turns: as found.
    """

    source: Path
    owner: str
    split: str
    scenario: str = ""
    captions: tuple[str, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()


def import_album(kind: str, source: Path, out: Path, *, facts: Path | None = None) -> Path:
    """Make a data set in `out` from somebody's photos, and return `out`. Originals are only read.

    Photos are stored upright, as PNG, without metadata, under neutral names. Cost: decoding and coding each photo.

    Args:
        kind: one of `KINDS`. source: the folder (or conversation file) to read.
        facts: the YAML that says who people are; for kind "folder" by default `source/facts.yaml`.

    Raises:
        UsageError: unknown kind, or `out` is in use.
        DP2VLError: before any photo is decoded: a YAML that is wrong, a person without photos, a photo listed twice,
            an unknown scenario, a file that is missing. Later: a photo that cannot be read.
    """
    if kind not in KINDS:
        raise UsageError(f"expected a kind of album, got {kind!r}", nearest(kind, KINDS))
    if not source.exists():
        raise UsageError(f"{source} does not exist", "give the folder or file to import")
    path = facts or (source / FACTS_FILE if kind == "folder" else None)
    people = read_facts(path) if path else None
    photos = list(KINDS[kind](source, people))
    return _take_in(out, people if people is not None else _nameless(photos), photos)


def find_folder(source: Path, people: Sequence[KnownPerson] | None) -> Iterator[Incoming]:
    """Yield `source/<id>/[train/][<scenario>/]photo` and `source/<id>/probe/photo`."""
    ids = [p.id for p in people or ()]
    for folder in sorted(p for p in source.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if folder.name not in ids:
            raise DP2VLError(f"{FACTS_FILE} does not know the folder {folder.name!r}", nearest(folder.name, ids))
        for photo in _photos(folder):
            *between, _ = photo.relative_to(folder).parts
            split = between.pop(0) if between[:1] in (["train"], ["probe"]) else "train"
            scenario = between[0] if between and split == "train" else ""
            if scenario and scenario not in SCENARIOS:
                raise DP2VLError(f"{photo}: unknown scenario {scenario!r}", nearest(scenario, SCENARIOS))
            yield Incoming(source=photo, owner=folder.name, split=split, scenario=scenario)


def find_chats(kind: str) -> Callable[[Path, Sequence[KnownPerson] | None], Iterator[Incoming]]:
    """Return a finder for a conversation file; a photo's folder says whose it is."""

    def find(source: Path, people: Sequence[KnownPerson] | None) -> Iterator[Incoming]:
        for chat in read_chats(source, kind):
            owner = PurePosixPath(chat.image).parent.name or "person"
            captions, turns = split_pairs(chat.pairs)
            path = _locate(source.parent, chat.image)
            yield Incoming(source=path, owner=owner, split="train", captions=tuple(captions), turns=tuple(turns))

    return find


def find_yollava(source: Path, people: Sequence[KnownPerson] | None) -> Iterator[Incoming]:
    """Yield `train/<subject>/photo` with the conversations about it, and `test/<subject>/photo` as probes.

    Conversations lie in any `*/<subject>/*.json` as {photo: [{"Human", "AI"}]}; files of negatives and of questions
    without a photo are left out. `<subject>` in a text becomes the name.
    """
    names = {p.id: p.name for p in people or ()}
    for folder in _subfolders(source / "train"):
        name = names.get(folder.name, folder.name)
        turns = _yollava_turns(source, folder.name, name)
        for photo in _photos(folder):
            yield Incoming(source=photo, owner=folder.name, split="train", turns=tuple(turns.get(photo.name, ())))
        for photo in _photos(source / "test" / folder.name):
            yield Incoming(source=photo, owner=folder.name, split="probe")


def find_myvlm(source: Path, people: Sequence[KnownPerson] | None) -> Iterator[Incoming]:
    """Yield `<concept>/photo`: with captions in `captions.json` as training photos, without as probes."""
    for folder in _subfolders(source):
        table = folder / "captions_augmented.json"
        captions = _read_json(table if table.is_file() else folder / "captions.json")
        extra = folder / "additional_llava_vqa_data.json"
        turns = {Path(k).name: v for k, v in _read_json(extra).items()} if extra.is_file() else {}
        for name in captions:
            _locate(folder, name)
        for photo in _photos(folder):
            if photo.name in captions:
                pairs = tuple((q, a) for q, a in turns.get(photo.name, ()))
                texts = tuple(captions[photo.name])
                yield Incoming(source=photo, owner=folder.name, split="train", captions=texts, turns=pairs)
            else:
                yield Incoming(source=photo, owner=folder.name, split="probe")


KINDS: Mapping[str, Callable[[Path, Sequence[KnownPerson] | None], Iterator[Incoming]]] = {
    "folder": find_folder,
    **{kind: find_chats(kind) for kind in FORMATS},
    "yollava": find_yollava,
    "myvlm": find_myvlm,
}
"""What can be imported: kind -> the function that finds its photos without decoding them."""


def _take_in(out: Path, people: Sequence[KnownPerson], photos: Sequence[Incoming]) -> Path:
    _check_incoming(people, photos)
    ids = {p.id: f"p{i:02d}" for i, p in enumerate(people, 1)}
    known = {p.id: PersonFacts(seed=-1, name=p.name, facts=p.facts) for p in people}
    with new_folder(out) as folder:
        rows = []
        for person in people:
            for split in ("train", "probe"):
                mine = [p for p in photos if (p.owner, p.split) == (person.id, split)]
                for i, photo in enumerate(mine):
                    rows.append(_store(folder, photo, ids[person.id], i, known[person.id], person.consent))
        table = [_person_row(p, ids[p.id]) for p in people]
        members = {ids[k]: v for k, v in known.items()}
        write_tables(folder, rows=rows, people=table, questions=_questions(members, rows))
        write_card(folder, name="own album", synthetic=False)
    return out


def _check_incoming(people: Sequence[KnownPerson], photos: Sequence[Incoming]) -> None:
    ids = [p.id for p in people]
    shown = {p.owner for p in photos if p.split == "train"}
    for person in ids:
        if person not in shown:
            raise DP2VLError(
                f"no training photo of {person!r}", f"put photos into {person}/train, or remove the person"
            )
    for owner in shown - set(ids):
        raise DP2VLError(f"{FACTS_FILE} does not know {owner!r}, who has photos", nearest(owner, ids))
    paths: set[Path] = set()
    digests: dict[str, Path] = {}
    for photo in photos:
        if not photo.source.is_file():
            raise DP2VLError(f"{photo.source} does not exist", "correct the path, or remove the entry")
        digest = hash_file(photo.source)
        if photo.source in paths or digest in digests:
            other = digests.get(digest, photo.source)
            raise DP2VLError(f"a photo is listed twice: {photo.source} and {other}", "keep one of the two")
        paths.add(photo.source)
        digests[digest] = photo.source


def _store(folder: Path, photo: Incoming, person_id: str, number: int, person: PersonFacts, consent: str) -> PhotoRow:
    pixels = read_pixels(photo.source)
    data = encode_png(pixels)
    name = f"{person_id}/{number + 1:04d}.png"
    path = folder / "photos" / photo.split / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    captions, turns = _texts(photo, person, number) if photo.split == "train" else ([], [])
    fact = person.facts.get(photo.scenario)
    return PhotoRow(
        file_name=name,
        photo_id=f"{photo.split}-{person_id}-{number + 1:04d}",
        sha256=hash_bytes(data),
        person_id=person_id,
        role=photo.split,
        scenario=photo.scenario,
        category=fact.category if fact else "",
        token=fact.token if fact else "",
        captions_json=json.dumps(captions, ensure_ascii=False),
        turns_json=json.dumps(turns, ensure_ascii=False),
        width=pixels.shape[1],
        height=pixels.shape[0],
        consent=consent,
    )


def _texts(photo: Incoming, person: PersonFacts, number: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Descriptions and turns as found; ours where there are none, and on facts that no found turn tells."""
    if not photo.captions and not photo.turns:
        return make_captions(person, photo.scenario), make_pairs(person, number)
    told = {answer for _, answer in photo.turns}
    ours = [pair for pair in make_pairs(person, number) if pair[1] not in told] if person.facts else []
    return list(photo.captions), [*photo.turns, *ours]


def _person_row(person: KnownPerson, person_id: str) -> PersonRow:
    facts = {s: {k: v for k, v in asdict(f).items() if k != "scenario"} for s, f in person.facts.items()}
    return PersonRow(
        person_id=person_id,
        display_name=person.name,
        aliases=person.aliases,
        consent=person.consent,
        facts=facts,
    )


def _questions(members: Mapping[str, PersonFacts], rows: Iterable[PhotoRow]) -> dict[str, list[QuestionRow]]:
    maker = QuestionMaker(members, np.random.default_rng(0))
    probes = [r for r in rows if r.role == "probe"]
    return {
        "probe": [q for r in probes for q in maker.ask_face(r.photo_id, r.person_id)],
        "text": [q for person_id in members for q in maker.ask_text(person_id)],
    }


def _nameless(photos: Sequence[Incoming]) -> list[KnownPerson]:
    return [KnownPerson(id=owner, name=owner) for owner in sorted({p.owner for p in photos})]


def _yollava_turns(source: Path, subject: str, name: str) -> dict[str, list[tuple[str, str]]]:
    turns: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(source.glob(f"*/{subject}/*.json")):
        if "negative" in path.name or path.name.startswith("text-only"):
            continue
        for photo, pairs in _read_json(path).items():
            texts = [(p["Human"], p["AI"]) for p in pairs if {"Human", "AI"} <= p.keys()]
            clean = [(q.replace(f"<{subject}>", name), a.replace(f"<{subject}>", name)) for q, a in texts]
            turns.setdefault(Path(photo).name, []).extend(clean)
    return turns


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DP2VLError(f"cannot read {path} as JSON: {error}", "repair or remove it") from None
    if not isinstance(content, dict):
        raise DP2VLError(
            f"{path}: expected photos and texts, got a {type(content).__name__}", "is it of another format?"
        )
    return content


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DP2VLError(f"{folder} does not exist", "is the album of another kind?")
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _photos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and not p.name.startswith("."))


def _locate(folder: Path, name: str) -> Path:
    """The file `name` in `folder` or in a folder above it, as conversation files lie in subfolders of albums.

    A name that leads out of these is refused: whoever wrote the file does not choose which photos are taken in.
    """
    check_inside(name, f"a file in {folder}")
    for top in (folder, *folder.parents[:2]):
        if (top / name).is_file():
            return top / name
    raise DP2VLError(f"{name} does not exist below {folder}", "put the file beside its photos")
