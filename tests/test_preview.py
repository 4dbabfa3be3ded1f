"""Comparison pictures of all photos that were protected."""

from pathlib import Path

from PIL import Image

from dp2vl.preview import write_previews
from dp2vl.types import Outcome, Status


def test_a_photo_above_the_usual_limit_that_was_protected_all_the_same_has_a_picture(tmp_path: Path):
    for folder in ("album", "out"):
        (tmp_path / folder).mkdir()
        Image.new("L", (10_000, 10_010)).save(tmp_path / folder / "large.png")
    outcome = Outcome(path=str(tmp_path / "album" / "large.png"), rel="large.png", status=Status.PROTECTED)
    written = write_previews([outcome], tmp_path / "out", tmp_path / "pictures")
    assert written["large.png"].is_file()
