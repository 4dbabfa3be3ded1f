"""The one shape that all our towers have: a network, what comes before it, and which layer is read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from dp2vl.preprocess import Preprocess
from dp2vl.surrogates.protocol import Features

if TYPE_CHECKING:
    from dp2vl.vlm.modern_towers import Views


class Tower:
    """A surrogate made of a network and its preprocessing; freezes the network and puts it in eval mode.

    Several threads may ask for features at once.

    Args:
        name, family: see `Surrogate`.
        model: takes normalised squares (n, 3, side, side), or what `preprocess` returns instead.
        preprocess: from images to squares.
        read: (model, squares) -> features.
        folder: where its files lie, so that what is usual for it is remembered.
        program: the file that holds it whole, where weights alone do not say what it computes.
    """

    def __init__(
        self,
        name: str,
        family: str,
        model: nn.Module,
        preprocess: "Preprocess | Views",
        read: Callable[[nn.Module, Any], Features],
        folder: Path | None,
        program: Path | None = None,
    ) -> None:
        self.name, self.family, self.side_px = name, family, preprocess.side_px
        self.model, self.preprocess, self.read = model.eval(), preprocess, read
        self.folder, self.program = folder, program
        for weight in model.parameters():  # TorchScript modules have no requires_grad_
            weight.requires_grad_(False)

    def __repr__(self) -> str:
        return f"load_surrogate({self.name!r})"

    def features(self, images: Tensor) -> Features:
        """Return the features of `images` (n, 3, h, w), sRGB in [0, 1], any size."""
        return self.read(self.model, self.preprocess(images))

    def to(self, device: str | torch.device) -> Self:
        """Move the weights and return the tower itself."""
        self.model.to(device)
        return self
