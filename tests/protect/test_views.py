from itertools import islice

import pytest
import torch

from dp2vl.protect.views import CHECKS, PHOTOMETRIC, blur, crop, draw_box, draw_views, jpeg, shrink_and_enlarge


def photo(side: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3))


def test_boxes_lie_inside_the_photo_and_keep_most_of_it():
    generator = torch.Generator().manual_seed(0)
    for top, left, bottom, right in (draw_box(generator) for _ in range(20)):
        assert 0 <= top < bottom <= 1 and 0 <= left < right <= 1
        assert 0.79 <= bottom - top < 1 and 0.79 <= right - left < 1


@pytest.mark.parametrize("shape", [(8, 8), (9, 400), (400, 9)])
def test_crops_of_narrow_photos_are_never_empty(shape):
    image, generator = torch.zeros(1, 3, *shape), torch.Generator().manual_seed(1)
    for _ in range(30):
        assert min(crop(image, draw_box(generator, smallest=0.1)).shape[-2:]) >= min(8, *shape)


def test_views_are_whole_cut_or_mirrored_each_as_often_as_it_should_be():
    ramp = torch.linspace(0.2, 0.8, 60).expand(1, 3, 60, 60)
    views = [make(ramp) for make in islice(draw_views(torch.Generator().manual_seed(0)), 80)]
    rising = [bool(view[..., -1].mean() > view[..., 0].mean()) for view in views]
    assert 20 <= sum(view.shape == ramp.shape for view in views) < 25, "a crop may be all but the whole photo"
    assert sum(rising) == 50


def test_jpeg_loses_more_at_lower_quality_and_lets_the_gradient_through_unchanged():
    image = photo().requires_grad_()
    losses = [float((jpeg(image, q) - image).detach().abs().mean()) for q in (95, 75, 30)]
    assert 0 < losses[0] < losses[1] < losses[2]
    jpeg(image, 50).sum().backward()
    assert torch.allclose(image.grad, torch.ones_like(image))


def test_blur_and_shrinking_remove_detail_and_keep_the_mean():
    image = photo()
    for view in (blur(image, 1.0), shrink_and_enlarge(image)):
        assert view.shape == image.shape
        assert view.std() < 0.8 * image.std()
        assert float(view.mean()) == pytest.approx(float(image.mean()), abs=0.01)


@pytest.mark.parametrize("index", range(len(PHOTOMETRIC)))
def test_every_photometric_view_carries_gradient_and_repeats_under_one_seed(index):
    image = photo().requires_grad_()
    one, two = (PHOTOMETRIC[index](image, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two)
    one.square().sum().backward()
    assert float(image.grad.abs().mean()) > 0.01


def test_every_check_changes_the_photo():
    for check in CHECKS.values():
        assert float((check(photo()) - photo()).abs().mean()) > 0.001
