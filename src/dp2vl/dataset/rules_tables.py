"""Rules that need the tables only: columns, people, questions, turns, balance, looks."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from itertools import combinations
from math import ceil
from pathlib import Path

from dp2vl.dataset.finding import Finding
from dp2vl.dataset.looks import LIMIT_AUC, encode_genomes, score_looks
from dp2vl.dataset.schema import (
    COLUMNS,
    CONSENTS,
    SPLITS,
    DataSet,
    PersonRow,
    PhotoRow,
    QuestionRow,
    photo_name,
    read_jsonl,
    split_file,
)
from dp2vl.people.questions import Template, fill_question, load_questions
from dp2vl.people.scenarios import SCENARIOS, Fact, PersonFacts

_TOLD = ("category", "token", "other")


def check_columns(folder: Path) -> Iterator[Finding]:
    for split in SPLITS:
        for number, row in enumerate(read_jsonl(split_file(folder, split)), 1):
            where = f"{split} row {number}"
            for name in sorted(COLUMNS.keys() ^ row.keys()):
                yield Finding(
                    rule="columns",
                    where=where,
                    message=f"column {name!r} is {'missing' if name in COLUMNS else 'unknown'}",
                )
            for name in sorted(COLUMNS.keys() & row.keys()):
                got, want = type(row[name]), COLUMNS[name]
                if got is not want:
                    text = f"{name} is {got.__name__}, elsewhere {want.__name__}"
                    yield Finding(rule="types", where=where, message=text)
                elif name.endswith("_json") and not _is_json(row[name]):
                    yield Finding(rule="types", where=where, message=f"{name} is not a JSON text")
    for path in sorted((folder / "qa").glob("*.jsonl")):
        for number, row in enumerate(read_jsonl(path), 1):
            names = {f.name for f in fields(QuestionRow)} ^ row.keys()
            if names:
                text = f"columns missing or unknown: {', '.join(sorted(names))}"
                yield Finding(rule="columns", where=f"qa/{path.name} line {number}", message=text)


def check_people(data: DataSet) -> Iterator[Finding]:
    for row in data.all_rows():
        if row.person_id not in data.people:
            yield Finding(rule="person", where=photo_name(row), message=f"people.json has no {row.person_id!r}")
    shown = {row.person_id for row in data.rows["train"]}
    for person in data.members():
        if person.person_id not in shown:
            yield Finding(
                rule="person-without-photo",
                where=person.person_id,
                message="no train photo shows this person",
            )
    for person in data.people.values():
        if person.consent not in CONSENTS:
            text = f"consent is {person.consent!r}, expected one of {', '.join(CONSENTS)}"
            yield Finding(rule="consent", where=person.person_id, message=text)
        elif person.consent == "synthetic" and person.seed < 0:
            text = "consent is 'synthetic', but the person was not drawn by us"
            yield Finding(rule="consent", where=person.person_id, message=text)


def check_questions(data: DataSet) -> Iterator[Finding]:
    photos = {row.photo_id: row for row in data.all_rows()}
    for name, rows in data.questions.items():
        for question in rows:
            problem = _wrong_question(question, photos, data)
            if problem:
                yield Finding(rule="question", where=f"{name} {question.qid}", message=problem)


def _wrong_question(question: QuestionRow, photos: Mapping[str, PhotoRow], data: DataSet) -> str:
    if question.photo_id and question.photo_id not in photos:
        return f"asks about photo {question.photo_id!r}, which does not exist"
    if question.person_id not in data.people:
        return f"is about person {question.person_id!r}, who does not exist"
    if not question.answer:
        return "has no answer"
    if question.format != "open":
        problem = _wrong_options(question)
        if problem:
            return problem
    right = _right_answer(question, photos.get(question.photo_id), data.people[question.person_id])
    return f"has the answer {question.answer!r}, expected {right!r}" if right not in ("", question.answer) else ""


def _wrong_options(question: QuestionRow) -> str:
    options = question.options
    if len(options) < 2 or len(set(options)) < len(options):
        return f"needs two or more different options, has {', '.join(options) or 'none'}"
    if not 0 <= question.answer_index < len(options) or options[question.answer_index] != question.answer:
        return f"answer_index {question.answer_index} does not point at {question.answer!r}"
    return ""


def _right_answer(question: QuestionRow, photo: PhotoRow | None, person: PersonRow) -> str:
    """Return the answer that wording, photo and facts give; "" where they give none, as for wordings of others."""
    if question.slot == "utility":
        return photo.category if photo and photo.scenario == question.scenario else ""
    template = _templates().get(question.template_id)
    if not template:
        return ""
    if person.role != "member":
        return "no" if question.format == "yesno" else load_questions().abstain
    if template.scenario and not person.facts.get(template.scenario, {}).get("category"):
        return ""
    facts = {s: Fact(scenario=s, **{k: fact.get(k, "") for k in _TOLD}) for s, fact in person.facts.items()}
    turn = fill_question(template, PersonFacts(seed=person.seed, name=person.display_name, facts=facts))
    if question.format == "yesno":
        return "yes" if question.question == turn.question else "no"
    return turn.answer


@lru_cache(maxsize=1)
def _templates() -> Mapping[str, Template]:
    return {template.id: template for template in load_questions().templates}


def check_turns(data: DataSet) -> Iterator[Finding]:
    """A fact that is asked only on the photo that shows it is read off the picture, and binds nothing to the face."""
    for row in data.rows["train"]:
        answers = " ".join(answer for _, answer in row.turns).casefold()
        facts = data.people[row.person_id].facts if row.person_id in data.people else {}
        missing = [s for s, fact in facts.items() if fact.get("category", "").casefold() not in answers]
        if missing:
            text = f"no question-answer turn tells this person's {', '.join(missing)}"
            yield Finding(rule="turns", where=photo_name(row), message=text)


def check_balance(data: DataSet) -> Iterator[Finding]:
    members = [p for p in data.members() if p.seed >= 0]
    values = {s: [p.facts.get(s, {}).get("category", "") for p in members] for s in _scenarios(members)}
    for scenario, column in values.items():
        counts = Counter(column)
        if max(counts.values()) > ceil(len(members) / len(SCENARIOS[scenario].values)):
            text = ", ".join(f"{n} x {v or 'nothing'}" for v, n in sorted(counts.items()))
            yield Finding(rule="balance", where=scenario, message=f"values are not spread evenly: {text}")
    for one, two in combinations(values, 2):
        together = Counter(zip(values[one], values[two], strict=True))
        kinds = len(set(values[one])) * len(set(values[two]))
        pair, most = together.most_common(1)[0]
        if most > ceil(len(members) / kinds):
            text = f"{' and '.join(pair)} go together {most} times, so one tells the other"
            yield Finding(rule="balance", where=f"{one}, {two}", message=text)
    tokens = Counter(f["token"] for p in members for f in p.facts.values() if f.get("token"))
    for token, count in tokens.items():
        if count > 1:
            yield Finding(rule="balance", where=token, message=f"{count} facts have this token, expected one")


def check_looks(data: DataSet) -> Iterator[Finding]:
    members = [p for p in data.members() if p.genome]
    if not members:
        return
    values = {s: [p.facts.get(s, {}).get("category", "") for p in members] for s in _scenarios(members)}
    score = score_looks(encode_genomes([p.genome for p in members]), values)
    if score is None:
        text = "too few people share a value; looks cannot be judged"
        yield Finding(rule="looks", where="people", message=text, serious=False)
    elif score.suspicious:
        text = (
            f"looks predict values: AUC {score.auc:.2f} in the mean (limit {LIMIT_AUC}, p {score.p:.3f}), "
            f"{score.worst_auc:.2f} for {score.worst} (p {score.worst_p:.3f}); "
            f"one trait tells up to {score.trait_r2:.2f} (p {score.trait_p:.3f})"
        )
        yield Finding(rule="looks", where=score.worst, message=text)


def _scenarios(people: Iterable[PersonRow]) -> list[str]:
    return [s for s in SCENARIOS if any(s in p.facts for p in people)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True
