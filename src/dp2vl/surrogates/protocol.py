"""What the protector asks of an encoder; anything that has these attributes will do. Does not import torch."""

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Features(NamedTuple):
    """What a tower makes of n images.

    Args:
        pooled: one row per image, shape (n, d).
        tokens: shape (n, t, d2), where t may depend on the size of the images: the patch tokens at the layer that the
            VLM family reads, and as it reads them (a family that joins neighbours has them joined); None for towers
            without patches.
        identity: shape (n, d3): what a reader of the tokens that was trained to tell people apart makes of them; None
            for towers without such a reader, which is all that are published.
    """

    pooled: "Tensor"
    tokens: "Tensor | None" = None
    identity: "Tensor | None" = None

    @property
    def who(self) -> "Tensor":
        """What people are told apart by: `identity`, or `pooled` where there is none."""
        return self.pooled if self.identity is None else self.identity


@runtime_checkable
class Surrogate(Protocol):
    """An encoder whose features a photo is moved away from, in eval mode, its weights without gradient.

    Attributes:
        name: as given to `load_surrogate`.
        side_px: side of the square that the tower looks at, or of one tile.
        family: short; towers of one family are near relatives, so only another family counts as held out.
    """

    name: str
    side_px: int
    family: str

    def features(self, images: "Tensor") -> Features:
        """Return the features of `images`, differentiable with respect to them.

        Args:
            images: sRGB in [0, 1], not normalised, shape (n, 3, h, w), any size; on the tower's device.
        """
        ...

    def to(self, device: "str | torch.device") -> Self:
        """Move the weights and return the tower itself."""
        ...
