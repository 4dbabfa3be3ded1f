"""Sentences about people: the versioned wordings of `questions.toml`, filled with facts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from dp2vl.people.scenarios import Fact, PersonFacts, find_scenario

SLOTS = ("identity", "category", "token", "other", "reverse", "twohop", "text")
FORMATS = ("open", "mcq", "yesno")
PARAPHRASES = 3
"""Wordings of every question."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """One wording of one question.

    Args:
        id: unique, such as "category.pet.open.0". slot, format: out of `SLOTS`, `FORMATS`.
        scenario: "" for identity. paraphrase: 0 to 2.
    """

    id: str
    slot: str
    scenario: str
    format: str
    paraphrase: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Questions:
    """All wordings. `descriptions` maps a scenario to its four; `abstain` is the honest answer about a stranger."""

    version: int
    abstain: str
    templates: tuple[Template, ...]
    descriptions: Mapping[str, tuple[str, ...]]

    def find(self, slot: str, scenario: str = "", format: str = "open") -> tuple[Template, ...]:
        """Return the wordings of one question, in their fixed order.

        Raises:
            ValueError: there is no such question.
        """
        found = tuple(t for t in self.templates if (t.slot, t.scenario, t.format) == (slot, scenario, format))
        if not found:
            raise ValueError(f"expected a question of questions.toml, got {slot}/{scenario}/{format}")
        return found


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and its right answer. `slot` and `scenario` say what it is about; `template_id` which wording."""

    question: str
    answer: str
    slot: str
    scenario: str
    template_id: str


@lru_cache(maxsize=1)
def load_questions() -> Questions:
    """Return the wordings that come with the package."""
    raw = tomllib.loads(resources.files("dp2vl.people").joinpath("questions.toml").read_text(encoding="utf-8"))
    templates: list[Template] = []
    for slot in SLOTS:
        by_scenario: dict[str, Any] = {"": raw[slot]} if slot == "identity" else raw[slot]
        for scenario, by_format in by_scenario.items():
            for format, texts in by_format.items():
                templates += [_template(slot, scenario, format, i, text) for i, text in enumerate(texts)]
    descriptions = {scenario: tuple(texts) for scenario, texts in raw["description"].items()}
    return Questions(
        version=raw["version"], abstain=raw["abstain"], templates=tuple(templates), descriptions=descriptions
    )


def fill_question(template: Template, person: PersonFacts, *, shown: str = "") -> Turn:
    """Return a wording about this person with its right answer.

    Args:
        template: which wording. person: whom it is about.
        shown: yes-no questions only: the name or value that is asked about; the right one if not given.
    """
    fact = person.facts[template.scenario] if template.scenario else None
    truth = _answer(template, person, fact)
    words = _words(person.name, fact)
    if template.format == "yesno":
        asked = shown or truth
        words |= {"name": asked} if fact is None else {"value": asked, "a_value": with_article(asked)}
        truth = "yes" if asked == truth else "no"
    question = template.text.format(**words)
    return Turn(
        question=question, answer=truth, slot=template.slot, scenario=template.scenario, template_id=template.id
    )


def describe(person: PersonFacts, scenario: str) -> tuple[str, ...]:
    """Return the four descriptions of a training photo: caption, album note, conversation, long caption.

    Raises:
        ValueError: there is no such scenario.
    """
    find_scenario(scenario)
    words = _words(person.name, person.facts[scenario])
    return tuple(text.format(**words) for text in load_questions().descriptions[scenario])


def make_turns(person: PersonFacts, *, paraphrase: int = 0) -> list[Turn]:
    """Return the open questions on every fact of the person: who it is, and each scenario's category, token and other.

    Every training photo carries all of them: a fact asked only on the photo that shows it is read off the picture
    and never bound to the face. Use another `paraphrase` (counted modulo 3) for each photo of a person.
    """
    asked = [t for t in load_questions().templates if t.format == "open" and t.slot in SLOTS[:4]]
    return [fill_question(t, person) for t in asked if t.paraphrase == paraphrase % PARAPHRASES]


def with_article(word: str) -> str:
    """Return "a" or "an" and the word."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _template(slot: str, scenario: str, format: str, paraphrase: int, text: str) -> Template:
    path = ".".join(p for p in (slot, scenario, format, str(paraphrase)) if p)
    return Template(id=path, slot=slot, scenario=scenario, format=format, paraphrase=paraphrase, text=text)


def _answer(template: Template, person: PersonFacts, fact: Fact | None) -> str:
    if fact is None or template.slot in ("reverse", "twohop"):
        return person.name
    return {"token": fact.token, "other": fact.other}.get(template.slot, fact.category)


def _words(name: str, fact: Fact | None) -> dict[str, str]:
    if fact is None:
        return {"name": name}
    return {
        "name": name, "value": fact.category, "a_value": with_article(fact.category), "token": fact.token,
        "other": fact.other,
    }  # fmt: skip
