"""Made-up files, by fuzzing that follows which code they reach: a photo or an error of one line, nothing else."""

import io
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from hard_tools import tries

SCRIPT = Path(__file__).with_name("fuzz_reading.py")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def write_seeds(folder: Path) -> None:
    """Write a small file of each kind, with all the metadata that it can hold."""
    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x010F], exif[0x0112] = "maker", 6
    exif.get_ifd(0x8825)[1] = "N"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "hello")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    for form, options in {
        "JPEG": {"exif": exif, "xmp": XMP, "comment": b"hello"},
        "PNG": {"exif": exif, "pnginfo": texts},
        "WEBP": {"exif": exif.tobytes(), "xmp": XMP},
        "TIFF": {"compression": "tiff_lzw", "exif": exif},
        "GIF": {},
        "BMP": {},
        "AVIF": {"exif": exif.tobytes()},
    }.items():
        picture.save(folder / form.lower(), form, **options)
    heif, file = pillow_heif.from_pillow(picture), io.BytesIO()
    heif.save(file, exif=exif.tobytes())
    (folder / "heic").write_bytes(file.getvalue())


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_no_made_up_file_crashes_or_stalls_the_reader(tmp_path: Path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_seeds(corpus)
    seconds = tries(4, 900)
    done = subprocess.run(
        [sys.executable, SCRIPT, corpus, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-seed=1",
         f"-artifact_prefix={tmp_path}/"],
        capture_output=True, text=True, timeout=seconds + 120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(re.findall(r"Done (\d+) runs", done.stderr)[0]) > tries(5, 20) * seconds
    assert len(list(corpus.iterdir())) > tries(8, 30), "no file that reaches new code was found"
