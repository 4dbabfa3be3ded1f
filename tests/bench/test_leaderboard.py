"""The leaderboard: entries follow a schema and their own numbers, and a third party can lower a score."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dp2vl.bench.leaderboard import check_entry, make_entries, make_page, read_entries, write_entry
from dp2vl.bench.run import run_suite
from dp2vl.bench.suite import load_suite
from dp2vl.cli import app
from dp2vl.errors import DP2VLError, UsageError

ROOT = Path(__file__).parents[2]


def row(value: float, **about) -> dict:
    return {
        "suite": "protection", "family": "mini-llava", "arm": "protected", "method": "dp2vl", "surrogates": "all",
        "strength": "standard", "countermeasure": "none", "attacker": "default", "ratio": 1.0, "seed": "all",
        "scenario": "mean", "metric": "protection_rate", "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1,
        "n_people": 12, "gate": "passed",
    } | about  # fmt: skip


def scored(folder: Path, *rows: dict, digest: str = "") -> Path:
    """A run of suite `protection`; its digest is another one where the search was another."""
    folder.mkdir()
    suite = load_suite("protection")
    (folder / "suite.json").write_text(json.dumps({"digest": digest or suite.digest, **asdict(suite)}))
    (folder / "scores.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def entry(tmp_path: Path, *values: float, method: str = "dp2vl", external: bool = False, **about) -> dict:
    more = {key: about.pop(key) for key in ("source", "digest") if key in about}
    folder = tmp_path / "-".join(map(str, (method, *values, external, *more.values(), *about.values())))
    rows = [row(v, method=method, family=f"mini-{i}", **about) for i, v in enumerate(values)]
    out = scored(folder, *rows, digest=more.get("digest", ""))
    source = more.get("source", "here")
    (made,) = make_entries(load_suite("protection"), out, method=method, source=source, external=external)
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


def rows_of(page: str) -> list[list[str]]:
    """The cells of a page's table, without its head."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return lines[1:]


def test_a_worst_case_whose_gate_failed_is_in_brackets_and_ranks_after_all_that_say_something(tmp_path):
    void, poor = entry(tmp_path, 0.8, 0.7, gate="failed"), entry(tmp_path, 0.05, 0.1, method="rival")
    page = make_page([void, poor])
    assert [cells[:3] for cells in rows_of(page)] == [["rival", "0.05", "0.08"], ["dp2vl", "(0.70)?", "(0.75)?"]]
    assert "inconclusive: 2 of 2 failed" in page and "(...)?: a gate failed" in page
    fine = make_page([entry(tmp_path, 0.8, 0.75), poor])
    assert [cells[0] for cells in rows_of(fine)] == ["dp2vl", "rival"]
    assert "inconclusive" not in fine and "?" not in fine


def test_a_worst_case_that_counts_is_not_void_because_a_better_one_is(tmp_path):
    made = entry(tmp_path, 0.8, 0.7)
    made["results"][0]["gate"] = "failed"
    (cells,) = rows_of(make_page([made]))
    assert cells[1:3] == ["0.70", "(0.75)?"] and cells[4] == "inconclusive: 1 of 2 failed"


def test_an_entry_has_the_digest_of_its_run_and_one_of_an_older_search_is_marked(tmp_path):
    old = entry(tmp_path, 0.7, digest="0123456789ab")
    assert old["suite_digest"] == "0123456789ab"
    assert "(suite 0123456789ab)\n\nOf an older search" in make_page([old])
    assert "older" not in make_page([entry(tmp_path, 0.7)])


def test_scores_of_another_suite_and_of_an_unknown_one_are_refused(tmp_path):
    out = scored(tmp_path / "out", row(0.7))
    with pytest.raises(UsageError, match="which is not patient: other name, seeds, arms, attackers"):
        make_entries(load_suite("patient"), out, method="dp2vl", source="here")
    (out / "scores.jsonl").write_text(json.dumps(row(0.7, suite="patient")) + "\n")
    with pytest.raises(UsageError, match="has scores of patient"):
        make_entries(load_suite("protection"), out, method="dp2vl", source="here")
    (out / "suite.json").unlink()
    with pytest.raises(DP2VLError, match="nothing says which suite was run"):
        make_entries(load_suite("protection"), out, method="dp2vl", source="here")


def test_a_share_of_the_photos_is_named_where_it_is_the_worst_case(tmp_path):
    assert "| mini-0, all, 25% of photos |" in make_page([entry(tmp_path, 0.2, ratio=0.25)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"worst": 0.8}, "worst is 0.8, the lowest result 0.7"),
        ({"results": []}, "results: .* (too short|non-empty)"),
        ({"strength": "huge"}, "strength: 'huge' is not one of"),
        ({"more": 1}, "'more' was unexpected"),
        ({"suite_digest": "x"}, "suite_digest"),
        ({"source": None}, "source: None is not of type 'string'"),
        ({"source": "<b>mine</b>"}, "source: '<b>mine</b>' does not match"),
        ({"source": "[mine](http://x)"}, "source: .* does not match"),
        ({"source": "mine\n\n# Won"}, "source: .* does not match"),
        ({"source": "mine\n"}, "source: .* does not match"),
        ({"method": "../../../x"}, "method: .* does not match"),
        ({"method": "..", "source": "x"}, "method: .* does not match"),
        ({"method": "x\n"}, "method: .* does not match"),
        ({"worst": math.nan}, "a number is NaN or infinite"),
    ],
)
def test_a_broken_entry_is_refused_with_the_place_and_the_reason(change, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        check_entry(entry(tmp_path, 0.8, 0.7) | change, "mine.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": math.nan}, "a number is NaN"),
        ({"ci_low": -math.inf}, "a number is NaN or infinite"),
        ({"ci_low": 0.9, "ci_high": 0.1}, "ci_low 0.9 is above ci_high 0.1"),
        ({"family": "mini-1"}, "two results are of the same condition"),
        ({"family": "<i>"}, "results/0/family: '<i>' does not match"),
    ],
)
def test_a_broken_result_is_refused(change, message, tmp_path):
    made = entry(tmp_path, 0.8, 0.7)
    made["results"][0] |= change
    with pytest.raises(UsageError, match=message):
        check_entry(made, "mine.json")
    with pytest.raises(UsageError, match=message):
        write_entry(made, tmp_path / "board")
    path = tmp_path / "board" / "protection" / "standard" / "dp2vl.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(made))  # as Python writes it, NaN and all
    with pytest.raises(UsageError, match=message):
        read_entries(tmp_path / "board")


