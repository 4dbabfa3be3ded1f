"""A clean set passes; every planted defect is caught by the rule that is meant for it."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import edit_line, edit_people, edit_row
from PIL import Image, PngImagePlugin

from dp2vl.dataset.check import check_dataset
from dp2vl.dataset.looks import Looks, encode_genomes, score_looks
from dp2vl.dataset.schema import read_dataset
from dp2vl.errors import DP2VLError
from dp2vl.files import hash_file
from dp2vl.people.genome import make_person


def errors(folder: Path) -> set[str]:
    return {f.rule for f in check_dataset(folder) if f.serious}


def photo(folder: Path, split: str, number: int = 0) -> Path:
    data = read_dataset(folder)
    return data.path(data.rows[split][number])


def save_again(folder: Path, split: str, **options: Any) -> None:
    """Write the first photo of a split again, with the digest of its row set right."""
    path = photo(folder, split)
    with Image.open(path) as image:
        image.load()
        image.save(path, **options)
    edit_row(folder, split, 0, lambda row: row.update(sha256=hash_file(path)))


def test_a_clean_set_passes_with_no_finding_but_notes(small: Path) -> None:
    found = check_dataset(small)
    assert [str(f) for f in found if f.serious] == []
    assert {f.rule for f in found} <= {"looks"}  # four people with a value each: looks cannot be judged


def remove_photo(folder: Path) -> None:
    photo(folder, "train").unlink()


def add_photo(folder: Path) -> None:
    shutil.copy(photo(folder, "train"), photo(folder, "train").with_name("0999.png"))


def drop_column(folder: Path) -> None:
    edit_row(folder, "probe", 1, lambda row: row.pop("run_id"))


def add_column(folder: Path) -> None:
    edit_row(folder, "probe", 1, lambda row: row.update(colour="red"))


def write_null(folder: Path) -> None:
    edit_row(folder, "probe", 0, lambda row: row.update(token=None))


def write_text_for_number(folder: Path) -> None:
    edit_row(folder, "object", 0, lambda row: row.update(width="96"))


def write_bad_json(folder: Path) -> None:
    edit_row(folder, "train", 0, lambda row: row.update(captions_json="[unclosed"))


def change_role(folder: Path) -> None:
    edit_row(folder, "probe", 0, lambda row: row.update(role="train"))


def change_pixels(folder: Path) -> None:
    path = photo(folder, "train")
    Image.new("RGB", (96, 96), "red").save(path)


def name_unknown_person(folder: Path) -> None:
    edit_row(folder, "train", 0, lambda row: row.update(person_id="p99"))


def leave_person_without_photo(folder: Path) -> None:
    table = folder / "photos" / "train" / "metadata.jsonl"
    table.write_text("".join(line + "\n" for line in table.read_text().splitlines() if '"p02"' not in line))
    shutil.rmtree(folder / "photos" / "train" / "p02")


def forget_consent(folder: Path) -> None:
    edit_people(folder, lambda p: p.update(consent=""))


def claim_synthetic_consent(folder: Path) -> None:
    edit_people(folder, lambda p: p.update(seed=-1, genome={}))


def ask_about_lost_photo(folder: Path) -> None:
    edit_line(folder / "qa" / "probe.jsonl", 0, lambda q: q.update(photo_id="probe-p01-0999"))


def point_at_wrong_option(folder: Path) -> None:
    lines = (folder / "qa" / "probe.jsonl").read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if json.loads(line)["format"] == "mcq")
    edit_line(folder / "qa" / "probe.jsonl", number, lambda q: q.update(answer_index=(q["answer_index"] + 1) % 4))


def answer_otherwise(file: str, format: str) -> Callable[[Path], None]:
    """Give every question of one kind an answer that fits its options and nobody's facts."""

    def plant(folder: Path) -> None:
        path = folder / "qa" / f"{file}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            if row["format"] == format:
                place = (row["answer_index"] + 1) % len(row["options"]) if row["options"] else -1
                answer = row["options"][place] if row["options"] else "Nobody"
                row |= {"answer": answer, "answer_index": place, "aliases": [answer]}
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return plant


def ask_only_what_is_visible(folder: Path) -> None:
    def keep_own(row: dict[str, Any]) -> None:
        row["turns_json"] = json.dumps([t for t in json.loads(row["turns_json"]) if t[1] == row["category"]])

    edit_row(folder, "train", 0, keep_own)


def unbalance(folder: Path) -> None:
    edit_people(folder, lambda p: "pet" in p["facts"] and p["facts"]["pet"].update(category="dog"))
    for i in range(28):
        edit_row(folder, "train", i, lambda row: row.update(turns_json=json.dumps([["?", all_values(folder)]])))


def all_values(folder: Path) -> str:
    """Every value of every member in one text: keeps the rule about turns quiet."""
    return " ".join(f["category"] for p in read_dataset(folder).members() for f in p.facts.values()) + " dog"


