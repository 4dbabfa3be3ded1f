"""The memory that one photo takes stays below what the guide says of twenty."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "many-machines.md"
STATUS = Path("/proc/self/status")
COMMAND = f"""
import sys
from pathlib import Path
from dp2vl.cli import app
try:
    app(["protect", *sys.argv[1:], "--effort", "instant"])
finally:
    print(Path("{STATUS}").read_text())
"""


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not say how much memory a process had")
def test_a_photo_of_12_megapixels_takes_no_more_memory_than_the_guide_says(tmp_path: Path):
    stated = re.search(r"peak memory, 20 photos of 12 MP \| ([\d.]+) GB", GUIDE.read_text(encoding="utf-8"))
    assert stated, "the guide says nothing of memory"
    (tmp_path / "album").mkdir()
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    small.resize((4000, 3000), Image.Resampling.BICUBIC).save(tmp_path / "album" / "photo.jpg", quality=92)
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, tmp_path / "album", "--out", tmp_path / "out"],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (tmp_path / "out" / "photo.jpg").is_file(), run.stderr
    peak = re.search(r"VmHWM:\s+(\d+) kB", run.stdout)
    assert peak and 0.1e9 < int(peak[1]) * 1024 < float(stated[1]) * 1e9
