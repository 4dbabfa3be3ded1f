"""Pictures for the comparison, and the archive."""

import io
import os
import zipfile

import numpy as np
from PIL import Image

from dp2vl.ui.pictures import SIDE_PX, draw_look, write_zip


def test_the_difference_is_grey_where_nothing_changed_and_sixteen_times_as_strong_elsewhere(tmp_path):
    before = np.full((60, 80, 3), 100, np.uint8)
    after = before.copy()
    after[:, 40:] += 3
    for name, pixels in (("a", before), ("b", after)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    seen = {
        look: np.asarray(Image.open(io.BytesIO(draw_look(look, tmp_path / "a.png", tmp_path / "b.png")))).astype(int)
        for look in ("before", "after", "difference")
    }
    assert (seen["before"] == before).all() and (seen["after"] == after).all()
    assert (abs(seen["difference"][:, :40] - 128) <= 1).all()
    assert (abs(seen["difference"][:, 40:] - 128 - 48) <= 1).all()


def test_large_photos_are_shown_smaller(tmp_path):
    Image.new("RGB", (2 * SIDE_PX, SIDE_PX)).save(tmp_path / "a.png")
    shown = Image.open(io.BytesIO(draw_look("before", tmp_path / "a.png", tmp_path / "a.png")))
    assert shown.size == (SIDE_PX, SIDE_PX // 2)


def test_no_name_in_an_archive_leads_out_of_a_folder_and_bytes_stay(tmp_path):
    names = ["a.png", "summer/b.png", "..\\..\\c.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    one, two = (write_zip(tmp_path / zipped, tmp_path, names).read_bytes() for zipped in ("1.zip", "2.zip"))
    archive = zipfile.ZipFile(io.BytesIO(one))
    assert one == two and archive.namelist() == ["a.png", "summer/b.png", ".._.._c.png"]
    assert archive.read("summer/b.png") == b"summer/b.png" and archive.testzip() is None


def test_every_copy_has_a_name_of_its_own_in_an_archive_and_one_that_can_be_written(tmp_path):
    names = ["c\\d.png", "c/d.png", "c_d-2.png", "c_d.png", os.fsdecode(b"caf\xe9.png")]
    (tmp_path / "c").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(os.fsencode(name))
    archive = zipfile.ZipFile(write_zip(tmp_path / "1.zip", tmp_path, names))
    assert archive.namelist() == ["c_d-3.png", "c/d.png", "c_d-2.png", "c_d.png", "caf_udce9.png"]
    assert [archive.read(name) for name in archive.namelist()] == list(map(os.fsencode, names))
