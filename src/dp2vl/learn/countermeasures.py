"""What is done to photos before they are learned from, to undo a protection. Needs no torch."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps


def _compress(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).convert("RGB")


def _half_and_back(image: Image.Image) -> Image.Image:
    smaller = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
    return smaller.resize(image.size, Image.Resampling.BICUBIC)


_CLEANINGS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "jpeg75": _compress,
    "half-size": _half_and_back,
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(1.0)),
    "grey-jpeg75": lambda image: _compress(ImageOps.grayscale(image)),
}
COUNTERMEASURES = tuple(_CLEANINGS)
"""What an adversary does to photos in the hope to undo a protection; grey-jpeg75 undoes most poisons (2301.13838)."""


def apply_countermeasure(pixels: NDArray[np.uint8], countermeasure: str) -> NDArray[np.uint8]:
    """Return a photo after one of `COUNTERMEASURES`, same shape."""
    if countermeasure == "none":
        return pixels
    return np.array(_CLEANINGS[countermeasure](Image.fromarray(pixels)).convert("RGB"))
