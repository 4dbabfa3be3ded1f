"""Files that few cameras write: odd pixels, odd containers, damaged descriptions; each is read right or refused."""

import io
import struct
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from dp2vl.errors import PhotoError, PhotoRefused
from dp2vl.images import check_file_size, decode_photo, encode, sniff
from dp2vl.images.boundary import decoding
from dp2vl.images.containers import (
    boxes,
    is_lossless_webp,
    jpeg_scans,
    missing_bytes,
    png_chunks,
    png_colour_chunks,
    webp_size,
)
from dp2vl.images.picture import Metadata
from dp2vl.images.quality import estimate_jpeg_quality
from dp2vl.images.sniffing import sniff_bytes
from image_tools import noise, picture, saved, smooth

DATE = "2024:01:02 03:04:05"


def make_tiff(pixels: np.ndarray, photometric: int, bits: int = 0, **tags: object) -> bytes:
    """Return an uncompressed TIFF of (h, w, c) pixels, whatever they mean; `tags` are named t<number>."""
    height, width, channels = pixels.shape
    data = pixels.tobytes()
    directory = ImageFileDirectory_v2(ifh=b"II\x2a\x00\x08\x00\x00\x00")
    layout = {
        256: width, 257: height, 258: (bits or 8 * pixels.itemsize,) * channels, 259: 1, 262: photometric, 273: 0,
        277: channels, 278: height, 279: len(data),
    }  # fmt: skip
    for tag, value in (layout | {int(name[1:]): value for name, value in tags.items()}).items():
        directory[tag] = value
    return b"II\x2a\x00\x08\x00\x00\x00" + directory.tobytes(8) + data  # Pillow counts strips from the directory's end


def make_cmyk_profile() -> bytes:
    """Return a profile whose ink amounts are mixed by the simplest rule: Lab is white less the sum of inks."""
    steps = bytes(range(256))
    corners = b"".join(
        bytes([255 - 60 * bin(corner).count("1"), 128, 128]) for corner in range(16)
    )  # L in 0 to 255, a and b in the middle
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += steps * 4 + corners + steps * 3
    tags = {b"A2B0": table, b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 2) + b"K\x00" + bytes(78) + bytes(4)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\x00\x00\x00\x00"
    at, index, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        index += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + index + body


# Pixels -------------------------------------------------------------------------------------------------------------


