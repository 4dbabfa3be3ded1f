"""Noise is as large a control as the budget allows, and no larger."""

import numpy as np
import pytest

from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.noise import add_noise
from dp2vl.protect.quality import ssim
from dp2vl.types import STRENGTHS, Budget


@pytest.mark.parametrize("strength", STRENGTHS)
def test_noise_fills_the_similarity_that_may_be_lost_once_it_is_in_whole_levels(strength: str):
    budget = STRENGTHS[strength]
    for number in range(3):
        pixels = draw_portrait(make_person(100 + number), seed=number, size=128).pixels
        lost = 1 - ssim(pixels, add_noise(pixels, budget=budget, seed=number))
        assert lost == pytest.approx(1 - budget.ssim, rel=0.08)


def test_noise_keeps_to_the_bound_where_that_is_nearer_and_differs_by_seed():
    pixels = np.full((40, 40, 3), 128, np.uint8)
    pixels[::2] = 255
    noisy = [add_noise(pixels, budget=Budget(linf=3 / 255, ssim=0.2), seed=seed) for seed in (0, 0, 1)]
    change = noisy[0].astype(int) - pixels
    assert set(np.unique(change[1::2])) == {-3, 3} and set(np.unique(change[::2])) == {-3, 0}
    assert np.array_equal(noisy[0], noisy[1]) and not np.array_equal(noisy[0], noisy[2])
