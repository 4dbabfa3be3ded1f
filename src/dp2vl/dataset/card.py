"""What a data set says about itself: README card with Hugging Face front matter, and Croissant 1.1 metadata."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dp2vl.dataset.schema import COLUMNS, SPLITS, read_dataset, split_file
from dp2vl.files import hash_file, write_json

PURPOSE = {
    "train": "private photos with descriptions and question-answer turns: what an adversary fine-tunes on",
    "probe": "new photos of the same faces, nothing else in them: what is asked about",
    "stranger": "faces of people outside the set: nothing may be claimed about them",
    "object": "the affiliation without the person: the thing alone, or the co-subject's face",
    "retain": "other people's photos, to see what the model still can do",
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "column": "cr:column",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "includes": "cr:includes",
    "key": "cr:key",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}


def write_card(folder: Path, *, name: str, synthetic: bool, seed: int = 0) -> None:
    """Write `README.md` and `croissant.json` for the data set in `folder`, whose tables are there already."""
    data = read_dataset(folder)
    splits = [s for s in SPLITS if data.rows[s]]
    licence = data.rows[splits[0]][0].licence or "all rights reserved by the owner"
    environment = Environment(loader=PackageLoader("dp2vl.dataset"), undefined=StrictUndefined, autoescape=False)
    text = environment.get_template("card.md.jinja").render(
        name=name,
        synthetic=synthetic,
        seed=seed,
        members=len(data.members()),
        splits=splits,
        counts={s: len(data.rows[s]) for s in splits},
        purpose=PURPOSE,
        questions={n: len(q) for n, q in data.questions.items() if q},
        licence=licence,
        licence_id="cc0-1.0" if licence == "CC0-1.0" else "other",
        version=version("dp2vl"),
    )
    (folder / "README.md").write_text(text + "\n", encoding="utf-8")
    croissant = describe_croissant(folder, splits, name=name, synthetic=synthetic, licence=licence)
    write_json(folder / "croissant.json", croissant)


def describe_croissant(folder: Path, splits: list[str], *, name: str, synthetic: bool, licence: str) -> dict[str, Any]:
    """Return the Croissant 1.1 description with its responsible-AI fields, JSON-able."""
    cc0 = "https://creativecommons.org/publicdomain/zero/1.0/"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": name,
        "description": "Photos and private facts of people, for measuring what a vision-language model learns of them.",
        "license": cc0 if licence == "CC0-1.0" else licence,
        "version": "1.0.0",
        "rai:dataCollection": "Drawn by a program from a seed." if synthetic else "Taken from the owner's own album.",
        "rai:personalSensitiveInformation": (
            "None: the people, their names and their facts are invented."
            if synthetic
            else "Names, faces and private facts of real people, kept on their owner's machine."
        ),
        "rai:dataUseCases": "Measuring identity-affiliation leakage and protection against it; not face recognition.",
        "rai:dataLimitations": (
            "Drawn faces are easier to tell apart than real ones." if synthetic else "One album is no sample of people."
        ),
        "rai:dataBiases": (
            "Looks are spread evenly for variety and mirror no population; values are assigned independently of looks."
            if synthetic
            else "People, places and things are those of one album."
        ),
        "distribution": [part for split in splits for part in _files_of(folder, split)],
        "recordSet": [_records_of(split) for split in splits],
    }


def _files_of(folder: Path, split: str) -> list[dict[str, Any]]:
    table = split_file(folder, split)
    path = table.relative_to(folder).as_posix()
    return [
        {"@type": "cr:FileObject", "@id": f"{split}-rows", "name": path, "contentUrl": path,
         "encodingFormat": "application/jsonlines", "sha256": hash_file(table)},
        {"@type": "cr:FileSet", "@id": f"{split}-photos", "name": f"photos of {split}", "encodingFormat": "image/png",
         "includes": f"photos/{split}/**/*.png"},
    ]  # fmt: skip


def _records_of(split: str) -> dict[str, Any]:
    columns = [
        {"@type": "cr:Field", "@id": f"{split}/{name}", "name": name,
         "dataType": "sc:Integer" if kind is int else "sc:Text",
         "source": {"fileObject": {"@id": f"{split}-rows"}, "extract": {"column": name}}}
        for name, kind in COLUMNS.items()
    ]  # fmt: skip
    image = {
        "@type": "cr:Field",
        "@id": f"{split}/image",
        "name": "image",
        "dataType": "sc:ImageObject",
        "source": {"fileSet": {"@id": f"{split}-photos"}, "extract": {"fileProperty": "content"}},
    }
    key = {"@id": f"{split}/photo_id"}
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "key": key, "field": [image, *columns]}
