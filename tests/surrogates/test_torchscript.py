"""Encoders saved as TorchScript: two real ones, and files that are not what was promised."""

import pytest
import torch
from torch import Tensor, nn

from dp2vl.errors import ModelError
from dp2vl.surrogates import Surrogate, load_surrogate

REAL = {"face_mobileface_v2_112.pt?px=112": 256, "imagenet_mobilenet_v2_tf2_feat1280_224.pt?px=224": 1280}


class Encoder(nn.Module):
    def __init__(self, flat: bool, detached: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 16, stride=16)
        self.flat, self.detached = flat, detached

    def forward(self, squares: Tensor) -> Tensor:
        if self.detached:
            squares = squares.detach()
        features = self.conv(squares)
        return features.mean(dim=(2, 3)) if self.flat else features


@pytest.fixture
def save(tmp_path):
    def save(flat: bool = True, detached: bool = False) -> str:
        torch.manual_seed(0)
        torch.jit.script(Encoder(flat, detached)).save(str(tmp_path / "encoder.pt"))
        return f"torchscript:{tmp_path}/encoder.pt"

    return save


@pytest.mark.parametrize("name", REAL)
def test_a_real_encoder_returns_rows_and_a_gradient(shared_data, name):
    tower = load_surrogate(f"torchscript:{shared_data / 'encoders' / name}")
    images = torch.rand(2, 3, 130, 170, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = tower.features(images)
    assert features.pooled.shape == (2, REAL[name])
    assert features.tokens is None
    (slope,) = torch.autograd.grad(features.pooled.square().sum(), images)
    assert (slope != 0).float().mean() > 0.9
    assert (features.pooled[0] - features.pooled[1]).norm() > 0


def test_the_tower_meets_the_protocol_and_is_named_after_its_file(save):
    spec = save()
    tower = load_surrogate(f"{spec}?px=32")
    assert isinstance(tower, Surrogate)
    assert (tower.name, tower.family, tower.side_px) == (f"{spec}?px=32", "encoder", 32)
    assert tower.features(torch.rand(3, 3, 50, 20)).pooled.shape == (3, 5)


def test_photos_reach_the_encoder_squashed_and_not_normalised(save):
    tower = load_surrogate(f"{save()}?px=32")
    conv = tower.model.conv
    grey = torch.full((1, 3, 20, 90), 0.25)
    expected = conv(torch.full((1, 3, 32, 32), 0.25)).mean(dim=(2, 3))
    torch.testing.assert_close(tower.features(grey).pooled, expected)


@pytest.mark.parametrize("options", ["", "?", "?px=", "?px=0", "?px=many", "?side=3", "?px=32&x=1"])
def test_a_spec_without_a_usable_size_is_an_error_that_shows_one(save, options):
    with pytest.raises(ModelError, match=r"\?px=") as error:
        load_surrogate(save() + options)
    assert "encoder.pt?px=224" in error.value.hint


def test_an_absent_file_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load_surrogate(f"torchscript:{tmp_path}/none.pt?px=32")


def test_a_file_that_is_not_torchscript_is_an_error(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "state.pt")
    with pytest.raises(ModelError, match="does not load as TorchScript"):
        load_surrogate(f"torchscript:{tmp_path}/state.pt?px=32")


def test_an_encoder_that_returns_maps_is_an_error(save):
    with pytest.raises(ModelError, match=r"rows of shape \(n, d\), got \(1, 5, 2, 2\)"):
        load_surrogate(f"{save(flat=False)}?px=32")


def test_an_encoder_that_fails_at_this_size_is_an_error(save):
    with pytest.raises(ModelError, match="fails on a picture of 8 px"):
        load_surrogate(f"{save()}?px=8")


def test_an_encoder_without_a_gradient_is_an_error(save):
    with pytest.raises(ModelError, match="passes no gradient"):
        load_surrogate(f"{save(detached=True)}?px=32")
