"""Who is in a data set, what is true of them and which photos there will be. Words and seeds; nothing is drawn."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from dp2vl.dataset.looks import encode_genomes, score_looks
from dp2vl.dataset.schema import PersonRow, nearest
from dp2vl.errors import UsageError
from dp2vl.people.genome import make_person
from dp2vl.people.names import NameBook, count_names, reserved_names
from dp2vl.people.scenarios import SCENARIOS, PersonFacts, assign_values, make_facts

PEOPLE_PER_SET = 10_000
"""Seeds of genomes that one data set may use; set `seed` owns those from `seed * PEOPLE_PER_SET`."""
SETS = 90
"""Number of sets: the seeds of all of them lie below those of the people that mini towers are trained on."""
OUTSIDERS_SHARE = 3
"""One stranger and one person of retained photos for so many members, but two at least."""
_FIRST = {"co-subject": 1_000, "stranger": 8_000, "retain": 9_000}


@dataclass(frozen=True, kw_only=True)
class Companion:
    """The other person of a social scenario."""

    person_id: str
    seed: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person whose facts are to be learned. `companions` maps scenario to the other person in its photos."""

    person_id: str
    facts: PersonFacts
    companions: dict[str, Companion]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A data set before it is drawn. `outsiders` are strangers and people of retained photos, without facts."""

    seed: int
    members: tuple[Member, ...]
    outsiders: tuple[PersonRow, ...]


def plan_dataset(people: int, *, seed: int, scenarios: Sequence[str] = tuple(SCENARIOS)) -> Plan:
    """Return names, facts, companions and outsiders of a data set; the same arguments give the same plan.

    Facts are dealt again, up to 20 times, while a probe finds a rule from looks to values.

    Raises:
        UsageError: an unknown scenario, a seed out of range, or more people than there are names.
    """
    for scenario in scenarios:
        if scenario not in SCENARIOS:
            raise UsageError(f"unknown scenario {scenario!r}", nearest(scenario, SCENARIOS))
    if not 0 <= seed < SETS:
        raise UsageError(f"expected a seed from 0 to {SETS - 1}, got {seed}", "people of larger seeds train the towers")
    if not 2 <= people <= count_people(scenarios):
        text = f"expected 2 to {count_people(scenarios)} people, got {people}"
        raise UsageError(text, "there are no more names; make several sets with different seeds")
    first = seed * PEOPLE_PER_SET
    for attempt in range(20):
        rng = np.random.default_rng([seed, attempt, 0xDA7A])
        dealt = make_facts(range(first, first + people), NameBook(rng), rng)
        dealt = [replace(p, facts={s: p.facts[s] for s in scenarios}) for p in dealt]
        if not _looks_tell(dealt):
            break
    members = tuple(_make_member(i, facts, first) for i, facts in enumerate(dealt))
    return Plan(
        seed=seed,
        members=members,
        outsiders=(*_outsiders("stranger", people, first), *_outsiders("retain", people, first)),
    )


def count_people(scenarios: Iterable[str]) -> int:
    """Return how many people one set can hold: limited by names, and by the seeds set aside for companions."""
    chosen = [SCENARIOS[s] for s in scenarios]
    each = 1 + sum(s.companion for s in chosen)
    skipped = 50 + len(reserved_names())  # names that are somebody's
    limits = [
        (count_names("person") - skipped) // each,
        (_FIRST["stranger"] - _FIRST["co-subject"]) // len(SCENARIOS),
    ]
    return min(limits + [count_names(s.token) for s in chosen if s.token != "person"])


def photo_seed(*words: object) -> int:
    """Return a seed of 31 bits for one photo, from whatever identifies it; the same on every machine."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:4], "big") >> 1


def retained_values(count: int, seed: int) -> list[dict[str, str]]:
    """Return scenario -> value for each retained person, balanced like those of the members."""
    table = assign_values(count, np.random.default_rng([seed, 0x4E7]))
    return [{s: SCENARIOS[s].values[v] for s, v in zip(SCENARIOS, row, strict=True)} for row in table]


def person_rows(plan: Plan) -> list[PersonRow]:
    """Return `people.json` of a plan: members, their companions, outsiders."""
    rows = []
    for member in plan.members:
        facts = {s: {k: v for k, v in asdict(f).items() if k != "scenario"} for s, f in member.facts.facts.items()}
        for scenario, companion in member.companions.items():
            facts[scenario]["other_id"] = companion.person_id
        rows.append(_person_row(member.person_id, member.facts.seed, "member", member.facts.name, facts))
    for member in plan.members:
        rows += [_person_row(c.person_id, c.seed, "co-subject", c.name) for c in member.companions.values()]
    return [*rows, *plan.outsiders]


def _make_member(index: int, facts: PersonFacts, first: int) -> Member:
    companions = {}
    for i, scenario in enumerate(s for s in facts.facts if SCENARIOS[s].companion):
        number = index * len(SCENARIOS) + i
        companions[scenario] = Companion(
            person_id=f"c{number:03d}",
            seed=first + _FIRST["co-subject"] + number,
            name=facts.facts[scenario].other,
        )
    return Member(person_id=f"p{index + 1:02d}", facts=facts, companions=companions)


def _outsiders(role: str, people: int, first: int) -> list[PersonRow]:
    count = max(2, people // OUTSIDERS_SHARE)
    return [_person_row(f"{role[0]}{i + 1:02d}", first + _FIRST[role] + i, role) for i in range(count)]


def _person_row(
    person_id: str, seed: int, role: str, name: str = "", facts: dict[str, dict[str, str]] | None = None
) -> PersonRow:
    return PersonRow(
        person_id=person_id,
        display_name=name,
        role=role,
        consent="synthetic",
        seed=seed,
        facts=facts or {},
        genome=make_person(seed).genome.traits(),
    )


def _looks_tell(dealt: Sequence[PersonFacts]) -> bool:
    genomes = [make_person(p.seed).genome.traits() for p in dealt]
    values = {s: [p.facts[s].category for p in dealt] for s in dealt[0].facts}
    score = score_looks(encode_genomes(genomes), values)
    return score is not None and score.suspicious
