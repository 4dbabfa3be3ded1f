"""The report of a suite: every number of the scores with its interval and gate, in one file that needs no other."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dp2vl.errors import DP2VLError
from dp2vl.report.bench import make_groups, show_cell, write_bench_report

SCENARIOS = ("pet", "home")
TRIAL = {
    "method": "", "surrogates": "", "strength": "", "countermeasure": "none", "attacker": "default", "ratio": 0.0
}  # fmt: skip


def row(arm: str, metric: str, scenario: str, value: float | None, **more) -> dict:
    number = {"value": value, "ci_low": None if value is None else value - 0.1, "ci_high": 0.97}
    about = {"suite": "mine", "family": "mini-llava", "arm": arm, "seed": "all", "n_people": 8, "gate": "passed"}
    return {**TRIAL, **about, "metric": metric, "scenario": scenario, **number, **more}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    people = {"count": 8, "scenarios": SCENARIOS, "train_photos": 1, "probe_photos": 2}
    suite = {"name": "mine", "digest": "0123456789ab", "seeds": [0, 1], "people": people}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    scores = []
    for arm, level, more in (
        ("clean", 0.82, {}),
        ("protected", 0.21, {"method": "dp2vl", "surrogates": "all", "strength": "standard", "ratio": 0.5}),
    ):
        scores.append(row(arm, "leakage", "mean", level, **more))
        scores.append(row(arm, "leakage", "mean", 0.5, **(more | {"seed": "1"})))
        scores += [row(arm, m, s, level, **more) for m in ("category_accuracy", "category_leakage") for s in SCENARIOS]
    scores.append(row("protected", "protection_rate", "mean", None, **more))
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(r) + "\n" for r in scores))
    curves = [{"family": "mini-llava", "arm": "clean", **TRIAL, "step": s, "metric": "leakage", "scenario": "mean",
               "value": s / 30} for s in (10, 20)]  # fmt: skip
    (tmp_path / "curves.jsonl").write_text("".join(json.dumps(r) + "\n" for r in curves))
    answers = tmp_path / "runs/mini-llava/clean/default/seed0/answers.jsonl"
    answers.parent.mkdir(parents=True)
    said = {"view": "probe", "format": "open", "options": [], "photo_id": "probe-p01-0001", "slot": "category"}
    lines = [said | {"scenario": "pet", "text": "a <b>dog</b>", "answer": "cat"}]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    photo = tmp_path / "data/photos/probe/p01/0001.png"
    photo.parent.mkdir(parents=True)
    Image.fromarray(np.full((120, 120, 3), 90, np.uint8)).save(photo)
    return tmp_path


def test_the_page_has_every_number_and_needs_no_other_file(out):
    page = write_bench_report(out).read_text()
    for text in (
        "0.82 [0.72, 0.97]",
        "0.21 [0.11, 0.97]",
        "undefined",
        "passed",
        "against all, standard, 50% of photos",
    ):
        assert text in page
    assert page.count("<svg") == 2 and "data:image/jpeg;base64," in page
    sources = re.findall(r"(?:src|href)=\"([^\"#]+)", page)
    assert sources and all(source.startswith("data:") for source in sources)


def test_what_a_model_said_is_text_and_not_markup(out):
    page = write_bench_report(out).read_text()
    assert "<b>dog" not in page and "&lt;b&gt;dog" in page


def test_markdown_has_the_same_table_in_rows_of_equal_length(out):
    write_bench_report(out)
    text = (out / "report" / "report.md").read_text()
    assert "0.82 [0.72, 0.97]" in text and "0.50 [" not in text  # single seeds are not in the table
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_same_records_give_the_same_bytes(out):
    first = write_bench_report(out).read_bytes()
    assert write_bench_report(out).read_bytes() == first


def test_arms_are_told_apart_by_all_that_they_are(out):
    rows = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    more = [r | {"countermeasure": "jpeg75"} for r in rows if r["arm"] == "protected"]
    groups = list(make_groups([*rows, *more]))
    assert len(groups) == 3 and len({g["label"] for g in groups}) == 3


def test_a_number_without_bounds_stands_alone():
    assert show_cell({"value": 0.5, "ci_low": None, "ci_high": 0.7}) == "0.50"


def test_no_scores_is_an_error(tmp_path):
    with pytest.raises(DP2VLError, match="has no scores; hint: dp2vl bench score first"):
        write_bench_report(tmp_path)
