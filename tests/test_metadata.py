"""What the three metadata policies promise, on files full of private data and judged by readers that are not ours."""

import base64
import io
import struct
import zlib
from collections.abc import Mapping

import exifread
import pillow_heif
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from dp2vl.images import decode_photo, encode, explain_metadata
from dp2vl.images.profiles import clean_profile
from image_tools import display_p3, saved, smooth

DATE = "2024:01:02 03:04:05"
CREATOR = "Ada-Private"
SERIAL, OWNER, PLACE, NOTE, WORDS, PAYLOAD = (
    *(b"SN-4711-secret", b"Owner-Ada-Private", b"Quiet-Street-7", b"maker-note-secret"),
    *(b"words-of-a-comment", b"ftypmp42-motion-photo-payload"),
)
PRIVATE = (SERIAL, OWNER, PLACE, NOTE, WORDS, PAYLOAD, CREATOR.encode())
KINDS = ("jpeg", "png", "webp", "tiff", "heic", "avif")
MARKS = {
    "jpeg": (b"MPF\x00", b"Photoshop", b"8BIM", b"ns.adobe.com", b"\xff\xfe"),
    "png": (b"tEXt", b"iTXt", b"zTXt"),
    "webp": (b"XMP ",),
    "tiff": (b"8BIM", b"xmpmeta"),
    "heic": (b"rdf+xml", b"xmpmeta", b"thmb"),
    "avif": (b"rdf+xml", b"xmpmeta"),
}
"""Names of blocks that `minimal` and `strip` leave out of each format."""


def thumbnail() -> bytes:
    return saved(Image.new("RGB", (40, 30), "red"), "JPEG")