@pytest.mark.parametrize(
    "place", ["protection/light/dp2vl.json", "mini/standard/dp2vl.json", "protection/standard/a.json"]
)
def test_an_entry_in_the_wrong_place_is_refused(place, tmp_path):
    path = tmp_path / "board" / place
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entry(tmp_path, 0.8)))
    with pytest.raises(UsageError, match=r"wrong place: it is protection/standard/dp2vl\.json"):
        read_entries(tmp_path / "board")


def test_third_parties_do_not_overwrite_one_another_and_no_entry_is_replaced_by_a_better_one(tmp_path):
    folder = tmp_path / "board"
    for source, worst in (("Ann", 0.5), ("Ben", 0.6)):
        write_entry(entry(tmp_path, worst, external=True, source=source), folder)
    assert sorted((e["source"], e["worst"]) for e in read_entries(folder)) == [("Ann", 0.5), ("Ben", 0.6)]
    with pytest.raises(UsageError, match=r"has a lower worst case: 0\.5, not 0\.55"):
        write_entry(entry(tmp_path, 0.55, external=True, source="Ann"), folder)
    write_entry(entry(tmp_path, 0.4, external=True, source="Ann"), folder)
    write_entry(entry(tmp_path, 0.9, external=True, source="Ann", digest="0123456789ab"), folder)  # another search
    assert sorted(e["worst"] for e in read_entries(folder)) == [0.4, 0.6, 0.9]


def test_the_commands_of_the_guide_write_entries_and_print_the_board(tmp_path):
    out = scored(tmp_path / "out", row(0.7), row(0.3, method="noise", surrogates=""))
    for method in ("dp2vl", "noise"):
        line = ["bench", "entry", "protection", "--out", str(out), "--method", method, "--source", "my paper"]
        run = CliRunner().invoke(app, [*line, "--folder", str(tmp_path / "board")])
        assert run.exit_code == 0, run.output
        assert run.stdout.strip() == str(tmp_path / "board" / "protection" / "standard" / f"{method}.json")
    run = CliRunner().invoke(app, ["bench", "leaderboard", str(tmp_path / "board")])
    assert run.exit_code == 0 and [cells[0] for cells in rows_of(run.stdout)] == ["dp2vl", "noise"]
    (tmp_path / "board" / "protection" / "standard" / "noise.json").write_text("{}")
    run = CliRunner().invoke(app, ["bench", "leaderboard", str(tmp_path / "board")])
    assert isinstance(run.exception, UsageError) and "noise.json: the entry: " in run.exception.message


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


RESULTS = [path.parent for path in sorted((ROOT / "benchmarks" / "results").glob("*/scores.jsonl"))]


@pytest.mark.parametrize("results", RESULTS, ids=lambda path: path.name)
def test_every_published_rate_is_on_the_board_of_this_repository_and_no_other_is(results):
    rows = [json.loads(line) for line in (results / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    methods = {r["method"] for r in rows if r["metric"] == "protection_rate" and r["method"]}
    board = [e for e in read_entries(ROOT / "benchmarks" / "leaderboard") if e["suite"] == results.name]
    own = {(e["method"], e["strength"]): e for e in board if not e["external"]}
    suite = load_suite(results.name)
    made = [e for name in methods for e in make_entries(suite, results, method=name, source="here")] if methods else []
    assert own.keys() == {(e["method"], e["strength"]) for e in made}
    for one in made:
        found = own[one["method"], one["strength"]]
        assert {k: v for k, v in found.items() if k not in ("source", "version")} == {
            k: v for k, v in one.items() if k not in ("source", "version")
        }


def test_the_board_of_this_repository_has_published_rates():
    assert {path.name for path in RESULTS} >= {"attackers", "baselines", "patient", "protection", "ratio"}


@pytest.mark.slow
def test_the_example_method_is_scored_and_appears_in_a_leaderboard(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    suite, out = load_suite("examples/sharpen.toml"), tmp_path / "out"
    run_suite(suite, out, jobs=2)
    (made,) = make_entries(suite, out, method="sharpen.sharpen", source="examples/sharpen.py")
    write_entry(made, tmp_path / "board")
    assert "| sharpen.sharpen |" in make_page(read_entries(tmp_path / "board"))
    assert made["worst"] < 0.5  # sharper photos are learned from as well as others
