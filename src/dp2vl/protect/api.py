"""Protect photos that are tensors already, for experiments; files go through `protect_album`."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from dp2vl.protect.budget import apply_change
from dp2vl.protect.config import EFFORTS, check_choice
from dp2vl.protect.objective import Objective, oppose
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.reference import make_reference
from dp2vl.surrogates import Surrogate, load_surrogates
from dp2vl.types import Budget


def protect_images(
    images: Tensor,
    *,
    people: Sequence[object] | None = None,
    surrogates: str | Sequence[str | Surrogate] = "mini",
    budget: Budget | None = None,
    effort: str = "normal",
    seed: int = 0,
    objective: Objective = oppose,
) -> Tensor:
    """Return protected copies of `images`, rounded to 8 bits, each pixel within `budget.linf` of the original's.

    The antithetical move of `dp2vl.protect.objective.oppose`, each photo by itself, with the images together as the
    album. The bound on similarity (`budget.ssim`) guides the search; only written files are checked against it.

    Args:
        images: sRGB in [0, 1], shape (n, 3, h, w).
        people: one label per image, or None if unknown.
        surrogates: a set's name, tower names separated by commas, or a sequence of names and `Surrogate` objects.
        budget: bound on the change; that of `standard` if None.
        effort: `instant`, `quick`, `normal` or `thorough`.
        seed: fixes all randomness; same seed, machine and versions give the same output.
        objective: which way features are pushed.

    Raises:
        ValueError: `images` has another shape, range or number of labels.

    Example:
        >>> import torch, dp2vl
        >>> photos = torch.rand(2, 3, 64, 64)
        >>> out = dp2vl.protect_images(photos, effort="quick", budget=dp2vl.Budget(linf=6 / 255))
        >>> bool((out - photos).abs().max() <= 6.51 / 255)
        True
    """
    _check_images(images, people)
    check_choice("effort", effort, tuple(EFFORTS))
    budget = budget or Budget()
    towers = load_surrogates(surrogates, device=str(images.device))
    rounded = (images.detach() * 255).round() / 255
    album = list(rounded.split(1))
    references = [make_reference(t, album, people, device=images.device) for t in towers]
    protected = []
    for number, image in enumerate(album):
        pixels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        change = optimise_changes(
            image, towers, references, budget=budget, effort=EFFORTS[effort],
            generator=Generator().manual_seed(seed), objective=objective,
            groups=None if people is None else [people[number]],
        )  # fmt: skip
        out = apply_change(pixels, change[0].cpu().numpy(), levels=budget.levels)
        protected.append(torch.from_numpy(np.ascontiguousarray(out.transpose(2, 0, 1))))
    return torch.stack(protected).to(images) / 255


def _check_images(images: Tensor, people: Sequence[object] | None) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[0] == 0:
        raise ValueError(f"expected images of shape (n, 3, h, w), got {tuple(images.shape)}")
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"expected sRGB in [0, 1], got values from {low:g} to {high:g}; divide 8-bit values by 255")
    if people is not None and len(people) != len(images):
        raise ValueError(f"expected one label per image, got {len(people)} labels for {len(images)} images")
