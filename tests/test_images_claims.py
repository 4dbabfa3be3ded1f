"""Kind, mode, size, colour profile and orientation of photos at once, as they come together: what the copy keeps."""

import io

import numpy as np
import pillow_heif
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dp2vl.images import decode_photo, encode
from dp2vl.images.profiles import clean_profile
from image_tools import FAST, display_p3, noise, saved

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr")
KINDS = {
    "JPEG": {"1", "L", "RGB", "CMYK", "YCbCr"},
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "WEBP": {"RGB", "RGBA"},
    "TIFF": set(MODES),
    "BMP": {"1", "L", "P", "RGB"},
    "AVIF": {"L", "LA", "RGB", "RGBA"},
    "HEIC": {"L", "LA", "RGB", "RGBA"},
}
"""Kind of file -> the modes that Pillow, or for HEIC pillow-heif, writes into it."""
SIDES = st.sampled_from([1, 2, 3, 8, 15, 16, 17, 31, 64])
SIZES = st.one_of(st.tuples(SIDES, SIDES), st.tuples(st.just(1), st.just(2000)), st.tuples(st.just(900), st.just(1)))
SWAPPED = {5, 6, 7, 8}


def drawn(mode: str, width: int, height: int) -> Image.Image:
    pixels = Image.fromarray(noise(height, width, 3, seed=3))
    if mode == "I;16":
        return Image.fromarray(noise(height, width, 1, np.uint16)[:, :, 0])
    if mode.endswith("A"):
        pixels.putalpha(Image.fromarray(noise(height, width, 1)[:, :, 0]))
    return pixels.convert(mode)


def made(kind: str, mode: str, size: tuple[int, int], icc: bytes | None, orientation: int) -> bytes:
    image, exif = drawn(mode, *size), Image.Exif()
    exif[274] = orientation
    options = {"exif": exif.tobytes(), **({"icc_profile": icc} if icc else {})}
    if kind == "HEIC":
        out, heif = io.BytesIO(), pillow_heif.from_pillow(image)
        if icc:
            heif.info["icc_profile"], heif.info["icc_profile_type"] = icc, "prof"
        heif.save(out, quality=90)
        return out.getvalue()
    return saved(image, kind, **({} if kind == "BMP" else options))


@given(
    which=st.sampled_from([(kind, mode) for kind, modes in KINDS.items() for mode in sorted(modes)]),
    size=SIZES,
    profile=st.booleans(),
    orientation=st.integers(1, 8),
    policy=st.sampled_from(["minimal", "strip", "keep"]),
)
@settings(FAST, max_examples=80)
def test_a_copy_has_the_size_depth_alpha_and_colours_of_its_photo_upright(which, size, profile, orientation, policy):
    kind, mode = which
    icc = display_p3() if profile and kind != "BMP" else None
    photo = decode_photo(made(kind, mode, size, icc, orientation))
    turned = orientation in SWAPPED and kind not in {"BMP", "HEIC"}
    assert photo.pixels.shape[:2] == (size if turned else size[::-1])
    assert (photo.alpha is not None) == mode.endswith("A")
    copy = decode_photo(encode(photo, metadata=policy))
    assert copy.format == photo.format
    assert copy.pixels.shape == photo.pixels.shape and copy.pixels.dtype == photo.pixels.dtype
    assert copy.icc == photo.icc == (clean_profile(icc) if icc and mode != "CMYK" else None)
    if photo.alpha is not None:
        assert copy.alpha is not None and np.array_equal(copy.alpha, photo.alpha)
    if photo.lossless:
        assert np.array_equal(copy.pixels, photo.pixels)