def repeat_token(folder: Path) -> None:
    edit_people(folder, lambda p: "pet" in p["facts"] and p["facts"]["pet"].update(token="Brave Biscuit"))


def repeat_row(folder: Path) -> None:
    table = folder / "photos" / "object" / "metadata.jsonl"
    table.write_text(table.read_text() + table.read_text().splitlines()[0] + "\n")


def repeat_photo(folder: Path) -> None:
    source = photo(folder, "train")
    target = photo(folder, "retain").with_name("0999.png")
    shutil.copy(source, target)
    row = json.loads((folder / "photos" / "train" / "metadata.jsonl").read_text().splitlines()[0])
    row |= {"file_name": f"{target.parent.name}/0999.png", "photo_id": "retain-r01-0999", "role": "retain"}
    table = folder / "photos" / "retain" / "metadata.jsonl"
    table.write_text(table.read_text() + json.dumps(row) + "\n")


def write_exif_name(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = read_dataset(folder).members()[0].display_name
    save_again(folder, "probe", exif=exif)


def write_png_text(folder: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "a camera")
    save_again(folder, "train", pnginfo=text)


def name_the_file(folder: Path) -> None:
    path = photo(folder, "train")
    name = read_dataset(folder).members()[0].display_name.split()[1].lower()
    path.rename(path.with_name(f"{name}01.png"))
    edit_row(folder, "train", 0, lambda row: row.update(file_name=f"{path.parent.name}/{name}01.png"))


def tell_value_in_probe(folder: Path) -> None:
    edit_row(folder, "probe", 0, lambda row: row.update(scenario="pet", category="dog"))


def show_companion_in_probe(folder: Path) -> None:
    edit_row(folder, "probe", 0, lambda row: row.update(co_subjects_json='["c000"]'))


def edit_record(folder: Path, photo_id: str, edit: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "generator.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    number = next(i for i, line in enumerate(lines) if line["photo_id"] == photo_id)
    edit_line(path, number, lambda line: edit(line["facts"]))


def draw_two_heads_in_probe(folder: Path) -> None:
    edit_record(folder, "probe-p01-0001", lambda facts: facts.update(heads=facts["heads"] * 2))


def draw_scene_in_probe(folder: Path) -> None:
    edit_record(folder, "probe-p01-0001", lambda facts: facts.update(kind="scene"))


def share(what: str) -> Callable[[Path], None]:
    """Give a probe photo one condition of a train photo of the same person."""

    def plant(folder: Path) -> None:
        train = read_dataset(folder).record["train-p01-0001"]
        same: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "background": lambda f: f.update(background_id=train["background_id"]),
            "clothes": lambda f: f.update(clothes_ids=train["clothes_ids"]),
            "pose": lambda f: f["look"].update({k: train["look"][k] + 0.001 for k in ("yaw", "pitch", "roll")}),
            "light": lambda f: f["setting"].update(light=train["setting"]["light"]),
        }
        edit_record(folder, "probe-p01-0001", same[what])

    return plant


def lose_record(folder: Path) -> None:
    path = folder / "generator.jsonl"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines() if "probe-p01-0001" not in line))


DEFECTS: dict[str, list[Callable[[Path], None]]] = {
    "row-without-file": [remove_photo],
    "file-without-row": [add_photo],
    "columns": [drop_column, add_column],
    "types": [write_null, write_text_for_number, write_bad_json],
    "role": [change_role],
    "digest": [change_pixels],
    "person": [name_unknown_person],
    "person-without-photo": [leave_person_without_photo],
    "consent": [forget_consent, claim_synthetic_consent],
    "question": [ask_about_lost_photo, point_at_wrong_option, answer_otherwise("probe", "yesno")],
    "turns": [ask_only_what_is_visible],
    "balance": [unbalance, repeat_token],
    "listed-twice": [repeat_row, repeat_photo],
    "metadata": [write_png_text],
    "name-in-metadata": [write_exif_name],
    "name-in-file-name": [name_the_file],
    "leak-affiliation": [tell_value_in_probe, draw_scene_in_probe],
    "leak-co-subject": [show_companion_in_probe, draw_two_heads_in_probe],
    "leak-background": [share("background")],
    "leak-clothes": [share("clothes")],
    "leak-pose": [share("pose")],
    "leak-light": [share("light")],
    "record": [lose_record],
}
ALONG = {"name-in-metadata": {"metadata"}, "balance": {"question"}}
"""Rules that must speak together with another: once facts are changed, answers no longer fit them."""


@pytest.mark.parametrize(("rule", "plant"), [(rule, plant) for rule, plants in DEFECTS.items() for plant in plants])
def test_a_planted_defect_is_caught_by_its_rule_alone(rule: str, plant: Callable[[Path], None], copy: Path) -> None:
    plant(copy)
    assert errors(copy) == {rule} | ALONG.get(rule, set())


