"""CLIP's vision tower as LLaVA-1.5 reads it (arXiv 2310.03744)."""

from torch import Tensor, nn
from transformers import CLIPVisionModel

from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.checkpoint import check_family, load_vision, read_preprocess
from dp2vl.vlm.hub import find_checkpoint


def load(spec: str) -> Tower:
    """Return the tower of `clip:<hub id or folder>`: a CLIP checkpoint, or its vision part alone.

    Tokens are the patch tokens after the last layer but one, without a norm; pooled is the normed class token. Photos
    are padded to a square, as LLaVA's own training does; its copies on the hub cut out the middle instead.

    Raises:
        ModelError: it is not on this machine, of another family, or incomplete.
    """
    folder = find_checkpoint(spec)
    check_family(spec, folder, "clip", "clip_vision_model")
    model = load_vision(spec, folder, CLIPVisionModel)
    side_px: int = model.config.image_size  # type: ignore[union-attr, assignment]
    preprocess = read_preprocess(folder, Preprocess(side_px, "pad", "bicubic", CLIP_MEAN, CLIP_STD))
    return Tower(spec, "clip", model, preprocess, _read)


def _read(model: nn.Module, squares: Tensor) -> Features:
    out = model(squares, output_hidden_states=True)
    return Features(out.pooler_output, out.hidden_states[-2][:, 1:])
