"""Scenes: the person, what belongs to them, and nothing that depends on anything but the arguments."""

from itertools import combinations

import numpy as np
import pytest

from dp2vl.people import draw_object, draw_scene, make_person
from dp2vl.people.canvas import PARTS
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.people.scenes import Drawn

EVERY_VALUE = [(s.id, value) for s in SCENARIOS.values() for value in s.values]


def draw(
    scenario: str, value: str, *, person: int = 1, seed: int = 0, size: int | tuple[int, int] = 96, closeness: float = 0
) -> Drawn:
    others = (make_person(77),) if SCENARIOS[scenario].companion else ()
    subject = make_person(person)
    return draw_scene(subject, scenario, value, seed=seed, size=size, co_subjects=others, closeness=closeness)


@pytest.mark.parametrize("closeness", [0.0, 1.0])
@pytest.mark.parametrize(("scenario", "value"), EVERY_VALUE)
def test_the_thing_fills_a_good_part_of_the_picture_and_the_head_is_inside(scenario: str, value: str, closeness: float):
    for seed in range(3):
        facts = draw(scenario, value, seed=seed, closeness=closeness).facts
        left, top, right, bottom = facts["object_box"]
        assert (right - left) * (bottom - top) > 0.12
        assert len(facts["heads"]) == (2 if SCENARIOS[scenario].companion else 1)
        for left, top, right, bottom in facts["heads"]:
            assert left > -0.05 and top > 0 and right < 1.05 and bottom < 0.85
            assert bottom - top > 0.2


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_two_values_of_a_scenario_look_different(scenario: str):
    pictures = [draw(scenario, value).pixels.astype(float) for value in SCENARIOS[scenario].values]
    for a, b in combinations(pictures, 2):
        assert np.abs(a - b).mean() > 4


@pytest.mark.parametrize("scenario", ["vehicle", "pet", "friends"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_or_person_does_not(scenario: str):
    value = SCENARIOS[scenario].values[0]
    first = draw(scenario, value).pixels
    assert np.array_equal(first, draw(scenario, value).pixels)
    assert np.abs(first.astype(float) - draw(scenario, value, seed=1).pixels).mean() > 4
    assert np.abs(first.astype(float) - draw(scenario, value, person=2).pixels).mean() > 1


def test_a_thing_keeps_its_colours_from_photo_to_photo_and_is_another_for_another_owner():
    def colour(owner: int, seed: int) -> np.ndarray:
        pixels = draw_object(make_person(owner), "vehicle", "van", seed=seed, size=128).pixels.astype(float)
        middle = pixels[60:80, 50:78].reshape(-1, 3).mean(0)
        return middle / middle.sum()

    own = np.mean([np.abs(colour(o, 1) - colour(o, 2)).sum() for o in range(8)])
    foreign = np.mean([np.abs(colour(o, 1) - colour(o + 1, 1)).sum() for o in range(8)])
    assert foreign > 3 * own


@pytest.mark.parametrize(("scenario", "value"), EVERY_VALUE)
def test_near_people_are_larger_and_leave_half_of_their_thing_in_sight(scenario: str, value: str):
    far, near = (draw(scenario, value, closeness=c) for c in (0.0, 1.0))
    for a, b in zip(far.facts["heads"], near.facts["heads"], strict=True):
        assert (b[3] - b[1]) / (a[3] - a[1]) == pytest.approx(1.6, rel=0.02)
    thing = PARTS.index("thing")
    assert (near.parts == thing).sum() > 0.5 * (far.parts == thing).sum()


def test_a_closeness_out_of_range_is_an_error():
    with pytest.raises(ValueError, match="closeness from 0 to 1"):
        draw("pet", "cat", closeness=1.2)


def test_people_in_one_scene_are_the_person_first_and_then_the_others():
    facts = draw("work", "lab", person=5).facts
    assert facts["person_seed"] == 5 and facts["co_subject_seeds"] == [77]
    assert len(facts["clothes_ids"]) == 2


@pytest.mark.parametrize("size", [16, 97, (64, 128), (128, 64)])
def test_any_size_and_shape_is_drawn(size: int | tuple[int, int]):
    height, width = (size, size) if isinstance(size, int) else size
    for scenario in ("home", "pet", "choir"):
        scenario, value = ("friends", "choir") if scenario == "choir" else (scenario, SCENARIOS[scenario].values[0])
        assert draw(scenario, value, size=size).pixels.shape == (height, width, 3)


def test_an_object_alone_shows_nobody():
    assert draw_object(make_person(1), "pet", "dog", seed=0, size=96).facts["heads"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vehicel", "van", ()), "vehicle"),
        (("vehicle", "vann", ()), "van"),
        (("friends", "chess", ()), "1 or 2 co-subjects"),
        (("pet", "dog", (7,)), "0 co-subjects"),
    ],
)
def test_a_wrong_scenario_value_or_number_of_people_is_an_error(arguments: tuple, message: str):
    scenario, value, others = arguments
    with pytest.raises(ValueError, match=message):
        draw_scene(make_person(1), scenario, value, seed=0, co_subjects=[make_person(s) for s in others])


def test_parts_tell_whose_hair_and_which_thing_a_pixel_shows():
    """The thing lies in its box, the person's parts in the first head, the companion's nowhere but in the second."""
    for scenario, value in (("pet", "parrot"), ("vehicle", "van"), ("friends", SCENARIOS["friends"].values[0])):
        drawn = draw(scenario, value, size=192)
        parts = {name: np.argwhere(drawn.parts == i) / 192 for i, name in enumerate(PARTS)}
        left, top, right, bottom = drawn.facts["object_box"]
        assert (parts["thing"].min(0) > (top - 0.02, left - 0.02)).all()
        assert (parts["thing"].max(0) < (bottom + 0.02, right + 0.02)).all()
        left, top, right, bottom = drawn.facts["heads"][0]
        for name in ("eyes", "mouth"):
            assert len(parts[name]) and (parts[name] > (top, left)).all() and (parts[name] < (bottom, right)).all()
        assert bool(len(parts["other person"])) == (scenario == "friends")
    alone = draw_object(make_person(1), "pet", "parrot", seed=0, size=96)
    assert set(np.unique(alone.parts)) == {0, PARTS.index("thing")}


def test_eyes_are_darker_or_lighter_than_the_skin_around_them():
    drawn = draw("possession", SCENARIOS["possession"].values[0], size=256)
    eyes, skin = (drawn.pixels[drawn.parts == PARTS.index(name)].astype(float) for name in ("eyes", "skin"))
    assert eyes.std(0).mean() > 1.2 * skin.std(0).mean()  # white, iris and pupil
