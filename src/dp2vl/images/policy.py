"""What of a photo's metadata goes into its copy: `minimal`, `strip` or `keep`."""

import re
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from dp2vl.images.boundary import DECODER_ERRORS
from dp2vl.images.hidden import holds_picture, spells_picture
from dp2vl.images.picture import Metadata, Picture, Tags
from dp2vl.images.xmp import clean_xmp

METADATA_POLICIES = ("minimal", "strip", "keep")
"""`minimal`: capture date, colours, resolution. `strip`: colours only. `keep`: everything but pictures of the
unprotected photo (thumbnails, previews, gain maps, payloads behind the end of the file)."""
LONGEST_EXIF = 65000
"""A JPEG holds EXIF in one segment of 64 KiB; the same bound for all formats keeps copies alike."""
_LONGEST_VALUE = 32768
"""Maker notes beyond this were always found to carry a preview."""
_DATE = re.compile(r"[0-9]{4}:[0-9]{2}:[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\0?")
_DATE_TAGS: dict[int, re.Pattern[str]] = {
    36867: _DATE,  # DateTimeOriginal
    36868: _DATE,  # DateTimeDigitized
    36881: re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}\0?"),  # OffsetTimeOriginal
    36882: re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}\0?"),  # OffsetTimeDigitized
    37521: re.compile(r"[0-9]{1,9} *\0?"),  # SubSecTimeOriginal
    37522: re.compile(r"[0-9]{1,9} *\0?"),  # SubSecTimeDigitized
}
_DATE_TIME = 306
_EXIF_VERSION = 36864
_COLOUR_SPACE = 40961
_MAKER_NOTE = 37500
_NOT_KEPT = frozenset({700, 33723, 34377, 34675, 37724, 59932, 59933, *range(20480, 24576), *range(50706, 53000)})
"""Written in their own way (XMP, IPTC, ICC), or holding pictures (Photoshop, GDI+, DNG) or leftovers."""
_LONGEST_SEGMENT = 65400
"""XMP beyond this does not fit into one segment of a JPEG."""


def select_metadata(picture: Picture, policy: str) -> Metadata:
    """Return what of a picture's metadata is to be written under a policy.

    Raises:
        ValueError: the policy is unknown.
    """
    return _select(picture, policy, [])


def explain_metadata(picture: Picture, policy: str) -> tuple[str, ...]:
    """Return what a copy under `keep` does not have though it is no preview that was known as one, a clause each.

    Empty under the other policies: what they leave out is their purpose.
    """
    lost = list(picture.metadata.unread)
    _select(picture, policy, lost)
    return tuple(f"left out: {name}" for name in lost) if policy == "keep" else ()


def _select(picture: Picture, policy: str, lost: list[str]) -> Metadata:
    """Return the metadata to write; adds to `lost` what cannot be kept."""
    if policy not in METADATA_POLICIES:
        raise ValueError(f"expected one of {', '.join(METADATA_POLICIES)}, got {policy!r}; choose a metadata policy")
    source = picture.metadata
    if policy == "strip":
        return Metadata()
    if policy == "minimal":
        return Metadata(tags=_minimal_tags(source.tags), dpi=source.dpi)
    height, width = picture.pixels.shape[:2]
    return Metadata(
        tags=_kept_tags(source.tags, width, height, lost),
        xmp=_kept_xmp(picture, width, height, lost),
        iptc=_if_plain(source.iptc, "IPTC", lost),
        comment=_if_plain(source.comment, "the comment", lost),
        texts=_kept_texts(source.texts, lost),
        dpi=source.dpi,
    )


def _kept_xmp(picture: Picture, width: int, height: int, lost: list[str]) -> bytes | None:
    if (source := picture.metadata.xmp) is None:
        return None
    xmp = clean_xmp(source, width, height, lost)
    if xmp is None:
        lost.append("XMP that cannot be read")
    elif picture.format == "jpeg" and len(xmp) >= _LONGEST_SEGMENT:
        lost.append(f"XMP of {len(xmp)} bytes, more than a JPEG holds")
        return None
    return xmp


def _kept_texts(texts: tuple[tuple[str, str], ...], lost: list[str]) -> tuple[tuple[str, str], ...]:
    lost.extend(f"the text {key!r}, which holds a picture" for key, text in texts if spells_picture(text))
    return tuple((key, text) for key, text in texts if not spells_picture(text))


