"""The towers of the modern families without their language models: what `auto` does before the connector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from torch import Tensor, nn

from dp2vl.vlm.checkpoint import BUFFER_KEYS, build_part, one_line, quiet, read_config, read_tensors
from dp2vl.vlm.memory import VISION, is_visual
from dp2vl.vlm.modern_families import Family, find_settings
from dp2vl.vlm.modern_pixels import VIEWS, features_of
from dp2vl.vlm.modern_processors import load_image_processor

LANGUAGE = ("language_model", "text_model")
ANY_SIZE_PX = 448
"""Side that stands for towers which take photos of any size."""


@dataclass(frozen=True)
class Views:
    """From photos to what the tower takes: for each the arguments of `get_image_features`, all its tiles or patches.

    Args:
        view: a name in `VIEWS`.
        settings: the official image processor.
    """

    view: str
    settings: Any

    @property
    def side_px(self) -> int:
        """Side of a square or tile."""
        if self.view == "patches":
            return ANY_SIZE_PX
        return int(
            self.settings.max_image_size["longest_edge"] if self.view == "split" else self.settings.size["height"]
        )

    def __call__(self, images: Float[Tensor, "n 3 h w"]) -> list[dict[str, Tensor]]:
        return [VIEWS[self.view](self.settings, image) for image in images]


class ModernTower(nn.Module):
    """A tower of one of the families in `MODERN`, with its preprocessing and choice of tokens.

    Tokens are what the connector takes, of all tiles of a photo; where it begins by joining neighbours, as in the Qwen
    families and InternVL, they are joined. Those of Qwen3-VL have, behind them, what enters its first layers.

    Attributes:
        family: a key of `MODERN`.
        vision: transformers' model without language model and connector.
        preprocess: from photos to tiles or patches.
    """

    def __init__(self, family: str, vision: Any, preprocess: Views) -> None:
        super().__init__()
        self.family, self.vision, self.preprocess = family, vision, preprocess

    def tokens(self, views: Sequence[dict[str, Tensor]]) -> Float[Tensor, "n tokens dim"]:
        """Return the tokens of photos of one size."""
        return torch.stack([features_of(self.vision.get_image_features(**view, return_dict=True)) for view in views])

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n tokens dim"]:
        return self.tokens(self.preprocess(images))


class _Join(nn.Module):
    """Puts so many neighbouring rows into one."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "joined wider"]:
        return rows.reshape(len(rows) // self.count, -1)


def load_tower(spec: str, folder: Path) -> ModernTower:
    """Return the tower, float32; of the checkpoint only the tensors of the vision side are read.

    Raises:
        ModelError: a tensor is missing, left over or of another shape, a file is damaged, or settings make no model.
    """
    family, settings = find_settings(spec, read_config(folder))
    preprocess = Views(settings.view, load_image_processor(spec, folder))
    model_class = getattr(transformers, settings.model)
    with one_line(spec), quiet(), torch.device("meta"):
        model = model_class(model_class.config_class.from_pretrained(folder)).model
    name = next(name for name, _ in model.named_children() if VISION.match(f"{name}."))
    empty = model.get_submodule(name)
    found = read_tensors(spec, folder, lambda key: is_visual(key) and not key.endswith(BUFFER_KEYS))
    state = {VISION.sub("", key, count=1): value for key, value in found.items()}
    model.set_submodule(name, build_part(spec, type(empty), empty.config, state, torch.float32, "the whole tower"))
    _cut(model, settings)
    return ModernTower(family, model, preprocess).eval().requires_grad_(False)


def _cut(model: Any, settings: Family) -> None:
    """Take language model and connector out of a model, so that `get_image_features` returns what the latter took."""
    for name in (name for name in LANGUAGE if hasattr(model, name)):
        model.set_submodule(name, nn.Identity())
    model.image_newline = None  # LLaVA-OneVision's, a token of the language model
    merge = model.visual.config.spatial_merge_size if settings.view == "patches" else 1
    for name in (part.removeprefix("model.") for part in settings.connector):
        old, new = model.get_submodule(name), _Join(merge**2) if merge > 1 else nn.Identity()
        model.set_submodule(name, nn.ModuleList([new] * len(old)) if isinstance(old, nn.ModuleList) else new)
