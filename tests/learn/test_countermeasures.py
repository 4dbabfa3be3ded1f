from itertools import pairwise

import numpy as np
import pytest

from dp2vl.learn.countermeasures import COUNTERMEASURES, apply_countermeasure

WEAKER_FIRST = [("jpeg90", "jpeg75", "jpeg50", "jpeg30", "jpeg10"), ("blur0.5", "blur1", "blur2"), ("noise4", "noise8")]


def photo() -> np.ndarray:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(40, 220, (6, 7, 3)), np.ones((10, 10, 1)))
    return (scene + rng.normal(0, 10, scene.shape)).clip(0, 255).astype(np.uint8)


def distance(name: str) -> float:
    return float(np.abs(apply_countermeasure(photo(), name).astype(int) - photo()).mean())


@pytest.mark.parametrize("name", [n for n in COUNTERMEASURES if n != "none"])
def test_every_countermeasure_changes_a_photo_keeps_its_shape_and_repeats_itself(name):
    before = photo()
    after, again = apply_countermeasure(before, name), apply_countermeasure(before, name)
    assert after.shape == before.shape and after.dtype == np.uint8
    assert np.array_equal(after, again)
    assert distance(name) > 0.5
    assert np.array_equal(before, photo())


@pytest.mark.parametrize("names", WEAKER_FIRST)
def test_stronger_ones_change_more(names):
    found = [distance(name) for name in names]
    assert all(later > 1.1 * earlier for earlier, later in pairwise(found))


def test_smoothing_takes_noise_away():
    rng = np.random.default_rng(1)
    flat = (128 + rng.normal(0, 8, (40, 50, 3))).round().astype(np.uint8)
    for name in ("median3", "total-variation", "blur1"):
        assert apply_countermeasure(flat, name).std() < 0.7 * flat.std()


def test_grey_has_no_colour_and_a_crop_is_seen_in_the_mirror():
    grey = apply_countermeasure(photo(), "grey").astype(int)
    assert np.ptp(grey, axis=2).max() == 0
    mirrored = apply_countermeasure(photo(), "crop-flip")[:, ::-1].astype(float)
    assert np.corrcoef(mirrored.ravel(), photo().ravel())[0, 1] > 0.5


def test_purified_photos_are_grey_and_coarser():
    photo = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    pure = apply_countermeasure(photo, "grey-jpeg75")
    assert pure.shape == photo.shape and (pure[..., 0] == pure[..., 2]).all()
    flat = photo @ [0.299, 0.587, 0.114]
    assert 5 < np.abs(pure[..., 0] - flat).mean() < 60
