"""Photos in, photos out: pixels, alpha, depth, colours, orientation, and what is refused."""

import io
import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dp2vl.errors import PhotoError, PhotoRefused
from dp2vl.images import Coding, Picture, decode_photo, encode, output_suffix, read_photo, sniff
from dp2vl.images import heif as heif_module

FAST = settings(max_examples=25, deadline=None, derandomize=True)


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8, seed: int = 0) -> NDArray[Any]:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype=dtype, endpoint=True)


def smooth(height: int, width: int, mode: str = "RGB") -> Image.Image:
    small = Image.fromarray(noise(4, 4, 3, seed=1)).convert(mode)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(pixels: NDArray[Any], alpha: NDArray[Any] | None, kind: str, **changes: Any) -> Picture:
    bits = 8 * pixels.itemsize
    given_ = {"format": kind, "lossless": True, "quality": None, "coding": Coding(bits=bits), **changes}
    return Picture(pixels=pixels, alpha=alpha, **given_)


def display_p3() -> bytes:
    """A colour profile with Display P3's primaries and gamma 2.2, tag by tag."""
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    tags = {
        name: b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in xyz))
        for name, xyz in primaries.items()
    }
    tags[b"wtpt"] = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags |= {name: b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2) for name in (b"rTRC", b"gTRC", b"bTRC")}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 3) + b"P3\x00" + bytes(78) + bytes(3)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\x00\x00\x00\x00"
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + table + body


# Pixels


