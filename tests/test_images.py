"""Photos in: kinds of pixels, orientation, colours, and what is refused or fails, with its reason."""

import io
import os
import random
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from dp2vl.errors import PhotoError, PhotoRefused
from dp2vl.images import decode_photo, encode, read_photo, sniff
from dp2vl.images.profiles import clean_profile
from image_tools import FAST, display_p3, noise, picture, saved, smooth

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
    profile = clean_profile(display_p3())
    if kind == "HEIC":
        data = encode(picture(np.asarray(smooth(16, 16)), None, "heic", lossless=False, quality=90, icc=profile))
    else:
        data = saved(smooth(16, 16), kind, icc_profile=profile)
    source = decode_photo(data)
    assert profile is not None and source.icc == profile
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


# Refused and failed


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_animated_and_multi_page_files_are_refused_with_a_reason(kind):
    frames = [Image.fromarray(noise(16, 16, 3, seed=i)) for i in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(PhotoRefused, match=r"animated|pages|sequence|GIF"):
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


def test_a_tiff_tile_larger_than_the_limit_is_refused_however_small_the_photo():
    directory = ImageFileDirectory_v2(ifh=b"MM\x00\x2a\x00\x00\x00\x08")
    layout = {256: 64, 257: 64, 258: 8, 259: 8, 262: 1, 277: 1, 322: 32768, 323: 32768, 324: 8, 325: 8}
    for tag, value in layout.items():
        directory[tag] = value
    with pytest.raises(PhotoRefused, match="32768x32768"):
        decode_photo(b"MM\x00\x2a\x00\x00\x00\x08" + directory.tobytes(8) + bytes(2 << 20))


def test_a_jpeg_with_thousands_of_scans_is_an_error_and_a_progressive_one_is_not():
    data = saved(smooth(64, 64, "L"), "JPEG", progressive=True)
    assert decode_photo(data).pixels.shape == (64, 64, 1)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(PhotoError, match="scans"):
        decode_photo(data[:-2] + 3000 * last_scan + data[-2:])


def scanned(side_px: int, scans: int) -> bytes:
    """Return a grey JPEG of some kB, coded in so many passes."""
    data = saved(Image.new("L", (side_px, side_px), 90), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + (scans - data.count(b"\xff\xda")) * last_scan + data[-2:]


def test_scans_of_a_jpeg_are_weighed_by_its_pixels():
    assert decode_photo(scanned(200, 100)).pixels.shape == (200, 200, 1)
    large, start = scanned(4600, 95), time.process_time()
    with pytest.raises(PhotoError, match="expected at most 94 scans, got 95: a decompression bomb"):
        decode_photo(large)
    with pytest.raises(PhotoError, match="expected at most 100 scans, got 101"):
        decode_photo(scanned(200, 101))
    assert time.process_time() - start < 2


def run_length_bmp(width: int, height: int, *, more: int = 0) -> bytes:
    """Return a BMP of 8 bits whose rows are one run of 7s and an end of line each."""
    body = b"\xff\x07" * (width // 255 + 1) + b"\x00\x00"
    body = body * height + b"\x00\x01" if width < 9999 else b"\x01\x07\x00\x00" * height + b"\x00\x01"
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body) + more, 0, 0, 1078) + head + palette + body + bytes(more)


def test_a_run_length_coded_bmp_is_read_up_to_a_few_megapixels_and_refused_beyond():
    assert (decode_photo(run_length_bmp(300, 200)).pixels == 7).all()
    start = time.process_time()
    for data in (run_length_bmp(50_000_000, 2), run_length_bmp(300, 200, more=8_000_000)):
        with pytest.raises(PhotoRefused, match="run-length coded BMP of more than 8 megapixels") as error:
            decode_photo(data)
        assert error.value.hint == "save it as PNG first"
    assert time.process_time() - start < 2
    plain = saved(Image.new("L", (4000, 2100)), "BMP")
    assert decode_photo(plain).pixels.shape == (2100, 4000, 1), "other BMPs may be as large as photos are"


def test_too_little_memory_is_no_damage_of_the_file(monkeypatch):
    data, read = saved(smooth(8, 8), "PNG"), decode_photo(saved(smooth(8, 8), "PNG"))

    def fail(*args: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImageFile, "load", fail)
    with pytest.raises(PhotoError, match="not enough memory to decode it as PNG") as error:
        decode_photo(data)
    assert "damaged" not in error.value.hint
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(PhotoError, match="not enough memory to write it as PNG"):
        encode(read)


def test_a_tiff_with_thousands_of_previews_is_refused_without_counting_them():
    layout = {254: 1, 256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 16}
    page = struct.pack(">H", len(layout)) + b"".join(struct.pack(">HHIHH", t, 3, 1, v, 0) for t, v in layout.items())
    pages = (page + struct.pack(">I", 8 + (i + 1) * (len(page) + 4)) for i in range(50_000))
    with pytest.raises(PhotoRefused, match="pages"):
        decode_photo(b"MM\x00\x2a\x00\x00\x00\x08" + b"".join(pages))


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
        extra = {} if kind == "BMP" else {"exif": exif.tobytes()}
        if kind == "HEIC":
            known[kind] = encode(picture(noise(24, 24, 3), None, "heic", lossless=False, quality=90))
        else:
            known[kind] = saved(smooth(24, 24), kind, **extra)
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
