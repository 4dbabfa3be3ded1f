"""The bundled towers in plain torch are those of their families, and need nothing of transformers."""

import subprocess
import sys

import pytest
import torch

from dp2vl.vlm import load_tower
from dp2vl.vlm.loading import bundled_names
from dp2vl.vlm.mini.towers import load_bundled


@pytest.mark.parametrize("name", bundled_names())
def test_plain_towers_give_tokens_gradients_and_names_of_the_family_s_own_classes(name: str):
    plain, own = load_bundled(name), load_tower(name)
    assert plain.preprocess == own.preprocess and plain.dim == own.dim and plain.family == own.family
    state = own.state_dict()
    assert list(plain.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in plain.state_dict().items())
    photos = torch.rand(2, 3, 90, 120, generator=torch.Generator().manual_seed(0))
    found = []
    for tower in (plain, own):
        leaf = photos.clone().requires_grad_()
        tokens = tower(leaf)
        weight = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(1))
        (slope,) = torch.autograd.grad((tokens * weight).sum(), leaf)
        found.append((tokens.detach(), slope))
    (tokens, slope), (expected, expected_slope) = found
    assert torch.allclose(tokens, expected, atol=2e-4, rtol=1e-4)
    assert torch.allclose(slope, expected_slope, atol=1e-3 * float(expected_slope.abs().max()))


def test_protecting_with_bundled_towers_imports_nothing_of_transformers():
    code = (
        "import sys; from dp2vl.surrogates import load_surrogates; import dp2vl.protect.run\n"
        "load_surrogates('mini'); print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "True False", run.stderr
