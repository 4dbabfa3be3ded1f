"""Colour profiles in copies: the same colours, and nothing else of what the profile said."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from dp2vl.images import decode_photo, encode
from dp2vl.images.profiles import clean_profile
from image_tools import display_p3, saved, smooth

SERIAL = b"C02XK1-serial-of-a-display"
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


def with_tags(profile: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a profile with more tags at its end."""
    (count,) = struct.unpack_from(">I", profile, 128)
    old, body = profile[132 : 132 + 12 * count], profile[132 + 12 * count :]
    shift, at = 12 * len(tags), len(profile) + 12 * len(tags)
    entries = [struct.unpack_from(">4sII", old, 12 * i) for i in range(count)]
    table = b"".join(struct.pack(">4sII", name, start + shift, length) for name, start, length in entries)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, at, len(content))
        body += content + bytes(-len(content) % 4)
        at += len(content) + -len(content) % 4
    whole = profile[:128] + struct.pack(">I", count + len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def telling(profile: bytes) -> bytes:
    """Return a profile that names its maker, device, author and day in header, texts, private tags and gaps."""
    text = b"text" + bytes(4) + SERIAL + b"\x00"
    more = with_tags(profile, {b"mmod": text, b"vcgt": text, b"dmdd": text})
    head = bytearray(more)
    head[4:8], head[24:36], head[40:44] = b"CMM1", bytes([7, 232] * 6), b"APPL"
    head[48:52], head[52:56], head[80:84], head[84:100] = b"MAKE", b"MODL", b"AUTH", b"profile-id-16-by"
    head[100:128] = (SERIAL + bytes(28))[:28]
    return bytes(head)


def colours(profile: bytes, *, back: bool = False) -> np.ndarray:
    """Return what LittleCMS makes of some colours of a profile, on the way to sRGB or from it."""
    one, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    way = ImageCms.buildTransform(srgb, one, "RGB", "RGB") if back else ImageCms.buildTransform(one, srgb, "RGB", "RGB")
    converted = ImageCms.applyTransform(smooth(16, 16), way)
    assert converted is not None
    return np.asarray(converted)


def profile_in(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.info["icc_profile"]


@pytest.mark.parametrize("policy", ["minimal", "strip", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_copies_hold_no_tag_of_a_profile_that_says_more_than_colours(kind, policy):
    profile = telling(display_p3())
    source = saved(smooth(24, 40), kind, icc_profile=profile)
    assert profile_in(source).count(SERIAL) >= 3
    copy = profile_in(encode(decode_photo(source), metadata=policy))
    for word in (SERIAL, b"CMM1", b"APPL", b"MAKE", b"MODL", b"AUTH", b"profile-id", bytes([7, 232]), b"P3", b"vcgt"):
        assert word in profile and word not in copy
    assert np.array_equal(colours(copy), colours(display_p3()))
    assert np.abs(colours(copy).astype(int) - colours(ImageCms.ImageCmsProfile(srgb()).tobytes())).max() > 5


def srgb() -> io.BytesIO:
    return io.BytesIO(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.mark.parametrize("version", [b"\x02\x40", b"\x04\x30"])
def test_a_clean_profile_means_the_same_colours_both_ways_in_both_versions(version):
    profile = display_p3()
    profile = telling(profile[:8] + version + profile[10:])
    clean = clean_profile(profile)
    assert clean is not None and clean[8:10] == version and len(clean) < len(profile)
    assert np.array_equal(colours(clean), colours(profile))
    assert np.array_equal(colours(clean, back=True), colours(profile, back=True))
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(clean))).strip() == "colours"
    assert clean_profile(clean) == clean


def test_profiles_of_real_photos_mean_the_same_colours_and_lose_their_texts(shared_data):
    profiles = set()
    for path in sorted((shared_data / "album").rglob("*.jpg")):
        with Image.open(path) as image:
            if (profile := image.info.get("icc_profile")) and image.mode == "RGB":
                profiles.add(profile)
    assert len(profiles) > 2
    for profile in profiles:
        clean = clean_profile(profile)
        assert clean is not None and np.array_equal(colours(clean), colours(profile))
        assert b"opyright" not in clean


def test_bytes_behind_a_curve_or_a_number_inside_its_tag_are_left_out():
    primary = b"XYZ " + bytes(4) + struct.pack(">3i", 1, 2, 3) + SERIAL
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + SERIAL
    bent = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, 65536) + SERIAL
    clean = clean_profile(with_tags(display_p3(), {b"bkpt": primary, b"kTRC": curve, b"D2B0": b"odd " + SERIAL}))
    assert clean is not None and b"bkpt" in clean and b"kTRC" in clean and SERIAL not in clean
    clean = clean_profile(with_tags(display_p3(), {b"kTRC": bent}))
    assert clean is not None and b"para" in clean and SERIAL not in clean


@pytest.mark.parametrize("at", [0, 36, 128])
def test_a_profile_without_size_signature_or_tags_is_none(at):
    profile = display_p3()
    assert clean_profile(profile) is not None
    assert clean_profile(profile[:at] + bytes(4) + profile[at + 4 :]) is None


def test_curves_that_are_one_stay_one():
    clean = clean_profile(display_p3())
    assert clean is not None and clean.count(b"curv") == 1 and clean.count(b"TRC") == 3
