"""What counts as a picture among words: each way to write one down, and no words."""

import base64

import pytest
from PIL import Image

from dp2vl.images.hidden import holds_picture, spells_picture
from image_tools import saved, smooth

JPEG, PNG, WEBP = (saved(smooth(30, 40), kind) for kind in ("JPEG", "PNG", "WEBP"))
LINES = base64.encodebytes(JPEG).decode()
HEX_LINES = "\n".join(JPEG.hex()[at : at + 72] for at in range(0, len(JPEG) * 2, 72))


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(JPEG).decode(),
        base64.b64encode(PNG).decode()[:200],
        base64.urlsafe_b64encode(WEBP).decode(),
        LINES,
        JPEG.hex(),
        PNG.hex().upper(),
        f"\nexif\n    {len(JPEG)}\n{HEX_LINES}\n",
        "data:image/jpeg;base64," + base64.b64encode(JPEG).decode(),
        "data:image/png;base64," + base64.b64encode(PNG).decode(),
        'A caption. {"preview": "' + base64.b64encode(WEBP).decode() + '"} More words.',
        (b"Exif\x00\x00MM\x00\x2a" + bytes(40) + JPEG).hex(),
        base64.b64encode(b"Exif\x00\x00MM\x00\x2a" + bytes(40) + JPEG).decode(),
        saved(Image.new("RGB", (9, 9)), "GIF").hex(),
    ],
)
def test_a_picture_in_letters_is_found(text):
    assert spells_picture(text) and holds_picture(text.encode()) and holds_picture(text.encode("utf-16-le"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BM, a museum in London: II and MM are Roman numbers, GIF89a is a format, RIFF a chord",
        "long words " * 4000,
        "Donaudampfschifffahrtsgesellschaftskapitaen " * 100,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        base64.b64encode(b"plain words in base64, as some programs write them").decode(),
        "https://example.org/a/long/path/that-has-no-picture_in-it/at/all/9/j/4AAQ",
        "urn:uuid:5c1f0a7e-2b1e-4b0e-9c5e-7f3d9f6f3b11",
    ],
)
def test_words_digests_and_addresses_are_no_pictures(text):
    assert not spells_picture(text) and not holds_picture(text.encode())


@pytest.mark.parametrize("content", [JPEG, PNG, b"note" + JPEG, b"note\x02\xd8\xff\xdb"])
def test_a_picture_in_bytes_is_found_wherever_it_starts(content):
    assert holds_picture(content) and not holds_picture(content.replace(b"\xd8", b"").replace(b"PNG", b""))