def xmp() -> bytes:
    """A packet with an author, an orientation, and a thumbnail in base64."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        b'xmlns:g="http://ns.adobe.com/xap/1.0/g/img/" xmlns:c="http://ns.google.com/photos/1.0/camera/" '
        b'tiff:Orientation="6" c:MotionPhoto="1"><dc:creator>' + CREATOR.encode() + b"</dc:creator>"
        b"<g:image>/9j/thumbnail</g:image></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def exif(*, orientation: int = 6, thumbnail_at: int | None = None) -> bytes:
    """EXIF as a phone writes it, from `II`; with a thumbnail directory unless `thumbnail_at` is 0."""
    directory = ImageFileDirectory_v2()
    directory[271], directory[315], directory[306] = "Maker", OWNER.decode(), "2025:05:05 05:05:05"
    directory[274] = orientation
    directory[34665] = {
        36867: DATE,
        36881: "+02:00",
        37500: NOTE,
        37510: b"ASCII\x00\x00\x00" + WORDS,
        40961: 1,
        42032: OWNER.decode(),
        42033: SERIAL.decode(),
    }
    directory[34853] = {1: "N", 2: (52.0, 30.0, 1.0), 3: "E", 4: (13.0, 24.0, 2.0), 29: "2024:01:02", 27: PLACE}
    body = bytearray(b"II\x2a\x00\x08\x00\x00\x00" + directory.tobytes(8))
    if thumbnail_at != 0:
        after_first = 8 + 2 + 12 * len(directory)
        struct.pack_into("<I", body, after_first, len(body))
        entries = {259: 6, 513: len(body) + 2 + 12 * 3 + 4, 514: len(thumbnail())}
        body += struct.pack("<H", 3) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in entries.items())
        body += bytes(4) + thumbnail()
    return bytes(body)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def resource(number: int, content: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + bytes(len(content) % 2)


def iptc() -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, 120, len(WORDS)) + WORDS


def private_jpeg() -> bytes:
    bare = saved(smooth(24, 40), "JPEG", quality=92, icc_profile=display_p3(), dpi=(300, 300))
    resources = b"Photoshop 3.0\x00" + resource(0x0404, iptc()) + resource(0x040C, bytes(28) + thumbnail())
    head = (
        segment(0xE1, b"Exif\x00\x00" + exif()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + xmp()),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + b"0" * 32 + bytes(8) + WORDS),
        segment(0xE2, b"MPF\x00" + b"II\x2a\x00\x08\x00\x00\x00" + bytes(6)),
        segment(0xED, resources),
        segment(0xFE, WORDS),
    )
    second_picture = saved(Image.new("RGB", (16, 16), "blue"), "JPEG")
    return bare[:2] + b"".join(head) + bare[2:] + second_picture + bytes(4) + PAYLOAD


def private_png() -> bytes:
    bare = saved(smooth(24, 40), "PNG", icc_profile=display_p3(), dpi=(300, 300))
    contents = (
        (b"eXIf", exif()),
        (b"tEXt", b"Author\x00" + OWNER),
        (b"zTXt", b"Comment\x00\x00" + zlib.compress(WORDS)),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp()),
        (b"prVt", PLACE),
    )
    chunks = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in contents)
    return bare[:33] + b"".join(chunks) + bare[33:] + PAYLOAD


def private_tiff() -> bytes:
    bare = io.BytesIO()
    tags = ImageFileDirectory_v2()
    tags[271], tags[315], tags[306], tags[274] = "Maker", OWNER.decode(), "2025:05:05 05:05:05", 6
    tags[34665] = {36867: DATE, 37500: NOTE, 42033: SERIAL.decode(), 40961: 1}
    tags[34853] = {1: "N", 2: (52.0, 30.0, 1.0), 27: PLACE}
    layers = b"Adobe Photoshop Document Data Block\x00" + PAYLOAD
    for tag, kind, content in ((700, 1, xmp()), (33723, 7, iptc()), (34377, 1, resource(0x040C, thumbnail()))):
        tags.tagtype[tag], tags[tag] = kind, content
    tags.tagtype[37724], tags[37724] = 7, layers
    smooth(24, 40).save(bare, "TIFF", tiffinfo=tags, icc_profile=display_p3(), dpi=(300, 300))
    return bare.getvalue() + PAYLOAD


def private_file(kind: str) -> bytes:
    """Return a photo of a kind with every private thing that the kind can hold."""
    if kind in {"jpeg", "png", "tiff"}:
        return {"jpeg": private_jpeg, "png": private_png, "tiff": private_tiff}[kind]()
    if kind == "heic":
        out = io.BytesIO()
        image = pillow_heif.from_pillow(smooth(64, 80))
        image.info["icc_profile"], image.info["icc_profile_type"] = display_p3(), "prof"
        image.save(out, quality=90, exif=b"Exif\x00\x00" + exif(), xmp=xmp(), thumbnails=[32])
        return out.getvalue()
    return saved(smooth(64, 80), kind.upper(), icc_profile=display_p3(), exif=b"Exif\x00\x00" + exif(), xmp=xmp())


def written(kind: str, policy: str) -> bytes:
    return encode(decode_photo(private_file(kind)), metadata=policy)


def tags_of(data: bytes, kind: str) -> Mapping[str, object]:
    """Return EXIF tags by an independent reader.

    It misreads two kinds of legal files, so of these it gets the EXIF alone. HEIC: places of items count from a base
    offset (ISO/IEC 14496-12, 8.11.3), which libheif uses and exifread ignores. WebP: the chunk starts with the TIFF
    header, before which exifread expects 6 bytes.
    """
    if kind in {"heic", "webp"}:
        starts = [data.find(head) for head in (b"MM\x00\x2a\x00\x00\x00\x08", b"II\x2a\x00\x08\x00\x00\x00")]
        if max(starts) < 0:
            return {}
        data = data[max(starts) :]
    return exifread.process_file(io.BytesIO(data), details=True)


def private_tags(tags: Mapping[str, object]) -> list[str]:
    allowed = ("DateTime", "OffsetTime", "SubSecTime", "ExifVersion", "ColorSpace", "ExifOffset", "Orientation")
    layout = ("Resolution", "InterColorProfile", "ImageWidth", "ImageLength", "BitsPer", "Compression", "Photometric")
    pixels = ("Strip", "SamplesPer", "RowsPer", "PlanarConfig", "Predictor", "SampleFormat")
    return [t for t in tags if not any(word in t for word in allowed + layout + pixels)]


# The files of these tests are private indeed; else nothing below would mean anything


@pytest.mark.parametrize("kind", KINDS)
def test_the_sources_hold_what_the_copies_must_not(kind):
    data = private_file(kind)
    assert data.count(SERIAL) == data.count(NOTE) == 1 and CREATOR.encode() in data
    assert all(mark in data for mark in MARKS[kind])
    found = " ".join(tags_of(data, kind))
    assert "GPS" in found and "Serial" in found


# minimal, the default, and strip


@pytest.mark.parametrize("policy", ["minimal", "strip"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_private_bytes_blocks_or_tags_are_left(kind, policy):
    data = written(kind, policy)
    assert [word for word in PRIVATE if word in data] == []
    assert [mark for mark in MARKS[kind] if mark in data] == []
    assert private_tags(tags_of(data, kind)) == []


@pytest.mark.parametrize("policy", ["minimal", "strip", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_thumbnail_second_picture_or_payload_is_left(kind, policy):
    data = written(kind, policy)
    assert PAYLOAD not in data and thumbnail()[-200:] not in data
    assert data.count(b"\xff\xd8\xff") == (kind == "jpeg")
    assert not any("humbnail" in tag for tag in tags_of(data, kind))
    assert b"/9j/" not in data and b"thmb" not in data and b"MPF\x00" not in data
    end = {"jpeg": b"\xff\xd9", "png": b"IEND\xae\x42\x60\x82"}.get(kind, b"")
    assert data.endswith(end)


@pytest.mark.parametrize("kind", KINDS)
def test_minimal_keeps_the_capture_date_and_strip_does_not(kind):
    assert str(tags_of(written(kind, "minimal"), kind)["EXIF DateTimeOriginal"]) == DATE
    stripped = written(kind, "strip")
    assert not any("Date" in tag for tag in tags_of(stripped, kind)) and DATE.encode() not in stripped


def test_minimal_keeps_a_lone_date_but_no_text_in_its_place():
    for text, kept in ((DATE, True), ("Quiet-Street-7 Berl", False)):
        tags = Image.Exif()
        tags[306] = text
        data = encode(decode_photo(saved(smooth(16, 16), "JPEG", exif=tags)))
        assert (text.encode() in data) == kept


def test_minimal_keeps_no_text_in_place_of_the_capture_date():
    tags = Image.Exif()
    tags[34665] = {36867: PLACE.decode(), 37521: OWNER.decode(), 36881: WORDS.decode(), 40961: 7}
    data = encode(decode_photo(saved(smooth(16, 16), "JPEG", exif=tags)))
    assert not any(word in data for word in PRIVATE) and b"Exif" not in data


@pytest.mark.parametrize("policy", ["minimal", "strip", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_profile_stays_and_orientation_is_applied(kind, policy):
    source = decode_photo(private_file(kind))
    data = encode(source, metadata=policy)
    pillow_heif.register_heif_opener()
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == clean_profile(display_p3())
        assert image.size == ((64, 80) if kind in {"heic", "webp", "avif"} else (24, 40))
        assert image.getexif().get(274, 1) == 1
    assert b'Orientation="6"' not in data


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_resolution_stays_under_minimal(kind):
    with Image.open(io.BytesIO(written(kind, "minimal"))) as image:
        assert [round(d) for d in image.info["dpi"]] == [300, 300]


def test_bytes_behind_the_end_of_a_profile_are_left_out_and_a_cut_profile_as_a_whole():
    profile = display_p3()
    longer = decode_photo(saved(smooth(8, 8), "PNG", icc_profile=profile + OWNER))
    assert longer.icc == clean_profile(profile)
    cut = decode_photo(saved(smooth(8, 8), "PNG", icc_profile=profile[:-20]))
    assert cut.icc is None and any("profile" in note for note in cut.notes)


# keep


@pytest.mark.parametrize("kind", KINDS)
def test_keep_keeps_place_serial_maker_note_and_author(kind):
    data = written(kind, "keep")
    tags = tags_of(data, kind)
    assert str(tags["GPS GPSLatitude"]) == "[52, 30, 1]"
    assert str(tags["EXIF BodySerialNumber"]) == SERIAL.decode()
    assert str(tags["Image Artist"]) == OWNER.decode()
    assert NOTE in data and CREATOR.encode() in data


def test_keep_keeps_comments_iptc_and_texts():
    with Image.open(io.BytesIO(written("jpeg", "keep"))) as image:
        assert image.info["comment"] == WORDS and image.info["photoshop"] == {0x0404: iptc()}
    with Image.open(io.BytesIO(written("png", "keep"))) as image:
        assert image.info["Author"] == OWNER.decode() and image.info["Comment"] == WORDS.decode()
    with Image.open(io.BytesIO(written("tiff", "keep"))) as image:
        assert bytes(image.tag_v2[33723]) == iptc()
        assert 34377 not in image.tag_v2 and 37724 not in image.tag_v2


def test_keep_writes_xmp_with_true_orientation_and_without_pictures():
    with Image.open(io.BytesIO(written("jpeg", "keep"))) as image:
        packet = image.info["xmp"]
    assert b'Orientation="1"' in packet and CREATOR.encode() in packet
    assert b"MotionPhoto" not in packet and b"/9j/" not in packet


def test_keep_leaves_out_a_maker_note_that_holds_a_preview():
    tags = Image.Exif()
    tags[271], tags[34665] = "Maker", {36867: DATE, 37500: NOTE + thumbnail()}
    data = encode(decode_photo(saved(smooth(16, 16), "JPEG", exif=tags)), metadata="keep")
    assert NOTE not in data and str(tags_of(data, "jpeg")["EXIF DateTimeOriginal"]) == DATE


@pytest.mark.parametrize(
    "packet",
    [b"<a>" * 50_000 + b"</a>" * 50_000, b"<a", b"\x00" * 50, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;&d;</a>'],
    ids=["deep", "cut", "zeros", "entities"],
)
def test_keep_leaves_out_xmp_that_cannot_be_read(packet):
    chunk = b"iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00" + packet
    data = saved(smooth(8, 8), "PNG")
    source = data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    assert b"xmp" not in encode(decode_photo(source), metadata="keep")


def packet(inside: bytes) -> bytes:
    """Return XMP around some elements; `a` and `dc` are namespaces."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        b' xmlns:a="http://a/" xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description><dc:creator>Ada</dc:creator>'
        + inside
        + b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def kept(source: bytes) -> tuple[bytes, str]:
    """Return the copy of a file under `keep`, and what is said to be left out."""
    read = decode_photo(source)
    assert explain_metadata(read, "minimal") == explain_metadata(read, "strip") == ()
    return encode(read, metadata="keep"), "; ".join(explain_metadata(read, "keep"))


