"""How far written files move on towers that were optimised against and on others, beside noise of the same size.

Usage: python benchmarks/displacement.py [--photos FOLDER] [--towers A,B,...] [--out FILE]

Without --photos the album is drawn: 12 synthetic people, two photos each. Every tower is used alone, then all together;
every tower is measured each time. Displacement is not leakage: it says that features moved, not what a model learns.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import dp2vl
from dp2vl.files import write_json
from dp2vl.images import read_photo
from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.noise import add_noise
from dp2vl.protect.quality import ssim
from dp2vl.protect.reference import make_reference
from dp2vl.protect.verify import measure_shift, to_tensor
from dp2vl.types import Budget
from speed.record import find_commit

PEOPLE, PHOTOS_EACH, SIZE_PX = 12, 2, 224
FIRST_SEED = 930_000
LEVELS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--towers", default="mini")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "displacement.json")
    options = parser.parse_args()
    towers = dp2vl.load_surrogates(options.towers)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        album = options.photos or draw_album(work / "album")
        originals = {p.relative_to(album).as_posix(): read_photo(p) for p in sorted(album.rglob("*")) if p.is_file()}
        references = [make_reference(t, [to_tensor(p) for p in originals.values()]) for t in towers]
        rows = []
        noisy = {
            name: picture.with_pixels(add_noise(picture.pixels, budget=Budget(linf=LEVELS / 255), seed=options.seed))
            for name, picture in originals.items()
        }
        rows += measure("noise", "", originals, noisy, towers, references)
        for chosen in [[t] for t in towers] + ([towers] if len(towers) > 1 else []):
            names = ",".join(t.name for t in chosen)
            out = work / names.replace("/", "_")
            result = dp2vl.protect_album(album, out, surrogates=chosen, effort=options.effort, seed=options.seed)
            copies = {o.rel: read_photo(out / o.rel) for o in result.outcomes if o.status == "protected"}
            rows += measure("protected", names, originals, copies, towers, references)
            print(names, [r["median"] for r in rows if r["surrogates"] == names], file=sys.stderr)
    record = {
        "album": str(options.photos.name) if options.photos else f"{PEOPLE} drawn people x {PHOTOS_EACH}",
        "strength": "standard",
        "effort": options.effort,
        "seed": options.seed,
        "version": dp2vl.__version__,
        "commit": find_commit(),
        "rows": rows,
    }
    write_json(options.out, record)


def draw_album(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for i in range(PEOPLE):
        for j in range(PHOTOS_EACH):
            pixels = draw_portrait(make_person(FIRST_SEED + i), seed=FIRST_SEED + 100 * i + j, size=SIZE_PX).pixels
            Image.fromarray(pixels).save(folder / f"{i:02}-{j}.png")
    return folder


def measure(arm, surrogates, originals, copies, towers, references):
    """Return one row per tower and post-processing: median and lowest displacement over photos."""
    figures = [
        measure_shift(to_tensor(originals[n]), to_tensor(c), towers, references) for n, c in sorted(copies.items())
    ]
    likeness = [ssim(originals[n].pixels, c.pixels) for n, c in sorted(copies.items())]
    rows = []
    for key in figures[0]:
        tower, _, after = key.removeprefix("shift[").rpartition("]")
        values = [f[key] for f in figures]
        rows.append(
            {
                "arm": arm,
                "surrogates": surrogates,
                "tower": tower,
                "after": after.removeprefix(" after "),
                "median": round(float(np.median(values)), 3),
                "lowest": round(min(values), 3),
                "photos": len(values),
                "ssim_median": round(float(np.median(likeness)), 4),
                "ssim_lowest": round(min(likeness), 4),
            }
        )
    return rows


if __name__ == "__main__":
    main()
