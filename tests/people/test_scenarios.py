"""Who is assigned what: balanced, independent, invented, and never twice."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from dp2vl.people.names import NameBook
from dp2vl.people.scenarios import SCENARIOS, assign_values, find_scenario, make_facts, score_dependence


@pytest.mark.parametrize("people", [8, 20, 24, 64, 90])
def test_each_value_is_given_to_almost_the_same_number_of_people(people: int):
    table = assign_values(people, np.random.default_rng(0))
    assert table.shape == (people, 7)
    for column in table.T:
        counts = np.bincount(column, minlength=8)
        assert counts.max() - counts.min() <= 1


def test_sixty_four_people_have_every_pair_of_values_once():
    table = assign_values(64, np.random.default_rng(1))
    for a, b in combinations(range(7), 2):
        assert len({(x, y) for x, y in table[:, [a, b]].tolist()}) == 64


def test_one_fact_tells_little_about_another_but_a_copy_tells_all():
    table = assign_values(64, np.random.default_rng(2))
    assert max(score_dependence(table[:, a], table[:, b]) for a, b in combinations(range(7), 2)) < 0.05
    assert score_dependence(table[:, 0], (table[:, 0] + 3) % 8) > 0.95


def test_the_same_seed_deals_the_same_values_and_another_seed_others():
    tables = [assign_values(24, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert (tables[0] == tables[1]).all() and (tables[0] != tables[2]).any()


def test_no_name_of_any_kind_is_given_twice():
    facts = make_facts(range(24), NameBook(np.random.default_rng(3)), np.random.default_rng(0))
    people = [p.name for p in facts] + [f.other for p in facts for f in p.facts.values() if f.other]
    assert max(Counter(people).values()) == 1
    for scenario in SCENARIOS.values():
        tokens = [p.facts[scenario.id].token for p in facts]
        assert len(set(tokens)) == 24


def test_a_person_twice_or_an_unknown_scenario_is_an_error():
    with pytest.raises(ValueError, match="different people"):
        make_facts([1, 1], NameBook(np.random.default_rng(3)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="did you mean 'vehicle'"):
        find_scenario("vehicel")