def test_lab_colours_become_the_srgb_that_they_mean():
    colours = smooth(24, 16)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.applyTransform(colours, ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    assert made is not None
    read = decode_photo(saved(made, "TIFF"))
    assert "LAB colours are written as sRGB" in read.notes and read.icc is None
    assert np.abs(read.pixels.astype(int) - np.asarray(colours)).mean() < 3


def test_ycbcr_becomes_rgb():
    colours = smooth(24, 16)
    read = decode_photo(saved(colours.convert("YCbCr"), "TIFF"))
    assert np.abs(read.pixels.astype(int) - np.asarray(colours)).max() <= 3


def test_colours_multiplied_by_their_alpha_are_divided_by_it():
    pixels = np.full((4, 4, 4), (50, 100, 25, 128), np.uint8)
    read = decode_photo(make_tiff(pixels, 2, t338=1))
    assert read.alpha is not None and set(read.alpha.ravel()) == {128}
    assert np.abs(read.pixels[0, 0].astype(int) - (100, 199, 50)).max() <= 1


def test_inks_with_a_profile_are_converted_by_it():
    inks = Image.new("CMYK", (8, 8), (255, 255, 0, 0))
    read = decode_photo(saved(inks, "TIFF", icc_profile=make_cmyk_profile()))
    assert read.notes == ("CMYK is written as sRGB, converted by its profile",) and read.icc is None
    plain = decode_photo(saved(inks, "TIFF"))
    assert plain.notes[0].startswith("CMYK without a usable profile")
    grey, blue = read.pixels[0, 0].astype(int), plain.pixels[0, 0].astype(int)
    assert np.ptp(grey) <= 2 and 100 < grey[0] < 150, "lightness 135 of 255, as the profile says"
    assert blue[2] - blue[0] > 100


def test_white_is_zero_in_some_grey_files():
    dark = np.zeros((4, 6, 1), np.uint16)
    dark[0] = 65535
    assert (decode_photo(make_tiff(dark, 0)).pixels == ~dark).all()
    assert (decode_photo(make_tiff(dark, 1)).pixels == dark).all()


def test_twelve_bits_reach_from_black_to_white():
    packed = np.frombuffer(bytes.fromhex("fff000800fff"), np.uint8)  # 4095, 0, 2048, 4095
    data = make_tiff(packed.reshape(1, 6, 1), 1, bits=12, t256=4, t279=6)
    assert decode_photo(data).pixels.ravel().tolist() == [65535, 0, 32776, 65535]


@pytest.mark.parametrize("mode", ["P", "PA"])
def test_a_palette_of_greys_is_grey(mode):
    greys = smooth(16, 16, "L").quantize(8)
    read = decode_photo(saved(greys, "PNG", **({"transparency": 0} if mode == "PA" else {})))
    assert read.pixels.shape[2] == 1 and (read.alpha is not None) == (mode == "PA")


def test_where_the_deep_bits_cannot_be_had_the_photo_is_written_with_eight_and_says_so(monkeypatch):
    deep = noise(8, 8, 3, np.uint16)
    data = encode(picture(deep, None, "tiff"))
    assert (decode_photo(data).pixels == deep).all()
    monkeypatch.setattr(cv2, "imdecode", lambda *a: None)
    read = decode_photo(data)
    assert read.notes == ("16 bits per channel could not be kept; written with 8",)
    assert (read.pixels == deep >> 8).all()


# Refusals -----------------------------------------------------------------------------------------------------------


def test_a_file_that_no_photo_of_the_allowed_size_needs_is_refused_unread():
    check_file_size(50_000_000, max_megapixels=10)
    with pytest.raises(PhotoRefused, match="500000 MB is more than photos of the allowed size need"):
        check_file_size(500_000_000_000, max_megapixels=100)


def test_a_camera_raw_that_looks_like_tiff_is_refused():
    with pytest.raises(PhotoRefused, match="camera raw"):
        decode_photo(make_tiff(noise(4, 4, 3), 2, t50706=b"\x01\x04\x00\x00"))
    with pytest.raises(PhotoRefused, match="camera raw"):
        decode_photo(make_tiff(noise(4, 4, 3), 2, t254=1, t330=8))


def test_an_avif_whose_colours_are_told_by_a_number_we_do_not_know_is_refused():
    data = saved(smooth(16, 16), "AVIF")
    at = data.index(b"nclx") + 4
    wide = data[:at] + struct.pack(">HH", 9, 16) + data[at + 4 :]
    with pytest.raises(PhotoRefused, match=r"wide-gamut or HDR colours by number \(9/16\)"):
        decode_photo(wide)


@pytest.mark.parametrize("kind", ["webp", "jpeg"])
def test_a_photo_longer_than_its_format_allows_is_an_error_that_says_so(kind):
    long = picture(np.zeros((1, 70_000, 3), np.uint8), None, kind, lossless=False, quality=90)
    with pytest.raises(PhotoError, match=f"cannot be written as {kind.upper()}") as error:
        encode(long)
    assert error.value.hint == "convert the photo to PNG first"


# Names and containers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x01\x00\x02\x00" + bytes(58), "ico"),
        (b"\x00\x00\x01\x00\x00\x00" + bytes(58), None),
        (b"P6\n4 4\n255\n", "pnm"),
        (b"P9\n4 4\n255\n", None),
        (b"P6", None),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00crx isom", "raw"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avifmiaf", "avif"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00heicmiaf", "heic"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", None),
    ],
)
def test_kinds_are_told_by_the_first_bytes(head, kind):
    assert sniff_bytes(head) == kind


def test_a_file_that_cannot_be_opened_is_an_error_that_says_why(tmp_path: Path):
    with pytest.raises(PhotoError, match="cannot be opened: No such file"):
        sniff(tmp_path / "absent.jpg")


def test_chunks_of_a_png_end_with_the_picture_or_with_the_bytes():
    data = saved(smooth(8, 8), "PNG")
    names = [name for name, _ in png_chunks(data)]
    assert (names[0], names[-1]) == (b"IHDR", b"IEND")
    assert [name for name, _ in png_chunks(data + b"\x00\x00\x00\x00tEXt\x00\x00\x00\x00")] == names
    assert [name for name, _ in png_chunks(data[:-12])] == names[:-1]
    gamma = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 45455) + bytes(4)
    assert png_colour_chunks(data[:33] + gamma + gamma) == ((b"gAMA", struct.pack(">I", 45455)),)
    odd = struct.pack(">I", 2) + b"gAMA" + bytes(2) + bytes(4)
    assert png_colour_chunks(data[:33] + odd + data[33:]) == ()


