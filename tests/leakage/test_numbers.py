"""Numbers: people weigh alike, chance is the strongest guess, intervals cover, gates hold back."""

from dataclasses import replace

import numpy as np
import pytest

from dp2vl.errors import DP2VLError
from dp2vl.leakage import (
    Answer,
    Interval,
    Level,
    PersonTable,
    Resample,
    audit_gate,
    chance_level,
    fit_gate,
    tabulate,
    threat_gate,
)

PEOPLE = tuple(f"p{i:02d}" for i in range(12))


def answer(person: str, given: str, truth: str = "cat", options: tuple[str, ...] = ("cat", "dog")) -> Answer:
    return Answer(
        step=1, view="probe", qid="q", photo_id="f", person_id=person, scenario="pet", slot="category", format="open",
        options=options, scores=tuple(0.0 if o == given else -1.0 for o in options), answer=truth,
    )  # fmt: skip


def table(shares) -> PersonTable:
    shares = np.atleast_2d(np.asarray(shares, float))
    return PersonTable(PEOPLE[: shares.shape[1]], shares)


def test_a_person_with_many_questions_weighs_as_much_as_one_with_few():
    rows = [answer("a", "cat")] + [answer("b", "dog")] * 9
    assert tabulate([rows], what="pets").mean == 0.5


def test_a_run_that_asked_other_people_is_an_error_and_so_is_an_empty_group():
    with pytest.raises(DP2VLError, match="run 2 and the others differ in who was asked about pets: b"):
        tabulate([[answer("a", "cat"), answer("b", "cat")], [answer("a", "cat")]], what="pets")
    for runs in ([], [[]]):
        with pytest.raises(DP2VLError, match="expected answers about pets, got none"):
            tabulate(runs, what="pets")
    with pytest.raises(DP2VLError, match="differ"):
        tabulate([[answer("a", "cat")]], what="pets", people=["a", "b"])


def test_chance_is_the_best_of_guessing_a_constant_answer_and_blindness():
    asked = [answer("a", "cat", "cat"), answer("b", "cat", "cat"), answer("c", "cat", "dog")]
    blind = table([0.1, 0.2, 0.3])
    level = chance_level(asked, blind)
    assert (level.uniform, level.majority) == (0.5, pytest.approx(2 / 3))
    assert level.value == pytest.approx(2 / 3)
    assert chance_level(asked, table([0.9, 0.8, 0.7])).value == pytest.approx(0.8)
    assert chance_level([replace(a, options=(), scores=()) for a in asked], blind).uniform == 0
    with pytest.raises(DP2VLError, match="got none"):
        chance_level([], blind)


def test_the_constant_answer_weighs_people_alike():
    """Ten questions of one person do not make their answer the commonest."""
    asked = [answer("a", "cat", "cat")] * 10 + [answer("b", "cat", "dog"), answer("c", "cat", "dog")]
    assert chance_level(asked, table([0.0])).majority == pytest.approx(2 / 3)


def test_leakage_is_zero_at_chance_one_at_always_right_and_may_be_negative():
    level = Level(uniform=0.25, majority=0.2, blind=table([0.1]))
    assert [level.leakage(a) for a in (0.25, 1.0, 0.0)] == pytest.approx([0, 1, -1 / 3])


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng, inside = np.random.default_rng(0), 0
    for trial in range(200):
        drawn = Resample(PEOPLE, draws=400, seed=trial).accuracy(table(rng.beta(6, 4, 12)))
        inside += drawn.low <= 0.6 <= drawn.high
    assert 0.86 <= inside / 200 <= 0.99  # twelve people make percentile intervals a little short


def test_paired_differences_are_surer_than_their_parts():
    rng = np.random.default_rng(1)
    clean = rng.uniform(0.3, 1, 12)
    draw = Resample(PEOPLE, draws=2000)
    both = draw.difference(table(clean), table(clean - 0.1))
    assert both.low > 0.09 and both.high < 0.11 and both.value == pytest.approx(0.1)
    assert draw.accuracy(table(clean)).high - draw.accuracy(table(clean)).low > 0.1


def test_an_unpaired_mistake_is_an_error():
    with pytest.raises(ValueError, match="table of the people who are drawn"):
        Resample(PEOPLE).accuracy(table([0.5, 0.5]))


def test_protection_is_measured_in_leakage_not_in_accuracy():
    """0.92 to 0.31 at a chance of 0.25 is 0.91, not 0.66."""
    level = Level(uniform=0.25, majority=0.25, blind=table(np.full(12, 0.1)))
    rate = Resample(PEOPLE, draws=200).protection(
        [(table(np.full(12, 0.31)), level)], [(table(np.full(12, 0.92)), level)]
    )
    assert rate.value == pytest.approx(1 - 0.06 / 0.67)
    assert rate.low == pytest.approx(rate.high)
    assert rate.people == 12


def test_where_nothing_leaks_a_rate_has_no_bounds():
    level = Level(uniform=0.25, majority=0.25, blind=table(np.full(12, 0.1)))
    rate = Resample(PEOPLE, draws=200).protection(
        [(table(np.full(12, 0.2)), level)], [(table(np.full(12, 0.25)), level)]
    )
    assert np.isnan(rate.value) and (rate.low, rate.high) == (-np.inf, np.inf)


def test_a_blind_model_that_guesses_well_makes_leakage_small_in_every_draw():
    rng = np.random.default_rng(2)
    seen, blind = rng.uniform(0.6, 0.9, 12), rng.uniform(0.5, 0.8, 12)
    level = Level(uniform=0.125, majority=0.2, blind=table(blind))
    found = Resample(PEOPLE, draws=500).leakage(table(seen), level)
    assert found.value == pytest.approx((seen.mean() - blind.mean()) / (1 - blind.mean()))
    assert found.value < (seen.mean() - 0.2) / 0.8 - 0.2


def test_the_share_that_needs_the_right_face():
    level = Level(uniform=0.1, majority=0.1, blind=table(np.full(12, 0.1)))
    draw = Resample(PEOPLE, draws=50)
    assert draw.image_share(table(np.full(12, 0.9)), table(np.full(12, 0.1)), level).value == pytest.approx(1)
    assert draw.image_share(table(np.full(12, 0.9)), table(np.full(12, 0.9)), level).value == pytest.approx(0)


def test_all_seeds_count_and_the_same_seed_gives_the_same_bounds():
    two = table([[0.0] * 12, [1.0] * 12])
    first, second = (Resample(PEOPLE, draws=300, seed=5).accuracy(two) for _ in range(2))
    assert first == second and first.value == 0.5


def test_gates_say_why():
    interval = Interval(value=0.5, low=0.31, high=0.7, people=12)
    assert threat_gate(interval).passed and not threat_gate(replace(interval, low=0.29)).passed
    assert fit_gate(0.9, 1.0).passed and not fit_gate(0.89, 1.0).passed
    assert audit_gate(0).passed and "3 defects" in audit_gate(3).reason
    assert "0.29, is not at least 0.3" in threat_gate(replace(interval, low=0.29)).reason
    assert interval.excludes(0.3) and not interval.excludes(0.5)
