"""What happens to a photo between the album and the model: crops, and post-processing that gradients pass through.

A change that works on exactly one version of a photo is gone after the first messenger. The optimiser therefore looks
at several versions per step (expectation over transformations, arXiv 1707.07397).
"""

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

Box = tuple[float, float, float, float]
"""Top, left, bottom, right as fractions of the photo."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
Photometric = Callable[[Tensor, Generator], Tensor]
MIN_CROP_PX = 8


def make_boxes(count: int, generator: Generator, *, smallest: float = 0.5) -> list[Box]:
    """Return the whole photo and `count - 1` random crops with sides between `smallest` and 1 of the photo's."""
    boxes = [WHOLE]
    for _ in range(count - 1):
        height, width, y, x = torch.rand(4, generator=generator).tolist()
        height, width = smallest + (1 - smallest) * height, smallest + (1 - smallest) * width
        top, left = y * (1 - height), x * (1 - width)
        boxes.append((top, left, top + height, left + width))
    return boxes


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
    at = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (at / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).repeat(images.shape[1], 1, 1, 1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    across = F.conv2d(padded, kernel, groups=images.shape[1])
    return F.conv2d(across, kernel.transpose(2, 3), groups=images.shape[1])


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
