"""Comparison pictures of photos that were protected under limits of their own."""

from pathlib import Path

import pytest
from PIL import Image

from dp2vl.errors import PhotoError
from dp2vl.images import read_photo
from dp2vl.preview import SIDE_PX, write_previews
from dp2vl.types import Outcome, Status


def test_a_photo_above_the_usual_limit_gets_a_preview_if_it_was_protected(tmp_path: Path):
    (tmp_path / "out").mkdir()
    for place in (tmp_path / "large.png", tmp_path / "out" / "large.png"):
        Image.new("1", (20_000, 5_001)).save(place)
    with pytest.raises(PhotoError, match="20000x5001 = 100 megapixels"):
        read_photo(tmp_path / "large.png")
    outcome = Outcome(path=str(tmp_path / "large.png"), rel="large.png", status=Status.PROTECTED)
    written = write_previews([outcome], tmp_path / "out", tmp_path / "previews")
    with Image.open(written["large.png"]) as picture:
        assert picture.width > 3 * SIDE_PX and picture.height == 160
