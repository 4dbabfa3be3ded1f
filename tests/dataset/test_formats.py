"""Albums in other shapes: what goes in comes out, and mistakes are named before any work."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from dp2vl.dataset.chats import DESCRIBE, FORMATS, chat_of, export_dataset, read_chats
from dp2vl.dataset.check import check_dataset
from dp2vl.dataset.facts import read_facts, write_template
from dp2vl.dataset.importers import import_album
from dp2vl.dataset.schema import DataSet, read_dataset
from dp2vl.dataset.store import read_pixels
from dp2vl.errors import DP2VLError, UsageError

ME: dict[str, Any] = {
    "id": "me",
    "name": "Alex Example",
    "consent": "self",
    "facts": {
        "pet": {"category": "dog", "token": "Rex"},
        "work": {"category": "bakery", "token": "Larkfield Bread", "other": "Joon Sample"},
    },
}
SAM: dict[str, Any] = {
    "id": "sam",
    "name": "Sam Sample",
    "consent": "written",
    "facts": {"pet": {"category": "axolotl"}},
}


def draw_photo(path: Path, seed: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two people's photos in plain folders, and the YAML."""
    top = tmp_path / "album"
    for seed, name in enumerate(
        ["me/train/pet/rex.jpg", "me/train/work/shift.jpg", "me/train/alex.png", "me/probe/a.jpg", "me/probe/b.jpg",
         "sam/pet/axolotl.png", "sam/probe/c.png"]
    ):  # fmt: skip
        draw_photo(top / name, seed)
    write_facts(top, ME, SAM)
    return top


def write_facts(top: Path, *people: dict[str, Any]) -> None:
    (top / "facts.yaml").write_text(yaml.safe_dump({"people": list(people)}))


def serious(folder: Path) -> list[str]:
    return [str(f) for f in check_dataset(folder) if f.serious]


def test_a_folder_per_person_becomes_a_set_that_passes_the_check(album: Path, tmp_path: Path) -> None:
    out = import_album("folder", album, tmp_path / "out")
    data = read_dataset(out)
    assert serious(out) == []
    assert [(p.person_id, p.display_name, p.consent) for p in data.members()] == [
        ("p01", "Alex Example", "self"),
        ("p02", "Sam Sample", "written"),
    ]
    assert [(r.person_id, r.scenario, r.category) for r in data.rows["train"]] == [
        ("p01", "", ""),
        ("p01", "pet", "dog"),
        ("p01", "work", "bakery"),
        ("p02", "pet", "axolotl"),
    ]
    assert len(data.rows["probe"]) == 3
    for row in data.rows["train"][:3]:
        assert {"Alex Example", "dog", "Rex", "bakery", "Larkfield Bread", "Joon Sample"} == {a for _, a in row.turns}
    assert "Rex" in data.rows["train"][1].captions[0]
    asked = [q for q in data.questions["probe"] if q.slot == "category" and q.format == "mcq" and q.answer == "axolotl"]
    assert len(asked) == 3 and all(len(q.options) == 4 for q in asked)


def test_photos_are_stored_upright_and_without_metadata(album: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Alex Example"
    draw_photo(album / "me/train/pet/rex.jpg", 0, exif=exif)
    out = import_album("folder", album, tmp_path / "out")
    row = next(r for r in read_dataset(out).rows["train"] if r.category == "dog")
    assert (row.width, row.height) == (48, 64)
    assert serious(out) == []


def test_without_consent_the_check_fails(album: Path, tmp_path: Path) -> None:
    write_facts(album, ME | {"consent": ""}, SAM)
    out = import_album("folder", album, tmp_path / "out")
    assert [f.rule for f in check_dataset(out) if f.serious] == ["consent"]


def test_the_template_is_read_back_and_never_overwritten(tmp_path: Path) -> None:
    path = write_template(tmp_path)
    (person,) = read_facts(path)
    assert person.id == "me" and person.consent == "" and person.facts["friends"].other
    assert (tmp_path / "me" / "probe").is_dir()
    with pytest.raises(UsageError):
        write_template(tmp_path)


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ([ME | {"facst": {}}, SAM], "unknown key 'facst'; hint: did you mean 'facts'"),
        (
            [ME | {"facts": {"pets": {"category": "dog"}}}, SAM],
            "unknown scenario 'pets'; hint: did you mean 'pet'",
        ),
        ([ME | {"facts": {"pet": {"categroy": "dog"}}}, SAM], "did you mean 'category'"),
        ([ME | {"consent": "yes"}, SAM], "unknown consent"),
        ([ME | {"name": ""}, SAM], "no name"),
        ([ME, ME], "twice"),
        ([ME, SAM, SAM | {"id": "kim"}], "no training photo of 'kim'"),
        ([ME], "does not know the folder 'sam'"),
        ([], "names nobody"),
    ],
)
def test_a_wrong_yaml_is_refused_before_any_work(people: list, words: str, album: Path, tmp_path: Path) -> None:
    write_facts(album, *people)
    with pytest.raises(DP2VLError) as caught:
        import_album("folder", album, tmp_path / "out")
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_photo_in_two_places_is_refused(album: Path, tmp_path: Path) -> None:
    shutil.copy(album / "me/train/alex.png", album / "me/probe/again.png")
    with pytest.raises(DP2VLError, match="listed twice"):
        import_album("folder", album, tmp_path / "out")