def test_a_webp_without_a_picture_is_not_lossless_and_has_no_size():
    for lossless in (True, False):
        data = saved(smooth(40, 24), "WEBP", lossless=lossless)
        assert is_lossless_webp(data) == lossless and webp_size(data) == (24, 40)
        assert missing_bytes(data[:-5], "webp") == 5
        assert webp_size(data[:29]) is None
    assert not is_lossless_webp(b"RIFF\x10\x00\x00\x00WEBPEXIF\x03\x00\x00\x00abc")


def test_boxes_may_be_long_or_last_to_the_end_and_broken_ones_stop_the_walk():
    plain = struct.pack(">I", 12) + b"freeabcd"
    long = struct.pack(">I4sQ", 1, b"mdat", 20) + b"wxyz"
    rest = struct.pack(">I", 0) + b"mdatrest"
    data = plain + long + rest
    assert [(name, data[start:end]) for name, start, end in boxes(data)] == [
        (b"free", b"abcd"), (b"mdat", b"wxyz"), (b"mdat", b"rest")
    ]  # fmt: skip
    assert [name for name, _, _ in boxes(plain + struct.pack(">I", 7) + b"evil" + plain)] == [b"free"]
    assert [name for name, _, _ in boxes(plain + struct.pack(">I4sQ", 1, b"evil", 8) + plain)] == [b"free"]
    assert missing_bytes(plain + struct.pack(">I", 100) + b"mdat", "heic") == 92
    assert missing_bytes(data, "jpeg") == 0


def test_scans_of_a_jpeg_are_those_of_its_first_picture():
    data = saved(smooth(16, 16), "JPEG")
    assert jpeg_scans(data) == jpeg_scans(data + data) == 1
    assert jpeg_scans(data[:-2]) == 1, "without an end"


@pytest.mark.parametrize("tables", [{}, {0: [1] * 63}, {0: [1] * 64, 1: [2] * 10}])
def test_tables_that_are_none_count_as_the_lowest_quality(tables):
    assert estimate_jpeg_quality(tables) == 1


# Descriptions -------------------------------------------------------------------------------------------------------


def broken_exif() -> bytes:
    return b"Exif\x00\x00" + b"XX\x2a\x00" + bytes(40)


def heic_with(exif: bytes) -> bytes:
    out, image = io.BytesIO(), pillow_heif.from_pillow(smooth(64, 64))
    image.save(out, exif=exif)
    return out.getvalue()


def png_with(exif: bytes) -> bytes:
    return saved(smooth(16, 16), "PNG", exif=exif)


def webp_with(exif: bytes) -> bytes:
    return saved(smooth(16, 16), "WEBP", exif=exif)


@pytest.mark.parametrize("make", [png_with, webp_with, heic_with])
@pytest.mark.parametrize("policy", ["minimal", "strip", "keep"])
def test_an_unreadable_description_costs_itself_and_not_the_photo(make: Callable[[bytes], bytes], policy: str):
    read = decode_photo(make(broken_exif()))
    assert "unreadable EXIF was left out" in read.notes and not read.metadata.tags
    assert decode_photo(encode(read, metadata=policy)).pixels.shape == read.pixels.shape


def test_a_broken_directory_or_tag_costs_itself_and_not_the_others():
    exif = Image.Exif()
    exif[271], exif[34665] = "Maker", {36867: DATE}
    data = bytearray(exif.tobytes())
    whole = decode_photo(saved(smooth(16, 16), "JPEG", exif=bytes(data)))
    assert whole.metadata.tags["exif"][36867] == DATE

    pointer = data.index(struct.pack(">H", 34665) if b"MM" in data[:10] else struct.pack("<H", 34665))
    data[pointer + 8 : pointer + 12] = b"\xff\xff\xff\xf0"
    read = decode_photo(saved(smooth(16, 16), "JPEG", exif=bytes(data)))
    assert read.metadata.tags["image"][271] == "Maker" and 36867 not in read.metadata.tags.get("exif", {})


