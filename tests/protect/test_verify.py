import pytest
import torch

from dp2vl.protect.reference import make_reference
from dp2vl.protect.verify import give_verdict, measure_shift
from tower_tools import TinyTower


def photo(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(seed))


def test_an_untouched_photo_has_no_shift_and_is_never_called_protected():
    tower = TinyTower()
    reference = make_reference(tower, [photo(i) for i in range(4)])
    figures = measure_shift(photo(0), photo(0), [tower], [reference])
    assert figures["shift[tiny]"] == 0
    assert give_verdict(figures, ["tiny"]).startswith("none")


def test_another_photo_is_shifted_also_after_post_processing():
    tower = TinyTower()
    reference = make_reference(tower, [photo(i) for i in range(4)])
    figures = measure_shift(photo(0), 1 - photo(0), [tower], [reference])
    assert {
        "shift[tiny]",
        "shift[tiny] after jpeg75",
        "shift[tiny] after half",
        "shift[tiny] after blur1",
    } == set(figures)
    assert min(figures.values()) > 0.3


def test_the_worst_tower_decides_and_a_held_out_one_is_named():
    figures = {"ssim": 0.99, "shift[a]": 1.9, "shift[a] after jpeg75": 1.7, "shift[b]": 0.9}
    verdict = give_verdict(figures, ["a"])
    assert verdict.startswith("weak") and "b, a tower not optimised against" in verdict
    assert give_verdict({"shift[a]": 1.9, "shift[a] after jpeg75": 1.7}, ["a"]).startswith("strong")


def test_a_verdict_on_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one measured shift"):
        give_verdict({"ssim": 1.0}, ["a"])
