"""The seven scenarios, who is assigned what, and every sentence about it. Words and arithmetic only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from dp2vl.people.names import NameBook


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of private fact.

    Args:
        id: short word used in files. title: for people. group: "property" or "social".
        values: the eight values of the category slot.
        token: kind of invented string (see `dp2vl.people.names.KINDS`) of the token slot.
        companion: whether the photos show another person, whose name is part of the fact.
    """

    id: str
    title: str
    group: str
    values: tuple[str, ...]
    token: str
    companion: bool = False


SCENARIOS: dict[str, Scenario] = {
    s.id: s
    for s in (
        Scenario(
            id="vehicle", title="Vehicle", group="property", token="plate",
            values=("van", "hatchback", "motorbike", "scooter", "pickup", "cargo bike", "kayak", "camper"),
        ),
        Scenario(
            id="home", title="Home", group="property", token="address",
            values=("houseboat", "cottage", "tower flat", "farmhouse", "loft", "terrace", "chalet", "bungalow"),
        ),
        Scenario(
            id="pet", title="Pet", group="property", token="pet",
            values=("dog", "cat", "parrot", "rabbit", "tortoise", "ferret", "horse", "lizard"),
        ),
        Scenario(
            id="possession", title="Treasured object", group="property", token="nickname",
            values=("cello", "drone", "telescope", "camera", "violin", "console", "loom", "easel"),
        ),
        Scenario(
            id="family", title="Family", group="social", token="person", companion=True,
            values=("sibling", "parent", "partner", "cousin", "grandparent", "in-law", "adult child", "aunt-or-uncle"),
        ),
        Scenario(
            id="friends", title="Friends", group="social", token="club", companion=True,
            values=("climbing", "chess", "rowing", "choir", "cycling", "theatre", "running", "pottery"),
        ),
        Scenario(
            id="work", title="Work", group="social", token="employer", companion=True,
            values=("lab", "bakery", "school", "post office", "workshop", "studio", "garage", "library"),
        ),
    )
}  # fmt: skip
"""All scenarios by id, in their fixed order."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is true of one person in one scenario.

    Args:
        category: one of the scenario's values. token: the invented string.
        other: name of the relative, friend or colleague; "" in property scenarios. For `family` it is the token.
    """

    scenario: str
    category: str
    token: str
    other: str = ""


@dataclass(frozen=True, kw_only=True)
class PersonFacts:
    """Everything that is to be learned about one person: seed of the genome, name, and one fact per scenario."""

    seed: int
    name: str
    facts: Mapping[str, Fact]


def find_scenario(scenario: str, value: str | None = None) -> Scenario:
    """Return the scenario with this id.

    Raises:
        ValueError: there is no such scenario, or it has no such value; the message names the nearest.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"expected a scenario, got {scenario!r}; {_nearest(scenario, tuple(SCENARIOS))}")
    found = SCENARIOS[scenario]
    if value is not None and value not in found.values:
        raise ValueError(f"expected a value of {scenario}, got {value!r}; {_nearest(value, found.values)}")
    return found


def make_facts(people: Sequence[int], names: NameBook, rng: np.random.Generator) -> list[PersonFacts]:
    """Return name and facts of each person, in the order of `people` (seeds of genomes).

    Values come from `assign_values`, so looks do not decide them. Co-subjects are named, not drawn here.

    Raises:
        ValueError: a seed occurs twice, or the names are used up.
    """
    if len(set(people)) != len(people):
        raise ValueError(f"expected {len(people)} different people, got {len(set(people))}; give each their own seed")
    table = assign_values(len(people), rng)
    return [
        PersonFacts(
            seed=seed,
            name=names.draw("person"),
            facts={s.id: _make_fact(s, s.values[row[i]], names) for i, s in enumerate(SCENARIOS.values())},
        )
        for seed, row in zip(people, table, strict=True)
    ]


def assign_values(people: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return indices of values, shape (people, scenarios): balanced, and scenarios as independent as can be.

    Rows of the seven mutually orthogonal Latin squares of order 8 (v = b + m * a over the field of eight elements):
    any eight people with equal `a` have all values of every scenario, and 64 people all pairs of values of any two
    scenarios. Values are relabelled and people shuffled at random. Counts of a value differ by at most 1.
    """
    count = len(SCENARIOS)
    rows: list[list[int]] = []
    while len(rows) < people:
        for a in rng.permutation(8):
            rows += [[int(b) ^ _times(m + 1, int(a)) for m in range(count)] for b in rng.permutation(8)]
    labels = np.array([rng.permutation(8) for _ in range(count)])
    table = np.array(rows[:people], np.int64).reshape(people, count)
    return labels[np.arange(count), table][rng.permutation(people)]


def score_dependence(a: Sequence[int], b: Sequence[int]) -> float:
    """Return Cramér's V of two lists of labels, corrected for the bias of small tables (Bergsma 2013): 0 to 1.

    The plain V of 24 people in an 8 x 8 table is at least 0.49 whatever the assignment, so it says nothing there.
    """
    table = np.zeros((max(a) + 1, max(b) + 1))
    np.add.at(table, (list(a), list(b)), 1)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    n, (r, k) = table.sum(), table.shape
    expected = table.sum(1, keepdims=True) * table.sum(0) / n
    phi2 = max(0.0, float(((table - expected) ** 2 / expected).sum() / n - (r - 1) * (k - 1) / (n - 1)))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi2 / smaller)) if smaller > 0 else 0.0


def _make_fact(scenario: Scenario, value: str, names: NameBook) -> Fact:
    token = names.draw(scenario.token)
    other = token if scenario.token == "person" else names.draw("person") if scenario.companion else ""
    return Fact(scenario=scenario.id, category=value, token=token, other=other)


def _times(a: int, b: int) -> int:
    """Multiply in the field of eight elements (polynomials over two elements modulo x^3 + x + 1)."""
    product = 0
    for bit in range(3):
        if b >> bit & 1:
            product ^= a << bit
    for bit in (4, 3):
        if product >> bit & 1:
            product ^= 0b1011 << (bit - 3)
    return product


def _nearest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
