"""Photos out: what comes back from a written file, depth, quality, and what is said when a format cannot be kept."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dp2vl.images import Coding, decode_photo, encode, output_suffix
from dp2vl.images import heif as heif_module
from image_tools import FAST, noise, picture, saved, smooth

LOSSLESS = [
    ("png", np.uint8, 1, False), ("png", np.uint8, 1, True), ("png", np.uint8, 3, False), ("png", np.uint8, 3, True),
    ("png", np.uint16, 1, False), ("png", np.uint16, 1, True),
    ("png", np.uint16, 3, False), ("png", np.uint16, 3, True),
    ("tiff", np.uint8, 1, False), ("tiff", np.uint8, 1, True),
    ("tiff", np.uint8, 3, False), ("tiff", np.uint8, 3, True),
    ("tiff", np.uint16, 1, False), ("tiff", np.uint16, 3, False), ("tiff", np.uint16, 3, True),
    ("bmp", np.uint8, 1, False), ("bmp", np.uint8, 3, False), ("bmp", np.uint8, 3, True),
    ("webp", np.uint8, 3, False), ("webp", np.uint8, 3, True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "dtype", "channels", "clear"), LOSSLESS)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
@settings(FAST, max_examples=8)
def test_lossless_formats_give_back_identical_pixels_and_alpha(kind, dtype, channels, clear, height, width, seed):
    pixels = noise(height, width, channels, dtype, seed)
    alpha = noise(height, width, 1, dtype, seed + 1)[:, :, 0] if clear else None
    back = decode_photo(encode(picture(pixels, alpha, kind)))
    assert back.format == kind and back.lossless and back.pixels.dtype == dtype
    assert np.array_equal(back.pixels, pixels)
    if alpha is not None and (alpha < np.iinfo(dtype).max).any():
        assert back.alpha is not None and np.array_equal(back.alpha, alpha)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_a_large_16_bit_photo_comes_back_over_several_blocks(kind):
    pixels = np.add.outer(np.arange(900) * 31, np.arange(1000) * 29).astype(np.uint16)[:, :, None].repeat(3, 2)
    assert np.array_equal(decode_photo(encode(picture(pixels, None, kind))).pixels, pixels)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "heic", "avif"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (33, 65), (64, 48)])
def test_lossy_formats_keep_the_size_and_stay_near(kind, size):
    pixels = np.asarray(smooth(*size))
    back = decode_photo(encode(picture(pixels, None, kind, lossless=False, quality=92)))
    assert back.format == kind and not back.lossless and back.quality is not None
    assert back.pixels.shape == pixels.shape
    if min(size) > 8:
        assert np.abs(back.pixels.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("kind", ["heic", "avif", "webp"])
def test_alpha_of_lossy_formats_is_exact(kind):
    alpha = noise(32, 48, 1)[:, :, 0]
    back = decode_photo(encode(picture(np.asarray(smooth(32, 48)), alpha, kind, lossless=False, quality=92)))
    assert back.alpha is not None and np.array_equal(back.alpha, alpha)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "bmp", "heic", "avif"])
def test_greyscale_stays_greyscale(kind):
    grey = np.asarray(smooth(20, 30, "L"))[:, :, None]
    written = encode(picture(grey, None, kind, lossless=kind in {"png", "tiff", "bmp"}, quality=92))
    assert decode_photo(written).pixels.shape == (20, 30, 1)
    if kind not in {"heic"}:
        assert Image.open(io.BytesIO(written)).mode == "L"


@pytest.mark.parametrize("bits", [10, 12])
def test_heic_keeps_its_bit_depth(bits):
    step = 1 << (16 - bits)
    ramp = (np.linspace(0, (1 << bits) - 1, 64 * 64).astype(np.uint16) * step).reshape(64, 64, 1)
    source = picture(ramp, None, "heic", lossless=False, quality=95, coding=Coding(bits=bits))
    back = decode_photo(encode(source))
    assert back.coding.bits == bits and back.pixels.dtype == np.uint16
    assert np.abs(back.pixels.astype(int) - ramp).max() < 257 * 4


@pytest.mark.parametrize(("quality", "expected"), [(50, 90), (75, 90), (90, 90), (95, 95), (98, 98)])
def test_jpeg_quality_is_read_from_the_tables_and_never_under_90(quality, expected):
    read = decode_photo(saved(smooth(32, 32), "JPEG", quality=quality))
    assert read.quality == expected
    again = Image.open(io.BytesIO(encode(read)))
    reference = Image.open(io.BytesIO(saved(smooth(32, 32), "JPEG", quality=expected)))
    assert again.quantization == reference.quantization
    assert again.layer == [("\x01"[0] and layer[0], 1, 1, layer[3]) for layer in again.layer]  # 4:4:4


def test_noise_at_the_highest_quality_is_written():
    source = decode_photo(saved(Image.fromarray(noise(300, 300, 3)), "JPEG", quality=100, subsampling=0))
    assert source.quality == 100 and len(encode(source)) > 100_000


def test_with_pixels_refuses_another_size_or_depth():
    source = picture(noise(4, 4, 3), None, "png")
    assert np.array_equal(source.with_pixels(255 - source.pixels).pixels, 255 - source.pixels)
    for other in (noise(4, 5, 3), noise(4, 4, 3, np.uint16)):
        with pytest.raises(ValueError, match="expected uint8"):
            source.with_pixels(other)


def test_an_unknown_policy_is_an_error():
    with pytest.raises(ValueError, match="expected one of minimal, strip, keep"):
        encode(picture(noise(4, 4, 3), None, "png"), metadata="some")


def test_heic_without_an_encoder_is_written_as_png_with_a_note(monkeypatch):
    data = encode(picture(np.asarray(smooth(16, 16)), None, "heic", lossless=False, quality=90))
    assert output_suffix(decode_photo(data)) == ""
    monkeypatch.setattr("dp2vl.images.reading.can_encode_heic", lambda: False)
    source = decode_photo(data)
    assert heif_module.can_encode_heic() and output_suffix(source) == ".png"
    assert any("PNG" in note for note in source.notes)
    assert np.array_equal(decode_photo(encode(source)).pixels, source.pixels)


def test_png_colour_chunks_are_repeated():
    chunk = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100000)
    plain = saved(smooth(4, 4), "PNG")
    data = plain[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + plain[33:]
    assert chunk in encode(decode_photo(data), metadata="strip")


def test_resolution_is_kept():
    for kind in ("JPEG", "PNG", "TIFF", "BMP"):
        source = decode_photo(saved(smooth(8, 8), kind, dpi=(300, 300)))
        x, y = Image.open(io.BytesIO(encode(source))).info["dpi"]
        assert round(x) == round(y) == 300
