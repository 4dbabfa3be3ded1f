"""What the page shows of a photo: original, copy, and their difference, small enough for a screen."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from dp2vl.images import read_photo
from dp2vl.preview import AMPLIFY
from dp2vl.report.cells import plain_text

LOOKS = ("before", "after", "difference")
SIDE_PX = 1280


def draw_look(look: str, original: Path, copy: Path) -> bytes:
    """Return one PNG out of `LOOKS`, its long side at most 1280 px; the difference is enlarged 16 times around grey.

    Cost: decoding one photo or two.
    """
    if look == "difference":
        pixels = ((_read(copy) - _read(original)) * AMPLIFY + 0.5).clip(0, 1)
    else:
        pixels = _read(original if look == "before" else copy)
    file = io.BytesIO()
    Image.fromarray((pixels * 255 + 0.5).astype(np.uint8)).save(file, "png", compress_level=1)
    return file.getvalue()


def write_zip(path: Path, folder: Path, names: Iterable[str]) -> Path:
    """Write files of `folder` as they are into an archive at `path`; the same files give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, entry_name in _name_entries(list(names)):
            entry = zipfile.ZipInfo(entry_name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (folder / name).read_bytes())
    return path


def _name_entries(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names with those that they have in an archive, each another."""
    safe = {name: plain_text(name).replace("\\", "_") for name in names}  # "\\" leads out of folders on other systems
    taken = {name for name in names if safe[name] == name}
    for name in names:
        given = safe[name]
        if given != name:
            path, number = PurePosixPath(given), 1
            while given in taken:
                number += 1
                given = str(path.with_stem(f"{path.stem}-{number}"))
            taken.add(given)
        yield name, given


def _read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(read_photo(path).srgb(long_side_px=SIDE_PX).transpose(1, 2, 0))
