"""Questions: every fact on every new face, with what it could be; other faces, grey squares, and order kept."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
import torch

from dp2vl.dataset.store import read_pixels
from dp2vl.errors import UsageError
from dp2vl.leakage import judge
from dp2vl.learn.ask import ask, plan_last_questions, plan_questions
from dp2vl.learn.gallery import BLANK, Gallery
from dp2vl.learn.lessons import make_general
from dp2vl.people.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def asks(data):
    return plan_questions(data, 0)


def test_every_fact_is_asked_on_every_new_face_among_all_it_could_be(data, asks):
    found = defaultdict(set)
    for item in asks:
        if item.view == "probe":
            found[item.shown].add((item.row.slot, item.row.scenario))
            assert item.row.answer in item.row.options
            if item.row.slot == "category":
                assert len(item.row.options) == 8 and set(item.row.options) == set(SCENARIOS[item.row.scenario].values)
            if item.row.slot == "identity":
                assert set(item.row.options) == {p.display_name for p in data.members()}
    assert set(found) == {row.photo_id for row in data.rows["probe"]}
    assert all(len(facts) == 1 + 7 + 7 + 2 for facts in found.values())


def test_all_wordings_have_their_turn(asks):
    wordings = Counter(item.row.paraphrase_id for item in asks if item.view == "probe")
    assert set(wordings) == {0, 1, 2} and max(wordings.values()) - min(wordings.values()) <= 1


def test_other_faces_are_those_of_another_member_and_grey_squares_of_nobody(data, asks):
    owner = {row.photo_id: row.person_id for row in data.all_rows()}
    probes = [item for item in asks if item.view == "probe"]
    for view in ("other", "blank"):
        twins = [item for item in asks if item.view == view]
        assert [replace(t.row, question="") for t in twins] == [replace(p.row, question="") for p in probes]
        for twin in twins:
            if view == "blank":
                assert twin.shown == BLANK
            else:
                assert owner[twin.shown] != twin.row.person_id
                assert data.people[owner[twin.shown]].role == "member"
                assert (twin.shown, twin.row.question) in {(p.shown, p.row.question) for p in probes}


def test_training_photos_are_asked_about_their_own_person(data, asks):
    rows = {row.photo_id: row for row in data.rows["train"]}
    shown = {item.shown for item in asks if item.view == "train"}
    assert len(shown) == 8 * 7
    assert {item.row.slot for item in asks if item.view == "train"} == {"identity", "category"}
    assert all(rows[item.shown].person_id == item.row.person_id for item in asks if item.view == "train")


def test_strangers_may_be_unknown_and_texts_have_no_photo(asks):
    by_view = defaultdict(list)
    for item in asks:
        by_view[item.view].append(item)
    assert all("unknown" in i.row.options for i in by_view["stranger"] if i.row.format == "mcq")
    assert all(i.shown == "" for i in by_view["text"]) and by_view["text"]
    assert all(i.row.slot == "utility" for i in by_view["retain"]) and by_view["retain"]


def test_ordinary_photos_that_may_be_mixed_in_are_not_asked_about(data, asks):
    taught = {lesson.photo.photo_id for lesson in make_general(data)}
    asked = {item.shown for item in asks if item.view == "retain"}
    assert taught and asked and not taught & asked
    assert all(lesson.turns for lesson in make_general(data))


def test_the_last_questions_are_all_the_data_set_has_on_new_faces_and_things(data):
    asked = [item.row for item in plan_last_questions(data)]
    names = ("probe", "reverse", "twohop")
    every = [row for name in names for row in data.questions[name]]
    assert [row for row in asked if row.options] == [row for row in every if row.options]
    open_ones = [row for row in asked if not row.options and row.photo_id.startswith("probe")]
    assert len(open_ones) == 8 * (1 + 7 + 7 + 2) == len({(r.photo_id, r.slot, r.scenario) for r in open_ones})
    assert {row.paraphrase_id for row in open_ones} == {0, 1, 2}


def test_an_album_with_one_person_or_without_probes_says_what_it_needs(data):
    with pytest.raises(UsageError, match="no questions on probe photos"):
        plan_questions(replace(data, questions={**data.questions, "probe": ()}), 0)
    alone = {k: p for i, (k, p) in enumerate(data.people.items()) if i == 0}
    with pytest.raises(UsageError, match="at least two members"):
        plan_questions(replace(data, people=alone), 0)


def test_probe_photos_of_one_person_alone_name_the_others(data):
    first, *others = data.members()
    probes = tuple(row for row in data.questions["probe"] if row.person_id == first.person_id)
    with pytest.raises(UsageError, match="at least two members, there are none of") as error:
        plan_questions(replace(data, questions={**data.questions, "probe": probes}), 0)
    assert all(person.display_name in str(error.value) for person in others)
    assert first.display_name not in str(error.value)


class Knowing:
    """A model that knows every answer: likelihood 0 of the right one, and says it."""

    def __init__(self, asks):
        self.truth = {(item.shown, item.row.question): item.row.answer for item in asks}
        self.shown: list[str] = []

    def score_each(self, seen, asked):
        seen = seen if seen is not None else [""] * len(asked)
        return [
            [torch.tensor([0.0 if o == self.truth[(photo, q)] else -3.0 for o in options]) for q, options in some]
            for photo, some in zip(seen, asked, strict=True)
        ]

    def answer_seen(self, seen, questions, *, max_new_tokens):
        return [self.truth[(s, q)] for s, q in zip(seen, questions, strict=True)]


class Names:
    """A gallery that shows ids."""

    def rows(self, ids):
        return list(ids)


def test_answers_come_in_the_order_of_questions_and_a_knowing_model_is_right(asks, data):
    chosen = [item for item in asks if item.view in ("probe", "text", "retain")]
    answers = ask(Knowing(chosen), Names(), chosen, step=7)
    assert [(a.qid, a.photo_id) for a in answers] == [(item.row.qid, item.shown) for item in chosen]
    assert all(judge(a).right and a.step == 7 for a in answers)
    last = [item for item in plan_last_questions(data) if item.row.format == "open"][:50]
    written = ask(Knowing(last), Names(), last, step=9)
    assert all(a.text and not a.options and judge(a).right for a in written)


def test_a_real_model_answers_each_question_as_if_it_were_alone(make, data, asks):
    vlm = make("qwen_vl")
    pixels = {row.photo_id: read_pixels(data.path(row)) for row in data.rows["probe"]}
    some = [item for item in asks if item.view == "probe"][:20]
    together = ask(vlm, Gallery(vlm, pixels), some, step=0)
    for item, answer in zip(some[:6], together, strict=False):
        (alone,) = ask(vlm, Gallery(vlm, pixels), [item], step=0)
        assert alone.scores == pytest.approx(answer.scores, abs=2e-3)


def test_what_is_asked_twice_is_answered_once(data, asks):
    class Counting(Knowing):
        asked = 0

        def score_each(self, seen, asked):
            self.asked += sum(map(len, asked))
            return super().score_each(seen, asked)

    probes = [item for item in asks if item.view == "probe"]
    others = [item for item in asks if item.view == "other"]
    model = Counting(probes)
    answers = ask(model, Names(), [*probes, *others], step=0)
    assert model.asked == len(probes) < len(answers)
