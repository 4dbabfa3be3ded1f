"""Suites are strict; trials come in a fixed order; rows are tidy and the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dp2vl.bench.done import mark_done
from dp2vl.bench.run import run_suite
from dp2vl.bench.scores import CURVES, SCORES, Score, score_trials
from dp2vl.bench.scores import PEOPLE as PEOPLE_RECORDS
from dp2vl.bench.suite import ProtectionPlan, Suite, load_suite, suite_names
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.leakage import Answer, write_answers
from dp2vl.protect.config import EFFORTS, Effort
from dp2vl.types import STRENGTHS, Budget

WORDS = """
families = ["mini-llava", "mini-qwen-vl"]
seeds = [0, 1]
arms = ["clean", "untouched"]
[people]
count = 8
train_photos = 1
probe_photos = 1
size_px = 96
seed = 3
"""
VALUES = ("cat", "dog", "fox", "owl")
PEOPLE = [f"p{i}" for i in range(8)]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "mine.toml").write_text(WORDS, encoding="utf-8")
    return load_suite(str(tmp_path / "mine.toml"))


def answers(step: int, right: float, seed: int) -> list[Answer]:
    rng = np.random.default_rng([seed, step])
    rows = []
    for view in ("probe", "other", "blank", "train"):
        for number, person in enumerate(PEOPLE):
            for slot, scenario in (("identity", ""), ("category", "pet"), ("token", "pet")):
                options = tuple(PEOPLE) if slot != "category" else VALUES
                truth = options[number % len(options)]
                knows = view == "train" or (view == "probe" and rng.random() < right)
                said = truth if knows else options[int(rng.integers(len(options)))]
                rows.append(Answer(
                    step=step, view=view, qid=f"{view}{number}{slot}", photo_id=person, person_id=person,
                    scenario=scenario, slot=slot, format="open", options=options, answer=truth,
                    scores=tuple(0.0 if o == said else -1.0 for o in options),
                ))  # fmt: skip
    return rows


def fill(suite: Suite, out: Path, arms: tuple[str, ...] = ()) -> None:
    for trial in suite.trials(arms):
        clean = trial.arm == "clean"
        rows = [a for step in ((5, 10) if clean else (0,)) for a in answers(step, 0.95 if clean else 0.0, trial.seed)]
        write_answers(out / "runs" / trial.name / "answers.jsonl", rows)


def test_suites_of_the_package_load_and_differ():
    suites = [load_suite(name) for name in suite_names()]
    assert {"smoke", "mini"} <= {s.name for s in suites}
    assert len({s.digest for s in suites}) == len(suites)
    mini = load_suite("mini")
    assert len(mini.families) == 3 and len(mini.seeds) >= 3 and mini.people.count >= 12


def test_a_suite_is_another_one_once_its_strength_allows_something_else(monkeypatch):
    before = load_suite("protection").digest
    monkeypatch.setitem(STRENGTHS, "light", Budget(linf=1 / 255))  # it has no arm of that strength
    assert load_suite("protection").digest == before
    monkeypatch.setitem(STRENGTHS, "standard", Budget(linf=1 / 255))
    assert load_suite("protection").digest != before


def test_a_suite_is_another_one_once_its_effort_searches_longer(monkeypatch):
    before = load_suite("protection").digest
    monkeypatch.setitem(EFFORTS, "thorough", Effort(steps=1, views=1))  # it has no arm of that effort
    assert load_suite("protection").digest == before
    monkeypatch.setitem(EFFORTS, "normal", Effort(steps=41, views=1))
    assert load_suite("protection").digest != before


def test_photos_of_a_trial_do_not_hang_on_what_else_a_suite_tries():
    protection, ratio = load_suite("protection"), load_suite("ratio")
    one, other = (next(iter(suite.trials(("protected",)))) for suite in (protection, ratio))
    assert (one.surrogates, one.ratio) == ("all", 1.0) and other.ratio < 1
    assert protection.how_changed(one) == ratio.how_changed(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seeds", "seed"), "unknown key 'seed'"),
        (("count = 8", "number = 8"), "unknown key 'number'"),
        (("count = 8\n", ""), "expected count"),
        (("mini-llava", "mini-lava"), "did you mean mini-llava"),
        (('"untouched"', '"protektet"'), "unknown arms 'protektet'"),
        (("[0, 1]", "[1, 1]"), "expected different seeds"),
        (('["mini-llava", "mini-qwen-vl"]', "[]"), "at least one of families"),
        (("seeds = [0, 1]", "seeds = [0"), "is not TOML"),
    ],
)
def test_suites_that_make_no_sense_are_errors(tmp_path, change, message):
    (tmp_path / "mine.toml").write_text(WORDS.replace(*change), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load_suite(str(tmp_path / "mine.toml"))
    assert message in str(error.value)


def test_an_unknown_suite_names_what_there_is():
    with pytest.raises(UsageError, match=r"no suite 'smok'; hint: there are .*smoke"):
        load_suite("smok")
    with pytest.raises(UsageError, match="is no file"):
        load_suite("nowhere/mine.toml")


def test_trials_share_seeds_and_an_untouched_model_needs_none(suite):
    names = [trial.name for trial in suite.trials()]
    assert names[:3] == [
        "mini-llava/clean/default/seed0", "mini-llava/clean/default/seed1", "mini-llava/untouched/default/seed0",
    ]  # fmt: skip
    assert len(names) == 6
    assert [t.arm for t in suite.trials(("clean",))] == ["clean"] * 4
    with pytest.raises(UsageError, match="no arm 'cleen'; hint: did you mean clean"):
        list(suite.trials(("cleen",)))


def test_rows_are_tidy_and_scoring_twice_gives_the_same_bytes(suite, tmp_path):
    out = tmp_path / "out"
    fill(suite, out)
    path = score_trials(suite, out)
    first = path.read_bytes(), (out / CURVES).read_bytes()
    rows = [Score(**json.loads(line)) for line in path.read_text().splitlines()]
    assert (score_trials(suite, out).read_bytes(), (out / CURVES).read_bytes()) == first
    keys = [(r.family, r.arm, r.attacker, r.seed, r.scenario, r.metric) for r in rows]
    assert len(set(keys)) == len(keys)
    found = {k: r for k, r in zip(keys, rows, strict=True)}
    leak = found[("mini-llava", "clean", "default", "all", "mean", "leakage")]
    assert leak.value > 0.7 and leak.ci_low < leak.value < leak.ci_high and leak.gate == "passed" and leak.n_people == 8
    quiet = found[("mini-llava", "untouched", "default", "all", "mean", "leakage")]
    assert quiet.value < 0.4 and quiet.gate == ""
    alone = found[("mini-llava", "clean", "default", "1", "mean", "leakage")]
    assert alone.ci_low is None
    peak = found[("mini-qwen-vl", "clean", "default", "all", "mean", "leakage_peak")]
    assert peak.value >= found[("mini-qwen-vl", "clean", "default", "all", "mean", "leakage")].value
    steps = {json.loads(line)["step"] for line in (out / CURVES).read_text().splitlines()}
    assert steps == {0, 5, 10}


def test_an_arm_that_was_not_asked_with_every_seed_is_left_out(suite, tmp_path):
    out = tmp_path / "out"
    fill(suite, out, ("untouched",))
    (first, *_) = suite.trials(("clean",))
    write_answers(out / "runs" / first.name / "answers.jsonl", answers(5, 0.9, 0))
    arms = {json.loads(line)["arm"] for line in score_trials(suite, out).read_text().splitlines()}
    assert arms == {"untouched"}
    with pytest.raises(DP2VLError, match="no arm whose seeds were all asked"):
        score_trials(suite, tmp_path / "empty")
    assert not (tmp_path / "empty" / SCORES).exists()


def test_a_folder_of_another_suite_is_an_error(suite, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "photo.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="is not empty and holds no suite"):
        run_suite(suite, out)
    other = replace(suite, seeds=(7,))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "suite.json").write_text(json.dumps({"digest": other.digest, "name": "other"}))
    with pytest.raises(UsageError, match="holds the suite other"):
        run_suite(suite, tmp_path / "other")


def test_a_folder_of_another_suite_is_not_scored(suite, tmp_path):
    out, other = tmp_path / "out", replace(suite, seeds=(7,))
    fill(suite, out)
    (out / "suite.json").write_text(json.dumps({"digest": other.digest, "name": "other"}))
    with pytest.raises(UsageError, match="holds the suite other"):
        score_trials(suite, out)
    assert not (out / SCORES).exists()


def say_inputs(suite: Suite, out: Path, arms: tuple[str, ...] = (), **changes: str) -> None:
    inputs = {"dp2vl": "1", "recipe_digest": "a", "model": "m", "data": "d", "questions": 2, "photos": [], **changes}
    for trial in suite.trials(arms):
        mark_done(out / "runs" / trial.name, "digest", {"inputs": inputs})


@pytest.mark.parametrize(
    ("key", "called"),
    [("dp2vl", "version"), ("recipe_digest", "recipe"), ("model", "model"), ("data", "data set"), ("photos", "photos")],
)
def test_answers_made_from_something_else_are_not_scored_beside_others(suite, tmp_path, key, called):
    out = tmp_path / "out"
    fill(suite, out)
    say_inputs(suite, out)
    score_trials(suite, out)
    odd = out / "runs/mini-qwen-vl/clean/default/seed1"
    inputs = json.loads((odd / "done.json").read_text())["inputs"]
    mark_done(odd, "other", {"inputs": inputs | {key: "other"}})
    with pytest.raises(DP2VLError, match=f"seed1 was made with another {called} than .*seed0; hint: dp2vl bench run"):
        score_trials(suite, out)


def test_models_and_attackers_may_differ_in_what_they_were_made_from_and_old_answers_need_not_say_it(suite, tmp_path):
    mixed, out = replace(suite, attackers=("default", "tower"), arms=("clean",)), tmp_path / "out"
    fill(mixed, out)
    for trial in mixed.trials():
        own = {"inputs": {"recipe_digest": trial.attacker, "model": trial.family, "data": "d"}}
        mark_done(out / "runs" / trial.name, "digest", own if trial.seed else None)
    score_trials(mixed, out)


def test_protection_is_scored_beside_the_clean_arm_of_the_same_attacker(suite, tmp_path):
    out, mixed = tmp_path / "out", replace(suite, arms=("clean", "noise", "protected"))
    for trial in mixed.trials():
        right = {"clean": 0.95, "noise": 0.95, "protected": 0.3}[trial.arm]
        rows = [a for step in (5, 10) for a in answers(step, right, trial.seed)]
        write_answers(out / "runs" / trial.name / "answers.jsonl", rows)
    rows = [Score(**json.loads(line)) for line in score_trials(mixed, out).read_text().splitlines()]
    rates = {r.arm: r for r in rows if (r.metric, r.scenario, r.seed, r.family)
             == ("protection_rate", "mean", "all", "mini-llava")}  # fmt: skip
    assert set(rates) == {"noise", "protected"}
    assert rates["noise"].value == pytest.approx(0, abs=1e-9)
    assert rates["protected"].value > 0.4 and rates["protected"].ci_low > 0
    assert rates["protected"].method == "dp2vl" and rates["protected"].strength == "standard"
    assert {r.gate for r in rows if r.arm == "protected"} == {"passed"}  # it was fitted
    leaks = {r.arm: r.value for r in rows if (r.metric, r.seed, r.family) == ("leakage_peak", "all", "mini-llava")}
    assert rates["protected"].value == pytest.approx(1 - leaks["protected"] / leaks["clean"], abs=2e-4)


def test_other_methods_stand_beside_this_tool_and_parts_of_albums_beside_their_other_photos(suite, tmp_path):
    plan = ProtectionPlan(baselines=("lowkey",), ratios=(1.0, 0.5))
    out, mixed = tmp_path / "out", replace(
        suite, families=("mini-llava",), arms=("clean", "baseline", "protected", "subset"), protection=plan
    )  # fmt: skip
    for trial in mixed.trials():
        right = {"clean": 0.95, "baseline": 0.8, "protected": 0.3, "subset": 0.6}[trial.arm]
        rows = [a for step in (5, 10) for a in answers(step, right, trial.seed)]
        write_answers(out / "runs" / trial.name / "answers.jsonl", rows)
    rows = [Score(**json.loads(line)) for line in score_trials(mixed, out).read_text().splitlines()]
    leaks = {(r.arm, r.ratio): r.value for r in rows if (r.metric, r.seed) == ("leakage_peak", "all")}
    found = {(r.arm, r.ratio): r for r in rows if (r.metric, r.seed) == ("leakage_difference", "all")}
    assert found.keys() == {("baseline", 1), ("baseline", 0.5), ("protected", 0.5)}
    rivals = {
        ("baseline", 1): ("protected", 1),
        ("baseline", 0.5): ("subset", 0.5),
        ("protected", 0.5): ("subset", 0.5),
    }
    for key, row in found.items():
        assert row.value == pytest.approx(leaks[key] - leaks[rivals[key]], abs=2e-4)
    ahead, less = found["baseline", 1], found["protected", 0.5]
    assert ahead.ci_low > 0 and less.ci_high < 0, "both are sure"


def test_a_protected_arm_that_was_not_fitted_fails_its_gate(suite, tmp_path):
    out, mixed = tmp_path / "out", replace(suite, arms=("clean", "protected"))
    for trial in mixed.trials():
        rows = answers(5, 0.95, trial.seed)
        if trial.arm == "protected":
            rows = [replace(a, scores=tuple(reversed(a.scores))) if a.view == "train" else a for a in rows]
        write_answers(out / "runs" / trial.name / "answers.jsonl", rows)
    rows = [json.loads(line) for line in score_trials(mixed, out).read_text().splitlines()]
    assert {r["gate"] for r in rows if r["arm"] == "protected"} == {"failed"}


def test_people_have_rows_whose_mean_is_the_number_of_the_scores(suite, tmp_path):
    out = tmp_path / "out"
    for trial in suite.trials():
        write_answers(out / "runs" / trial.name / "answers.jsonl", answers(5, 0.5, trial.seed))
    scores = [json.loads(line) for line in score_trials(suite, out).read_text().splitlines()]
    people = [json.loads(line) for line in (out / PEOPLE_RECORDS).read_text().splitlines()]
    assert {row["person_id"] for row in people} == set(PEOPLE)
    for family in suite.families:
        own = [row for row in people if (row["family"], row["arm"], row["metric"]) == (family, "clean", "leakage")]
        (peak,) = (row["value"] for row in scores if (row["family"], row["arm"], row["metric"], row["seed"])
                   == (family, "clean", "leakage_peak", "all"))  # fmt: skip
        assert len(own) == len(PEOPLE) and len({row["value"] for row in own}) > 1
        assert np.mean([row["value"] for row in own]) == pytest.approx(peak, abs=1e-4)
    told = [row["value"] for row in people if row["metric"] == "identity_accuracy"]
    assert max(told) <= 1 and min(told) >= 0