def test_an_unknown_scenario_folder_is_refused_with_the_nearest(album: Path, tmp_path: Path) -> None:
    draw_photo(album / "me/train/vehicel/car.png", 20)
    with pytest.raises(DP2VLError, match="did you mean 'vehicle'"):
        import_album("folder", album, tmp_path / "out")


def test_a_broken_photo_leaves_nothing_behind(album: Path, tmp_path: Path) -> None:
    (album / "sam/probe/c.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DP2VLError, match=r"c\.png"):
        import_album("folder", album, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["album"]


def test_an_unknown_kind_is_refused_with_the_nearest(album: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'yollava'"):
        import_album("yolava", album, tmp_path / "out")


@pytest.mark.parametrize("kind", FORMATS)
def test_each_conversation_format_comes_back_as_it_went_out(kind: str, small: Path, tmp_path: Path) -> None:
    before = read_dataset(small)
    path = export_dataset(small, kind, tmp_path / "file" / FORMATS[kind].file_name)
    assert [(c.image, c.pairs) for c in read_chats(path, kind)] == [
        (c.image, c.pairs) for c in (chat_of(before, row) for row in before.rows["train"])
    ]
    shutil.copytree(small / "photos" / "train", tmp_path / "file" / "photos" / "train")
    after = read_dataset(import_album(kind, path, tmp_path / "out"))
    assert contents(after) == contents(before)


def contents(data: DataSet) -> list[tuple]:
    """Everything that training sees, in the order of photos."""
    return [(read_pixels(data.path(r)).tobytes(), r.person_id, r.captions, r.turns) for r in data.rows["train"]]


def test_exports_have_the_field_names_of_each_family(small: Path, tmp_path: Path) -> None:
    def first(kind: str) -> Any:
        text = export_dataset(small, kind, tmp_path / FORMATS[kind].file_name).read_text()
        return json.loads(text.splitlines()[0]) if kind == "sharegpt" else json.loads(text)[0]

    image = "photos/train/p01/0001.png"
    llava, qwen, sharegpt, minigpt = (first(k) for k in ("llava", "qwen-vl", "sharegpt", "minigpt-v2"))
    assert llava["image"] == image and llava.keys() == {"id", "image", "conversations"}
    assert llava["conversations"][0] == {"from": "human", "value": f"<image>\n{DESCRIBE[0]}"}
    assert llava["conversations"][1]["from"] == "gpt"
    assert qwen["conversations"][0] == {
        "from": "user",
        "value": f"Picture 1: <img>{image}</img>\n{DESCRIBE[0]}",
    }
    assert qwen["conversations"][1]["from"] == "assistant"
    assert sharegpt["messages"][0] == {"role": "user", "content": f"<image>{DESCRIBE[0]}"}
    assert sharegpt["images"] == [image]
    assert minigpt["conversations"][0]["value"] == f"<image>\n[caption] {DESCRIBE[0]}"
    assert minigpt["conversations"][8]["value"].startswith("[vqa] ")


def test_export_lies_in_the_set_and_changes_neither_check_nor_digest(copy: Path) -> None:
    from dp2vl.dataset.schema import dataset_digest

    before = dataset_digest(copy)
    assert export_dataset(copy, "llava") == copy / "export" / "llava.json"
    assert dataset_digest(copy) == before
    assert serious(copy) == []


def test_a_file_of_another_format_is_named(small: Path, tmp_path: Path) -> None:
    path = export_dataset(small, "llava", tmp_path / "llava.json")
    with pytest.raises(DP2VLError, match="record 1 is not of format qwen-vl"):
        read_chats(path, "qwen-vl")


def test_a_conversation_about_a_lost_photo_is_refused(small: Path, tmp_path: Path) -> None:
    path = export_dataset(small, "llava", tmp_path / "llava.json")
    with pytest.raises(DP2VLError, match="does not exist"):
        import_album("llava", path, tmp_path / "out")


OUTSIDE = ("{top}/private/a.png", "../private/a.png", "me/../../private/a.png", "C:\\a.png", "..\\a.png")


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_conversation_file_cannot_take_photos_from_elsewhere(tmp_path: Path, name: str) -> None:
    draw_photo(tmp_path / "private" / "a.png", 1)
    draw_photo(tmp_path / "gift" / "me" / "mine.png", 2)
    path, turns = (
        tmp_path / "gift" / "chat.json",
        [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Mara"}],
    )
    record = {"id": "1", "image": name.format(top=tmp_path), "conversations": turns}
    path.write_text(json.dumps([record]))
    with pytest.raises(DP2VLError, match="names a photo outside its folder") as error:
        import_album("llava", path, tmp_path / "out")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
    path.write_text(json.dumps([record | {"image": "me/mine.png"}]))
    assert len(read_dataset(import_album("llava", path, tmp_path / "out")).rows["train"]) == 1


@pytest.mark.parametrize("column", ["file_name", "role"])
def test_a_data_set_cannot_name_photos_outside_it(album: Path, tmp_path: Path, column: str) -> None:
    out = import_album("folder", album, tmp_path / "out")
    table = out / "photos" / "train" / "metadata.jsonl"
    first, *rest = table.read_text().splitlines()
    for name in ("/etc/passwd", "../../../../etc/passwd"):
        table.write_text("\n".join([json.dumps(json.loads(first) | {column: name}), *rest]))
        with pytest.raises(DP2VLError, match="names a photo outside its folder"):
            read_dataset(out)


def test_a_yollava_album_is_taken_in_with_its_conversations(tmp_path: Path) -> None:
    top = tmp_path / "yollava-data"
    for seed, name in enumerate(["train/ciin/0.png", "train/ciin/1.png", "test/ciin/0.png"]):
        draw_photo(top / name, seed)
    talk = top / "training_data" / "ciin"
    talk.mkdir(parents=True)
    pairs = [{"Human": "Is <ciin> here?", "AI": "Yes, <ciin> is."}, {"Human": "Broken off?"}]
    (talk / "recognition_positive.json").write_text(json.dumps({"../data/train/ciin/1.png": pairs}))
    (talk / "recognition_negative-laion.json").write_text(json.dumps({"1.png": [{"Human": "No?", "AI": "No."}]}))
    facts = tmp_path / "facts.yaml"
    robin = {"id": "ciin", "name": "Robin Sample", "consent": "written", "facts": {"pet": {"category": "cat"}}}
    facts.write_text(yaml.safe_dump({"people": [robin]}))
    data = read_dataset(import_album("yollava", top, tmp_path / "out", facts=facts))
    assert [len(data.rows[s]) for s in ("train", "probe")] == [2, 1]
    assert data.rows["train"][1].turns[0] == ("Is Robin Sample here?", "Yes, Robin Sample is.")
    assert "cat" in {a for _, a in data.rows["train"][1].turns}  # a known fact that no conversation tells
    assert data.rows["train"][0].turns and data.rows["train"][0].turns[0][1] == "Robin Sample"  # from our wordings
    assert serious(tmp_path / "out") == []


def test_a_myvlm_album_is_taken_in_with_captions_and_questions(tmp_path: Path) -> None:
    top = tmp_path / "data_root"
    for seed, name in enumerate(["robin/1.jpg", "robin/2.jpg", "robin/3.jpg"]):
        draw_photo(top / name, seed)
    (top / "robin" / "captions.json").write_text(
        json.dumps({"1.jpg": ["robin on a bench", "robin rests"], "2.jpg": ["robin"]})
    )
    (top / "robin" / "additional_llava_vqa_data.json").write_text(
        json.dumps({"x/1.jpg": [["Where is robin?", "On a bench."]]})
    )
    data = read_dataset(import_album("myvlm", top, tmp_path / "out"))
    first, second = data.rows["train"]
    assert first.captions == ["robin on a bench", "robin rests"]
    assert first.turns == [("Where is robin?", "On a bench.")]
    assert second.captions == ["robin"] and second.turns == []
    assert [r.person_id for r in data.rows["probe"]] == ["p01"]


def test_a_myvlm_caption_of_a_lost_photo_is_refused(tmp_path: Path) -> None:
    draw_photo(tmp_path / "root" / "robin" / "1.jpg", 1)
    (tmp_path / "root" / "robin" / "captions.json").write_text(json.dumps({"1.jpg": ["a"], "9.jpg": ["b"]}))
    with pytest.raises(DP2VLError, match=r"9\.jpg does not exist"):
        import_album("myvlm", tmp_path / "root", tmp_path / "out")
