"""The loop: find the change within the budget that moves a photo's features, on several towers and versions at once."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from dp2vl.protect.budget import visibility_mask
from dp2vl.protect.config import Effort
from dp2vl.protect.objective import Objective, reflect
from dp2vl.protect.reference import Reference
from dp2vl.protect.views import PHOTOMETRIC, Box, crop, jpeg, make_boxes
from dp2vl.surrogates.protocol import Features, Surrogate

MOMENTUM = 0.9
MARGIN = -0.9
"""Loss (see `objective`) at which further steps buy little: the search stops when every tower is below it."""


def optimise_change(
    image: Tensor,
    surrogates: Sequence[Surrogate],
    references: Sequence[Reference],
    *,
    linf: float,
    effort: Effort,
    generator: Generator,
    grey: bool = False,
    objective: Objective = reflect,
) -> Tensor:
    """Return the change (1, c, h, w) for one photo, |change| <= linf x `visibility_mask`.

    Sign descent with momentum (MI-FGSM, arXiv 1710.06081) whose step shrinks linearly from linf/6 to a tenth of that;
    each tower's gradient is divided by its mean magnitude, so that no tower rules the others. Each step sees `views`
    versions: a random crop out of `boxes`, then one post-processing. The iterate with the lowest loss of the worst
    tower on the rounded photo and on its JPEG 75 is kept.

    Args:
        image: the photo, sRGB in [0, 1], shape (1, 3, h, w).
        surrogates, references: the towers to move away on, and what is usual for each.
        linf: bound in the same [0, 1] units.
        effort: how long to search.
        generator: all randomness; same generator state, thread count and versions give the same change.
        grey: one channel shared by all three, for greyscale files.
        objective: see `dp2vl.protect.objective`.
    """
    bound = linf * visibility_mask(image)
    boxes = make_boxes(effort.boxes, generator)
    clean = [_clean_features(image, boxes, s) for s in surrogates]
    shape = (1, 1 if grey else 3, *image.shape[-2:])
    start = (torch.rand(shape, generator=generator) - 0.5).to(image)
    change = start * bound
    velocity = torch.zeros_like(change)
    best, best_loss = change, float("inf")
    for step in range(effort.steps):
        gradient = torch.zeros_like(change)
        drawn = _draw_views(len(boxes), effort.views, generator)
        for surrogate, reference, features in zip(surrogates, references, clean, strict=True):
            leaf = change.clone().requires_grad_()
            photo = (image + leaf).clamp(0, 1)
            loss = torch.zeros((), device=image.device)
            for box, photometric in drawn:
                view = PHOTOMETRIC[photometric](crop(photo, boxes[box]), generator)
                loss = loss + objective(surrogate.features(view), features[box], reference).sum()
            (slope,) = torch.autograd.grad(loss, leaf)
            gradient += slope / slope.abs().mean().clamp_min(1e-12)
        velocity = MOMENTUM * velocity + gradient
        size = linf / 6 * (1 - 0.9 * step / effort.steps)
        change = torch.minimum(torch.maximum(change - size * velocity.sign(), -bound), bound)
        if (step + 1) % effort.check_every == 0 or step + 1 == effort.steps:
            worst = _worst_loss(image, change, surrogates, references, [c[0] for c in clean], objective)
            if worst < best_loss:
                best, best_loss = change, worst
            if worst < MARGIN:
                break
    return best


@torch.no_grad()
def _clean_features(image: Tensor, boxes: Sequence[Box], surrogate: Surrogate) -> list[Features]:
    return [surrogate.features(crop(image, box)) for box in boxes]


def _draw_views(boxes: int, views: int, generator: Generator) -> list[tuple[int, int]]:
    """Return (box, photometric) pairs; the first view of a step is the whole photo every second time."""
    box = torch.randint(boxes, (views,), generator=generator).tolist()
    how = torch.randint(len(PHOTOMETRIC), (views,), generator=generator).tolist()
    if bool(torch.rand(1, generator=generator) < 0.5):
        box[0] = 0
    return list(zip(box, how, strict=True))


@torch.no_grad()
def _worst_loss(
    image: Tensor,
    change: Tensor,
    surrogates: Sequence[Surrogate],
    references: Sequence[Reference],
    clean: Sequence[Features],
    objective: Objective,
) -> float:
    """Return the loss of the worst tower, mean of the rounded photo and its JPEG 75."""
    rounded = ((image + change).clamp(0, 1) * 255).round() / 255
    versions = (rounded, jpeg(rounded, 75))
    losses = [
        sum(float(objective(s.features(v), c, r).mean()) for v in versions) / len(versions)
        for s, r, c in zip(surrogates, references, clean, strict=True)
    ]
    return max(losses)
