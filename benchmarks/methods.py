"""Other methods in the screen of `objectives.py`: the same photos, budget, towers and readers.

Usage: python benchmarks/methods.py [--data FOLDER] [--photos 6] [--held-out MODEL] [--only NAME ...] [--out FILE]

Every method of `dp2vl.bench.baselines` knows the same two towers, takes as many steps as `protect` at its usual effort
and keeps to the same bound and similarity; `pixelate` alone is no small change. Beside them noise of the same size.
What `protect` does is the row `oppose` of `objectives.py`. Minutes to half an hour a method on one core; rows of
earlier runs are kept.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dp2vl.bench.baselines.names import BASELINES
from dp2vl.bench.baselines.registry import apply_baseline
from dp2vl.dataset.schema import PhotoRow
from dp2vl.protect.noise import add_noise
from dp2vl.types import STRENGTHS
from objectives import EFFORT, STRENGTH, Screen, run_screen

OUT = Path(__file__).parent / "results" / "methods.json"
NOISE = "noise"
METHODS = {NOISE: "random signs that fill the budget"} | dict(BASELINES)
"""Name of a method -> what it is."""


def main() -> None:
    run_screen(str(__doc__), tuple(METHODS), OUT, measure)


def measure(screen: Screen, name: str) -> dict[str, Any]:
    """Return what is left of people, and what readers learn, after a method changed all photos."""
    photos = [picture.pixels.astype(np.uint8) for _, picture in screen.taught]
    budget = STRENGTHS[STRENGTH]
    if name == NOISE:
        changed = [add_noise(photo, budget=budget, seed=i) for i, photo in enumerate(photos)]
    else:
        changed = apply_baseline(
            name, photos, [person for person, _ in screen.taught], [screen.towers[i] for i in screen.known],
            budget=budget, steps=EFFORT.steps * EFFORT.views, boxes=[_heads(row) for row in screen.rows],
        )  # fmt: skip
    pairs = zip(screen.taught, changed, strict=True)
    after = [picture.with_pixels(np.ascontiguousarray(pixels)) for (_, picture), pixels in pairs]
    return {"way": name, "what": METHODS[name]} | screen.judge(after)


def _heads(row: PhotoRow) -> list[list[int]]:
    return [box for what, box in json.loads(row.bbox_json).items() if what.startswith("head")]


if __name__ == "__main__":
    main()
