import numpy as np
import pytest
import torch

from dp2vl.protect.budget import Similarity, apply_change, hiding_power
from dp2vl.protect.quality import ssim
from dp2vl.types import STRENGTHS, Budget


def textured(height: int = 40, width: int = 50) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def half_flat() -> torch.Tensor:
    photo = torch.full((1, 3, 40, 80), 0.6)
    photo[..., 40:] = textured(40, 40)
    return photo


def test_texture_hides_more_than_flat_areas():
    power = hiding_power(half_flat())
    assert power[..., 50:].min() > 5 * power[..., :30].max()
    assert float(power.mean()) == pytest.approx(1, abs=1e-5)


def test_noise_weighed_by_what_hides_it_costs_less_similarity_than_even_noise_of_the_same_size():
    photo = half_flat()
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    weighed = hiding_power(photo) * noise
    even, hidden = (0.01 * n / n.square().mean().sqrt() for n in (noise, weighed))
    assert 1 - Similarity(photo).of(photo + hidden) < 0.5 * (1 - Similarity(photo).of(photo + even))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_pixel_changes_by_more_than_the_levels_whatever_is_asked(dtype, channels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (301, 77, channels), endpoint=True).astype(dtype)
    change = rng.uniform(-1, 1, (channels, 20, 11)).astype(np.float32)
    out = apply_change(pixels, change, levels=6)
    moved = np.abs(out.astype(int) - pixels.astype(int)).max()
    unit = 257 if dtype == np.uint16 else 1
    assert 3 * unit < moved <= 6 * unit
    assert out.shape == pixels.shape and out.dtype == pixels.dtype


def test_a_change_of_the_photos_own_size_arrives_unblurred():
    change = np.zeros((3, 9, 9), np.float32)
    change[:, 4, 4] = 5 / 255
    out = apply_change(np.full((9, 9, 3), 100, np.uint8), change, levels=6)
    assert out[4, 4].tolist() == [105, 105, 105] and out.astype(int).sum() == 100 * 243 + 15


def test_an_enlarged_change_keeps_its_place_and_sign():
    change = np.zeros((1, 4, 4), np.float32)
    change[:, :2] = 4 / 255
    change[:, 2:] = -4 / 255
    out = apply_change(np.full((400, 400, 1), 50, np.uint8), change, levels=6).astype(int) - 50
    assert (out[:150] == 4).all() and (out[250:] == -4).all()


def test_bands_make_no_seams():
    rows = np.linspace(-6 / 255, 6 / 255, 8, dtype=np.float32)
    out = apply_change(np.full((1024, 2, 1), 128, np.uint8), np.tile(rows[None, :, None], (1, 1, 2)), levels=6)
    assert (np.diff(out[:, 0, 0].astype(int)) >= 0).all()


def test_a_budget_in_grey_levels_instead_of_fractions_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"expected 0 < linf <= 1, got 8.0; write 8/255"):
        Budget(linf=8.0)


def test_strengths_allow_more_levels_and_less_similarity_in_order():
    light, standard, strong = (STRENGTHS[s] for s in ("light", "standard", "strong"))
    assert (light.levels, standard.levels, strong.levels) == (8, 12, 16)
    assert light.ssim > standard.ssim > strong.ssim


def test_similarity_in_the_search_is_that_of_the_written_file():
    before = textured(40, 50)
    noise = torch.rand(before.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    after = (before + 0.3 * noise).clamp(0, 1)
    written = [(x[0].permute(1, 2, 0).numpy() * 65535).round().astype(np.uint16) for x in (before, after)]
    assert float(Similarity(before).of(after)) == pytest.approx(ssim(*written), abs=1e-3)
    assert ssim(*written) < 0.98
