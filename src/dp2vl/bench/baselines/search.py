"""The search that the baselines share: signed or Adam steps on a batch of photos, as their authors take them.

What `protect` does about its budget is done here too: after every step the change is clipped and, where a photo with it
would be less similar than the budget asks, made smaller. So a method searches among changes that it may make.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from dp2vl.protect.budget import Similarity
from dp2vl.protect.views import crop, jpeg
from dp2vl.types import Budget

BATCH = 24
Loss = Callable[[int, Tensor, Tensor, Generator], Tensor]
"""(which tower, photos as they are now (n, 3, h, w), their rows in the set, randomness) -> loss per photo, (n,)."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How a method walks.

    Args:
        size: of a step in grey levels, for 40 steps within 8 levels; scaled to the steps and budget at hand.
        rule: `sign` (of the gradient, or of its running sum) or `adam`.
        momentum: of signed steps.
        decay: step size falls linearly to a hundredth.
        views: looks per step and tower, whose gradients are averaged; one, unless its paper takes more.
        area: smallest and largest share of the photo's area that a random crop keeps; (1, 1) for the whole photo.
        jpeg: quality of a JPEG round trip before every look, its gradient passed straight through; 0 for none.
    """

    size: float
    rule: str = "sign"
    momentum: float = 0.0
    decay: bool = False
    views: int = 1
    area: tuple[float, float] = (1.0, 1.0)
    jpeg: int = 0

    def scaled(self, factor: float) -> "Steps":
        """Return the same with another step size."""
        return replace(self, size=self.size * factor)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search for changes that make a loss small, summed over towers.

    Args:
        towers: how many encoders the loss looks through. how: the method's own way.
        budget: bounds on the change, kept after every step. steps: to take, each of `how.views` looks at every photo
            and tower. generator: all randomness.
    """

    towers: int
    loss: Loss
    how: Steps
    budget: Budget
    steps: int
    generator: Generator

    def find(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return changes within the budget of these rows of `images`, sRGB in [0, 1], (n, 3, h, w)."""
        return torch.cat([self._find_batch(images[part], part) for part in rows.split(BATCH)])

    def _find_batch(self, images: Tensor, rows: Tensor) -> Tensor:
        how, linf, similarity = self.how, self.budget.linf, Similarity(images)
        start = ((torch.rand(images.shape, generator=self.generator) * 2 - 1) * linf).to(images)
        change = similarity.fit(start, self.budget.ssim).requires_grad_()
        size = how.size / 255 * (linf * 255 / 8) * (40 / self.steps)
        adam = torch.optim.Adam([change], lr=size)
        velocity = torch.zeros_like(images)
        for step in range(self.steps):
            slope = torch.zeros_like(images)
            for tower in range(self.towers):
                total = torch.zeros((), device=images.device)
                for view in _views((images + change).clamp(0, 1), how, self.generator):
                    total = total + self.loss(tower, view, rows, self.generator).sum() / how.views
                (one,) = torch.autograd.grad(total, change)
                slope += one
            rate = 1 - 0.99 * step / self.steps if how.decay else 1.0
            if how.rule == "adam":
                adam.param_groups[0]["lr"] = size * rate
                change.grad = slope
                adam.step()
            else:
                scaled = slope / slope.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
                velocity = how.momentum * velocity + scaled
                with torch.no_grad():
                    change -= size * rate * velocity.sign()
            with torch.no_grad():
                change.copy_(similarity.fit(change.clamp(-linf, linf), self.budget.ssim))
        return change.detach()


def _views(photos: Tensor, how: Steps, generator: Generator) -> Iterator[Tensor]:
    for _ in range(how.views):
        view = jpeg(photos, how.jpeg) if how.jpeg else photos
        yield random_crop(view, how.area, generator)


def random_crop(photos: Tensor, area: tuple[float, float], generator: Generator) -> Tensor:
    """Return a part of `photos` (n, 3, h, w), the same for all: a share of the area, aspect ratio kept."""
    if area == (1.0, 1.0):
        return photos
    share, y, x = torch.rand(3, generator=generator).tolist()
    side = (area[0] + (area[1] - area[0]) * share) ** 0.5
    top, left = y * (1 - side), x * (1 - side)
    return crop(photos, (top, left, top + side, left + side))


@torch.no_grad()
def carried(images: Tensor, change: Tensor, ssim: float) -> Tensor:
    """Return what share of a change each photo can carry at a similarity of `ssim`, (n, 1, 1, 1)."""
    kept, whole = (x.flatten(1).norm(dim=1) + 1e-9 for x in (Similarity(images).fit(change, ssim), change))
    return (kept / whole)[:, None, None, None]