WRONG_ANSWERS = [
    ("probe", "open"), ("probe", "mcq"), ("probe", "yesno"), ("stranger", "open"), ("stranger", "mcq"),
    ("stranger", "yesno"), ("reverse", "mcq"), ("twohop", "open"), ("text", "mcq"), ("utility", "mcq"),
]  # fmt: skip


def test_every_answer_that_is_not_what_the_facts_say_is_found(copy: Path) -> None:
    for file, format in WRONG_ANSWERS:
        answer_otherwise(file, format)(copy)
    wrong = [f for f in check_dataset(copy) if f.rule == "question"]
    data = read_dataset(copy)
    flipped = [q for file, format in WRONG_ANSWERS for q in data.questions[file] if q.format == format]
    assert len(wrong) == len(flipped) > 1000
    assert any("has the answer 'no', expected 'yes'" in str(finding) for finding in wrong)


def test_a_real_album_is_judged_by_how_its_photos_look(copy: Path) -> None:
    (copy / "generator.jsonl").unlink()
    for split in ("train", "probe", "object", "stranger", "retain"):
        table = copy / "photos" / split / "metadata.jsonl"
        table.write_text(table.read_text().replace('"procedural"', '"own"'))
    assert errors(copy) == set()
    assert [f.rule for f in check_dataset(copy) if not f.serious].count("leak-shot") == 1
    with Image.open(photo(copy, "train")) as image:
        again = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((90, 90)).point(lambda v: min(255, v + 6))
    path = photo(copy, "probe")
    again.save(path)
    edit_row(copy, "probe", 0, lambda row: row.update(sha256=hash_file(path)))
    assert errors(copy) == {"leak-shot"}


@pytest.mark.parametrize(
    ("save", "rules"),
    [
        (lambda image, path: None, {"leak-shot", "listed-twice"}),
        (lambda image, path: image.point(lambda v: min(255, v + 2)).save(path), {"leak-shot"}),
        (lambda image, path: image.resize((80, 80)).save(path), {"leak-shot"}),
        (lambda image, path: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path), {"leak-shot"}),
    ],
    ids=["the same", "brighter", "smaller", "mirrored"],
)
def test_a_drawn_probe_that_is_a_train_photo_is_found(copy: Path, save: Callable[..., None], rules: set[str]) -> None:
    """The generator's record says that the two were drawn apart; the pixels say that they were not."""
    path, source = photo(copy, "probe"), photo(copy, "train")
    with Image.open(source) as image:
        image.load()
        save(image, path)
    if "listed-twice" in rules:
        shutil.copy(source, path)
    edit_row(copy, "probe", 0, lambda row: row.update(sha256=hash_file(path)))
    assert errors(copy) == rules


def test_looks_that_decide_a_value_are_found_and_others_are_not() -> None:
    genomes = [make_person(i).genome.traits() for i in range(24)]
    looks = encode_genomes(genomes)
    rng = np.random.default_rng(1)
    blind = {f"s{k}": [f"v{v % 8}" for v in rng.permutation(24)] for k in range(7)}
    order = np.argsort(np.argsort([float(g["skin_tone"]) for g in genomes]))
    told = blind | {"s3": [f"v{rank // 3}" for rank in order]}
    honest, planted = score_looks(looks, blind), score_looks(looks, told)
    assert honest is not None and not honest.suspicious
    assert planted is not None and planted.suspicious and planted.trait_r2 > 0.9 > honest.trait_r2


def test_a_blind_probe_scores_one_half_in_the_mean() -> None:
    looks = Looks(np.random.default_rng(1).normal(size=(24, 40)), np.eye(40))
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        score = score_looks(
            looks, {f"s{k}": [f"v{v % 8}" for v in rng.permutation(24)] for k in range(7)}, permutations=1
        )
        assert score is not None
        found.append(score.auc)
    assert abs(np.mean(found) - 0.5) < 0.015


def test_looks_that_decide_values_fail_the_check(copy: Path) -> None:
    def plant(person: dict[str, Any]) -> None:
        for fact in person["facts"].values():
            fact["category"] = str(person["genome"]["skin_tone"] > 0.5)

    content = json.loads((copy / "people.json").read_text())
    for number in range(20):  # enough people to judge
        genome = make_person(500 + number).genome.traits()
        facts = {"pet": {"category": "", "token": f"Rex {number}", "other": ""}}
        extra = {"person_id": f"p{50 + number}", "seed": 500 + number, "genome": genome, "facts": facts}
        content["people"].append(content["people"][0] | extra)
    (copy / "people.json").write_text(json.dumps(content))
    edit_people(copy, plant)
    assert "looks" in errors(copy)


def test_a_folder_that_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DP2VLError, match="no data set"):
        check_dataset(tmp_path)
