"""Dropped photos: what is no photo, too large or named after another place is refused, and leaves nothing behind."""

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.requests import Request

from dp2vl.ui import app as app_module
from dp2vl.ui import shelf as shelf_module
from dp2vl.ui.shelf import Refused, Shelf
from ui_tools import Local


def png(side_px: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side_px, side_px), "teal").save(file, "png")
    return file.getvalue()


def left(local: Local) -> list[str]:
    return [p.name for p in local.workspace.rglob("*") if p.is_file()]


def test_a_photo_arrives_byte_for_byte_in_its_folder(local: Local):
    assert local.ask("PUT", "shelves/photos/summer/a%20b.png", content=png()).status_code == 201
    assert (local.workspace / "shelves/photos/summer/a b.png").read_bytes() == png()
    assert local.ask("GET", "shelves/photos").json() == {"photos": [{"name": "summer/a b.png", "size": len(png())}]}
    assert local.ask("DELETE", "shelves/photos").status_code == 204
    assert left(local) == []


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fa.png", "%2e%2e/%2e%2e/a.png", "a/../../b.png", "%2fetc%2fa.png", "x%5c..%5ca.png", "a%00.png",
     ".hidden.png", "a/.ssh/b.png", "a%0ab.png", "n" * 300 + ".png", "/".join("abcdefghi") + ".png", "C:%5ca.png"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(local: Local, name):
    answer = local.ask("PUT", f"shelves/photos/{name}", content=png())
    assert answer.status_code in (400, 404)
    assert not list(local.workspace.parent.rglob("*.png"))


def test_a_link_inside_the_shelf_is_not_followed(local: Local, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    shelf = local.workspace / "shelves" / "photos"
    shelf.mkdir(parents=True)
    (shelf / "way").symlink_to(outside)
    assert local.ask("PUT", "shelves/photos/way/a.png", content=png()).status_code == 400
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<script>alert(1)</script>" * 9, "is not a picture"), (b"PK\x03\x04" + bytes(200), "is not a picture"),
     (b"GIF89a" + bytes(90), "GIF pictures are not supported"), (b"", "is empty")],
)  # fmt: skip
def test_what_is_no_photo_is_refused_in_words(local: Local, content, message):
    answer = local.ask("PUT", "shelves/photos/a.png", content=content)
    assert answer.status_code == 415 and message in answer.json()["error"]
    assert left(local) == []


def test_too_many_bytes_are_refused_before_they_come_and_while_they_come(local: Local, monkeypatch):
    monkeypatch.setattr(shelf_module, "MOST_BYTES", 5000)
    assert local.ask("PUT", "shelves/photos/a.png", content=png() + bytes(6000)).status_code == 413
    chunks = (png() + bytes(900) for _ in range(100))
    assert local.ask("PUT", "shelves/photos/a.png", content=chunks).status_code == 413
    assert left(local) == []


def test_a_photo_never_takes_the_place_of_another(local: Local):
    assert local.ask("PUT", "shelves/photos/a.png", content=png(16)).status_code == 201
    assert local.ask("PUT", "shelves/photos/a.png", content=png(48)).status_code == 409
    assert (local.workspace / "shelves/photos/a.png").read_bytes() == png(16)


def test_a_full_disk_and_too_many_photos_are_said(local: Local, monkeypatch):
    monkeypatch.setattr(shelf_module, "KEEP_FREE", 1 << 60)
    assert local.ask("PUT", "shelves/photos/a.png", content=png()).status_code == 507
    monkeypatch.setattr(shelf_module, "MOST_PHOTOS", 0)
    assert local.ask("PUT", "shelves/photos/a.png", content=png()).status_code == 413
    assert left(local) == []


def test_a_client_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(app_module, "PATIENCE_S", 0.05)
    sent = [{"type": "http.request", "body": png()[:40], "more_body": True}]

    async def receive():
        if not sent:
            await asyncio.sleep(60)
        return sent.pop()

    request = Request({"type": "http", "method": "PUT", "headers": []}, receive)
    (tmp_path / "shelves").mkdir()
    with pytest.raises(Refused) as error:
        asyncio.run(Shelf(tmp_path / "shelves" / "photos").take("a.png", None, app_module._receive(request)))
    assert error.value.status == 408
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
