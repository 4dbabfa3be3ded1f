"""What happens to a photo between the album and the model: crops, and post-processing that gradients pass through.

A change that works on exactly one version of a photo is gone after the first messenger. The optimiser therefore looks
at several versions per step (expectation over transformations, arXiv 1707.07397).
"""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

Box = tuple[float, float, float, float]
"""Top, left, bottom, right as fractions of the photo."""
Photometric = Callable[[Tensor, Generator], Tensor]
Card = TypeVar("Card")
MIN_CROP_PX = 8
SMALLEST = 0.8
"""Share of a side that crops keep at least."""
CUTS = ("whole", "whole", "cut", "cut", "cut", "mirrored", "mirrored", "mirrored")
"""What views show, each as often. A tower sees patches at fixed places, so a change that fits them is half gone once a
photo is cut by a twentieth; what is gained for cut photos is lost for whole ones (docs/log.md)."""


def draw_box(generator: Generator, *, smallest: float = SMALLEST) -> Box:
    """Return a random crop with sides between `smallest` and 1 of the photo's."""
    height, width, y, x = torch.rand(4, generator=generator).tolist()
    height, width = smallest + (1 - smallest) * height, smallest + (1 - smallest) * width
    top, left = y * (1 - height), x * (1 - width)
    return top, left, top + height, left + width


def draw_views(generator: Generator) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield what makes a view of photos (n, 3, h, w) as they may reach a model: cut or not, then post-processed.

    Drawn as from shuffled decks, so that a short search has seen each kind as often as any other.
    """
    kinds = zip(_deal(CUTS, generator), _deal(PHOTOMETRIC, generator), strict=True)
    for shown, photometric in kinds:
        yield partial(_view, shown=shown, photometric=photometric, generator=generator)


def _view(images: Tensor, *, shown: str, photometric: Photometric, generator: Generator) -> Tensor:
    if shown != "whole":
        images = crop(images, draw_box(generator))
    return photometric(images.flip(-1) if shown == "mirrored" else images, generator)


def _deal(cards: Sequence[Card], generator: Generator) -> Iterator[Card]:
    """Yield cards in random order, all of them before any comes again."""
    while True:
        for place in torch.randperm(len(cards), generator=generator).tolist():
            yield cards[place]


def crop(images: Tensor, box: Box) -> Tensor:
    """Return the part of `images` (n, c, h, w) inside `box`, never less than a few pixels."""
    height, width = images.shape[-2:]
    top, bottom = _span(box[0], box[2], height)
    left, right = _span(box[1], box[3], width)
    return images[..., top:bottom, left:right]


def _span(start: float, stop: float, length: int) -> tuple[int, int]:
    first = min(int(start * length), max(0, length - MIN_CROP_PX))
    return first, max(round(stop * length), min(first + MIN_CROP_PX, length))


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Return `images` (n, 3, h, w) after a real JPEG round trip (4:2:0); the gradient passes straight through."""
    pixels = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    decoded = []
    for picture in pixels:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        decoded.append(np.array(Image.open(buffer)))
    lossy = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).to(images) / 255
    return images + (lossy - images).detach()


def blur(images: Tensor, sigma_px: float) -> Tensor:
    """Return `images` after a Gaussian blur of standard deviation `sigma_px`."""
    radius = max(1, math.ceil(3 * sigma_px))
    at = torch.arange(-radius, radius + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (at / sigma_px) ** 2)
    weights = (kernel / kernel.sum()).tolist()
    blurred = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    for axis in (-1, -2):
        blurred = _weighted(blurred, weights, axis)
    return blurred


def _weighted(images: Tensor, weights: list[float], axis: int) -> Tensor:
    """Return weighted sums of neighbours along an axis; a convolution per channel takes nine times as long on a CPU."""
    length = images.shape[axis] - len(weights) + 1
    total = images.narrow(axis, 0, length) * weights[0]
    for place, weight in enumerate(weights[1:], 1):
        total = total.add_(images.narrow(axis, place, length), alpha=weight)
    return total


def shrink_and_enlarge(images: Tensor, factor: float = 0.5) -> Tensor:
    """Return `images` scaled down by `factor` and back to their size, as a thumbnail service does."""
    height, width = images.shape[-2:]
    small = F.interpolate(
        images,
        (max(1, round(height * factor)), max(1, round(width * factor))),
        mode="bicubic",
        antialias=True,
    )
    return F.interpolate(small, (height, width), mode="bicubic").clamp(0, 1)


def _random_jpeg(images: Tensor, generator: Generator) -> Tensor:
    return jpeg(images, int(torch.randint(50, 96, (1,), generator=generator)))


def _random_blur(images: Tensor, generator: Generator) -> Tensor:
    return blur(images, 0.5 + 1.0 * float(torch.rand(1, generator=generator)))


def _random_noise(images: Tensor, generator: Generator) -> Tensor:
    noise = torch.randn((1, *images.shape[1:]), generator=generator).to(images)
    return images + noise * (4 / 255)


def _random_scale(images: Tensor, generator: Generator) -> Tensor:
    return shrink_and_enlarge(images, 0.5 + 0.4 * float(torch.rand(1, generator=generator)))


def _plain(images: Tensor, generator: Generator) -> Tensor:
    return images


PHOTOMETRIC: Sequence[Photometric] = (_plain, _random_jpeg, _random_blur, _random_noise, _random_scale)
"""Drawn with equal weight, one per view."""

CHECKS: dict[str, Callable[[Tensor], Tensor]] = {
    "jpeg75": lambda images: jpeg(images, 75),
    "half": lambda images: shrink_and_enlarge(images, 0.5),
    "blur1": lambda images: blur(images, 1.0),
}
"""Post-processing after which `verify` measures again; applied at the photo's own size where memory allows."""
