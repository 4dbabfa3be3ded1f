"""The towers of LLaVA-1.5, Qwen-VL and MiniGPT-v2 out of their own checkpoints, mini models included."""

from typing import cast

from torch import Tensor, nn

from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm import load_tower
from dp2vl.vlm.tower import VisionTower


def load(spec: str) -> Tower:
    """Return the tower of a bundled mini model (`mini-llava`) or of `vlm:<hub id or folder>`.

    Tokens are what the family's connector takes: patch tokens of LLaVA and Qwen-VL, four joined of MiniGPT-v2. Pooled
    is their mean. The language model is not read; of Qwen-VL three of ten files are enough.

    Raises:
        ModelError: it is not on this machine, of another family, incomplete or damaged.
    """
    name = spec.removeprefix("vlm:")
    tower = load_tower(name)
    family = f"mini-{tower.family}" if name == spec else tower.family
    return Tower(spec, family, tower, tower.preprocess, _read)


def _read(model: nn.Module, squares: Tensor) -> Features:
    tokens = cast(VisionTower, model).tokens(squares)
    return Features(tokens.mean(1), tokens)
