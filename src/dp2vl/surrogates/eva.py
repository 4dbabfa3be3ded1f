"""EVA-CLIP's ViT-g as MiniGPT-v2 reads it (arXiv 2310.09478), out of a BLIP-2 checkpoint."""

from torch import Tensor, nn
from torch.nn.functional import layer_norm
from transformers import Blip2VisionModel

from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.checkpoint import check_family, load_vision
from dp2vl.vlm.hub import find_checkpoint

SIDE_PX = 448
"""MiniGPT-v2 looks at twice the side that the tower was trained at; the position embedding is enlarged."""
JOINED = 4


def load(spec: str) -> Tower:
    """Return the tower of `eva:<hub id or folder>`: any BLIP-2 checkpoint whose tower was frozen (not the -coco ones).

    Tokens are the patch tokens of the last layer after a norm without weights, four neighbours of a row joined into
    one, shape (n, 256, 5632) for the published tower; pooled is the class token after the same norm. BLIP-2's own norm
    is not used: MiniGPT-v2 has none. Photos are squashed to 448 px.

    Raises:
        ModelError: it is not on this machine, of another family, or incomplete.
    """
    folder = find_checkpoint(spec)
    check_family(spec, folder, "blip-2")
    model = load_vision(spec, folder, Blip2VisionModel, {r"^vision_model\.": ""})
    return Tower(spec, "eva", model, Preprocess(SIDE_PX, "squash", "bicubic", CLIP_MEAN, CLIP_STD), _read)


def _read(model: nn.Module, squares: Tensor) -> Features:
    hidden = model(squares, interpolate_pos_encoding=True, output_hidden_states=True).hidden_states[-1]
    normed = layer_norm(hidden, hidden.shape[-1:], eps=1e-5)
    count, patches, width = normed[:, 1:].shape
    return Features(normed[:, 0], normed[:, 1:].reshape(count, patches // JOINED, width * JOINED))
