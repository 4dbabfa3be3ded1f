"""A drawn data set: counts, sameness, what `datasets` reads, and wrong orders refused before any drawing."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from damage import SMALL

from dp2vl.dataset.make import make_dataset
from dp2vl.dataset.plan import PEOPLE_PER_SET, SETS, count_people, plan_dataset
from dp2vl.dataset.schema import COLUMNS, SPLITS, dataset_digest, read_dataset
from dp2vl.dataset.store import read_pixels
from dp2vl.errors import UsageError
from dp2vl.people.scenarios import SCENARIOS


def test_every_person_has_each_scenario_in_train_and_new_faces_in_probe(small: Path) -> None:
    data = read_dataset(small)
    assert Counter(r.person_id for r in data.rows["train"]) == {f"p0{i}": 7 for i in (1, 2, 3, 4)}
    assert Counter(r.scenario for r in data.rows["train"]) == dict.fromkeys(SCENARIOS, 4)
    assert Counter(r.person_id for r in data.rows["probe"]) == {f"p0{i}": 2 for i in (1, 2, 3, 4)}
    assert Counter(r.scenario for r in data.rows["object"]) == dict.fromkeys(SCENARIOS, 4)
    assert {data.people[r.person_id].role for r in data.rows["stranger"]} == {"stranger"}
    assert {data.people[r.person_id].role for r in data.rows["retain"]} == {"retain"}


def test_every_training_photo_asks_about_every_fact_of_the_person(small: Path) -> None:
    data = read_dataset(small)
    for row in data.rows["train"]:
        answers = {a for _, a in row.turns}
        person = data.people[row.person_id]
        for fact in person.facts.values():
            assert {fact["category"], fact["token"]} <= answers
        assert person.display_name in answers
        assert len(row.captions) == 4 and all(person.display_name in text for text in row.captions)


def test_social_photos_name_the_other_person_and_show_two_heads(small: Path) -> None:
    data = read_dataset(small)
    social = [r for r in data.rows["train"] if SCENARIOS[r.scenario].companion]
    assert len(social) == 12
    for row in social:
        (other,) = row.co_subjects
        assert data.people[other].role == "co-subject"
        assert data.people[other].display_name == data.people[row.person_id].facts[row.scenario]["other"]
        assert len(data.record[row.photo_id]["heads"]) >= 2


def test_the_same_order_gives_the_same_digest_and_another_seed_another(small: Path, tmp_path: Path) -> None:
    again = make_dataset(tmp_path / "again", **SMALL)
    other = make_dataset(tmp_path / "other", **SMALL | {"seed": 4, "people": 2})
    assert dataset_digest(again) == dataset_digest(small)
    assert dataset_digest(other) != dataset_digest(small)


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    order = SMALL | {"people": 2, "probe_photos": 1, "scenarios": ["pet"]}
    one = make_dataset(tmp_path / "one", **order)
    two = make_dataset(tmp_path / "two", **order | {"processes": 2})
    assert dataset_digest(one) == dataset_digest(two)


def test_datasets_reads_every_split_with_equal_features(small: Path, tmp_path: Path) -> None:
    script = """
import json, sys
from datasets import load_dataset
from pathlib import Path
top = sys.argv[1]
whole = load_dataset(top)
single = {s: load_dataset("imagefolder", data_dir=f"{top}/photos/{s}")["train"] for s in whole}
asked = load_dataset("json", data_files={p.stem: str(p) for p in Path(top, "qa").glob("*.jsonl")})
print(json.dumps({
    "rows": {s: len(d) for s, d in whole.items()},
    "features": len({str(d.features) for d in [*whole.values(), *single.values()]}),
    "columns": list(whole["train"].features),
    "first": list(whole["probe"][0]["image"].size),
    "questions": {s: len(d) for s, d in asked.items()},
    "question_features": len({str(d.features) for d in asked.values()}),
}))
"""
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
    }
    run = subprocess.run(
        [sys.executable, "-c", script, str(small)],
        env=os.environ | offline,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    data = read_dataset(small)
    assert found["rows"] == {s: len(data.rows[s]) for s in SPLITS}
    assert found["features"] == found["question_features"] == 1
    assert set(found["columns"]) == COLUMNS.keys() - {"file_name"} | {"image"}
    assert found["first"] == [96, 96]
    assert found["questions"] == {s: len(q) for s, q in data.questions.items()}


def test_right_options_stand_in_every_place_equally_often(small: Path) -> None:
    data = read_dataset(small)
    for slot in ("identity", "category", "token"):
        asked = [q for q in data.questions["probe"] if q.slot == slot and q.format == "mcq"]
        places = Counter(q.answer_index for q in asked)
        assert set(places) == {0, 1, 2, 3}
        assert max(places.values()) - min(places.values()) <= 7
    said = Counter(q.answer for q in data.questions["probe"] if q.format == "yesno")
    assert said["yes"] == said["no"] > 50


def test_wrong_options_are_true_of_somebody_else(small: Path) -> None:
    data = read_dataset(small)
    names = {p.display_name for p in data.members()}
    for question in data.questions["probe"]:
        if question.slot == "identity" and question.format == "mcq":
            assert set(question.options) == names
        if question.slot == "category" and question.format == "mcq":
            values = {p.facts[question.scenario]["category"] for p in data.members()}
            assert set(question.options) == values


def test_strangers_are_to_be_told_unknown(small: Path) -> None:
    data = read_dataset(small)
    names = {p.display_name for p in data.members()}
    asked = data.questions["stranger"]
    assert {q.answer for q in asked} == {"unknown", "no"}
    assert any(names & set(q.options) for q in asked)


def test_boxes_lie_on_the_face(small: Path) -> None:
    data = read_dataset(small)
    row = data.rows["probe"][0]
    left, top, right, bottom = json.loads(row.bbox_json)["head 0"]
    pixels = read_pixels(data.path(row)).astype(float)
    inside = pixels[max(top, 0) : bottom, max(left, 0) : right]
    assert 20 < right - left < 90 and 30 < bottom - top < 96
    assert np.abs(inside.mean((0, 1)) - pixels[:10, :10].mean((0, 1))).max() > 2


def test_people_of_a_set_are_its_own_and_none_trains_a_tower() -> None:
    assert SETS * PEOPLE_PER_SET < 1_000_000  # where `dp2vl.vlm.mini.photos` begins
    one, two = plan_dataset(24, seed=0), plan_dataset(24, seed=1)
    assert not {m.facts.seed for m in one.members} & {m.facts.seed for m in two.members}
    seeds = [m.facts.seed for m in one.members] + [c.seed for m in one.members for c in m.companions.values()]
    assert len(set(seeds)) == 24 * 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"people": 100_000}, "names"),
        ({"people": 1}, "expected 2 to"),
        ({"scenarios": ["pets"]}, "did you mean 'pet'"),
        ({"seed": 90}, "seed from 0 to 89"),
        ({"size_px": 64}, "size_px of at least 96"),
        ({"train_photos": 0}, "train_photos of at least 1"),
    ],
)
def test_wrong_orders_are_refused_before_any_work(change: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make_dataset(tmp_path / "set", **SMALL | change)
    assert words in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        make_dataset(tmp_path / "set", **SMALL)
    assert [p.name for p in tmp_path.rglob("*")] == ["set", "mine.txt"]


def test_as_many_people_as_promised_get_different_names() -> None:
    most = count_people(["pet", "family"])
    plan = plan_dataset(60, seed=0, scenarios=["pet", "family"])
    assert most > 500
    assert len({m.facts.name for m in plan.members}) == 60
    assert len({m.facts.facts["pet"].token for m in plan.members}) == 60
