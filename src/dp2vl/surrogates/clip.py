"""CLIP's vision tower as LLaVA-1.5 reads it (arXiv 2310.03744), out of a checkpoint of CLIP."""

from typing import Any, cast

from torch import Tensor, nn
from transformers import CLIPVisionModel

from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.checkpoint import check_family, load_vision, read_preprocess
from dp2vl.vlm.hub import find_checkpoint
from dp2vl.vlm.llava import LlavaTower, preprocess


def load(spec: str) -> Tower:
    """Return the tower of `clip:<hub id or folder>`: a CLIP checkpoint, or its vision part alone.

    Tokens and preprocessing are LLaVA's: the patch tokens after the last layer but one, of photos padded to a square.
    Pooled is the class token after the last layer and its norm.

    Raises:
        ModelError: it is not on this machine, of another family, or incomplete.
    """
    folder = find_checkpoint(spec)
    check_family(spec, folder, "clip", "clip_vision_model")
    vision: Any = load_vision(spec, folder, CLIPVisionModel)
    tower = LlavaTower(vision, read_preprocess(folder, preprocess(vision.config.image_size)))
    return Tower(spec, "clip", tower, tower.preprocess, _read, folder)


def _read(model: nn.Module, squares: Tensor) -> Features:
    tower = cast(LlavaTower, model)
    read, vision = tower.read(squares), tower.vision
    last = vision.encoder.layers[-1](read, attention_mask=None)
    return Features(vision.post_layernorm(last[:, 0]), read[:, 1:])
