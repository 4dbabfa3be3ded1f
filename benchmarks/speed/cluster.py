"""One Ray worker against two on this machine, each of one thread, and the same bytes as without Ray.

python benchmarks/speed/cluster.py [--photos 24]

Clusters start before the clock: what is timed is from the first result to the last, with an album in between.
"""

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
from PIL import Image

import dp2vl
from dp2vl.people import draw_portrait, make_person
from record import write

ROUNDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--effort", default="normal")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        album = Path(place) / "album"
        album.mkdir()
        for number in range(options.photos):
            pixels = draw_portrait(make_person(933_000 + number), seed=number, size=512).pixels
            Image.fromarray(pixels).save(album / f"{number:03}.png")
        local = Path(place) / "local"
        dp2vl.protect_album(album, local, effort=options.effort)
        for number in range(ROUNDS):
            for workers in (1, 2):
                out = Path(place) / f"{number}-{workers}"
                rows.append(run(album, out, workers, options.effort) | {"same_bytes": digest(out) == digest(local)})
    pairs = zip(rows[::2], rows[1::2], strict=True)
    ratios = [round(two["photos_per_s"] / one["photos_per_s"], 3) for one, two in pairs]
    write("cluster", photos=options.photos, effort=options.effort, rows=rows, ratios=ratios)


def run(album: Path, out: Path, workers: int, effort: str) -> dict[str, Any]:
    times: list[float] = []
    dp2vl.protect_album(
        album, out, effort=effort, engine="ray", workers=workers, on_outcome=lambda o: times.append(time.perf_counter())
    )
    # Results of the first round of workers share the start; from there on the rate is steady.
    return {"workers": workers, "photos_per_s": round((len(times) - workers) / (times[-1] - times[workers - 1]), 4)}


def digest(folder: Path) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and ".dp2vl" not in p.parts)
    return hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in files)).hexdigest()


if __name__ == "__main__":
    main()