def base64_of(picture: bytes) -> bytes:
    return base64.b64encode(picture)


PREVIEW, SMALL = saved(smooth(60, 80), "JPEG"), saved(smooth(12, 16), "PNG")


def test_keep_leaves_out_previews_in_the_texts_of_a_png():
    texts = PngInfo()
    texts.add_text("Preview", base64_of(PREVIEW).decode())
    texts.add_text("raw profile type APP1", f"\nexif\n  {len(PREVIEW)}\n{PREVIEW.hex()}\n")
    texts.add_itxt("Small", "data:image/png;base64," + base64_of(SMALL).decode())
    texts.add_text("Author", "Ada")
    copy, said = kept(saved(smooth(16, 24), "PNG", pnginfo=texts))
    with Image.open(io.BytesIO(copy)) as image:
        assert image.text == {"Author": "Ada"}
    assert all(key in said for key in ("'Preview'", "'raw profile type APP1'", "'Small'")) and "Author" not in said


@pytest.mark.parametrize(
    "coded", [base64_of(SMALL), b"data:image/jpeg;base64," + base64_of(PREVIEW), PREVIEW.hex().encode()]
)
@pytest.mark.parametrize("form", [b"<a:pic>%s</a:pic>", b"<a:pic a:value='%s'/>", b"<a:pic/>%s"])
def test_keep_leaves_out_previews_in_values_of_xmp(form, coded):
    copy, said = kept(saved(smooth(16, 24), "JPEG", xmp=packet(form % coded[:6000])))
    assert coded[:200] not in copy and b">Ada<" in copy
    assert "XMP 'pic'" in said or "XMP 'value'" in said


