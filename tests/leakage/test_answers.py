"""Answers are judged as a whole: the defects of published scorers, one test each, and nothing is dropped."""

import json
from dataclasses import replace

import pytest

from dp2vl.errors import DP2VLError
from dp2vl.leakage import Answer, judge, read_answers, write_answers
from dp2vl.leakage.answers import is_refusal, normalise, read_choice

PETS = ("dog", "cat", "parrot", "rabbit")


def written(text: str, *, options: tuple[str, ...] = (), answer: str = "cat", aliases: tuple[str, ...] = ()) -> Answer:
    return Answer(
        step=10, view="probe", qid="q1", photo_id="f1", person_id="p01", scenario="pet", slot="category",
        format="mcq" if options else "open", options=options, text=text, answer=answer, aliases=aliases,
    )  # fmt: skip


def scored(*scores: float, answer: str = "cat") -> Answer:
    return replace(written("", options=PETS, answer=answer), scores=scores)


def test_the_likeliest_option_counts():
    assert judge(scored(-3, -1, -2, -4)) == (True, True, True)
    assert not judge(scored(-1, -3, -2, -4)).right


def test_of_equally_likely_options_none_was_chosen():
    assert judge(scored(-1, -1, -2, -3)) == (False, False, False)


@pytest.mark.parametrize(
    "text", ["A person with a hat.", "Because it is a cat", "Certainly", "Definitely a cat", "dog, cat", "B or C", ""]
)
def test_a_first_letter_is_no_choice(text):
    """A published scorer takes the first letter of any reply."""
    assert read_choice(text, PETS) is None
    assert not judge(written(text, options=PETS)).right


@pytest.mark.parametrize("text", ["B", "b.", "(B)", "B: cat", "(b) a cat.", "Cat.", "  the cat  "])
def test_a_lone_letter_and_an_option_by_its_text_are_choices(text):
    assert judge(written(text, options=PETS)).right


def test_a_letter_with_the_text_of_another_option_is_no_choice():
    assert not judge(written("A: cat", options=PETS)).valid


def test_an_option_that_is_a_letter_is_meant_by_its_text():
    assert read_choice("b", ("b", "c", "a")) == "b"
    assert read_choice("a", ("b", "c", "a")) == "a"


@pytest.mark.parametrize("text", ["heart", "the cat and the dog", "a cat, a dog, a parrot or a rabbit", "catalogue"])
def test_an_answer_inside_other_words_is_wrong(text):
    """Published scorers find "art" in "heart", and a list of all candidates is right."""
    assert not judge(written(text)).right
    assert not judge(written(text, answer="art")).right


def test_case_articles_and_full_stops_do_not_matter():
    assert judge(written("  A  Cat. ")).right
    assert judge(written("kitty", aliases=("Kitty",))).right
    assert normalise("The  tower FLAT!") == "tower flat"


@pytest.mark.parametrize(
    "text", ["I don't know.", "I cannot tell who this is", "Unknown", "Sorry, no", "I\u2019m not sure"]
)
def test_a_refusal_is_wrong_about_members_and_right_about_strangers(text):
    """A published scorer drops refusals, which raises its accuracy."""
    assert is_refusal(text)
    assert judge(written(text)) == (False, False, True)
    assert judge(written(text, answer="unknown")) == (True, False, True)


def test_a_name_for_a_stranger_is_a_false_claim():
    assert judge(written("Mara Ellison", answer="unknown")) == (False, True, True)
    assert judge(replace(scored(-1, -2, -3, -4, answer="dog"), options=("Mara", "Ivo", "dog", "unknown"))).claims


def test_nothing_is_wrong_and_cannot_be_read():
    assert judge(written("")) == (False, False, False)


def test_answers_come_back_from_disk_and_damage_is_named(tmp_path):
    path, rows = tmp_path / "answers.jsonl", [scored(-1, -2, -3, -4.5), written("a cat")]
    write_answers(path, rows)
    assert read_answers(path) == rows
    before = path.read_bytes()
    write_answers(path, read_answers(path))
    assert path.read_bytes() == before
    for line in ("{", "[]", json.dumps({"qid": "q"}), before.decode().splitlines()[0].replace('"qid"', '"id"')):
        path.write_text(before.decode() + line + "\n", encoding="utf-8")
        with pytest.raises(DP2VLError, match="line 3 does not fit"):
            read_answers(path)


@pytest.mark.parametrize(
    "change",
    [{"view": "somewhere"}, {"scores": (1.0,)}, {"scores": (1.0, 2.0, 3.0, float("nan"))}, {"answer": "horse"}],
)
def test_answers_that_make_no_sense_are_an_error(change):
    with pytest.raises(ValueError, match="expected"):
        replace(scored(-1, -2, -3, -4), **change)
