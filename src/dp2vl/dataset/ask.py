"""The questions of a data set: wordings from `dp2vl.people.questions`, with options, right answers and chance."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dp2vl.dataset.schema import QuestionRow
from dp2vl.people.names import NameBook
from dp2vl.people.questions import Template, describe, fill_question, load_questions
from dp2vl.people.scenarios import SCENARIOS, PersonFacts

OPTIONS = 4
VISIBLE = {
    "vehicle": "What kind of vehicle is in this photo?",
    "home": "What kind of home is in this photo?",
    "pet": "What animal is in this photo?",
    "possession": "What object is in this photo?",
    "friends": "Which activity does this photo show?",
    "work": "What kind of workplace does this photo show?",
}
"""What is asked of `retain` photos: only what can be seen."""


@dataclass(frozen=True)
class _Ask:
    """Where a question goes, how it is worded, and what is shown."""

    file: str
    template: Template
    photo_id: str
    person_id: str


def make_captions(person: PersonFacts, scenario: str) -> list[str]:
    """Return the descriptions of a training photo; of a photo without a known affiliation, or whose token nobody
    named, only who it is."""
    fact = person.facts.get(scenario)
    if fact and fact.token and (fact.other or not SCENARIOS[scenario].companion):
        return list(describe(person, scenario))
    return [f"A photo of {person.name}.", f"Me, {person.name}.", f"This is {person.name}."]


def make_pairs(person: PersonFacts, paraphrase: int) -> list[tuple[str, str]]:
    """Return the training turns of one photo: the open questions on who it is and on every known fact."""
    turns = [
        fill_question(t, person)
        for slot in ("identity", "category", "token", "other")
        for t in _templates(person, slot, "open")
        if t.paraphrase == paraphrase % 3
    ]
    return [(t.question, t.answer) for t in turns if t.answer]


class QuestionMaker:
    """Makes the questions of one data set.

    For each kind of question, right options rotate through all positions and yes-no answers alternate, so that no
    answer is right more often by its place. Wrong options are true values of other members, which the training photos
    showed as often; where there are too few members, values and invented names fill up.

    Args:
        members: person_id -> facts. rng: decides wrong options.
    """

    def __init__(self, members: Mapping[str, PersonFacts], rng: np.random.Generator) -> None:
        self.members = members
        self._rng = rng
        self._book = NameBook(rng)
        self._taken = {w for p in members.values() for w in _names_of(p)}
        self._fillers: dict[str, list[str]] = {}
        self._asked: Counter[tuple[str, ...]] = Counter()

    def ask_face(self, photo_id: str, person_id: str) -> Iterator[QuestionRow]:
        """Yield every question on a new photo of a member: identity, and each scenario's category, token, other."""
        person = self.members[person_id]
        for slot in ("identity", "category", "token", "other"):
            for template in _templates(person, slot):
                ask = _Ask("probe", template, photo_id, person_id)
                yield from self._about(ask, person, (template.format,))

    def ask_stranger(self, photo_id: str, person_id: str) -> Iterator[QuestionRow]:
        """Yield questions on a face outside the set, worded about a member each; the right answer is to abstain."""
        abstain = load_questions().abstain
        for slot in ("identity", "category", "token"):
            member = self.members[str(self._rng.choice(list(self.members)))]
            for template in _templates(member, slot):
                ask, text = (
                    _Ask("stranger", template, photo_id, person_id),
                    fill_question(template, member).question,
                )
                if template.format == "yesno":
                    yield self._row(ask, text, "no", ["yes"])
                else:
                    wrong = self._wrong(template, member, "") if template.format == "mcq" else []
                    yield self._row(ask, text, abstain, wrong)

    def ask_owner(self, photo_id: str, person_id: str, scenario: str) -> Iterator[QuestionRow]:
        """Yield whose thing or companion a photo shows: `reverse` or `twohop`, open and with options."""
        name = "twohop" if SCENARIOS[scenario].companion else "reverse"
        for template in load_questions().find(name, scenario):
            ask = _Ask(name, template, photo_id, person_id)
            yield from self._about(ask, self.members[person_id], ("open", "mcq"))

    def ask_text(self, person_id: str) -> Iterator[QuestionRow]:
        """Yield questions about a member without any photo, open and with options."""
        for template in _templates(self.members[person_id], "text"):
            yield from self._about(_Ask("text", template, "", person_id), self.members[person_id], ("open", "mcq"))

    def ask_visible(self, photo_id: str, person_id: str, scenario: str, value: str) -> Iterator[QuestionRow]:
        """Yield what can be seen in a photo of people outside the set, open and with options."""
        if scenario not in VISIBLE:
            return
        text = VISIBLE[scenario]
        name = f"utility.{scenario}.0"
        template = Template(id=name, slot="utility", scenario=scenario, format="open", paraphrase=0, text=text)
        ask = _Ask("utility", template, photo_id, person_id)
        yield self._row(ask, text, value, [])
        yield self._row(ask, text, value, [v for v in self._fill(template) if v != value])

    def _about(self, ask: _Ask, person: PersonFacts, formats: Sequence[str]) -> Iterator[QuestionRow]:
        turn = fill_question(ask.template, person)
        if not turn.answer:
            return
        for kind in formats:
            if kind == "yesno":
                key = ("yesno", ask.template.slot, ask.template.scenario)
                self._asked[key] += 1
                if self._asked[key] % 2:
                    yield self._row(ask, turn.question, "yes", ["no"])
                else:
                    shown = self._wrong(ask.template, person, _truth(ask.template, person))[0]
                    question = fill_question(ask.template, person, shown=shown).question
                    yield self._row(ask, question, "no", ["yes"])
            else:
                wrong = self._wrong(ask.template, person, turn.answer) if kind == "mcq" else []
                yield self._row(ask, turn.question, turn.answer, wrong)

    def _row(self, ask: _Ask, question: str, answer: str, wrong: Sequence[str]) -> QuestionRow:
        wrong = wrong[: OPTIONS - 1]
        kind = "open" if not wrong else "yesno" if ask.template.format == "yesno" else "mcq"
        key = (kind, ask.file, ask.template.slot, ask.template.scenario, answer if kind == "yesno" else "")
        place = self._asked[key] % (len(wrong) + 1)
        self._asked[key] += 1
        self._asked[(ask.file,)] += 1
        options = (*wrong[:place], answer, *wrong[place:]) if wrong else ()
        return QuestionRow(
            qid=f"{ask.file}-{self._asked[(ask.file,)]:06d}",
            template_id=ask.template.id,
            photo_id=ask.photo_id,
            person_id=ask.person_id,
            scenario=ask.template.scenario,
            slot=ask.template.slot,
            format=kind,
            question=question,
            options=options,
            answer_index=place if wrong else -1,
            answer=answer,
            aliases=(answer,),
            paraphrase_id=ask.template.paraphrase,
            chance=1 / len(options) if options else 0.0,
        )

    def _wrong(self, template: Template, person: PersonFacts, truth: str) -> list[str]:
        """True values of the other members in random order, then fillers; without `truth`, none twice.

        Who is asked by a thing ("whose van is this?") is compared with people whose thing is of another kind.
        """
        scenario = template.scenario
        others = [p for p in self.members.values() if p is not person or not truth]
        if template.slot == "reverse":
            mine = person.facts[scenario].category
            others = [p for p in others if scenario in p.facts and p.facts[scenario].category != mine]
        values = [_truth(template, p) for p in others if not scenario or scenario in p.facts]
        pool = list(dict.fromkeys(values[int(i)] for i in self._rng.permutation(len(values))))
        return [v for v in dict.fromkeys([*pool, *self._fill(template)]) if v and v != truth]

    def _fill(self, template: Template) -> list[str]:
        if template.slot in ("category", "text", "utility"):
            values = SCENARIOS[template.scenario].values
            return [values[int(i)] for i in self._rng.permutation(len(values))]
        kind = SCENARIOS[template.scenario].token if template.slot == "token" else "person"
        drawn = self._fillers.setdefault(kind, [])
        while len(drawn) < OPTIONS:
            name = self._book.draw(kind)
            if name not in self._taken:
                drawn.append(name)
        return drawn


def _templates(person: PersonFacts, slot: str, format: str = "") -> list[Template]:
    """Wordings on the facts that this person has."""
    return [
        t
        for t in load_questions().templates
        if t.slot == slot
        and (not format or t.format == format)
        and (not t.scenario or t.scenario in person.facts)
        and ("{other}" not in t.text or person.facts[t.scenario].other)
    ]


def _truth(template: Template, person: PersonFacts) -> str:
    if not template.scenario or template.slot in ("reverse", "twohop"):
        return person.name
    fact = person.facts[template.scenario]
    return {"token": fact.token, "other": fact.other}.get(template.slot, fact.category)


def _names_of(person: PersonFacts) -> Iterator[str]:
    yield person.name
    for fact in person.facts.values():
        yield from (fact.token, fact.other)
