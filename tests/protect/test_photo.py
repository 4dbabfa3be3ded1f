"""What is written of a change: as much as the budget's similarity allows, in the file's own format."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from dp2vl.errors import PhotoError
from dp2vl.images import Picture, decode_photo
from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.budget import Similarity
from dp2vl.protect.config import ProtectConfig
from dp2vl.protect.photo import Protector
from dp2vl.protect.reference import make_reference
from dp2vl.protect.verify import to_tensor
from image_tools import saved
from tower_tools import TinyTower

CONFIG = ProtectConfig()


def jpeg_photo() -> Picture:
    drawn = Image.fromarray(draw_portrait(make_person(1), seed=1, size=128).pixels)
    return decode_photo(saved(drawn, "JPEG", quality=85), max_megapixels=1)


def noise_of(picture: Picture, similarity: float) -> NDArray[np.float32]:
    """Return noise that leaves a photo this similar before it is written."""
    pattern = torch.randn(1, 3, *picture.pixels.shape[:2], generator=torch.Generator().manual_seed(0))
    return Similarity(to_tensor(picture)).fit(pattern, similarity)[0].numpy()


def protector() -> Protector:
    tower = TinyTower()
    return Protector(CONFIG, [tower], [], [make_reference(tower)])


@pytest.mark.parametrize("before", [0.97, 0.95, 0.93])
def test_a_change_that_costs_too_much_is_shrunk_by_little_more_than_it_must(before: float):
    photo, budget = jpeg_photo(), CONFIG.budget
    made = protector().finish(photo, noise_of(photo, before))
    assert budget.ssim <= made.figures["ssim"] <= budget.ssim + 0.05 * (1 - budget.ssim)


def test_a_photo_that_no_change_fits_is_refused_with_a_hint():
    photo = jpeg_photo()
    with pytest.raises(PhotoError, match=r"no change keeps the similarity \(SSIM\) at 0.98") as caught:
        protector().finish(photo, noise_of(photo, 0.3))
    assert "strong" in str(caught.value.hint)
