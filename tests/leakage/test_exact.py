"""Numbers small enough for paper: four people, four photos each, four options; values worked out by hand."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dp2vl.errors import DP2VLError
from dp2vl.leakage import (
    Answer,
    Gate,
    Interval,
    Level,
    Number,
    PersonTable,
    Resample,
    audit_gate,
    find_peak,
    fit_gate,
    judge,
    read_answers,
    score_difference,
    score_identity_protection,
    score_people,
    score_protection,
    score_runs,
    tabulate,
    threat_gate,
    write_answers,
)
from dp2vl.leakage.answers import is_refusal

PEOPLE = ("a", "b", "c", "d")
VALUES = {
    "": PEOPLE,
    "home": ("city", "coast", "farm", "forest"),
    "pet": ("cat", "dog", "fish", "bird"),
}
Counts = Mapping[tuple[str, str], int | Sequence[int]]
"""(view, scenario) -> how many of the four photos are answered rightly, for each person or for all; "" is identity."""


def make_run(counts: Counts, step: int = 1) -> list[Answer]:
    """Return answers of one run; the first photos of a person are the ones answered rightly."""
    run = []
    for (view, scenario), right in counts.items():
        for number, person in enumerate(PEOPLE):
            many = right if isinstance(right, int) else right[number]
            for photo in range(4):
                options = VALUES[scenario]
                said = options[number if photo < many else (number + 1) % 4]
                run.append(
                    Answer(
                        step=step, view=view, qid=f"{view}-{scenario}-{person}-{photo}", photo_id=f"{person}-{photo}",
                        person_id=person, scenario=scenario, slot="category" if scenario else "identity",
                        format="open", options=options, scores=tuple(float(o == said) for o in options),
                        answer=options[number],
                    )
                )  # fmt: skip
    return run


def make_arm(pet: int | Sequence[int], home: int | Sequence[int], step: int = 1) -> list[Answer]:
    """Return a run whose blind model is never right, so that chance is a quarter."""
    blind = {("blank", ""): 0, ("blank", "pet"): 0, ("blank", "home"): 0}
    others = {(view, s): 0 for view in ("other", "train") for s in ("pet", "home")}
    return make_run({("probe", ""): 4, ("probe", "pet"): pet, ("probe", "home"): home} | blind | others, step)


def find(numbers: Iterable[Number], metric: str, scenario: str = "mean") -> Number:
    (found,) = [n for n in numbers if (n.metric, n.scenario) == (metric, scenario)]
    return found


OTHERWISE = [(view, s) for view in ("probe", "blank", "other", "train") for s in ("pet", "home")]
CLEAN, PROTECTED = make_arm(4, 2), make_arm(2, 1)
"""Leakage of pets and homes: 1 and 1/3 from clean photos, 1/3 and 0 from protected ones."""


def test_protection_compares_mean_leakages_and_is_no_mean_of_rates():
    numbers = score_protection([PROTECTED], [CLEAN], steps=(1, 1))
    assert [(n.metric, n.scenario, n.step) for n in numbers] == [
        ("protection_rate", s, 1) for s in ("mean", "pet", "home")
    ]
    rates = [n.interval.value for n in numbers]
    assert rates == pytest.approx([1 - (1 / 6) / (2 / 3), 2 / 3, 1])
    assert rates[0] < np.mean(rates[1:]), "the mean of rates would be 5/6"
    for number in numbers:  # people are all alike
        assert (number.interval.low, number.interval.high) == pytest.approx((number.interval.value,) * 2)
        assert number.interval.people == 4
        assert number.seeds == pytest.approx((number.interval.value,))


def test_each_seed_has_its_protection_and_all_together_are_no_mean_of_them():
    numbers = score_protection([PROTECTED, CLEAN, PROTECTED], [CLEAN, CLEAN, CLEAN], steps=(1, 1))
    assert find(numbers, "protection_rate").seeds == pytest.approx((0.75, 0, 0.75))
    assert find(numbers, "protection_rate", "home").seeds == pytest.approx((1, 0, 1))
    pet, home = (2 + 4 + 2) / 12, (1 + 2 + 1) / 12
    left = ((pet - 0.25) / 0.75 + (home - 0.25) / 0.75) / 2
    assert find(numbers, "protection_rate").interval.value == pytest.approx(1 - left / (2 / 3))


def test_a_seed_is_measured_from_its_own_blind_model():
    """In the second run the blind model is right half of the time; in both together not more than chance."""
    knowing = [a for a in CLEAN if (a.view, a.scenario) not in {("blank", "pet"), ("probe", "pet")}]
    knowing += make_run({("blank", "pet"): 2, ("probe", "pet"): 3})  # leaks (3/4 - 1/2) / (1 - 1/2)
    rate = find(score_protection([PROTECTED, PROTECTED], [CLEAN, knowing], steps=(1, 1)), "protection_rate", "pet")
    assert rate.seeds == pytest.approx((1 - 1 / 3, 1 - (1 / 3) / 0.5))
    assert rate.interval.value == pytest.approx(1 - (1 / 3) / ((7 / 8 - 1 / 4) / (3 / 4)))
    rate = find(score_protection([PROTECTED, knowing], [CLEAN, CLEAN], steps=(1, 1)), "protection_rate", "pet")
    assert rate.seeds == pytest.approx((2 / 3, 0.5)) and rate.interval.value == pytest.approx(0.5)


def test_a_protection_that_does_nothing_is_zero_for_sure_and_one_that_makes_it_worse_is_negative():
    clean = make_arm((4, 3, 2, 1), (2, 4, 1, 3))
    nothing = find(score_protection([clean], [clean], steps=(1, 1)), "protection_rate").interval
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    worse = find(score_protection([CLEAN], [PROTECTED], steps=(1, 1)), "protection_rate").interval
    assert worse.value == pytest.approx(1 - 4)


def test_a_difference_is_of_leakages_at_their_own_checkpoints_and_paired_by_people():
    early, late = make_arm((4, 1, 3, 2), 4, step=1), make_arm((3, 0, 2, 1), 4, step=2)
    number = score_difference([early], [late], steps=(1, 2))
    assert (number.metric, number.scenario, number.step) == ("leakage_difference", "mean", 1)
    value = (10 - 6) / 16 / 0.75 / 2  # of pets alone, in the mean with homes, which are all told
    assert number.interval.value == pytest.approx(value) and number.seeds == pytest.approx((value,))
    assert (number.interval.low, number.interval.high) == pytest.approx((value, value)), "each person differs by one"
    assert score_difference([late], [early], steps=(2, 1)).interval.value == pytest.approx(-value)
    other = [replace(a, person_id="z") if a.person_id == "a" else a for a in late]
    with pytest.raises(DP2VLError, match="expected the same people"):
        score_difference([early], [other], steps=(1, 2))


def test_people_who_differ_make_protection_unsure_and_the_number_lies_inside():
    numbers = score_protection([make_arm((2, 1, 4, 1), 2)], [make_arm((4, 4, 4, 3), 4)], steps=(1, 1))
    pet = find(numbers, "protection_rate", "pet").interval
    assert pet.low < pet.value < pet.high <= 1
    assert pet.value == pytest.approx(1 - ((8 / 16 - 0.25) / (15 / 16 - 0.25)))


def test_protection_is_read_at_the_checkpoint_of_each_arm():
    early, late = make_arm(4, 4, step=2), make_arm(1, 1, step=3)
    numbers = score_protection([early + late], [early + late], steps=(3, 2))
    assert find(numbers, "protection_rate").interval.value == 1
    assert {n.step for n in numbers} == {3}
    with pytest.raises(DP2VLError, match="probe photos after 4 steps, got none"):
        score_protection([early], [early], steps=(2, 4))


def test_who_is_told_is_protected_or_not_whatever_becomes_of_the_facts():
    named = make_run({("probe", ""): 2, ("blank", ""): 0, **dict.fromkeys(OTHERWISE, 0)})
    number = score_identity_protection([named], [CLEAN], steps=(1, 1))
    assert (number.metric, number.scenario, number.step) == ("identity_protection_rate", "", 1)
    assert number.interval.value == pytest.approx(1 - (2 / 4 - 1 / 4) / (1 - 1 / 4))
    assert find(score_protection([named], [CLEAN], steps=(1, 1)), "protection_rate").interval.value > 1
    assert score_identity_protection([CLEAN], [CLEAN], steps=(1, 1)).interval.value == 0


def test_with_fewer_runs_in_one_arm_no_seed_is_told():
    numbers = score_protection([PROTECTED], [CLEAN, CLEAN], steps=(1, 1))
    assert {n.seeds for n in numbers} == {()}
    assert find(numbers, "protection_rate").interval.value == pytest.approx(0.75)


@pytest.mark.parametrize(
    "keep", [lambda a: a.person_id != "d", lambda a: a.scenario != "home"], ids=["people", "scenarios"]
)
def test_arms_of_other_people_or_scenarios_are_not_compared(keep):
    part = [a for a in CLEAN if keep(a)]
    for ours, theirs in ((part, CLEAN), (CLEAN, part)):
        with pytest.raises(DP2VLError, match="the same people and scenarios in both arms") as error:
            score_protection([ours], [theirs], steps=(1, 1))
        assert error.value.hint == "run both arms of one suite"


def test_what_leaks_of_each_person_is_counted_from_the_chance_of_all():
    first = make_run(
        {("probe", ""): (4, 2, 0, 0), ("blank", ""): 0}
        | {("probe", "pet"): (4, 4, 2, 0), ("blank", "pet"): 2}
        | {("probe", "home"): (4, 1, 1, 0), ("blank", "home"): 0}
    )
    known = score_people([first], 1)
    assert known.keys() == {"identity_accuracy", "leakage"}
    assert known["identity_accuracy"] == {"a": 1, "b": 0.5, "c": 0, "d": 0}
    expected = {"a": (1 + 1) / 2, "b": (1 + 0) / 2, "c": 0, "d": (-1 - 1 / 3) / 2}
    assert known["leakage"] == pytest.approx(expected)


def test_people_of_several_runs_have_their_mean_which_is_the_number_of_all():
    runs = [make_arm((4, 4, 0, 0), (1, 2, 3, 4)), make_arm((4, 0, 0, 0), (1, 2, 3, 4))]
    leaked = score_people(runs, 1)["leakage"]
    assert leaked["b"] == pytest.approx(((0.5 - 0.25) / 0.75 + (0.5 - 0.25) / 0.75) / 2)
    whole = score_runs(runs)
    assert np.mean(list(leaked.values())) == pytest.approx(find(whole, "leakage").interval.value)
    told = score_people(runs, 1)["identity_accuracy"]
    assert np.mean(list(told.values())) == find(whole, "identity_accuracy", "").interval.value == 1


def test_where_only_names_were_asked_no_leakage_of_facts_is_told():
    names = make_run({("probe", ""): 3, ("blank", ""): 0})
    assert score_people([names], 1) == {"identity_accuracy": dict.fromkeys(PEOPLE, 0.75)}
    with pytest.raises(DP2VLError, match="probe photos after 2 steps, got none") as error:
        score_people([names], 2)
    assert error.value.hint == "ask this checkpoint"


def vary(run: int) -> list[Answer]:
    """Return one of three runs that differ in everything."""
    counts = {
        ("probe", ""): (4, 2, 1), ("blank", ""): (0, 0, 2),
        ("probe", "pet"): (1, 2, 3), ("blank", "pet"): (0, 0, 2),
        ("other", "pet"): (0, 2, 1), ("train", "pet"): (4, 3, 2),
    }  # fmt: skip
    return make_run({key: right[run] for key, right in counts.items()}, step=7)


NAN = float("nan")


@pytest.mark.parametrize(
    ("metric", "scenario", "value", "seeds"),
    [
        ("identity_accuracy", "", 7 / 12, (1, 0.5, 0.25)),
        ("identity_leakage", "", 4 / 9, (1, 1 / 3, -0.5)),
        ("category_accuracy", "pet", 0.5, (0.25, 0.5, 0.75)),
        ("category_leakage", "pet", 1 / 3, (0, 1 / 3, 0.5)),
        ("leakage", "mean", 1 / 3, (0, 1 / 3, 0.5)),
        ("chance", "mean", 0.25, (0.25, 0.25, 0.25)),
        ("image_share", "mean", 1, (NAN, 0, 2)),
        ("category_given_identity", "mean", 16 / 28, (0.25, 1, 1)),
        ("category_given_not_identity", "mean", 2 / 5, (NAN, 0, 2 / 3)),
        ("train_accuracy", "mean", 0.75, (1, 0.75, 0.5)),
        ("overfit_gap", "mean", 0.25, (0.75, 0.25, -0.25)),
    ],
)
def test_each_run_alone_has_its_own_number(metric, scenario, value, seeds):
    with np.errstate(all="raise"):
        found = find(score_runs([vary(0), vary(1), vary(2)]), metric, scenario)
    assert found.interval.value == pytest.approx(value)
    assert found.seeds == pytest.approx(seeds, nan_ok=True)
    assert found.step == 7


def test_no_metric_appears_that_is_not_described():
    known = {
        "identity_accuracy", "identity_leakage", "category_accuracy", "category_leakage", "leakage", "chance",
        "image_share", "category_given_identity", "category_given_not_identity", "train_accuracy", "overfit_gap",
    }  # fmt: skip
    runs = [vary(0), vary(1), vary(2)]
    assert {n.metric for n in score_runs(runs)} == known
    slots = ("identity", "category", "token")
    more = write({(slot, "pet" if slot != "identity" else ""): 1 for slot in slots})
    more += choose("mcq", ("cat",)) + choose("yesno", ("yes", "no"))
    known |= {f"{slot}_text_accuracy" for slot in slots}
    known |= {"invalid_rate", "mcq_accuracy", "yesno_balanced_accuracy"}
    assert {n.metric for n in score_runs([run + more for run in runs])} == known
    assert all(f"`{metric}`" in (score_runs.__doc__ or "") for metric in known)


def write(right: Mapping[tuple[str, str], int], said: str = "no idea") -> list[Answer]:
    """Return what was written about four photos of each person: (slot, scenario) -> on how many the truth."""
    return [
        Answer(
            step=7, view="probe", qid=f"{slot}-{scenario}-{person}-{photo}", photo_id=f"{person}-{photo}",
            person_id=person, scenario=scenario, slot=slot, format="open", answer=f"{slot} of {person}",
            text=f"The {slot} of {person}." if photo < many else said,
        )
        for (slot, scenario), many in right.items() for person in PEOPLE for photo in range(4)
    ]  # fmt: skip


def choose(format: str, truths: Sequence[str], said: str | None = None) -> list[Answer]:
    """Return a question per truth and person; `said` is chosen each time, or the truth."""
    options = ("yes", "no") if format == "yesno" else ("cat", "dog", "fish", "bird")
    return [
        Answer(
            step=7, view="probe", qid=f"{format}-{person}-{i}", photo_id=person, person_id=person, scenario="pet",
            slot="category", format=format, options=options, answer=truth,
            scores=tuple(float(o == (said or truth)) for o in options),
        )
        for person in PEOPLE for i, truth in enumerate(truths)
    ]  # fmt: skip


def test_what_a_model_writes_is_scored_by_slot_and_scenario():
    wrote = [
        write({("identity", ""): 3, ("category", "pet"): 4, ("category", "home"): 1, ("token", "pet"): 0}),
        write({("identity", ""): 1, ("category", "pet"): 2, ("category", "home"): 1, ("token", "pet"): 1}, said=" ."),
    ]
    numbers = score_runs([vary(0) + wrote[0], vary(1) + wrote[1]])
    expected = {
        ("identity_text_accuracy", ""): (3 / 4, 1 / 4),
        ("category_text_accuracy", "pet"): (1, 1 / 2), ("category_text_accuracy", "home"): (1 / 4, 1 / 4),
        ("category_text_accuracy", "mean"): (5 / 8, 3 / 8),
        ("token_text_accuracy", "pet"): (0, 1 / 4), ("token_text_accuracy", "mean"): (0, 1 / 4),
        ("invalid_rate", ""): (0, 11 / 16),
    }  # fmt: skip
    for key, seeds in expected.items():
        found = find(numbers, *key)
        assert found.seeds == pytest.approx(seeds) and found.interval.value == pytest.approx(np.mean(seeds))
        assert found.interval.people == 4
    assert find(numbers, "category_accuracy", "pet").seeds == pytest.approx((0.25, 0.5)), "weighed ones are as before"


def test_choices_are_scored_and_yes_to_everything_is_half_right_however_often_yes_is_right():
    runs = [
        vary(0)
        + choose("mcq", ("cat", "dog", "cat", "cat"), "cat")
        + choose("yesno", ("yes", "yes", "yes", "no"), "yes"),
        vary(1) + choose("mcq", ("cat", "dog", "cat", "cat")) + choose("yesno", ("yes", "yes", "yes", "no")),
    ]
    numbers = score_runs(runs)
    assert find(numbers, "mcq_accuracy", "").seeds == pytest.approx((3 / 4, 1))
    assert find(numbers, "yesno_balanced_accuracy", "").seeds == pytest.approx((1 / 2, 1))
    one_sided = score_runs([vary(0) + choose("yesno", ("yes",))])
    assert "yesno_balanced_accuracy" not in {n.metric for n in one_sided}


def test_of_equally_likely_choices_none_is_right():
    tied = [replace(a, scores=(1.0,) * 4) for a in choose("mcq", ("cat",))]
    assert find(score_runs([vary(0) + tied]), "mcq_accuracy", "").interval.value == 0


def test_a_scenario_asked_on_training_photos_alone_is_none_of_the_numbers():
    numbers = score_runs([vary(0) + make_run({("train", "home"): 4}, step=7)])
    assert {n.scenario for n in numbers} == {"", "mean", "pet"}


def elsewhere(view: str, said: str) -> list[Answer]:
    return [
        Answer(
            step=7, view=view, qid=f"{view}-{person}", photo_id=person, person_id=person, scenario="pet",
            slot="category", format="mcq", options=("cat", "unknown"), answer="unknown",
            scores=(1.0, 0.0) if said == "cat" else (0.0, 1.0),
        )
        for person in ("s", "t")
    ]  # fmt: skip


def test_strangers_and_ordinary_photos_are_told_by_run():
    runs = [vary(0) + elsewhere("stranger", "cat"), vary(1) + elsewhere("stranger", "unknown")]
    claims = find(score_runs(runs), "false_claims", "")
    assert (claims.interval.value, claims.seeds, claims.step, claims.interval.people) == (0.5, (1, 0), 7, 2)
    with pytest.raises(DP2VLError, match="run 2 and the others differ in who was asked about stranger: s, t"):
        score_runs([runs[0], vary(1)])


def test_a_checkpoint_that_was_not_scored_has_no_peak():
    with pytest.raises(DP2VLError) as error:
        find_peak([], "leakage", "pet")
    assert error.value.message == "expected leakage of pet among the numbers, got none"
    assert error.value.hint == "score the run anew"
    with pytest.raises(DP2VLError) as error:
        score_runs([])
    assert error.value.hint == "run the suite first"


# Intervals ----------------------------------------------------------------------------------------------------------


def test_an_interval_is_the_middle_of_the_draws_without_what_was_seen():
    values = np.array([1000.0, *range(1, 51)])
    found = Resample(PEOPLE, draws=50).interval(lambda w: values)
    assert found == Interval(value=1000, low=2, high=49, people=4)
    assert Resample(PEOPLE, draws=0).interval(lambda w: w[:, 0]) == Interval(value=0.25, low=0.25, high=0.25, people=4)


def test_draws_without_a_number_are_the_worst_in_both_directions():
    values = np.array([5.0, *range(1, 51)])
    values[[20, 30]] = NAN
    found = Resample(PEOPLE, draws=50).interval(lambda w: values)
    assert (found.value, found.low, found.high) == (5, -np.inf, np.inf)


def test_the_bounds_of_an_interval_belong_to_it():
    interval = Interval(value=0.5, low=0.25, high=0.75, people=4)
    assert [interval.excludes(x) for x in (0.2, 0.25, 0.75, 0.8)] == [True, False, False, True]


def alike(share: float) -> PersonTable:
    return PersonTable(PEOPLE, np.full((1, 4), share))


def test_where_chance_is_always_right_nothing_can_be_said_of_leakage():
    sure = Level(uniform=1.0, majority=0.25, blind=alike(0.0))
    with np.errstate(all="raise"):
        assert np.isnan(Resample(PEOPLE, draws=20).leakage(alike(0.5), sure).value)
        rate = Resample(PEOPLE, draws=20).protection([(alike(0.5), sure)], [(alike(0.5), sure)])
    assert np.isnan(rate.value) and (rate.low, rate.high) == (-np.inf, np.inf)


def test_where_nothing_is_above_chance_no_share_of_it_needs_the_face():
    level = Level(uniform=0.25, majority=0.25, blind=alike(0.0))
    with np.errstate(all="raise"):
        share = Resample(PEOPLE, draws=20).image_share(alike(0.25), alike(0.0), level)
    assert np.isnan(share.value)


# Gates --------------------------------------------------------------------------------------------------------------


def test_gates_open_exactly_at_their_thresholds():
    def threat(low: float) -> Gate:
        return threat_gate(Interval(value=0.5, low=low, high=0.7, people=4))

    open_, closed = "is", "is not"
    for low, passed, verb in ((0.3, True, open_), (0.29, False, closed), (float("-inf"), False, closed)):
        reason = f"the lower bound of clean leakage, {low:.2f}, {verb} at least 0.3"
        assert threat(low) == Gate(name="threat", passed=passed, reason=reason)
    for protected, passed in ((0.45, True), (0.44, False)):
        reason = f"accuracy on protected training photos is {protected:.2f}; needed is 0.9 of 0.50 on clean ones"
        assert fit_gate(protected, 0.5) == Gate(name="fit", passed=passed, reason=reason)
    assert audit_gate(0) == Gate(name="audit", passed=True, reason="the data set passed its check")
    assert audit_gate(1) == Gate(name="audit", passed=False, reason="the data set has 1 defects")


def test_a_number_that_is_none_opens_no_gate():
    assert not threat_gate(Interval(value=NAN, low=NAN, high=NAN, people=4)).passed
    assert not fit_gate(NAN, 0.9).passed and not fit_gate(0.9, NAN).passed


# Tables and answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [np.zeros(4), np.zeros((1, 3)), np.zeros((0, 4)), np.zeros((1, 4, 1))])
def test_a_table_has_a_row_for_each_run_and_a_column_for_each_person(shares):
    with pytest.raises(ValueError, match=r"expected shares \(runs, 4\), got \("):
        PersonTable(PEOPLE, shares)


def test_who_was_not_asked_is_named_five_at_most():
    whole = [replace(CLEAN[0], person_id=f"p{i}") for i in range(8)]
    with pytest.raises(DP2VLError) as error:
        tabulate([whole, whole[:1]], what="pets")
    assert error.value.message == "run 2 and the others differ in who was asked about pets: p1, p2, p3, p4, p5"
    assert error.value.hint == "ask every run about the same people"
    with pytest.raises(DP2VLError) as error:
        tabulate([[]], what="pets")
    assert error.value.hint == "ask these questions, or leave the metric out"


@pytest.mark.parametrize(("text", "right", "valid"), [("A", True, True), ("(d)", False, True), ("e", False, False)])
def test_a_letter_behind_the_last_option_names_none(text, right, valid):
    asked = replace(CLEAN[0], scores=(), text=text)
    assert asked.answer == asked.options[0]
    assert (judge(asked).right, judge(asked).valid) == (right, valid)


@pytest.mark.parametrize("text", ["I don't know.", "I don\u2019t know.", "I  cannot\ntell"])
def test_a_refusal_is_one_with_either_apostrophe(text):
    assert is_refusal(text) and not is_refusal("I know: don the dog")


def test_answers_are_written_as_they_were_said_and_numbers_that_are_none_are_not(tmp_path: Path):
    said = replace(CLEAN[0], scores=(), text="une \u00e9cole, \u5b66\u6821")
    write_answers(tmp_path / "answers.jsonl", [said])
    assert "\u00e9cole, \u5b66\u6821" in (tmp_path / "answers.jsonl").read_text(encoding="utf-8")
    assert read_answers(tmp_path / "answers.jsonl") == [said]
    with pytest.raises(ValueError, match="JSON"):
        write_answers(tmp_path / "answers.jsonl", [replace(CLEAN[0], scores=(0.0, 0.0, 0.0, float("-inf")))])


def test_a_damaged_line_of_answers_says_where_and_what(tmp_path: Path):
    path = tmp_path / "answers.jsonl"
    write_answers(path, CLEAN[:1])
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"size": 1, "colour": "red"}) + "\n")
    with pytest.raises(DP2VLError) as error:
        read_answers(path)
    assert error.value.message == f"{path} line 2 does not fit: unknown columns colour, size"
    assert error.value.hint == "ask again to write it anew"


def test_an_answer_needs_a_score_for_each_option():
    with pytest.raises(ValueError, match="expected a score for each of 4 options, got 1"):
        replace(CLEAN[0], scores=(1.0,))
