"""Start-up as a person waits for it, against `python -c "import torch"` in turn: `--help`, and one photo at `quick`.

python benchmarks/speed/startup.py
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from dp2vl.people import draw_portrait, make_person
from record import time_in_turn, write


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        photo = Path(place) / "photo.jpg"
        Image.fromarray(draw_portrait(make_person(932_000), seed=0, size=384).pixels).save(photo, quality=92)
        found = time_in_turn(
            {
                "import torch": call("-c", "import torch"),
                "dp2vl --help": call("-m", "dp2vl.cli", "--help"),
                "protect": call("-m", "dp2vl.cli", "protect", photo, "--out", f"{place}/out", "--effort", "quick"),
            },
            repeats=5,
        )
    # Seconds of this process's own processor time say nothing of its children.
    write("startup", rows={name: {k: v for k, v in row.items() if "cpu" not in k} for name, row in found.items()})


def call(*arguments: str | Path) -> Callable[[], None]:
    def run() -> None:
        with tempfile.TemporaryDirectory() as state:
            environment = os.environ | {"DP2VL_STATE_DIR": state}
            command = [sys.executable, *map(str, arguments)]
            if "--out" in command:  # a photo that is done would be skipped
                command[command.index("--out") + 1] = f"{state}/out"
            subprocess.run(command, env=environment, capture_output=True, check=True)

    return run


if __name__ == "__main__":
    main()
