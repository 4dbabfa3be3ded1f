"""SigLIP's vision tower as PaliGemma, Gemma 3 and SmolVLM read it (arXiv 2303.15343, 2502.14786)."""

from torch import Tensor, nn
from transformers import SiglipVisionModel

from dp2vl.errors import ModelError
from dp2vl.preprocess import HALF, Preprocess
from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.checkpoint import check_family, load_vision, read_preprocess
from dp2vl.vlm.hub import find_checkpoint


def load(spec: str) -> Tower:
    """Return the tower of `siglip:<hub id or folder>`: SigLIP, or SigLIP 2 with a fixed resolution.

    Tokens are the patch tokens after the final norm; pooled is the attention pool. Photos are squashed to a square.

    Raises:
        ModelError: it is not on this machine, of another family, incomplete, or has no pooling head.
    """
    folder = find_checkpoint(spec)
    check_family(spec, folder, "siglip", "siglip_vision_model")
    model = load_vision(spec, folder, SiglipVisionModel)
    if not model.use_head:
        raise ModelError(f"{spec} has no pooling head", "use the full checkpoint, not a copy cut for one VLM")
    side_px: int = model.config.image_size  # type: ignore[union-attr, assignment]
    preprocess = read_preprocess(folder, Preprocess(side_px, "squash", "bicubic", HALF, HALF, round_8bit=True))
    return Tower(spec, "siglip", model, preprocess, _read, folder)


def _read(model: nn.Module, squares: Tensor) -> Features:
    out = model(squares)
    return Features(out.pooler_output, out.last_hidden_state)
