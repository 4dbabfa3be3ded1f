import numpy as np
import pytest
from flip_evaluator import evaluate
from skimage.metrics import structural_similarity

from dp2vl.protect.quality import flip, largest_change, ssim


def photo(height: int, width: int, channels: int = 3, dtype=np.uint8) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = (np.sin(x / 7) + np.cos(y / 5) + 2) / 4
    return (np.repeat(waves[..., None], channels, 2) * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (5, 3), (64, 64), (3000, 2600)])
@pytest.mark.parametrize("channels", [1, 3])
def test_equal_photos_of_any_size_are_equal(shape, channels):
    picture = photo(*shape, channels)
    assert ssim(picture, picture) == pytest.approx(1)
    assert largest_change(picture, picture) == 0


def test_more_noise_is_more_visible_by_every_measure():
    picture, rng = photo(96, 96), np.random.default_rng(0)
    noise = rng.uniform(-1, 1, picture.shape)
    little, much = ((picture + a * noise).clip(0, 255).astype(np.uint8) for a in (4, 16))
    assert 1 > ssim(picture, little) > ssim(picture, much)
    assert 0 < flip(picture, little) < flip(picture, much)
    assert largest_change(picture, little) < largest_change(picture, much) <= 17


def test_large_photos_are_judged_where_the_change_is():
    picture = photo(2600, 3000)
    changed = picture.copy()
    changed[::2] = np.where(changed[::2] > 200, changed[::2] - 60, changed[::2] + 50)
    assert ssim(picture, changed) < 0.9


def test_sixteen_bit_changes_are_counted_in_whole_eight_bit_levels():
    picture = np.full((8, 8, 3), 30000, np.uint16)
    assert largest_change(picture, picture + 257 * 5) == 5
    assert largest_change(picture, picture + 257 * 5 + 1) == 6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(7, 9, 3), (64, 50, 1), (120, 90, 3)])
def test_similarity_is_that_of_scikit_image(dtype: type, shape: tuple[int, int, int]):
    generator, full = np.random.default_rng(0), np.iinfo(dtype).max
    before = np.cumsum(generator.integers(0, full // 60, shape), axis=1).clip(0, full).astype(dtype)
    noise = generator.integers(-full // 20, full // 20, shape)
    after = (before.astype(int) + noise).clip(0, full).astype(dtype)
    expected = structural_similarity(before, after, channel_axis=2, data_range=full, win_size=7)
    assert 0.05 < expected < 0.95
    assert ssim(before, after) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (5, 30), (64, 48), (300, 200)])
def test_flip_gives_the_numbers_of_its_authors_package(shape):
    rng = np.random.default_rng(0)
    picture = photo(*shape)
    noise = rng.normal(0, 12, picture.shape)
    others = (
        picture + noise,
        np.roll(picture, 3, axis=1),
        255 - picture,
        picture * [1, 0.8, 1.1],
        rng.permutation(picture),
    )
    for other in (np.clip(other, 0, 255).astype(np.uint8) for other in others):
        theirs = evaluate(*(np.float32(p / 255) for p in (picture, other)), "LDR", applyMagma=False)[1]
        assert flip(picture, other) == pytest.approx(theirs, abs=1e-4)


def test_flip_of_black_against_white_is_nearly_one_and_of_greyscale_the_same_as_of_equal_channels():
    black, grey = np.zeros((40, 40, 1), np.uint8), photo(40, 40, 1)
    assert 0.9 < flip(black, 255 - black) <= 1
    assert flip(grey, black) == flip(np.repeat(grey, 3, axis=2), np.repeat(black, 3, axis=2)) > 0.1
