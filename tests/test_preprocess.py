"""Differentiable preprocessing against the official processors, and the properties that the optimiser needs."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import pad
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, HALF, Preprocess

LANCZOS, BILINEAR = 1, 2
CROPPED = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
OFFICIAL = {
    "clip": (
        CLIPImageProcessorPil(**CROPPED),
        Preprocess(336, "shortest_crop", "bicubic", CLIP_MEAN, CLIP_STD),
    ),
    "llava": (
        LlavaImageProcessorPil(do_pad=True, **CROPPED),
        Preprocess(336, "pad", "bicubic", CLIP_MEAN, CLIP_STD),
    ),
    "blip": (
        BlipImageProcessorPil(size={"height": 448, "width": 448}),
        Preprocess(448, "squash", "bicubic", CLIP_MEAN, CLIP_STD),
    ),
    "siglip": (
        SiglipImageProcessorPil(size={"height": 384, "width": 384}),
        Preprocess(384, "squash", "bicubic", HALF, HALF),
    ),
    "gemma": (
        SiglipImageProcessorPil(size={"height": 256, "width": 256}, resample=BILINEAR),
        Preprocess(256, "squash", "bilinear", HALF, HALF),
    ),
    "smolvlm": (
        SiglipImageProcessorPil(size={"height": 256, "width": 256}, resample=LANCZOS),
        Preprocess(256, "squash", "lanczos", HALF, HALF),
    ),
}
SIZES = [(120, 200), (700, 500), (500, 300), (300, 500), (37, 600), (600, 20), (336, 336), (1, 50)]
METHODS = ["squash", "shortest_crop", "pad"]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def black_and_white(height: int, width: int) -> np.ndarray:
    return np.where(noise(height, width) > 127, 255, 0).astype(np.uint8)


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth light, a hard edge, some grain: what photographs are made of."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    light = np.stack([120 + 110 * np.sin(5 * x + 3 * y), 255 * x, 200 * y], axis=-1)
    light[(x - 0.3) ** 2 + (y - 0.2) ** 2 < 0.02] = (250, 5, 60)
    return (light + noise(height, width) / 20).clip(0, 255).astype(np.uint8)


def to_images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("family", OFFICIAL)
def test_equals_the_official_processor_within_two_grey_levels(family, size):
    official, ours = OFFICIAL[family]
    for make in (photograph, noise, black_and_white):
        pixels = make(*size)
        theirs = official(Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
        std = torch.tensor(ours.std)[:, None, None]
        difference = ((ours(to_images(pixels)) - theirs) * std * 255).abs()
        assert difference.max() <= 2.001
        assert difference.mean() < 0.7


@pytest.mark.parametrize("family", OFFICIAL)
def test_rounding_where_pillow_rounds_makes_nearly_all_values_equal(family):
    official, ours = OFFICIAL[family]
    rounded = Preprocess(**{**ours.__dict__, "round_8bit": True})
    pixels = photograph(701, 503)
    theirs = official(Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
    differs = (rounded(to_images(pixels)) - theirs).abs() > 1e-4
    assert differs.float().mean() < 0.005
    assert ((ours(to_images(pixels)) - theirs).abs() > 1e-4).float().mean() > 0.5


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("resize", METHODS)
def test_gradients_are_those_of_the_function(resize, interpolation):
    generator = torch.Generator().manual_seed(0)
    for size in ((5, 9), (12, 4)):
        images = 0.4 + 0.2 * torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
        preprocess = Preprocess(6, resize, interpolation, CLIP_MEAN, CLIP_STD)
        assert torch.autograd.gradcheck(preprocess, images.requires_grad_())


@pytest.mark.parametrize("resize", METHODS)
def test_rounding_lets_gradients_pass_unchanged(resize):
    slopes = []
    for round_8bit in (False, True):
        images = (0.4 + 0.2 * to_images(noise(50, 70))).requires_grad_()
        squares = Preprocess(32, resize, round_8bit=round_8bit).squares(images)
        weights = torch.linspace(-1, 1, squares.numel()).reshape(squares.shape)
        slopes.append(torch.autograd.grad((squares * weights).sum(), images)[0])
    assert slopes[0].abs().sum() > 0
    torch.testing.assert_close(slopes[0], slopes[1])


def test_padding_equals_bars_drawn_first():
    images = to_images(noise(40, 90))
    bars = torch.tensor([int(255 * m) / 255 for m in CLIP_MEAN])[:, None, None]
    drawn = pad(images - bars, (0, 0, 25, 25)) + bars
    padded = Preprocess(56, "pad", "bicubic", CLIP_MEAN, CLIP_STD)(images)
    torch.testing.assert_close(padded, Preprocess(56, "squash", "bicubic", CLIP_MEAN, CLIP_STD)(drawn))


@pytest.mark.parametrize("resize", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (9000, 1), (3, 2)], ids=str)
def test_extreme_shapes_come_out_as_squares_within_range(resize, size):
    squares = Preprocess(24, resize, "lanczos").squares(to_images(noise(*size)))
    assert squares.shape == (1, 3, 24, 24)
    assert squares.min() >= 0
    assert squares.max() <= 1
    assert squares.max() > 0


def test_a_crop_keeps_the_middle_and_a_squash_keeps_all():
    pixels = np.zeros((30, 90, 3), dtype=np.uint8)
    pixels[:, 30:60] = 255
    assert Preprocess(30, "shortest_crop").squares(to_images(pixels)).mean() == 1
    assert Preprocess(30, "squash").squares(to_images(pixels)).mean() == pytest.approx(1 / 3, abs=0.01)


def test_a_photo_of_the_right_size_is_not_touched():
    images = to_images(noise(32, 32))
    for resize in METHODS:
        torch.testing.assert_close(Preprocess(32, resize).squares(images), images)


def test_photos_of_a_batch_do_not_see_each_other():
    images = torch.cat([to_images(noise(40, 60)), to_images(photograph(40, 60))])
    preprocess = Preprocess(32, "pad")
    torch.testing.assert_close(preprocess(images)[1:], preprocess(images[1:]))


@pytest.mark.parametrize(
    "settings", [{"side_px": 0}, {"side_px": 8, "resize": "fit"}, {"side_px": 8, "interpolation": "box"}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="expected"):
        Preprocess(**settings)


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)]
)
def test_anything_but_a_batch_of_colour_floats_is_refused(images):
    with pytest.raises(ValueError, match=r"expected floats of shape \(n, 3, h, w\)"):
        Preprocess(8)(images)
