"""Scores of made-up models whose leakage is known: perfect, blind, half as good, right for the wrong reason."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dp2vl.errors import DP2VLError
from dp2vl.leakage import Answer, fit_gate, threat_gate
from dp2vl.leakage.score import MEAN, Number, find_peak, score_runs
from dp2vl.people.scenarios import SCENARIOS

PEOPLE = [f"p{i:02d}" for i in range(16)]
CHOSEN = ("pet", "home")
VALUES = {s: SCENARIOS[s].values for s in CHOSEN}
Guess = Callable[[Answer], str]


def truth(person: str, slot: str, scenario: str) -> str:
    number = PEOPLE.index(person)
    return person if slot == "identity" else VALUES[scenario][(number + (scenario == "home") * number // 8) % 8]


def questions(view: str, photos: int = 3) -> list[Answer]:
    return [
        Answer(
            step=1, view=view, qid=f"{view}-{person}-{photo}-{slot}-{scenario}", photo_id=f"{person}-{photo}",
            person_id=person, scenario=scenario, slot=slot, format="open",
            options=tuple(PEOPLE) if slot == "identity" else VALUES[scenario], answer=truth(person, slot, scenario),
        )
        for person in PEOPLE for photo in range(photos)
        for slot, scenario in (("identity", ""), *(("category", s) for s in CHOSEN))
    ]  # fmt: skip


def choose(asked: Answer, said: str) -> Answer:
    return replace(asked, scores=tuple(0.0 if o == said else -2.0 for o in asked.options))


def constant(asked: Answer) -> str:
    return asked.options[0]


def right(asked: Answer) -> str:
    return asked.answer


def at_random(rng: np.random.Generator) -> Guess:
    return lambda asked: str(rng.choice(asked.options))


def half(rng: np.random.Generator) -> Guess:
    return lambda asked: asked.answer if rng.random() < 0.5 else str(rng.choice(asked.options))


def run(probe: Guess, *, other: Guess | None = None, blank: Guess = constant, train: Guess = right) -> list[Answer]:
    by_view = {"probe": probe, "other": other or constant, "blank": blank, "train": train}
    return [choose(a, guess(a)) for view, guess in by_view.items() for a in questions(view)]


def find(numbers: list[Number], metric: str, scenario: str = MEAN) -> Number:
    (found,) = [n for n in numbers if (n.metric, n.scenario) == (metric, scenario)]
    return found


def test_a_model_that_knows_all_leaks_all():
    numbers = score_runs([run(right)])
    for metric in ("leakage", "category_leakage", "category_accuracy", "image_share"):
        assert find(numbers, metric).interval.value == pytest.approx(1)
    assert find(numbers, "identity_accuracy", "").interval.value == 1
    assert find(numbers, "overfit_gap").interval.value == 0
    assert find(numbers, "leakage").interval.people == 16
    assert {n.scenario for n in numbers if n.metric == "category_accuracy"} == {*CHOSEN, MEAN}


def test_a_model_that_guesses_leaks_nothing():
    numbers = score_runs([run(at_random(np.random.default_rng(s)), blank=at_random(np.random.default_rng(s + 50)))
                          for s in range(3)])  # fmt: skip
    leakage = find(numbers, "leakage").interval
    assert not leakage.excludes(0) and abs(leakage.value) < 0.08
    assert abs(find(numbers, "identity_accuracy", "").interval.value - 1 / 16) < 0.06


def test_a_model_that_always_says_the_same_leaks_nothing_and_opens_no_gate():
    """Such a model would make any protection look perfect: nothing leaks from it, protected or not."""
    dull = [choose(a, constant(a)) for a in run(right)]
    leakage = find(score_runs([dull]), "leakage").interval
    assert leakage.value <= 0 and not threat_gate(leakage).passed
    fitted = [find(score_runs([answers]), "train_accuracy").interval.value for answers in (dull, run(right))]
    assert not fit_gate(*fitted).passed


def test_half_the_knowledge_is_half_the_leakage_and_seeds_are_told_apart():
    numbers = score_runs([run(half(np.random.default_rng(s))) for s in range(3)])
    leakage = find(numbers, "leakage")
    assert 0.4 < leakage.interval.value < 0.6
    assert leakage.interval.low < 0.5 < leakage.interval.high or leakage.interval.excludes(0)
    assert len(leakage.seeds) == 3 and len(set(leakage.seeds)) == 3
    assert np.mean(leakage.seeds) == pytest.approx(leakage.interval.value, abs=0.02)


def test_what_a_blind_model_knows_is_no_leakage():
    """A model that knows the facts without a face reads them off the question."""
    numbers = score_runs([run(half(np.random.default_rng(0)), blank=half(np.random.default_rng(1)))])
    assert find(numbers, "category_accuracy").interval.value > 0.45
    assert find(numbers, "leakage").interval.value < 0.15
    assert find(numbers, "chance").interval.value > 0.45


def test_what_remains_with_another_face_is_not_of_the_image():
    assert find(score_runs([run(right, other=right)]), "image_share").interval.value == pytest.approx(0)
    share = find(score_runs([run(right, other=half(np.random.default_rng(0)))]), "image_share").interval.value
    assert 0.3 < share < 0.65


def test_facts_are_counted_apart_where_the_person_was_told():
    """Here a fact is right exactly where the person was: on the first photo of each."""

    def first(asked: Answer) -> str:
        return asked.answer if asked.photo_id.endswith("-0") else next(o for o in asked.options if o != asked.answer)

    numbers = score_runs([run(first)])
    assert find(numbers, "category_given_identity").interval.value == 1
    assert find(numbers, "category_given_not_identity").interval.value == 0
    assert find(numbers, "identity_accuracy", "").interval.value == pytest.approx(1 / 3)


def test_where_every_person_was_told_the_other_condition_is_left_out():
    metrics = {n.metric for n in score_runs([run(right)])}
    assert "category_given_identity" in metrics and "category_given_not_identity" not in metrics


def test_training_photos_known_by_heart_show_as_a_gap():
    numbers = score_runs([run(at_random(np.random.default_rng(0)))])
    assert find(numbers, "train_accuracy").interval.value == 1
    assert find(numbers, "overfit_gap").interval.low > 0.6


def extra(view: str, said: str) -> list[Answer]:
    return [
        choose(
            Answer(
                step=1, view=view, qid=f"{view}-{i}", photo_id=f"x{i}", person_id=f"x{i}", scenario="pet",
                slot="category", format="mcq", options=("cat", "dog", "unknown"), answer="unknown",
            ),
            said,
        )
        for i in range(5)
    ]  # fmt: skip


def test_strangers_texts_and_ordinary_photos_have_people_of_their_own():
    numbers = score_runs([run(right) + extra("stranger", "cat") + extra("retain", "unknown") + extra("text", "dog")])
    assert find(numbers, "false_claims", "").interval.value == 1
    assert find(numbers, "utility", "").interval.value == 1
    assert find(numbers, "text_accuracy", "").interval.value == 0
    assert find(numbers, "false_claims", "").interval.people == 5
    quiet = score_runs([run(right) + extra("stranger", "unknown")])
    assert find(quiet, "false_claims", "").interval.value == 0
    assert "utility" not in {n.metric for n in quiet}


def test_the_peak_is_where_the_adversary_would_stop():
    early = [replace(a, step=1) for a in run(half(np.random.default_rng(0)))]
    best = [replace(a, step=2) for a in run(right)]
    late = [replace(a, step=3) for a in run(half(np.random.default_rng(1)))]
    numbers = score_runs([[*late, *early, *best]])
    assert find_peak(numbers).step == 2 and find_peak(numbers).interval.value == pytest.approx(1)
    with pytest.raises(DP2VLError, match="expected spill of mean"):
        find_peak(numbers, "spill")


def test_a_group_without_answers_is_an_error_not_a_zero():
    whole = run(right)
    with pytest.raises(DP2VLError, match=r"category pet \(blank\)"):
        score_runs([[a for a in whole if not (a.view == "blank" and a.scenario == "pet")]])
    with pytest.raises(DP2VLError, match=r"differ in who was asked about category home \(probe\): p03"):
        score_runs([whole, [a for a in whole if (a.person_id, a.scenario, a.view) != ("p03", "home", "probe")]])
    with pytest.raises(DP2VLError, match="probe photos after 1 steps"):
        score_runs([[a for a in whole if a.view != "probe"]])
    with pytest.raises(DP2VLError, match="at least one run"):
        score_runs([])


def test_the_same_answers_in_another_order_give_the_same_numbers():
    whole = run(half(np.random.default_rng(0)))
    shuffled = [whole[int(i)] for i in np.random.default_rng(1).permutation(len(whole))]
    key = lambda n: (n.metric, n.scenario)  # noqa: E731
    assert sorted(score_runs([whole]), key=key) == sorted(score_runs([shuffled]), key=key)