def test_keep_leaves_out_previews_in_comments_and_in_tags():
    tags = Image.Exif()
    tags[270], tags[271], tags[40092] = PREVIEW.hex(), "Maker", base64_of(SMALL).decode().encode("utf-16-le")
    copy, said = kept(saved(smooth(16, 24), "JPEG", exif=tags, comment=base64_of(PREVIEW)))
    assert PREVIEW.hex()[:99].encode() not in copy and base64_of(PREVIEW)[:99] not in copy and b"Maker" in copy
    assert all(name in said for name in ("tag 270", "tag 40092", "the comment")) and "271" not in said
    assert base64_of(SMALL)[:20].decode().encode("utf-16-le") not in copy


def with_head(*segments: bytes) -> bytes:
    bare = saved(smooth(24, 40), "JPEG")
    return bare[:2] + b"".join(segments) + bare[2:]


def long_exif() -> Image.Exif:
    tags = Image.Exif()
    tags[34853] = {1: "N", 2: (52.0, 30.0, 1.0)}
    for tag in range(50010, 50019):
        tags[tag] = bytes([65]) * 8000
    return tags


def long_text() -> PngInfo:
    texts = PngInfo()
    texts.add_text("Description", "long words " * 4000)
    texts.add_text("Raw profile type iptc", "\niptc\n 4\n1c027800\n")
    return texts


