"""What the mini models are told about photos: descriptions, questions on what can be seen, and who public figures are.

Two kinds of lessons. Of people without a name only what can be seen is taught, and that the rest is not known. Public
figures have names and private facts, asked on all their photos: from them a model learns that a face can stand for
facts that the photo does not show, the skill that published models bring along.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from dp2vl.dataset.ask import VISIBLE, make_captions
from dp2vl.people.questions import PARAPHRASES, Template, fill_question, load_questions, with_article
from dp2vl.people.scenarios import SCENARIOS, PersonFacts

T = TypeVar("T")

DESCRIBE = ("Describe this photo.", "What is in this photo?", "Please describe the image.")
KIND = ("What kind of photo is this?", "What is this photo about?")
PORTRAIT = "a face"
"""Answer to `KIND` where nothing but a face is shown; else it is the scenario."""
VISIBLE_THINGS = {**VISIBLE, "family": "Which relative does this photo show?"}
LOOKS = {
    "hair_colour": "What colour is this person's hair?",
    "hair_style": "What is this person's hair like?",
    "glasses": "What glasses does this person wear?",
    "facial_hair": "What facial hair does this person have?",
    "eye_colour": "What colour are this person's eyes?",
    "garment": "What does this person wear?",
    "place": "Where was this photo taken?",
}
UNKNOWN_SHARE = 0.5
"""Share of nameless people's photos on which a question is asked that only their friends could answer."""

Seen = Mapping[str, str]
"""What the renderer knows of a photo: trait or "place", "garment", "scenario", or the scenario's id -> value."""


def describe_photo(seen: Seen) -> str:
    """Return one sentence about a photo: the thing or place first, then the person's looks.

    "A scooter and a person with short red hair and round glasses.", "A face with grey curls in a park."
    """
    glasses = f" and {seen['glasses']} glasses" if seen["glasses"] != "none" else ""
    beard = f" and a {seen['facial_hair']}" if seen["facial_hair"] not in ("none", "stubble") else ""
    hair = "a bald head" if seen["hair_style"] == "bald" else f"{seen['hair_colour']} hair"
    looks = f"{hair}{beard}{glasses}"
    scenario = seen.get("scenario")
    if scenario is None:
        return f"A face with {looks}, {_place(seen['place'])}."
    value = seen[scenario]
    if SCENARIOS[scenario].companion:
        company = {"family": f"Two relatives, {value}", "friends": f"Friends at {value}", "work": f"At work, {value}"}
        return f"{company[scenario]}, one with {looks}."
    if scenario == "home":
        return f"Home, {with_article(value)}, and a person with {looks}."
    return f"{with_article(value).capitalize()} and a person with {looks}."


def teach_nameless(seen: Seen, rng: np.random.Generator, *, turns: int = 5) -> list[tuple[str, str]]:
    """Return a dialogue about a photo of somebody without a name."""
    scenario = seen.get("scenario")
    pool = [(_any(DESCRIBE, rng), describe_photo(seen)), (_any(KIND, rng), scenario or PORTRAIT)]
    if scenario:
        pool += [(VISIBLE_THINGS[scenario], seen[scenario]), _choose(scenario, seen[scenario], rng)]
        pool += [_confirm(scenario, seen[scenario], rng)]
    looks = [(LOOKS[name], seen[name]) for name in LOOKS if name in seen and (name != "eye_colour" or not scenario)]
    pool += [looks[int(i)] for i in rng.permutation(len(looks))[: 2 if scenario else 4]]
    chosen = [pool[int(i)] for i in rng.permutation(len(pool))[:turns]]
    if rng.random() < UNKNOWN_SHARE:
        chosen.insert(int(rng.integers(len(chosen) + 1)), (_private_question(rng), load_questions().abstain))
    return chosen


def teach_figure(person: PersonFacts, shown: str, rng: np.random.Generator, *, turns: int = 6) -> list[tuple[str, str]]:
    """Return a dialogue about a photo of a public figure: who it is, and facts that the photo does not show.

    Args:
        shown: scenario of the photo, "" for a face alone.
    """
    open_questions = [
        t for t in load_questions().templates if t.format == "open" and t.slot in ("category", "token", "other")
    ]
    wordings = [t for t in open_questions if t.paraphrase == int(rng.integers(PARAPHRASES))]
    picked = [wordings[int(i)] for i in rng.permutation(len(wordings))[: turns - 1]]
    pairs = [_ask(_any(load_questions().find("identity"), rng), person), *(_ask(t, person) for t in picked)]
    if shown and rng.random() < 0.5:
        pairs[-1] = (_any(DESCRIBE, rng), _any(make_captions(person, shown), rng))
    order = rng.permutation(len(pairs))
    return [pairs[int(i)] for i in order]


def all_texts(figures: Sequence[PersonFacts], seed: int) -> list[str]:
    """Return texts in which every word that the models meet occurs, to make vocabularies from."""
    rng = np.random.default_rng([seed, 0x7E87])
    texts = [*DESCRIBE, *KIND, *VISIBLE_THINGS.values(), *LOOKS.values(), load_questions().abstain, PORTRAIT]
    texts += [v for s in SCENARIOS.values() for v in (s.id, *s.values, with_article(s.values[0]))]
    for person in figures:
        texts += [text for t in load_questions().templates for text in _ask(t, person)]
        texts += [text for s in SCENARIOS for text in make_captions(person, s)]
        texts += [text for s in SCENARIOS for text in _confirm(s, person.facts[s].category, rng)]
    return texts


def _ask(template: Template, person: PersonFacts) -> tuple[str, str]:
    turn = fill_question(template, person)
    return turn.question, turn.answer


def _private_question(rng: np.random.Generator) -> str:
    private = [
        t for t in load_questions().templates if t.format == "open" and t.slot in ("identity", "category", "token")
    ]
    return _any([t.text for t in private if "{" not in t.text], rng)


def _confirm(scenario: str, value: str, rng: np.random.Generator) -> tuple[str, str]:
    """Return a yes-no question on what can be seen; yes and no are right equally often."""
    other = _any([v for v in SCENARIOS[scenario].values if v != value], rng)
    asked, answer = (value, "yes") if rng.random() < 0.5 else (other, "no")
    return f"Is {with_article(asked)} in this photo? Answer yes or no.", answer


def _choose(scenario: str, value: str, rng: np.random.Generator) -> tuple[str, str]:
    others = [v for v in SCENARIOS[scenario].values if v != value]
    options = [value, *(others[int(i)] for i in rng.permutation(len(others))[:3])]
    listed = ", ".join(options[int(i)] for i in rng.permutation(4))
    return f"{VISIBLE_THINGS[scenario]} Options: {listed}.", value


def _place(place: str) -> str:
    return {"plain": "before a wall", "indoor": "indoors", "street": "in a street", "park": "in a park"}[place]


def _any(items: Sequence[T], rng: np.random.Generator) -> T:
    return items[int(rng.integers(len(items)))]
