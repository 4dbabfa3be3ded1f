"""From a Pillow image of any mode to upright grey or RGB planes and an alpha plane."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from dp2vl.errors import PhotoRefused
from dp2vl.images.colour import srgb_transform
from dp2vl.images.picture import Pixels
from dp2vl.images.profiles import clean_profile

Planes = tuple[Pixels, Pixels | None, bytes | None]
_TURNED = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_PALETTE_NOTE = "palette colours are written as full colours"


def turn_upright(plane: Pixels, orientation: int) -> Pixels:
    """Return (h, w) or (h, w, c) pixels as EXIF orientation 1 to 8 says they are to be seen."""
    return np.ascontiguousarray(_TURNED.get(orientation, lambda a: a)(plane))


def split_planes(image: ImageFile, data: bytes, kind: str, notes: list[str]) -> Planes:
    """Return (pixels, alpha, icc) of a loaded image, not yet turned; adds to `notes` what was converted.

    Raises:
        PhotoRefused: pixels that no photo format of ours can hold (float, 32-bit integers, HSV).
    """
    icc = image.info.get("icc_profile") or None
    if image.mode.startswith("I;16"):
        return *_split_grey16(image), icc
    simple, icc = _to_simple_mode(image, icc, notes)
    planes = np.asarray(simple)
    planes = planes[:, :, None] if planes.ndim == 2 else planes
    if _is_deep(image, data, kind):
        if kind == "png" and data[25] == 4:
            planes = planes[:, :, 2:]  # Pillow has no 16-bit grey with alpha and repeats the grey
        deep = _read_deep(data, planes)
        if deep is None:
            notes.append("16 bits per channel could not be kept; written with 8")
        else:
            planes = deep
    return *((planes[:, :, :-1], planes[:, :, -1]) if planes.shape[2] in {2, 4} else (planes, None)), icc


def _to_simple_mode(image: Image.Image, icc: bytes | None, notes: list[str]) -> tuple[Image.Image, bytes | None]:
    """Return the image in L, LA, RGB or RGBA, and the profile that then holds."""
    mode, clear = image.mode, "transparency" in image.info
    if mode in {"L", "RGB"}:
        return (image.convert(mode + "A") if clear else image), icc
    if mode in {"LA", "RGBA"}:
        return image, icc
    if mode == "1":
        notes.append("black-and-white is written as 8-bit grey")
        return image.convert("LA" if clear else "L"), icc
    if mode in {"P", "PA"}:
        notes.append(_PALETTE_NOTE)
        return _expand_palette(image), icc
    if mode in {"La", "RGBa"}:
        return image.convert(mode.upper()), icc
    if mode == "YCbCr":
        return image.convert("RGB"), icc
    if mode == "CMYK":
        return _convert_cmyk(image, icc, notes)
    if mode == "LAB":
        notes.append("LAB colours are written as sRGB")
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return _transform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB")), None
    raise PhotoRefused(
        f"pixels of kind {mode} (float, 32-bit or HSV) are not supported", "save it with 8 or 16 bits first"
    )


def _transform(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only in-place transforms return nothing
    return converted


def _expand_palette(image: Image.Image) -> Image.Image:
    clear = image.mode == "PA" or "transparency" in image.info
    colours = np.asarray(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    grey = bool((colours == colours[:, :1]).all())
    full = image.convert("RGBA" if clear else "RGB")
    return full.convert("LA" if clear else "L") if grey else full


def _convert_cmyk(image: Image.Image, icc: bytes | None, notes: list[str]) -> tuple[Image.Image, None]:
    profile = clean_profile(icc)
    transform = srgb_transform(profile, "CMYK") if profile else None
    if transform is None:
        notes.append("CMYK without a usable profile is written as sRGB; colours are approximate")
        return image.convert("RGB"), None
    notes.append("CMYK is written as sRGB, converted by its profile")
    return _transform(image, transform), None


def _split_grey16(image: ImageFile) -> tuple[Pixels, Pixels | None]:
    pixels = np.asarray(image).astype(np.uint16)
    if isinstance(image, TiffImageFile):
        if image.tag_v2.get(258) == (12,):
            pixels = (pixels << np.uint16(4)) | (pixels >> np.uint16(8))  # Pillow leaves 12 bits at the low end
        if image.tag_v2.get(262) == 0:
            pixels = ~pixels  # white is zero, which Pillow minds only up to 8 bits
    clear = image.info.get("transparency")
    alpha = None if clear is None else np.where(pixels == clear, 0, 65535).astype(np.uint16)
    return pixels[:, :, None], alpha


def _is_deep(image: ImageFile, data: bytes, kind: str) -> bool:
    """Return whether the file holds 16-bit RGB or alpha, of which Pillow hands out the high bytes only."""
    if kind == "png":
        return data[24] == 16
    return isinstance(image, TiffImageFile) and image.tag_v2.get(258, ())[:3] == (16, 16, 16) and image.mode != "CMYK"


def _read_deep(data: bytes, high: Pixels) -> Pixels | None:
    """Return 16-bit pixels (h, w, c) by OpenCV; None unless their high bytes are exactly Pillow's `high`."""
    deep: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        return None
    deep = deep[:, :, None] if deep.ndim == 2 else deep
    if deep.shape[2] >= 3:
        swap = cv2.COLOR_BGR2RGB if deep.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        cv2.cvtColor(deep, swap, dst=deep)
    if high.shape[2] == 2 and deep.shape[2] == 4:
        deep = deep[:, :, 2:]
    # OpenCV and Pillow do not turn the same files upright, so every turn is tried.
    turns = (turn_upright(deep, orientation) for orientation in range(1, 9))
    return next((t for t in turns if t.shape == high.shape and _has_high_bytes(t, high)), None)


def _has_high_bytes(deep: Pixels, high: Pixels) -> bool:
    """Row by row: the shifted photo as a whole would be one more copy in memory."""
    return all(np.array_equal(row >> 8, high_row) for row, high_row in zip(deep, high, strict=True))