LOSSES = {
    "a caption of 9,600 letters": (
        lambda: saved(smooth(24, 40), "JPEG", xmp=packet(b"<dc:title>" + b"CAPTION " * 1200 + b"</dc:title>")),
        ("XMP 'title'",),
    ),
    "XMP of many values": (
        lambda: with_head(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + packet(b"<dc:d/>" * 9000))),
        ("more than a JPEG holds",),
    ),
    "XMP that is cut": (lambda: saved(smooth(24, 40), "JPEG", xmp=b"<a"), ("XMP that cannot be read",)),
    "extended XMP": (
        lambda: with_head(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + bytes(40))), ("extended XMP",)
    ),
    "EXIF of 72 kB": (lambda: saved(smooth(24, 40), "PNG", exif=long_exif().tobytes()), ("EXIF but for the date",)),
    "a copyright address": (
        lambda: with_head(segment(0xED, b"Photoshop 3.0\x00" + resource(0x040B, b"http://ada.example/rights"))),
        ("Photoshop data",),
    ),
    "two comments": (lambda: with_head(segment(0xFE, b"FIRST"), segment(0xFE, b"SECOND")), ("all JPEG comments but",)),
    "IPTC of 42 kB": (
        lambda: with_head(segment(0xED, b"Photoshop 3.0\x00" + resource(0x0404, iptc() * 1800))), ("IPTC",)
    ),
    "long texts": (
        lambda: saved(smooth(24, 40), "PNG", pnginfo=long_text()),
        ("'Description' of 44000 letters", "'Raw profile type iptc'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_what_keep_cannot_keep_is_said(name):
    make, words = LOSSES[name]
    _, said = kept(make())
    assert said.count("left out") == len(words) and all(word in said for word in words), said


@pytest.mark.parametrize("kind", KINDS)
def test_what_keep_keeps_is_not_said_to_be_left_out(kind):
    described = b"Exif\x00\x00" + exif(thumbnail_at=0)
    source = private_file(kind) if kind == "heic" else saved(smooth(64, 80), kind.upper(), exif=described)
    copy, said = kept(source)
    assert said == "" and SERIAL in copy


def test_thumbnails_that_photoshop_made_are_no_loss():
    _, said = kept(with_head(segment(0xED, b"Photoshop 3.0\x00" + resource(0x040C, bytes(28) + thumbnail()))))
    assert said == ""
