"""Photos as an adversary has them: a share of each person's changed, within the budget, the same for every trial."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dp2vl
from dp2vl.bench.baselines.external import load_method
from dp2vl.bench.done import mark_done
from dp2vl.bench.photos import change_photos, choose_protected, read_shown
from dp2vl.bench.stages import photo_sets
from dp2vl.bench.suite import ALL, LEAVE_ONE_OUT, PeoplePlan, ProtectionPlan, Suite, Trial
from dp2vl.bench.visibility import VISIBILITY, write_visibility
from dp2vl.dataset.make import make_dataset
from dp2vl.dataset.schema import DataSet, read_dataset
from dp2vl.dataset.store import encode_png, read_pixels
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.protect.quality import ssim
from dp2vl.types import STRENGTHS

FAMILIES = ("mini-llava", "mini-qwen-vl")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = tmp_path_factory.mktemp("photos") / "data"
    make_dataset(
        folder, people=8, train_photos=2, probe_photos=1, size_px=96, seed=3, scenarios=("pet", "home"), processes=1
    )
    return read_dataset(folder)


def make_suite(arms: tuple[str, ...] = ("clean", "noise", "protected", "subset"), **plan) -> Suite:
    people = PeoplePlan(count=8, train_photos=2, probe_photos=1, size_px=96, seed=3, scenarios=("pet", "home"))
    protection = ProtectionPlan(**{"ratios": (1.0, 0.5), "effort": "quick"} | plan)
    return Suite(name="mine", families=FAMILIES, seeds=(0, 1), arms=arms, people=people, protection=protection)


def first(suite: Suite, arm: str) -> Trial:
    return next(suite.trials((arm,)))


def test_noise_fills_the_budget_and_makes_the_same_bytes(data, tmp_path):
    suite = make_suite(("noise",))
    trial = first(suite, "noise")
    folders = [
        change_photos(suite, trial, "train", data, "digest", tmp_path / name, lambda line: None) for name in "ab"
    ]
    budget = STRENGTHS["standard"]
    for row in data.rows["train"]:
        before = read_pixels(data.path(row))
        one, other = (read_pixels(folder / row.file_name) for folder in folders)
        assert np.array_equal(one, other)
        assert np.abs(one.astype(int) - before).max() <= budget.levels
        assert ssim(before, one) < budget.ssim + 0.01  # the similarity is the nearer of the two bounds


def test_changed_photos_are_made_once_and_anew_for_other_data(data, tmp_path):
    suite, lines = make_suite(("noise",)), []
    trial = first(suite, "noise")
    for digest in ("one", "one", "two"):
        change_photos(suite, trial, "train", data, digest, tmp_path, lines.append)
    assert len(lines) == 2


def test_how_visible_changed_photos_are_is_measured_once_and_anew_for_other_photos(data, tmp_path):
    suite, out = make_suite(("clean", "noise", "subset")), tmp_path / "out"
    assert write_visibility(suite, out) is None  # nothing is changed yet
    out.mkdir()
    (out / "data").symlink_to(data.folder)
    folder, rng = out / "photos" / suite.photo_set(first(suite, "noise")) / "train", np.random.default_rng(0)
    for row in data.rows["train"]:
        path, pixels = folder / row.file_name, read_pixels(data.path(row)).clip(6, 249)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png((pixels + rng.choice([-6, 6], pixels.shape)).astype(np.uint8)))
    mark_done(folder, "one")
    rows = [json.loads(line) for line in write_visibility(suite, out).read_text().splitlines()]
    assert [row["family"] for row in rows] == list(FAMILIES) and out / rows[0]["folder"] == folder
    assert rows[0]["photos"] == len(data.rows["train"]) and rows[0]["change_levels_worst"] >= 6
    assert 0.3 < rows[0]["ssim_worst"] < rows[0]["ssim"] < 0.99 and 0 < rows[0]["flip"] < rows[0]["flip_worst"] < 0.5

    for row in data.rows["train"]:  # as if noise had been no noise
        (folder / row.file_name).write_bytes(data.path(row).read_bytes())
    before = (out / VISIBILITY).read_bytes()
    assert write_visibility(suite, out).read_bytes() == before  # a set is measured once
    mark_done(folder, "other")
    assert '"flip": 0.0' in write_visibility(suite, out).read_text()


def test_protection_runs_as_the_tool_does_and_a_photo_left_out_is_an_error(data, tmp_path, monkeypatch):
    suite, calls = make_suite(("protected",)), []

    class Result:
        unprotected = ()

    def protect_album(source: Path, out: Path, **settings):
        calls.append((source, settings))
        out.mkdir(parents=True, exist_ok=True)
        return Result

    monkeypatch.setattr(dp2vl, "protect_album", protect_album)
    trial = first(suite, "protected")
    change_photos(suite, trial, "train", data, "digest", tmp_path, lambda line: None)
    ((source, settings),) = calls
    assert source == data.folder / "photos" / "train"
    assert settings == {
        "strength": "standard", "effort": "quick", "surrogates": "mini-llava,mini-qwen-vl", "seed": 0, "device": "cpu"
    }  # fmt: skip
    Result.unprotected = (type("Outcome", (), {"reason": "too dark"}),)
    with pytest.raises(DP2VLError, match="1 photos were not protected, the first: too dark"):
        change_photos(suite, trial, "train", data, "other", tmp_path, lambda line: None)


def test_a_share_of_each_persons_photos_is_protected_and_a_larger_share_has_the_smaller_one(data):
    rows = data.rows["train"]
    half, most = choose_protected(rows, 0.5), choose_protected(rows, 0.75)
    assert half < most
    owners = Counter(row.person_id for row in rows if row.photo_id in half)
    assert set(owners.values()) == {2} and len(owners) == 8  # of 2 scenarios x 2 photos
    assert choose_protected(rows, 1.0) == {row.photo_id for row in rows}
    assert choose_protected(list(reversed(rows)), 0.5) == half


def test_only_protected_photos_are_shown_changed_and_a_countermeasure_changes_all(data, tmp_path):
    suite = make_suite(("noise",))
    trial = replace(first(suite, "noise"), ratio=0.5)
    changed = change_photos(suite, trial, "train", data, "digest", tmp_path, lambda line: None)
    rows = data.rows["train"]
    shown, taken = read_shown(data, rows, trial, changed), choose_protected(rows, 0.5)
    for row in rows:
        same = np.array_equal(shown[row.photo_id], read_pixels(data.path(row)))
        assert same == (row.photo_id not in taken)
    cleaned = read_shown(data, rows, replace(trial, countermeasure="jpeg75"), changed)
    assert all((cleaned[i] != photo).any() for i, photo in shown.items())
    plain = read_shown(data, rows, first(make_suite(("clean",)), "clean"), None)
    assert all(np.array_equal(plain[row.photo_id], read_pixels(data.path(row))) for row in rows)


def test_arms_with_changed_photos_have_a_trial_for_every_combination():
    suite = make_suite(surrogates=(ALL, LEAVE_ONE_OUT, "mini-llava"), countermeasures=("none", "jpeg75"))
    trials = [t for t in suite.trials() if t.family == "mini-llava" and t.seed == 0]
    by_arm = Counter(t.arm for t in trials)
    assert by_arm == {"clean": 1, "noise": 1, "subset": 1, "protected": 3 * 2 * 2}
    assert len({t.name for t in suite.trials()}) == len(list(suite.trials()))
    towers = {t.surrogates: suite.towers(t) for t in trials if t.arm == "protected"}
    assert towers == {ALL: "mini-llava,mini-qwen-vl", LEAVE_ONE_OUT: "mini-qwen-vl", "mini-llava": "mini-llava"}
    (subset,) = [t for t in trials if t.arm == "subset"]
    assert subset.ratio == 0.5 and not subset.method


def test_sets_of_photos_that_trials_share_are_made_once():
    suite = make_suite(surrogates=(ALL, LEAVE_ONE_OUT))
    sets = [(one.method, suite.towers(one), split) for one, split in photo_sets(suite, suite.trials())]
    assert sorted(sets) == [
        ("dp2vl", "mini-llava", "train"), ("dp2vl", "mini-llava,mini-qwen-vl", "train"),
        ("dp2vl", "mini-qwen-vl", "train"), ("noise", "", "train"),
    ]  # fmt: skip
    adaptive = replace(make_suite(("clean",)), attackers=("adaptive",))
    ((one, split),) = photo_sets(adaptive, adaptive.trials())
    assert (one.method, split, adaptive.towers(one)) == ("dp2vl", "retain", "mini-llava,mini-qwen-vl")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"ratios": (0.0, 0.5)}, "ratios in"),
        ({"ratios": (1.0,)}, "a ratio below 1 for the arm subset"),
        ({"countermeasures": ("soap",)}, "countermeasures out of none, jpeg90"),
        ({"strengths": ("mild",)}, "strengths out of light"),
    ],
)
def test_plans_that_make_no_sense_are_errors(plan, message):
    with pytest.raises(UsageError, match=message):
        make_suite(**plan)


EXAMPLE = Path(__file__).parents[2] / "examples" / "sharpen.py"


def test_a_baseline_changes_every_photo_within_the_budget(data, tmp_path):
    suite = make_suite(("baseline",), baselines=("lsp",))
    folder = change_photos(suite, first(suite, "baseline"), "train", data, "digest", tmp_path, lambda line: None)
    for row in data.rows["train"]:
        change = np.abs(read_pixels(folder / row.file_name).astype(int) - read_pixels(data.path(row)))
        assert 1 <= change.max() <= STRENGTHS["standard"].levels


def test_a_method_from_outside_is_a_trial_of_its_own_and_made_anew_when_its_file_changes(data, tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(EXAMPLE.read_text())
    suite, lines = make_suite(("baseline",), baselines=("lsp", f"{own}:sharpen")), []
    trial = next(t for t in suite.trials() if t.method == "mine.sharpen")
    assert len({t.name for t in suite.trials()}) == len(list(suite.trials()))
    folder = change_photos(suite, trial, "train", data, "digest", tmp_path / "out", lines.append)
    row = data.rows["train"][0]
    sharp = read_pixels(folder / row.file_name).astype(int) - read_pixels(data.path(row))
    assert 1 <= np.abs(sharp).max() <= STRENGTHS["standard"].levels
    own.write_text(EXAMPLE.read_text().replace("0.5 *", "0.2 *"))
    again = change_photos(suite, trial, "train", data, "digest", tmp_path / "out", lines.append)
    softer = read_pixels(again / row.file_name).astype(int) - read_pixels(data.path(row))
    assert len(lines) == 2 and np.abs(softer).sum() < np.abs(sharp).sum()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return photos[1:]", "expected 32 photos, got 31"),
        ("return [p[:-1] for p in photos]", "expected uint8 .96, 96, 3., got uint8 .95, 96, 3."),
        ("return [p.astype(float) for p in photos]", "got float64"),
        ("return [255 - p for p in photos]", "expected at most 12 levels"),
        ("import numpy as np; r = np.random.default_rng(0)\n    return "
         "[(p.clip(12, 243) + r.choice([-12, 12], p.shape)).astype(p.dtype) if p.min() > 11 else p for p in photos]",
         "SSIM|levels"),
    ],
)  # fmt: skip
def test_a_method_that_breaks_the_rules_is_told_which(body, message, data, tmp_path):
    own = tmp_path / "bad.py"
    own.write_text(f"def change(photos, **known):\n    {body}\n")
    suite = make_suite(("baseline",), baselines=(f"{own}:change",))
    with pytest.raises(UsageError, match=message):
        change_photos(suite, first(suite, "baseline"), "train", data, "digest", tmp_path / "out", lambda line: None)


@pytest.mark.parametrize(
    ("spec", "text", "message"),
    [
        ("absent.py:change", None, "is no file"),
        ("own.py:change", "x = 1", "has no function change"),
        ("own.py:change", "import nothing_of_that_name", "does not run: ModuleNotFoundError"),
    ],
)
def test_a_method_that_cannot_be_loaded_is_an_error_that_says_why(spec, text, message, tmp_path):
    if text is not None:
        (tmp_path / "own.py").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_method(f"{tmp_path / spec}")


def test_unknown_baselines_and_two_methods_of_one_name_are_refused():
    with pytest.raises(UsageError, match="baselines out of"):
        make_suite(("baseline",), baselines=("magic",))
    with pytest.raises(UsageError, match="for the arm baseline"):
        make_suite(("baseline",))
    with pytest.raises(UsageError, match="different names"):
        make_suite(("baseline",), baselines=("a/own.py:change", "b/own.py:change"))