@pytest.mark.parametrize(
    "pointer", [struct.pack(">HHIi", 34853, 9, 1, -1), struct.pack(">HHI4s", 34853, 2, 4, b"abc\x00")]
)
def test_a_pointer_to_places_that_leads_nowhere_costs_the_places_alone(pointer: bytes):
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">H", 2) + struct.pack(">HHI4s", 271, 2, 4, b"ABC\x00")
    read = decode_photo(png_with(b"Exif\x00\x00" + tiff + pointer + bytes(4)))
    assert read.metadata.tags["image"][271] == "ABC" and "gps" not in read.metadata.tags


def test_a_tag_at_which_the_reader_fails_costs_itself_and_not_the_photo(monkeypatch):
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Maker", "Model", 6
    data, real = saved(smooth(16, 24), "PNG", exif=exif), Image.Exif.__getitem__

    def fail(self: Image.Exif, tag: int) -> object:
        if tag in {272, 274}:
            raise struct.error("unpack requires a buffer of 2 bytes")
        return real(self, tag)

    assert decode_photo(data).pixels.shape == (24, 16, 3)
    monkeypatch.setattr(Image.Exif, "__getitem__", fail)
    read = decode_photo(data)
    assert read.metadata.tags["image"] == {271: "Maker"} and read.pixels.shape == (16, 24, 3)


def test_captions_of_a_tiff_may_be_text():
    read = decode_photo(make_tiff(noise(4, 4, 3), 2, t33723="a caption"))
    assert read.metadata.iptc == b"a caption"


def described(tags: dict[str, dict[int, object]], xmp: bytes | None = None) -> bytes:
    """Return a JPEG under the policy that keeps all it can."""
    one = picture(noise(12, 20, 3), None, "jpeg", lossless=False, quality=90)
    return encode(replace(one, metadata=Metadata(tags=tags, xmp=xmp)), metadata="keep")


def test_a_size_that_is_stated_is_made_true():
    read = decode_photo(described({"exif": {40962: 4000, 40963: 3000, 36867: DATE}}))
    assert (read.metadata.tags["exif"][40962], read.metadata.tags["exif"][40963]) == (20, 12)


def test_a_tag_whose_value_cannot_be_written_is_left_out_alone():
    read = decode_photo(described({"exif": {34855: 1 << 40, 36867: DATE}, "image": {271: "Maker"}}))
    assert read.metadata.tags["exif"] == {36867: DATE} and read.metadata.tags["image"][271] == "Maker"


def test_a_description_too_long_for_the_format_loses_its_maker_note_first_and_then_all_but_the_date():
    long = {tag: bytes([65 + tag % 7]) * 8000 for tag in range(50_000, 50_007)}
    read = decode_photo(described({"exif": {36867: DATE, 37500: b"N" * 8000}, "image": long | {50_010: b"B" * 5000}}))
    assert 37500 not in read.metadata.tags["exif"] and 50_010 in read.metadata.tags["image"]
    longer = long | {tag: b"C" * 8000 for tag in range(50_020, 50_030)}
    read = decode_photo(described({"exif": {36867: DATE, 37500: b"N" * 8000}, "image": longer}))
    assert read.metadata.tags["exif"][36867] == DATE and 50_000 not in read.metadata.tags.get("image", {})


def test_an_xmp_packet_that_states_size_and_orientation_in_elements_is_made_true():
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><tiff:Orientation>6'
        b"</tiff:Orientation><tiff:ImageWidth>4000</tiff:ImageWidth><tiff:Make>Maker</tiff:Make></x:xmpmeta>"
    )
    data = described({}, packet)
    assert b"<tiff:Orientation>1<" in data and b"<tiff:ImageWidth>20<" in data and b"<tiff:Make>Maker<" in data


def test_threads_that_decode_at_once_leave_the_warnings_of_the_process_as_they_were():
    before, inside, leave = list(warnings.filters), threading.Event(), threading.Event()

    def decode_longer() -> None:
        with decoding("JPEG"):
            inside.set()
            leave.wait(60)

    other = threading.Thread(target=decode_longer)
    with decoding("PNG"):
        other.start()
        assert inside.wait(60)
    assert warnings.filters[0][0] == "ignore", "the other one's warnings are heard"
    leave.set()
    other.join()
    assert warnings.filters == before
