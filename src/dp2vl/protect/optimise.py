"""The loop: find the change within the budget that moves a photo's features, on several towers and versions at once."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice

import torch
from torch import Generator, Tensor

from dp2vl.protect.budget import Similarity, hiding_power
from dp2vl.protect.config import Effort
from dp2vl.protect.objective import Objective, oppose
from dp2vl.protect.reference import Reference
from dp2vl.protect.views import blur, draw_views, jpeg
from dp2vl.surrogates.protocol import Features, Surrogate
from dp2vl.surrogates.residual import damp_branches
from dp2vl.types import Budget

HALF = True
"""Whether towers compute in bfloat16 where that is faster."""


class Stopped(Exception):
    """Nobody waits for the search any more."""


def optimise_changes(
    images: Tensor,
    surrogates: Sequence[Surrogate],
    references: Sequence[Reference],
    *,
    budget: Budget,
    effort: Effort,
    generator: Generator,
    grey: bool = False,
    groups: Sequence[object] | None = None,
    objective: Objective = oppose,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Return the changes (n, c, h, w) for photos, |change| <= linf, SSIM at least about the budget's.

    Gradient descent with momentum, each tower's gradient divided by its root mean square, so that no tower rules the
    others, and taken more past its blocks than through them, which helps on towers that are not among these; towers
    share the versions that they see. A step goes where it gains most for the similarity that it costs:
    the gradient times the square of `hiding_power`. A sign step would spend as much where little is gained, and show on
    flat areas. After each step the change is clipped and scaled back to the budget's similarity; steps shrink linearly
    to a tenth. Each step sees `views` versions, out of `draw_views`. The iterate with the lowest loss of the worst
    tower on the rounded photo and its JPEG 75 is kept.

    Each photo is searched by itself; what is shared is the work. Photos of one size see the same versions in the same
    order, whichever are searched together, so changes differ by no more than floats do.

    Args:
        images: photos of one size, sRGB in [0, 1], shape (n, 3, h, w).
        surrogates, references: the towers to move away on, and what is usual for each.
        budget: bounds on the change.
        effort: how to search, and how long.
        generator: all randomness; same generator state, thread count and versions give the same changes.
        groups: what each photo was kept with, as in `make_reference`; None where that is not known.
        grey: one channel shared by all three, for greyscale files.
        objective: see `dp2vl.protect.objective`.
        is_stopped: asked before each step.

    Raises:
        Stopped: `is_stopped` said so.
    """
    bound, hiding = budget.linf, hiding_power(images)
    ssim, similarity = budget.ssim + effort.room * (1 - budget.ssim), Similarity(images)
    with torch.no_grad():
        clean = [surrogate.features(images) for surrogate in surrogates]
    groups = [None] * len(images) if groups is None else groups
    people = [_people_of(r, c, groups) for r, c in zip(references, clean, strict=True)]
    shape = (1, 1 if grey else 3, *images.shape[-2:])
    start = (torch.rand(shape, generator=generator) - 0.5).to(images).expand(len(images), -1, -1, -1)
    change = similarity.fit(start * bound, ssim)
    velocity, ways = torch.zeros_like(change), draw_views(generator)
    best, best_loss = change, torch.full((len(images),), float("inf"), device=images.device)
    with ExitStack() as damped:
        for surrogate in surrogates:
            damped.enter_context(damp_branches(surrogate, effort.branch_share))
        for step in range(effort.steps):
            if is_stopped():
                raise Stopped
            leaf = change.clone().requires_grad_()
            photos = (images + leaf).clamp(0, 1)
            views = [make_view(photos) for make_view in islice(ways, effort.views)]
            shown = [view.detach().requires_grad_() for view in views]
            pulls = [torch.zeros_like(view) for view in shown]
            for surrogate, reference, features, person in zip(surrogates, references, clean, people, strict=True):
                loss = torch.zeros((), device=images.device)
                for view in shown:
                    loss = loss + objective(_look(surrogate, view), features, person, reference).sum()
                slopes = torch.autograd.grad(loss, shown)
                steepness = _rms(*slopes)
                for pull, slope in zip(pulls, slopes, strict=True):
                    pull += slope / steepness
            # As a scalar: gradients handed to autograd make it import sympy first, a third of a second.
            pulled = torch.stack([(view * pull).sum() for view, pull in zip(views, pulls, strict=True)]).sum()
            (gradient,) = torch.autograd.grad(pulled, leaf)
            gradient /= _rms(gradient)
            velocity = effort.momentum * velocity + gradient
            direction = hiding * blur(hiding * velocity, effort.smooth_px)
            size = effort.first_step * budget.linf * (1 - 0.9 * step / effort.steps)
            change = change - size * direction / _rms(direction)
            change = similarity.fit(change.clamp(-bound, bound), ssim)
            taken = step + 1
            checked = taken % effort.check_every == 0 and taken >= effort.check_from * effort.steps
            if checked or taken == effort.steps:
                worst = _worst_loss(images, change, surrogates, references, clean, people, objective)
                better = worst < best_loss
                best = torch.where(better[:, None, None, None], change, best)
                best_loss = torch.where(better, worst, best_loss)
    return best


def _look(surrogate: Surrogate, images: Tensor) -> Features:
    """Return features as float32. Where a GPU multiplies faster in bfloat16 it does: a slope need not be exact."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=HALF and images.is_cuda):
        found = surrogate.features(images)
    pooled, *others = found
    return Features(pooled.float(), *(None if values is None else values.float() for values in others))


def _people_of(reference: Reference, clean: Features, groups: Sequence[object]) -> Tensor:
    return torch.cat([reference.person_of(who, group) for who, group in zip(clean.who.split(1), groups, strict=True)])


def _rms(*values: Tensor) -> Tensor:
    """Return the root mean square of each photo's values, over all tensors (n, c, h, w), shape (n, 1, 1, 1)."""
    flat = torch.cat([one.flatten(1) for one in values], dim=1)
    return flat.square().mean(1).sqrt().clamp_min(1e-12)[:, None, None, None]


@torch.no_grad()
def _worst_loss(
    images: Tensor,
    changes: Tensor,
    surrogates: Sequence[Surrogate],
    references: Sequence[Reference],
    clean: Sequence[Features],
    people: Sequence[Tensor],
    objective: Objective,
) -> Tensor:
    """Return each photo's loss of the worst tower, mean of the rounded photo and its JPEG 75, (n,)."""
    rounded = ((images + changes).clamp(0, 1) * 255).round() / 255
    versions = (rounded, jpeg(rounded, 75))
    losses = [
        torch.stack([objective(s.features(v), c, p, r) for v in versions]).mean(0)
        for s, r, c, p in zip(surrogates, references, clean, people, strict=True)
    ]
    return torch.stack(losses).amax(0)
