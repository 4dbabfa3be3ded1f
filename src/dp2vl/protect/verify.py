"""Measure the written file: what changed, whether it shows, and whether the towers' features moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dp2vl.images import Picture
from dp2vl.protect.objective import oppose
from dp2vl.protect.quality import flip, largest_change, ssim
from dp2vl.protect.reference import Reference
from dp2vl.protect.views import CHECKS
from dp2vl.surrogates.protocol import Surrogate

STRONG, WEAK = 1.0, 0.5
"""Share of the way from a person to people in general, worst tower and post-processing, from which a verdict is given.

Models fine-tuned on albums whose photos went so far on average, seen by their own tower, lost nearly all and more than
half of their leakage (`benchmarks/verdicts.py`, docs/concepts/figures.md). An estimate still: `simulate` measures.
"""
SMALL_PX, ALIKE = 32, 0.6
"""Long side at which a file is compared to its original before it is judged, and the SSIM there of the same photo.

The shift alone takes a black picture or somebody else's for well protected. At this size copies that were coded as JPEG
at quality 30, halved or blurred are 0.95 alike and more, other photos of an album 0.22 at most (docs/log.md).
"""
LOOK_PX = 1600
"""Photos are judged at this long side at most: what messengers pass on."""


def to_tensor(picture: Picture, *, long_side_px: int = LOOK_PX) -> Tensor:
    """Return a photo as sRGB in [0, 1], shape (1, 3, h, w), reduced to `long_side_px` if larger."""
    return torch.from_numpy(np.ascontiguousarray(picture.srgb(long_side_px=long_side_px)))[None]


def measure_quality(before: NDArray[Any], after: NDArray[Any], *, similarity: float | None = None) -> dict[str, float]:
    """Return `change_levels`, `ssim` and `flip` between two decoded photos (h, w, c) of one size and dtype.

    Args:
        similarity: their SSIM where that is known already.
    """
    return {
        "change_levels": float(largest_change(before, after)),
        "ssim": ssim(before, after) if similarity is None else similarity,
        "flip": flip(before, after),
    }


def likeness(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the SSIM of two photos (h, w, c) at 32 px: near 1 for one photo however it was coded, 0 for another."""
    part = min(1.0, SMALL_PX / max(before.shape[:2]))
    height, width = (max(1, round(part * side)) for side in before.shape[:2])
    return ssim(reduce(before, height, width), reduce(after, height, width))


def reduce(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Return a photo (h, w, c) at that size, by area."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)


@torch.no_grad()
def measure_shift(
    before: Tensor,
    after: Tensor,
    surrogates: Sequence[Surrogate],
    references: Sequence[Reference],
    *,
    group: object = None,
) -> dict[str, float]:
    """Return how much of the way from its person to people in general each tower's features moved.

    0 is an untouched photo, 1 one that shows the person no more than anybody else, 2 the opposite side; measured along
    `Reference.person_of`, so that what moves without concern to the person does not count. Keys are `shift[<tower>]`
    for the file as it is and `shift[<tower>] after <name>` for each of `CHECKS`; the clean photo gets no
    post-processing.

    Args:
        before, after: sRGB in [0, 1], shape (1, 3, h, w).
        surrogates, references: towers and their references, in the same order.
        group: of the album that the photo is in; see `Reference.person_of`.
    """
    versions = {"": after} | {f" after {name}": check(after) for name, check in CHECKS.items()}
    figures = {}
    for surrogate, reference in zip(surrogates, references, strict=True):
        clean = surrogate.features(before.to(reference.device))
        person = reference.person_of(clean.who, group)
        for name, version in versions.items():
            now = surrogate.features(version.to(reference.device))
            figures[f"shift[{surrogate.name}]{name}"] = float(1 - oppose(now, clean, person, reference))
    return figures


def give_verdict(figures: Mapping[str, float], used: Sequence[str]) -> str:
    """Return `strong`, `weak` or `none` and the reason, from the smallest shift among `figures`.

    Args:
        figures: as `measure_shift` returns them; other keys are ignored.
        used: towers that the change was optimised against; the reason marks others as held out.

    Raises:
        ValueError: there is no shift among the figures: a verdict on nothing would read as protection.
    """
    shifts = {name: value for name, value in figures.items() if name.startswith("shift[")}
    if not shifts:
        raise ValueError("expected at least one measured shift, got none")
    worst = min(shifts, key=lambda name: shifts[name])
    tower, _, after = worst.removeprefix("shift[").rpartition("]")
    held_out = "" if tower in used else ", a tower not optimised against"
    word = "strong" if shifts[worst] >= STRONG else "weak" if shifts[worst] >= WEAK else "none"
    where = f"{tower}{after}{held_out}"
    return f"{word}: {shifts[worst]:.2f} of the way from this person to people in general at worst ({where})"
