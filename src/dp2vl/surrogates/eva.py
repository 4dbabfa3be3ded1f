"""EVA-CLIP's ViT-g as MiniGPT-v2 reads it (arXiv 2310.09478), out of a BLIP-2 checkpoint."""

from typing import Any, cast

from torch import Tensor, nn
from transformers import Blip2VisionModel

from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.checkpoint import check_family, load_vision
from dp2vl.vlm.hub import find_checkpoint
from dp2vl.vlm.minigpt_v2 import SIDE_PX, MiniGPTv2Tower


def load(spec: str) -> Tower:
    """Return the tower of `eva:<hub id or folder>`: any BLIP-2 checkpoint whose tower was frozen (not the -coco ones).

    Tokens and preprocessing are MiniGPT-v2's: four neighbours of a row joined into one, after a norm without weights,
    shape (n, 256, 5632) for the published tower; photos are squashed to 448 px. Pooled is the class token after the
    same norm. BLIP-2's own norm is not used.

    Raises:
        ModelError: it is not on this machine, of another family, or incomplete.
    """
    folder = find_checkpoint(spec)
    check_family(spec, folder, "blip-2")
    vision: Any = load_vision(spec, folder, Blip2VisionModel, {r"^vision_model\.": ""})
    tower = MiniGPTv2Tower(vision, SIDE_PX)
    return Tower(spec, "eva", tower, tower.preprocess, _read, folder)


def _read(model: nn.Module, squares: Tensor) -> Features:
    tower = cast(MiniGPTv2Tower, model)
    read = tower.read(squares)
    return Features(read[:, 0], tower.join(read))