def _if_plain(value: bytes | None, name: str, lost: list[str]) -> bytes | None:
    if value is None or _is_plain(value):
        return value
    lost.append(f"{name} (too long, or holds a picture)")
    return None


def make_exif(tags: Tags) -> bytes | None:
    """Return EXIF bytes with the leading `Exif` mark, without a thumbnail directory; None where there are no tags."""
    directory = make_directory(tags)
    return b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08" + directory.tobytes(8) if len(directory) else None


def make_directory(tags: Tags) -> ImageFileDirectory_v2:
    """Return the image directory with the EXIF and GPS directories nested in it."""
    directory = ImageFileDirectory_v2(ifh=b"MM\x00\x2a\x00\x00\x00\x08")
    for tag, value in tags.get("image", {}).items():
        directory[tag] = value
    nested = dict(tags.get("exif", {}))
    if "interop" in tags:
        nested[ExifTags.IFD.Interop] = dict(tags["interop"])
    if nested:
        directory[ExifTags.IFD.Exif] = nested
    if "gps" in tags:
        directory[ExifTags.IFD.GPSInfo] = dict(tags["gps"])
    return directory


def _minimal_tags(tags: Tags) -> Tags:
    exif, image = tags.get("exif", {}), tags.get("image", {})
    dates = {t: exif[t] for t, form in _DATE_TAGS.items() if isinstance(exif.get(t), str) and form.fullmatch(exif[t])}
    kept: dict[int, Any] = dict(dates)
    if exif.get(_COLOUR_SPACE) in {1, 2, 65535}:
        kept[_COLOUR_SPACE] = exif[_COLOUR_SPACE]
    if kept:
        kept[_EXIF_VERSION] = b"0232"
    taken = image.get(_DATE_TIME)
    only_date = not dates and isinstance(taken, str) and _DATE.fullmatch(taken)
    return _without_empty({"image": {_DATE_TIME: taken} if only_date else {}, "exif": kept})


def _kept_tags(tags: Tags, width: int, height: int, lost: list[str]) -> Tags:
    kept: dict[str, dict[int, Any]] = {
        "image": {t: v for t, v in tags.get("image", {}).items() if t not in _NOT_KEPT},
        "exif": dict(tags.get("exif", {})),
        "gps": dict(tags.get("gps", {})),
        "interop": dict(tags.get("interop", {})),
    }
    for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        kept["image"].pop(pointer, None)
    kept["exif"].pop(ExifTags.IFD.Interop, None)
    for tag, side in ((ExifTags.Base.ExifImageWidth, width), (ExifTags.Base.ExifImageHeight, height)):
        if tag in kept["exif"]:
            kept["exif"][tag] = side
    groups = {
        "image": None,
        "exif": ExifTags.IFD.Exif,
        "gps": ExifTags.IFD.GPSInfo,
        "interop": ExifTags.IFD.Interop,
    }
    for name, group in groups.items():
        written = {t: v for t, v in kept[name].items() if _is_writable(t, v, group)}
        lost.extend(f"EXIF tag {t} (too long, damaged, or holds a picture)" for t in kept[name] if t not in written)
        kept[name] = written
    if len(make_exif(kept) or b"") > LONGEST_EXIF and kept["exif"].pop(_MAKER_NOTE, None) is not None:
        lost.append(f"the maker note, as EXIF has more than {LONGEST_EXIF} bytes")
    kept_tags = _without_empty(kept)
    if len(make_exif(kept_tags) or b"") <= LONGEST_EXIF:
        return kept_tags
    lost.append(f"EXIF but for the date, place included, as it has more than {LONGEST_EXIF} bytes")
    return _minimal_tags(tags)


def _is_writable(tag: int, value: Any, group: int | None) -> bool:
    """Cameras write tags of the wrong type; one that cannot be written alone is left out."""
    directory = ImageFileDirectory_v2(ifh=b"MM\x00\x2a\x00\x00\x00\x08", group=group)
    try:
        directory[tag] = value
        written = directory.tobytes(8)
    except DECODER_ERRORS:
        return False
    return len(directory) == 1 and _is_plain(written)


def _is_plain(value: bytes) -> bool:
    """Return whether bytes are short and hold no picture."""
    return len(value) <= _LONGEST_VALUE and not holds_picture(value)


def _without_empty(tags: Mapping[str, Mapping[int, Any]]) -> Tags:
    return {name: values for name, values in tags.items() if values}
