"""Rules about the photos: files, metadata, names, and what leaks from train to probe."""

import io
import re
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from dp2vl.dataset.clash import SAME_PHOTO_BITS, SAVED_ANEW_BITS, bits_apart, find_clashes, hash_look
from dp2vl.dataset.finding import Finding
from dp2vl.dataset.schema import SPLITS, DataSet, PersonRow, PhotoRow, photo_name
from dp2vl.dataset.store import read_pixels
from dp2vl.files import hash_file
from dp2vl.images import PHOTO_SUFFIXES

PLAIN_KEYS = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "gamma", "srgb", "icc_profile", "interlace",
              "progressive", "progression", "adobe", "adobe_transform", "chromaticity", "compression"}  # fmt: skip
"""What Pillow finds in a file that says nothing about its owner."""


def check_files(data: DataSet) -> Iterator[Finding]:
    for split in SPLITS:
        top = data.folder / "photos" / split
        listed = {row.file_name for row in data.rows[split]}
        found = {p.relative_to(top).as_posix() for p in top.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES}
        for name in sorted(found - listed):
            yield Finding(rule="file-without-row", where=f"{split}/{name}", message="loaders drop it in silence")
        for name in sorted(listed - found):
            yield Finding(rule="row-without-file", where=f"{split}/{name}", message="there is no such photo")
        for row in data.rows[split]:
            if row.role != split:
                text = f"its row says role {row.role!r}"
                yield Finding(rule="role", where=f"{split}/{row.file_name}", message=text)
            elif row.file_name in found and hash_file(data.path(row)) != row.sha256:
                yield Finding(
                    rule="digest",
                    where=photo_name(row),
                    message="the file is not the one that its row was written for",
                )


def check_listed_twice(data: DataSet) -> Iterator[Finding]:
    for what in ("photo_id", "sha256"):
        seen: dict[str, PhotoRow] = {}
        for row in data.all_rows():
            value = getattr(row, what)
            if value in seen:
                yield Finding(
                    rule="listed-twice",
                    where=photo_name(row),
                    message=f"same {what} as {photo_name(seen[value])}",
                )
            seen.setdefault(value, row)


def check_metadata(data: DataSet) -> Iterator[Finding]:
    for row in data.all_rows():
        texts = read_metadata(data.path(row).read_bytes())
        if not texts:
            continue
        keys = ", ".join(sorted(texts))
        yield Finding(
            rule="metadata",
            where=photo_name(row),
            message=f"the file carries {keys}; photos hold pixels only",
        )
        name = _find_name(" ".join(texts.values()), data.people.values())
        if name:
            yield Finding(rule="name-in-metadata", where=photo_name(row), message=f"the file's metadata says {name!r}")


def check_file_names(data: DataSet) -> Iterator[Finding]:
    for row in data.all_rows():
        name = _find_name(f"{row.file_name} {row.photo_id}", data.people.values())
        if name:
            yield Finding(rule="name-in-file-name", where=photo_name(row), message=f"it says {name!r}")


def check_probe_rows(data: DataSet) -> Iterator[Finding]:
    """A probe photo shows a face and nothing else, and its row tells nothing that the model is asked."""
    for row in (*data.rows["probe"], *data.rows["stranger"]):
        if row.scenario or row.category or row.token or row.captions or row.turns:
            text = "its row carries a scenario, value, description or turn"
            yield Finding(rule="leak-affiliation", where=photo_name(row), message=text)
        if row.co_subjects:
            yield Finding(
                rule="leak-co-subject",
                where=photo_name(row),
                message=f"it shows {', '.join(row.co_subjects)}",
            )
        facts = data.record.get(row.photo_id)
        if facts and facts["kind"] != "portrait":
            text = f"the generator drew a {facts['kind']} here"
            yield Finding(rule="leak-affiliation", where=photo_name(row), message=text)
        if facts and len(facts["heads"]) != 1:
            text = f"the generator drew {len(facts['heads'])} faces here"
            yield Finding(rule="leak-co-subject", where=photo_name(row), message=text)


def check_conditions(data: DataSet) -> Iterator[Finding]:
    """Exact, from the generator's record: no probe photo shares background, clothes, pose or light with training."""
    for row in (*data.rows["train"], *data.rows["probe"]):
        if row.source == "procedural" and row.photo_id not in data.record:
            text = "generator.jsonl has no line for this drawn photo"
            yield Finding(rule="record", where=photo_name(row), message=text)
    for probe, train in _pairs(data):
        a, b = data.record.get(probe.photo_id), data.record.get(train.photo_id)
        for what in find_clashes(a, b) if a and b else ():
            yield Finding(
                rule=f"leak-{what}",
                where=photo_name(probe),
                message=f"shares its {what} with {photo_name(train)}",
            )


def check_shots(data: DataSet) -> Iterator[Finding]:
    """By hash: no probe photo is a train photo saved anew or, where nobody drew them, taken again."""
    train, probe = data.rows["train"], data.rows["probe"]
    hashes = np.array([hash_look(read_pixels(data.path(row))) for row in train]).reshape(len(train), -1)
    drawn = np.array([row.photo_id in data.record for row in train], bool)
    for row in probe:
        most = np.where(drawn | (row.photo_id in data.record), SAVED_ANEW_BITS, SAME_PHOTO_BITS)
        for i in np.flatnonzero(bits_apart(read_pixels(data.path(row)), hashes) <= most):
            if data.path(train[i]) != data.path(row):  # a row whose role is wrong is another rule's matter
                text = f"looks like {photo_name(train[i])} taken again"
                yield Finding(rule="leak-shot", where=photo_name(row), message=text)
    if any(row.photo_id not in data.record for row in (*train, *probe)):
        text = "background, clothes and pose of real photos are judged only by the look of the whole photo"
        yield Finding(rule="leak-shot", where="train, probe", message=text, serious=False)


def read_metadata(data: bytes) -> dict[str, str]:
    """Return what an image file carries besides its pixels and colours: kind -> text."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        found = {str(k): _as_text(v) for k, v in image.info.items() if k not in PLAIN_KEYS}
        exif = image.getexif()
        tags = [v for ifd in (exif, exif.get_ifd(0x8769), exif.get_ifd(0x8825)) for v in ifd.values()]
    if tags:
        found["exif"] = " ".join(_as_text(v) for v in tags)
    return found


def _as_text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return value.decode("utf-16-le" if value[1:2] == b"\0" else "latin-1", errors="replace").replace("\0", "")


def _find_name(text: str, people: Iterable[PersonRow]) -> str:
    """Return the first name or token out of `people` that `text` contains; short words must stand alone."""
    folded = text.casefold()
    words = set(re.split(r"[^\w]|_|\d", folded))
    for person in people:
        tokens = [f.get("token", "") for f in person.facts.values()]
        for word in " ".join([person.display_name, *person.aliases, *tokens]).casefold().split():
            if word in words if len(word) < 5 else word in folded:
                return word
    return ""


def _pairs(data: DataSet) -> Iterator[tuple[PhotoRow, PhotoRow]]:
    """Probe photos with the train photos that show the same person."""
    for probe in data.rows["probe"]:
        for train in data.rows["train"]:
            if probe.person_id == train.person_id:
                yield probe, train
