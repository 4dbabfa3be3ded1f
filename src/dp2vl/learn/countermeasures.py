"""What is done to photos before they are learned from, to undo a protection. Needs no torch."""

import hashlib
import io
from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

MESSENGER_PX = 1080
SCREEN_SCALE = 1.37
"""Screens show photos at other than whole multiples of their pixels."""
TV_WEIGHT = 0.1
Cleaning = Callable[[Image.Image], Image.Image]


def _compress(image: Image.Image, *, quality: int, form: str = "JPEG") -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return Image.open(file).convert("RGB")


def _half_and_back(image: Image.Image) -> Image.Image:
    smaller = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
    return smaller.resize(image.size, Image.Resampling.BICUBIC)


def _send(image: Image.Image) -> Image.Image:
    """As messengers do: at most 1080 px wide or high, then JPEG 75 with halved colour."""
    smaller = image.copy()
    smaller.thumbnail((MESSENGER_PX, MESSENGER_PX), Image.Resampling.LANCZOS)
    return _compress(smaller, quality=75).resize(image.size, Image.Resampling.BICUBIC)


def _screenshot(image: Image.Image) -> Image.Image:
    shown = tuple(round(side * SCREEN_SCALE) for side in image.size)
    taken = image.resize((shown[0], shown[1]), Image.Resampling.BILINEAR)
    return _compress(taken, quality=92).resize(image.size, Image.Resampling.LANCZOS)


def _blur(image: Image.Image, *, sigma: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma))


def _noise(image: Image.Image, *, levels: float) -> Image.Image:
    """Add Gaussian noise that depends on the photo alone."""
    seed = int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:7], "big")
    noisy = np.asarray(image) + np.random.default_rng(seed).normal(0, levels, (image.height, image.width, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def _crop_and_flip(image: Image.Image) -> Image.Image:
    left, top = image.width // 20, image.height // 20
    inner = image.crop((left, top, image.width - left, image.height - top))
    return ImageOps.mirror(inner).resize(image.size, Image.Resampling.BICUBIC)


def _rotate(image: Image.Image) -> Image.Image:
    return image.rotate(5, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))


def _denoise(image: Image.Image) -> Image.Image:
    from skimage.restoration import denoise_tv_chambolle  # on use: it takes most of a second to import

    smooth = denoise_tv_chambolle(np.asarray(image) / 255, weight=TV_WEIGHT, channel_axis=2)
    return Image.fromarray((smooth * 255).round().clip(0, 255).astype(np.uint8))


_CLEANINGS: MappingProxyType[str, Cleaning] = MappingProxyType(
    {
        "none": lambda image: image,
        **{f"jpeg{q}": partial(_compress, quality=q) for q in (90, 75, 50, 30, 10)},
        "webp75": partial(_compress, quality=75, form="WEBP"),
        "half-size": _half_and_back,
        "messenger": _send,
        "screenshot": _screenshot,
        **{f"blur{sigma:g}": partial(_blur, sigma=sigma) for sigma in (0.5, 1, 2)},
        **{f"noise{levels}": partial(_noise, levels=levels) for levels in (4, 8)},
        "4-bits": lambda image: ImageOps.posterize(image, 4),
        "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
        "grey-jpeg75": lambda image: _compress(ImageOps.grayscale(image), quality=75),
        "median3": lambda image: image.filter(ImageFilter.MedianFilter(3)),
        "crop-flip": _crop_and_flip,
        "rotate5": _rotate,
        "total-variation": _denoise,
    }
)
COUNTERMEASURES = tuple(_CLEANINGS)
"""What an adversary does to photos in the hope to undo a protection; grey-jpeg75 undoes most poisons (2301.13838)."""


def apply_countermeasure(pixels: NDArray[np.uint8], countermeasure: str) -> NDArray[np.uint8]:
    """Return a photo after one of `COUNTERMEASURES`, same shape; the same photo gives the same result."""
    if countermeasure == "none":
        return pixels
    return np.array(_CLEANINGS[countermeasure](Image.fromarray(pixels)).convert("RGB"))
