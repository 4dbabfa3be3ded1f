"""The leaderboard: entries follow a schema and their own numbers, and a third party can lower a score."""

import json
from pathlib import Path

import pytest

from dp2vl.bench.leaderboard import check_entry, make_entries, make_page, read_entries, write_entry
from dp2vl.bench.run import run_suite
from dp2vl.bench.suite import load_suite
from dp2vl.errors import DP2VLError, UsageError

ROOT = Path(__file__).parents[2]


def row(value: float, **about) -> dict:
    return {
        "suite": "protection", "family": "mini-llava", "arm": "protected", "method": "dp2vl", "surrogates": "all",
        "strength": "standard", "countermeasure": "none", "attacker": "default", "ratio": 1.0, "seed": "all",
        "scenario": "mean", "metric": "protection_rate", "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1,
        "n_people": 12, "gate": "passed",
    } | about  # fmt: skip


def scored(folder: Path, *rows: dict) -> Path:
    folder.mkdir()
    (folder / "scores.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def entry(tmp_path: Path, *values: float, method: str = "dp2vl", external: bool = False, **about) -> dict:
    folder = tmp_path / f"{method}-{values}-{external}"
    rows = [row(v, method=method, family=f"mini-{i}", **about) for i, v in enumerate(values)]
    suite = load_suite("protection")
    (made,) = make_entries(suite, scored(folder, *rows), method=method, source="here", external=external)
    return made


def test_the_lowest_of_a_methods_rates_is_its_worst_case_and_other_rows_do_not_count(tmp_path):
    noise = [
        row(0.9, seed="0"),
        row(0.1, method="noise", arm="noise"),
        row(0.2, metric="leakage"),
        row(-1, scenario="pet"),
    ]
    out = scored(tmp_path / "out", row(0.7), row(0.4, surrogates="leave-one-out"), *noise)
    (made,) = make_entries(load_suite("protection"), out, method="dp2vl", source="here")
    assert made["worst"] == 0.4 and [r["value"] for r in made["results"]] == [0.7, 0.4]


def test_a_rate_above_one_counts_as_less_was_told_than_by_chance(tmp_path):
    assert entry(tmp_path, 1.02)["worst"] == 1.02
    with pytest.raises(UsageError, match="maximum"):
        entry(tmp_path, 80.0)


def test_each_strength_has_an_entry_of_its_own(tmp_path):
    out = scored(tmp_path / "out", row(0.7), row(0.2, strength="light"), row(0.6, surrogates="leave-one-out"))
    made = make_entries(load_suite("protection"), out, method="dp2vl", source="here")
    assert [(e["strength"], e["worst"], len(e["results"])) for e in made] == [("standard", 0.6, 2), ("light", 0.2, 1)]


def test_a_method_without_numbers_and_a_run_without_scores_are_errors(tmp_path):
    with pytest.raises(UsageError, match="there are dp2vl"):
        make_entries(load_suite("protection"), scored(tmp_path / "out", row(0.7)), method="other", source="here")
    with pytest.raises(DP2VLError, match="bench run first"):
        make_entries(load_suite("protection"), tmp_path, method="dp2vl", source="here")


def test_the_best_worst_case_comes_first_and_a_third_party_can_only_lower_it(tmp_path):
    own, rival = entry(tmp_path, 0.8, 0.7), entry(tmp_path, 0.9, 0.6, method="rival")
    ranked = [
        line.split(" | ")[0] for line in make_page([rival, own]).splitlines() if line.startswith(("| dp2vl", "| rival"))
    ]
    assert ranked == ["| dp2vl", "| rival"]
    lower = entry(tmp_path, 0.8, 0.5, external=True)
    higher = entry(tmp_path, 0.95, 0.9, method="rival", external=True)
    page = make_page([own, rival, lower, higher])
    assert page.index("| rival") < page.index("| dp2vl")
    assert "| dp2vl | 0.50 |" in page and "third party" in page and "| rival | 0.60 |" in page


def test_a_failed_gate_makes_a_row_inconclusive(tmp_path):
    assert "inconclusive: 2 of 2 failed" in make_page([entry(tmp_path, 0.8, 0.7, gate="failed")])
    assert "inconclusive" not in make_page([entry(tmp_path, 0.8, 0.75)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"worst": 0.8}, "worst is 0.8, the lowest result 0.7"),
        ({"results": []}, "results: .* (too short|non-empty)"),
        ({"strength": "huge"}, "strength: 'huge' is not one of"),
        ({"more": 1}, "'more' was unexpected"),
        ({"suite_digest": "x"}, "suite_digest"),
        ({"source": None}, "source: None is not of type 'string'"),
    ],
)
def test_a_broken_entry_is_refused_with_the_place_and_the_reason(change, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        check_entry(entry(tmp_path, 0.8, 0.7) | change, "mine.json")


def test_written_entries_come_back_and_a_file_that_is_none_is_named(tmp_path):
    own, other = entry(tmp_path, 0.8), entry(tmp_path, 0.5, external=True)
    folder = tmp_path / "board"
    paths = {write_entry(e, folder) for e in (own, other)}
    assert len(paths) == 2 and all(p.parent == folder / "protection" / "standard" for p in paths)
    assert sorted(e["worst"] for e in read_entries(folder)) == [0.5, 0.8]
    (folder / "broken.json").write_text("{")
    with pytest.raises(UsageError, match=r"broken\.json is not JSON"):
        read_entries(folder)
    with pytest.raises(UsageError, match="is no folder"):
        read_entries(tmp_path / "nowhere")


def test_all_entries_of_this_repository_are_valid():
    read_entries(ROOT / "benchmarks" / "leaderboard")


@pytest.mark.slow
def test_the_example_method_is_scored_and_appears_in_a_leaderboard(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    suite, out = load_suite("examples/sharpen.toml"), tmp_path / "out"
    run_suite(suite, out, jobs=2)
    (made,) = make_entries(suite, out, method="sharpen.sharpen", source="examples/sharpen.py")
    write_entry(made, tmp_path / "board")
    assert "| sharpen.sharpen |" in make_page(read_entries(tmp_path / "board"))
    assert made["worst"] < 0.5  # sharper photos are learned from as well as others