LOSSLESS = [
    ("png", np.uint8, 1, False), ("png", np.uint8, 1, True), ("png", np.uint8, 3, False), ("png", np.uint8, 3, True),
    ("png", np.uint16, 1, False), ("png", np.uint16, 1, True), ("png", np.uint16, 3, False), ("png", np.uint16, 3, True),
    ("tiff", np.uint8, 1, False), ("tiff", np.uint8, 1, True), ("tiff", np.uint8, 3, False), ("tiff", np.uint8, 3, True),
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


# Kinds of pixels


def test_palette_becomes_full_colour_with_alpha_and_a_note():
    image = smooth(9, 11).quantize(16)
    image.info["transparency"] = 3
    back = decode_photo(saved(image, "PNG", transparency=3))
    assert np.array_equal(back.pixels, np.asarray(image.convert("RGBA"))[:, :, :3])
    assert back.alpha is not None and set(np.unique(back.alpha)) <= {0, 255}
    assert any("palette" in note for note in back.notes)


def test_one_bit_becomes_grey_with_a_note():
    image = Image.fromarray(noise(9, 11, 1)[:, :, 0]).convert("1")
    back = decode_photo(saved(image, "PNG"))
    assert back.pixels.shape == (9, 11, 1) and set(np.unique(back.pixels)) == {0, 255}
    assert any("grey" in note for note in back.notes)


def test_cmyk_becomes_rgb_with_a_note():
    back = decode_photo(saved(smooth(16, 16).convert("CMYK"), "JPEG", quality=95))
    assert back.pixels.shape == (16, 16, 3) and back.icc is None
    assert any("CMYK" in note for note in back.notes)
    assert Image.open(io.BytesIO(encode(back))).mode == "RGB"


def test_float_pixels_are_refused_with_a_reason():
    with pytest.raises(PhotoRefused, match="float"):
        decode_photo(saved(Image.new("F", (4, 4)), "TIFF"))


def test_transparent_colour_of_a_16_bit_png_becomes_alpha():
    grey = np.array([[7, 300], [65535, 300]], np.uint16)
    back = decode_photo(saved(Image.fromarray(grey), "PNG", transparency=300))
    assert np.array_equal(back.pixels[:, :, 0], grey)
    assert back.alpha is not None and back.alpha.tolist() == [[65535, 0], [65535, 0]]


def test_jpeg_with_more_pictures_inside_gives_the_first():
    first, second = smooth(16, 16), Image.new("RGB", (16, 16), "red")
    back = decode_photo(saved(first, "MPO", save_all=True, append_images=[second], quality=95))
    assert back.format == "jpeg"
    assert np.abs(back.pixels.astype(int) - np.asarray(first)).mean() < 8
    assert encode(back).count(b"\xff\xd8\xff") == 1


# Orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(smooth(24, 40), kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    source = decode_photo(data)
    assert np.array_equal(source.pixels, expected)
    written = Image.open(io.BytesIO(encode(source)))
    assert written.getexif().get(274, 1) == 1
    assert written.size == expected.shape[1::-1]


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_in_heic_is_applied_once(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    heif = pillow_heif.from_pillow(smooth(24, 40))
    out = io.BytesIO()
    heif.save(out, quality=-1, chroma=444, exif=exif.tobytes())
    turned = Image.open(io.BytesIO(saved(smooth(24, 40), "PNG", exif=exif)))
    expected = np.asarray(ImageOps.exif_transpose(turned)).astype(int)
    back = decode_photo(out.getvalue())
    assert back.pixels.shape == expected.shape and np.abs(back.pixels - expected).max() < 4
    again = decode_photo(encode(back))
    assert again.pixels.shape == expected.shape and np.abs(again.pixels - expected).mean() < 4


def test_orientation_of_16_bit_colour_is_applied():
    pixels = noise(5, 9, 3, np.uint16)
    exif = Image.Exif()
    exif[274] = 6
    data = encode(picture(pixels, None, "png"))
    body = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    back = decode_photo(data[:33] + chunk + data[33:])
    assert np.array_equal(back.pixels, np.rot90(pixels, -1))


def test_real_photos_with_orientation_come_out_like_pillows(shared_data):
    for path in sorted((shared_data / "album/exif_orientation").glob("Landscape_*.jpg")):
        expected = ImageOps.exif_transpose(Image.open(path))
        assert np.array_equal(read_photo(path).pixels, np.asarray(expected))


# Colours


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_the_colour_profile_stays_under_every_policy(kind):
    profile = display_p3()
    if kind == "HEIC":
        data = encode(picture(np.asarray(smooth(16, 16)), None, "heic", lossless=False, quality=90, icc=profile))
    else:
        data = saved(smooth(16, 16), kind, icc_profile=profile)
    source = decode_photo(data)
    assert source.icc == profile
    for policy in ("minimal", "strip", "keep"):
        assert decode_photo(encode(source, metadata=policy)).icc == profile


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_srgb_of_a_wide_gamut_photo_is_more_saturated_than_its_numbers(dtype):
    unit = 1 if dtype == np.uint8 else 257
    pixels = np.full((4, 4, 3), (200, 100, 100), dtype) * dtype(unit)
    plain = picture(pixels, None, "png").srgb()[:, 0, 0]
    wide = picture(pixels, None, "png", icc=display_p3()).srgb()[:, 0, 0]
    assert np.allclose(plain * 255, (200, 100, 100), atol=0.01)
    assert wide[0] * 255 > 205 and wide[1] * 255 < 98 and wide[2] * 255 < 100


def test_a_profile_of_another_kind_of_pixels_is_ignored():
    grey = np.full((3, 3, 1), 51, np.uint8)
    assert np.allclose(picture(grey, None, "png", icc=display_p3()).srgb(), 0.2)


def test_srgb_repeats_grey_ignores_alpha_and_shrinks_big_photos():
    grey, alpha = np.full((400, 300, 1), 51, np.uint8), np.zeros((400, 300), np.uint8)
    small = picture(grey, alpha, "png").srgb(long_side_px=100)
    assert small.shape == (3, 100, 75) and small.dtype == np.float32
    assert np.allclose(small, 0.2)
    assert picture(grey, None, "png").srgb(long_side_px=500).shape == (3, 400, 300)


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


# Refused and failed


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_animated_and_multi_page_files_are_refused_with_a_reason(kind):
    frames = [Image.fromarray(noise(16, 16, 3, seed=i)) for i in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(PhotoRefused, match="animated|pages|sequence|GIF"):
        decode_photo(data)


def test_a_burst_in_heic_is_refused():
    heif = pillow_heif.from_pillow(smooth(16, 16))
    heif.add_from_pillow(smooth(16, 24))
    out = io.BytesIO()
    heif.save(out)
    with pytest.raises(PhotoRefused, match="2 pictures"):
        decode_photo(out.getvalue())


def test_a_tiff_whose_second_page_is_only_a_preview_is_read():
    preview = smooth(4, 4)
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    data = saved(smooth(16, 16), "TIFF", save_all=True, append_images=[preview])
    assert decode_photo(data).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_too_many_megapixels_are_refused_and_the_flag_is_named(tmp_path, kind):
    path = tmp_path / "big"
    path.write_bytes(saved(smooth(100, 130), kind))
    with pytest.raises(PhotoRefused, match="--max-megapixels"):
        read_photo(path, max_megapixels=0.01)
    assert read_photo(path, max_megapixels=0.013).pixels.shape[:2] == (100, 130)


def test_a_bomb_is_an_error_before_its_pixels_are_decoded():
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = saved(smooth(4, 4), "PNG")
    bomb = bomb[:12] + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + bomb[33:]
    with pytest.raises(PhotoError, match="bomb"):
        decode_photo(bomb)


@pytest.mark.parametrize(
    "data", [b"", b"hello, this is text", b"%PDF-1.7", bytes(100), b"BMW is a car maker, not a bitmap"]
)
def test_what_is_not_a_picture_is_an_error(tmp_path, data):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert sniff(path) is None
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert caught.value.hint and not isinstance(caught.value, PhotoRefused)


def test_missing_folders_and_unreadable_files_are_errors(tmp_path):
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(PhotoError):
            read_photo(path)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="regular"):
        read_photo(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "HEIC"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_truncated_photos_are_errors_and_never_half_grey(kind, part):
    image = Image.fromarray(noise(64, 64, 3))
    data = encode(decode_photo(saved(image, "PNG"))) if kind == "HEIC" else saved(image, kind)
    if kind == "HEIC":
        data = encode(picture(noise(64, 64, 3), None, "heic", lossless=False, quality=90))
    with pytest.raises(PhotoError) as caught:
        decode_photo(data[: int(part * len(data))])
    assert "\n" not in str(caught.value)


@given(kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "HEIC"]), seed=st.integers(0, 9999))
@settings(FAST, max_examples=150)
def test_damaged_files_give_a_picture_or_a_photo_error_and_nothing_else(kind, seed):
    data = bytearray(_valid(kind))
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(min(len(data), chance.choice([64, 512, len(data)])))] = chance.randrange(256)
    try:
        read = decode_photo(bytes(data), max_megapixels=4)
    except PhotoError:
        return
    for policy in ("minimal", "keep"):
        encode(read, metadata=policy)


