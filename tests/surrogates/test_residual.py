"""Gradients that lean on skip connections: features stay, and only towers with blocks are touched."""

import threading

import pytest
import torch
from torch import Tensor, nn

from dp2vl.surrogates import load_surrogate
from dp2vl.surrogates.protocol import Features, Surrogate
from dp2vl.surrogates.residual import damp_branches
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.loading import bundled_names

BRANCHES = {"mini-llava": 12, "mini-minigpt-v2": 16, "mini-qwen-vl": 10}


def slope_of(tower: Surrogate, photos: Tensor) -> tuple[Tensor, Tensor]:
    """Return features and their slope at some photos."""
    leaf = photos.clone().requires_grad_()
    who = tower.features(leaf).who
    (slope,) = torch.autograd.grad(who[:, 0].sum(), leaf)
    return who.detach(), slope


def check(tower: Surrogate, photos: Tensor, branches: int) -> None:
    features, slope = slope_of(tower, photos)
    for share in (1.0, 0.5, 0.0):
        with damp_branches(tower, share) as found:
            damped = slope_of(tower, photos)
        assert found == branches
        assert torch.equal(damped[0], features), "only gradients change"
        if share == 1:
            torch.testing.assert_close(damped[1], slope)
        else:
            assert float((damped[1] - slope).norm()) > 0.1 * float(slope.norm())
    torch.testing.assert_close(slope_of(tower, photos)[1], slope)


@pytest.mark.parametrize("name", bundled_names())
def test_every_branch_of_a_bundled_tower_is_damped_and_none_afterwards(name: str) -> None:
    photos = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    check(load_surrogate(name), photos, BRANCHES[name])


@pytest.mark.parametrize("family", ["clip", "siglip", "eva"])
def test_the_blocks_of_published_towers_are_found(write_checkpoint, family: str) -> None:
    folder, _ = write_checkpoint(family)
    photos = torch.rand(1, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    check(load_surrogate(f"{family}:{folder}"), photos, 6)


class Block(nn.Module):
    """Adds what its branch makes of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Linear(3, 3, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.mlp(hidden)


def test_a_share_of_the_gradient_goes_through_the_branch_and_all_of_it_past() -> None:
    block = Block()
    model = nn.Module()
    model.add_module("layers", nn.ModuleList([block]))
    tower = Tower.__new__(Tower)
    tower.model, tower.preprocess = model, nn.Identity()  # type: ignore[assignment]
    tower.read = lambda model, images: Features(block(images.mean((2, 3))))
    photos = torch.rand(1, 3, 1, 1)
    with damp_branches(tower, 0.25):
        _, slope = slope_of(tower, photos)
    expected = torch.eye(3)[0] + 0.25 * block.mlp.weight.detach()[0]
    torch.testing.assert_close(slope.flatten(), expected)


def test_gradients_of_another_thread_stay_whole() -> None:
    tower = load_surrogate("mini-llava")
    photos = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    whole, elsewhere = slope_of(tower, photos)[1], list[Tensor]()
    with damp_branches(tower, 0.5):
        other = threading.Thread(target=lambda: elsewhere.append(slope_of(tower, photos)[1]))
        other.start(), other.join()
        assert float((slope_of(tower, photos)[1] - whole).norm()) > 0.1 * float(whole.norm())
    torch.testing.assert_close(elsewhere[0], whole)


def test_a_network_without_such_blocks_is_left_as_it_is() -> None:
    tower = Tower.__new__(Tower)
    tower.model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    with damp_branches(tower, 0.5) as found:
        assert found == 0
    assert not any(module._forward_hooks for module in tower.model.modules())
