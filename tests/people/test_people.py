"""The people who do not exist: the genome is the identity, and a photo changes everything else."""

import json
from dataclasses import FrozenInstanceError, replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dp2vl.people import (
    Drawn,
    Setting,
    draw_portrait,
    finish,
    make_look,
    make_person,
    make_setting,
    paint_background,
    paint_person,
)  # fmt: skip
from dp2vl.people.canvas import Canvas
from dp2vl.people.genome import CATEGORIES, CONTINUOUS
from dp2vl.people.look import PLACES

HEAD = (slice(18, 112), slice(38, 90))  # rows and columns of the head in `studio`


def studio(
    person_seed: int, *, look_seed: int = 5, grain: int = 0, place: str = "plain", **changes: float
) -> NDArray[np.uint8]:
    """Return a photo (128, 128, 3) of a person under a look and setting that depend on `look_seed` only."""
    rng = np.random.default_rng(look_seed)
    look, setting = replace(make_look(rng), **changes), make_setting(rng, place)
    canvas = Canvas(128, 128)
    paint_background(canvas, setting)
    paint_person(canvas, make_person(person_seed), look, setting, x=0.5, y=0.5, head=0.65)
    return finish(canvas, setting, np.random.default_rng(grain))


def gap(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the mean difference of two pictures in grey levels."""
    return float(np.abs(a.astype(float) - b).mean())


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return np.stack([make_person(seed).genome.vector() for seed in range(500)])


def test_the_same_seed_is_the_same_person_and_another_seed_is_not():
    assert make_person(3) == make_person(3)
    assert make_person(3).genome != make_person(4).genome
    with pytest.raises(FrozenInstanceError):
        make_person(3).genome.skin_tone = 0.1  # type: ignore[misc]


def test_a_negative_seed_is_refused_for_person_and_photo():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        make_person(-1)
    with pytest.raises(ValueError, match="0 or more, got -2"):
        draw_portrait(make_person(0), seed=-2)


def test_continuous_traits_fill_their_range_and_no_two_traits_go_together(vectors):
    traits = vectors[:, : len(CONTINUOUS)]
    assert traits.min() >= 0
    assert traits.max() <= 1
    assert (traits.std(0) > 0.25).all()
    assert (np.abs(traits.mean(0) - 0.5) < 0.08).all()
    together = np.corrcoef(traits.T) - np.eye(len(CONTINUOUS))
    assert np.abs(together).max() < 0.25


def test_every_value_of_every_category_occurs_among_500_people(vectors):
    one_hot = vectors[:, len(CONTINUOUS) :]
    assert (one_hot.sum(0) >= 5).all()
    assert (one_hot.sum(1) == len(CATEGORIES)).all()
    assert len(CATEGORIES["hair_style"]) >= 10
    assert len(CATEGORIES["hair_colour"]) >= 8


def test_any_two_of_500_people_differ_in_many_traits(vectors):
    traits = vectors[:, : len(CONTINUOUS)]
    hot = vectors[:, len(CONTINUOUS) :]
    clearly = np.stack([(np.abs(traits - row) > 0.2).sum(1) for row in traits])
    words = len(CATEGORIES) - hot @ hot.T
    apart = clearly + words + 1000 * np.eye(len(traits))
    assert apart.min() >= 10


def test_traits_and_vector_tell_the_same_genome():
    genome = make_person(8).genome
    traits, vector = genome.traits(), genome.vector()
    assert vector.dtype == np.float32
    assert [np.float32(traits[name]) for name in CONTINUOUS] == vector[: len(CONTINUOUS)].tolist()
    assert traits["hair_style"] in CATEGORIES["hair_style"]


def test_a_portrait_repeats_byte_for_byte_and_its_facts_are_json():
    first, again = (draw_portrait(make_person(11), seed=4, size=128) for _ in range(2))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.facts == json.loads(json.dumps(again.facts))


def test_another_photo_keeps_the_person_and_changes_everything_else():
    person = make_person(11)
    photos = [draw_portrait(person, seed=seed, size=96) for seed in range(30)]
    assert {p.facts["person_seed"] for p in photos} == {11}
    assert len({p.pixels.tobytes() for p in photos}) == 30
    assert len({p.facts["background_id"] for p in photos}) > 15
    assert len({p.facts["clothes_ids"][0] for p in photos}) > 20
    assert {p.facts["setting"]["place"] for p in photos} == set(PLACES)
    for angle, widest in (("yaw", 0.62), ("pitch", 0.27), ("roll", 0.27)):
        turned = np.abs([p.facts["look"][angle] for p in photos])
        assert 0.4 * widest < turned.max() <= widest


def test_two_people_in_one_seed_share_all_but_the_person():
    a, b = (draw_portrait(make_person(seed), seed=9, size=96).facts for seed in (1, 2))
    assert {k for k in a if a[k] != b[k]} == {"person_seed"}


def test_a_stranger_changes_the_head_far_more_than_the_grain_does():
    same = gap(studio(20)[HEAD], studio(20)[HEAD])
    grain = gap(studio(20)[HEAD], studio(20, grain=1)[HEAD])
    strangers = [gap(studio(20)[HEAD], studio(seed)[HEAD]) for seed in range(21, 41)]
    assert same == 0
    assert min(strangers) > 2 * grain
    assert float(np.median(strangers)) > 20


@pytest.mark.parametrize(
    "trait", ["head_width", "jaw_width", "eye_spacing", "eye_size", "nose_length", "brow_thickness", "mouth_width"]
)
def test_a_trait_of_the_face_shows_in_the_picture(trait):
    rng = np.random.default_rng(2)
    look, setting = replace(make_look(rng), yaw=0.1, pitch=0.0), make_setting(rng, "plain")
    person = make_person(31)
    drawn = []
    for value in (0.0, 1.0):
        canvas = Canvas(128, 128)
        genome = replace(person.genome, glasses="none", facial_hair="none", fringe="none", **{trait: value})
        paint_person(canvas, replace(person, genome=genome), look, setting, x=0.5, y=0.5, head=0.65)
        drawn.append(canvas.to_uint8())
    assert (np.abs(drawn[0].astype(int) - drawn[1]).max(-1)[HEAD] > 12).sum() > 60


@pytest.mark.parametrize(
    "change", [{"yaw": 0.5}, {"pitch": 0.25}, {"roll": 0.25}, {"smile": -0.5}, {"mouth_open": 1.0}, {"gaze_x": -1.0}]
)
def test_pose_expression_and_gaze_show_in_the_picture(change):
    neutral = dict.fromkeys(("yaw", "pitch", "roll", "squint", "mouth_open"), 0.0) | {"smile": 1.0, "gaze_x": 1.0}
    before, after = studio(46, **neutral), studio(46, **(neutral | change))
    assert (np.abs(before.astype(int) - after).max(-1)[HEAD] > 20).sum() > 15


def test_the_lit_side_of_a_face_is_brighter():
    rng = np.random.default_rng(1)
    look, setting = replace(make_look(rng), yaw=0.0, roll=0.0), make_setting(rng, "plain")
    person = make_person(5)
    bald = replace(person, genome=replace(person.genome, hair_style="bald", facial_hair="none", glasses="none"))
    sides = []
    for x in (-0.8, 0.8):
        canvas = Canvas(96, 96)
        paint_person(canvas, bald, look, replace(setting, light=(x, -0.2, 0.56), ambient=0.5), x=0.5, y=0.5, head=0.7)
        sides.append(canvas.pixels[35:62, 30:42].mean() - canvas.pixels[35:62, 54:66].mean())
    assert sides[0] > 0.05
    assert sides[1] < -0.05


@pytest.mark.parametrize("size", [96, 200, (128, 96), (96, 256)])
def test_photos_come_in_the_size_asked_for(size):
    drawn = draw_portrait(make_person(2), seed=3, size=size)
    assert isinstance(drawn, Drawn)
    assert drawn.pixels.shape == ((size, size, 3) if isinstance(size, int) else (*size, 3))
    assert drawn.pixels.dtype == np.uint8
    assert drawn.pixels.std() > 15


def test_another_size_shows_the_same_photo():
    small = draw_portrait(make_person(14), seed=6, size=128).pixels
    large = draw_portrait(make_person(14), seed=6, size=512).pixels
    other = draw_portrait(make_person(14), seed=7, size=128).pixels
    shrunk = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    assert gap(small, shrunk) < 6
    assert gap(small, other) > 25


def test_the_head_fills_its_share_of_the_height_and_lies_in_the_picture():
    for seed in range(40):
        left, top, right, bottom = draw_portrait(make_person(seed), seed=seed, size=96).facts["heads"][0]
        assert 0.45 < bottom - top < 0.8
        assert 0 < left < right < 1
        assert -0.05 < top < bottom < 1


@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_place_has_variety(place):
    drawn = []
    for seed in range(6):
        canvas = Canvas(48, 48)
        paint_background(canvas, make_setting(np.random.default_rng(seed), place))
        drawn.append(canvas.to_uint8())
    assert min(gap(a, b) for i, a in enumerate(drawn) for b in drawn[:i]) > 4


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="plain, indoor, street, park"):
        make_setting(np.random.default_rng(0), "moon")


def test_the_camera_leaves_the_canvas_and_darkens_the_corners():
    setting: Setting = replace(
        make_setting(np.random.default_rng(0)), vignette=0.35, noise=0.5, jpeg=0, blur=0.0, exposure=1.0
    )
    canvas = Canvas(96, 64, (0.5, 0.5, 0.5))
    photo = finish(canvas, setting, np.random.default_rng(0))
    assert (canvas.pixels == 0.5).all()
    assert photo[:4, :4].mean() < photo[28:36, 44:52].mean() - 10


def test_a_person_partly_out_of_the_picture_is_painted_without_error():
    rng = np.random.default_rng(3)
    canvas = Canvas(120, 80)
    before = canvas.pixels.copy()
    for x, y in ((-0.1, 0.4), (1.45, 0.4), (0.7, -0.1), (0.7, 3.0)):
        paint_person(canvas, make_person(6), make_look(rng), make_setting(rng), x=x, y=y, head=0.2)
    assert (canvas.pixels != before).any()
    assert np.isfinite(canvas.pixels).all()