def _valid(kind: str, known: dict[str, bytes] = {}) -> bytes:  # noqa: B006  a cache: files are made once
    if kind not in known:
        exif = Image.Exif()
        exif[271], exif[34665] = "Maker", {36867: "2024:01:02 03:04:05", 37500: b"note" * 9}
        if kind == "HEIC":
            known[kind] = encode(picture(noise(24, 24, 3), None, "heic", lossless=False, quality=90))
        else:
            known[kind] = saved(smooth(24, 24), kind, **({} if kind == "BMP" else {"exif": exif}))
    return known[kind]


# The rest of the interface


def test_sniff_judges_content_not_names(tmp_path):
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "GIF"):
        path = tmp_path / "photo.heic"
        path.write_bytes(saved(smooth(4, 4), kind))
        assert sniff(path) == kind.lower()


def test_unsupported_pictures_are_named():
    for head, name in ((b"8BPS", "PSD"), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"), (b"FUJIFILMCCD-RAW ", "RAW")):
        with pytest.raises(PhotoRefused, match=name):
            decode_photo(head + bytes(64))


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


# Real and broken files


def sample(folder: Path, *patterns: str, most: int) -> list[Path]:
    found = sorted(p for pattern in patterns for p in folder.rglob(pattern) if p.stat().st_size < 200_000)
    return random.Random(0).sample(found, min(most, len(found)))


def test_a_sample_of_broken_files_gives_pictures_or_photo_errors(shared_data):
    paths = sample(shared_data / "corrupt", "*.jpg", "*.png", "*.tif", "*.bmp", "*.webp", "*.avif", "*.gif", most=150)
    outcomes = {"written": 0, "refused": 0, "failed": 0}
    for path in paths:
        try:
            source = read_photo(path)
            back = decode_photo(encode(source))
        except PhotoRefused:
            outcomes["refused"] += 1
        except PhotoError:
            outcomes["failed"] += 1
        else:
            assert back.pixels.shape == source.pixels.shape
            assert not source.lossless or np.array_equal(back.pixels, source.pixels)
            outcomes["written"] += 1
    assert sum(outcomes.values()) == len(paths) and min(outcomes.values()) > 0


def test_truncated_and_corrupted_heic_are_errors(shared_data):
    broken = shared_data / "album/pillow_heif"
    for name in ("heif_truncated/truncated.heic", "heif_corrupted/corrupted.heic", "heif_corrupted/corrupted.hif"):
        with pytest.raises(PhotoError):
            read_photo(broken / name)
