"""The towers of all families of VLMs out of their own checkpoints, mini models included."""

from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm import load_tower
from dp2vl.vlm.loading import bundled_names, find_tower
from dp2vl.vlm.mini.heads import HEADS_FILE, Heads, load_heads
from dp2vl.vlm.mini.towers import load_bundled
from dp2vl.vlm.tower import VisionTower

if TYPE_CHECKING:
    from dp2vl.vlm.modern_towers import ModernTower


def load(spec: str) -> Tower:
    """Return the tower of a bundled mini model (`mini-llava`) or of `vlm:<hub id or folder>`.

    Tokens are what the family's connector takes: patch tokens of LLaVA and Qwen-VL, four joined of MiniGPT-v2, those of
    all tiles of a photo in the modern families. Pooled is their mean; identity is there where the readers that the
    tower was trained with lie beside it. The language model is not read; of Qwen-VL three of ten files are enough.

    Raises:
        ModelError: it is not on this machine, of another family, incomplete or damaged.
    """
    name = spec.removeprefix("vlm:")
    tower: VisionTower | ModernTower = load_bundled(name) if name in bundled_names() else load_tower(name)
    folder = find_tower(name)
    family = f"mini-{tower.family}" if name == spec else tower.family
    if isinstance(tower, VisionTower) and (folder / HEADS_FILE).is_file():
        return Tower(spec, family, _Read(tower, load_heads(folder, tower.dim)), tower.preprocess, _read_people, folder)
    return Tower(spec, family, tower, tower.preprocess, _read, folder)


class _Read(nn.Module):
    """A tower and the readers that it was trained with, which move to a device together."""

    def __init__(self, tower: VisionTower, heads: Heads) -> None:
        super().__init__()
        self.tower, self.heads = tower, heads


def _read(model: nn.Module, squares: Any) -> Features:
    tokens = cast("VisionTower | ModernTower", model).tokens(squares)
    return Features(tokens.mean(1), tokens)


def _read_people(model: nn.Module, squares: Tensor) -> Features:
    read = cast(_Read, model)
    tokens = read.tower.tokens(squares)
    return Features(tokens.mean(1), tokens, read.heads.tell_people(tokens))
