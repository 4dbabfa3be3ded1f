"""One photo: find the change, write it into the file's own format, and judge the bytes."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dp2vl.errors import DP2VLError, PhotoError, UsageError
from dp2vl.images import Picture, decode_photo, encode, explain_metadata, output_suffix, shrunk_size
from dp2vl.protect.batch import choose_batch
from dp2vl.protect.budget import apply_change
from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.quality import ssim
from dp2vl.protect.reference import Reference
from dp2vl.protect.verify import give_verdict, measure_quality, measure_shift, to_tensor
from dp2vl.surrogates import Surrogate

OVERSAMPLING = 2
"""The change is optimised on a copy whose short side is this many times what the largest tower sees: crops still find
detail, and cost and memory do not depend on the photo's own size."""
LEAST = 0.25
"""The smallest share of the change that is still worth a copy."""


@dataclass(frozen=True)
class Made:
    """A protected copy not yet on disk: its bytes, a new suffix if the format changed, and what was measured."""

    data: bytes
    suffix: str
    verdict: str
    figures: dict[str, float]
    notes: tuple[str, ...]


class Protector:
    """Protects photos under fixed settings.

    Args:
        config: strength, effort, seed, metadata policy.
        towers: what the change is optimised against.
        held_out: towers that are only measured.
        references: for `towers`, then for `held_out`.

    Attributes:
        stopped: once set, searches end before their next step, by `Stopped`.
    """

    def __init__(
        self,
        config: ProtectConfig,
        towers: Sequence[Surrogate],
        held_out: Sequence[Surrogate],
        references: Sequence[Reference],
    ) -> None:
        self.config, self.towers, self.held_out, self.references = config, towers, held_out, references
        self.stopped = threading.Event()
        # A search on a GPU was planned with most of its memory, and MPS stands one thread at a time.
        self._looking: AbstractContextManager[Any] = (
            nullcontext() if references[0].device.type == "cpu" else threading.Lock()
        )

    def finish(self, picture: Picture, change: NDArray[np.float32], *, group: object = None) -> Made:
        """Return the protected copy of a photo: the change written into its format, and measured on the bytes.

        Args:
            picture: the photo. change: as `find_changes` returns it.
            group: what the photo was kept with, as in `make_reference`.

        Raises:
            PhotoError: no change fits within the budget's similarity.
        """
        data, after, similarity = self._fit(picture, change)
        figures = measure_quality(picture.pixels, after.pixels, similarity=similarity)
        everyone = (*self.towers, *self.held_out)
        with self._looking:
            figures |= measure_shift(to_tensor(picture), to_tensor(after), everyone, self.references, group=group)
        used = [t.name for t in self.towers]
        suffix = output_suffix(picture)
        notes = (*picture.notes, *explain_metadata(picture, self.config.metadata))
        return Made(data, suffix, give_verdict(figures, used), figures, notes)

    def find_changes(
        self, pictures: Sequence[Picture], *, groups: Sequence[object] | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the change (c, h, w) of each photo at working size, in [-1, 1] of the full range.

        Args:
            pictures: photos of one `working_shape`. groups: what each was kept with, as in `make_reference`.

        Raises:
            Stopped: `stopped` was set.
        """
        changes = optimise_changes(
            torch.cat([self._working_copy(picture) for picture in pictures]),
            self.towers,
            self.references[: len(self.towers)],
            budget=self.config.budget,
            effort=EFFORTS[self.config.effort],
            generator=Generator().manual_seed(self.config.seed),
            grey=pictures[0].pixels.shape[2] == 1,
            groups=groups,
            is_stopped=self.stopped.is_set,
        )
        return list(changes.cpu().numpy())

    def choose_batch(self) -> int:
        """Return how many photos of the usual aspect ratio, 3 to 2, are searched at once on the towers' device."""
        side = self._short_side
        return choose_batch(
            self.config, self.towers, self.references[: len(self.towers)], height=side, width=side * 3 // 2
        )

    @property
    def _short_side(self) -> int:
        return OVERSAMPLING * max(t.side_px for t in self.towers)

    def working_shape(self, picture: Picture) -> tuple[int, int, int]:
        """Return height, width and channels that a photo is searched in; those of equal shape can be together."""
        height, width, channels = picture.pixels.shape
        return *shrunk_size(height, width, self._long_side(picture)), channels

    def _long_side(self, picture: Picture) -> int:
        height, width = picture.pixels.shape[:2]
        return max(1, round(min(1.0, self._short_side / min(height, width)) * max(height, width)))

    def _working_copy(self, picture: Picture) -> Tensor:
        return to_tensor(picture, long_side_px=self._long_side(picture)).to(self.references[0].device)

    def _fit(self, picture: Picture, change: NDArray[np.float32]) -> tuple[bytes, Picture, float]:
        """Return the encoded copy, what it decodes to, and its SSIM: about as much of the change as that allows.

        What a change costs grows with its square, so one look says by how much to shrink it, but for what the file's
        own coding costs, which stays: each further look shrinks it by more than the square says.
        """
        budget, factor = self.config.budget, 1.0
        for look in count(1):
            pixels = apply_change(picture.pixels, change * np.float32(factor), levels=budget.levels)
            data = encode(picture.with_pixels(pixels), metadata=self.config.metadata)
            after = decode(data, picture)
            similarity = ssim(picture.pixels, after.pixels)
            if similarity >= budget.ssim:
                return data, after, similarity
            if factor == LEAST:
                break
            factor = max(LEAST, factor * min(0.98, ((1 - budget.ssim) / (1 - similarity)) ** (look / 2)))
        raise PhotoError(
            f"no change keeps the similarity (SSIM) at {budget.ssim:.2f} or above",
            "try --strength strong for this photo",
        )


def decode(data: bytes, like: Picture) -> Picture:
    """Return what written bytes decode to, at the size of `like`: the file, not the tensor, is what counts."""
    after = decode_photo(data, max_megapixels=float("inf"))
    if after.pixels.shape != like.pixels.shape or after.pixels.dtype != like.pixels.dtype:
        raise DP2VLError(f"expected a copy of shape {like.pixels.shape}, the encoder wrote {after.pixels.shape}")
    return after


def choose_device(name: str) -> str:
    """Return the device that `auto`, `cpu`, `cuda` or `mps` stands for on this machine.

    Raises:
        UsageError: the named device is not here.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, present in here.items() if present)
    if not here[name]:
        raise UsageError(f"expected a {name} device, found none", "use --device cpu")
    return name
