"""Colour profiles: from the file's own colour space to sRGB."""

import io
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8 | np.uint16]


def to_srgb(pixels: Pixels, icc: bytes | None, *, long_side_px: int | None = None) -> NDArray[np.float32]:
    """Return sRGB (3, h, w) in [0, 1] of (h, w, 1 or 3) pixels; see `Picture.srgb`."""
    small = shrink(pixels, long_side_px) if long_side_px else pixels
    if icc is not None:
        small = _apply_profile(small, icc)
    scale = np.float32(1 / 65535 if small.dtype == np.uint16 else 1 / 255)
    planes = np.broadcast_to(small.transpose(2, 0, 1), (3, *small.shape[:2]))
    return planes.astype(np.float32) * scale


def shrink(pixels: Pixels, long_side_px: int) -> Pixels:
    """Return (h, w, c) pixels reduced by area averaging to a long side of at most `long_side_px`."""
    height, width, channels = pixels.shape
    size = shrunk_size(height, width, long_side_px)
    if size == (height, width):
        return pixels
    small: NDArray[Any] = cv2.resize(np.ascontiguousarray(pixels), size[::-1], interpolation=cv2.INTER_AREA)
    return small.reshape(*size, channels)


def shrunk_size(height: int, width: int, long_side_px: int) -> tuple[int, int]:
    """Return height and width of a photo reduced to a long side of at most `long_side_px`."""
    part = min(1.0, long_side_px / max(height, width))
    return max(1, round(height * part)), max(1, round(width * part))


def _apply_profile(pixels: Pixels, icc: bytes) -> Pixels:
    mode = "L" if pixels.shape[2] == 1 else "RGB"
    transform = srgb_transform(icc, mode)
    if transform is None:
        return pixels
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)
    converted = ImageCms.applyTransform(image, transform)
    return np.asarray(converted)


@lru_cache(maxsize=16)
def srgb_transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to 8-bit sRGB, None where the profile is broken or not of this mode."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
