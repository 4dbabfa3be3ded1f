"""What the mini models learn from an album of real photos, with made-up names and facts.

Usage: python benchmarks/own_album.py FOLDER [--vlm NAME ...] [--protect] [--out FILE]

FOLDER holds photos whose names are a person and a number, as `Family1-Dad2.jpg`. Everybody with two photos or more
takes part: the last one is the new photo, the others are learned from. Names, pets and homes are invented here.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

import dp2vl
from dp2vl.bench.simulate import simulate
from dp2vl.cli.simulate import as_record
from dp2vl.files import write_json
from dp2vl.people.scenarios import SCENARIOS
from speed.record import find_commit

NAMES = ("Ada", "Bruno", "Clara", "Dario", "Edda", "Fabio", "Greta", "Hugo", "Iris", "Jonas")
SHOWN = ("pet", "home", "vehicle")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--vlm", nargs="+", default=["mini-llava"])
    parser.add_argument("--protect", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "own_album.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        album, copies = Path(folder) / "album", Path(folder) / "copies"
        people = arrange(options.photos, album)
        if options.protect:
            dp2vl.protect_album(album, copies)
        found = simulate(
            album, vlms=options.vlm, against=copies if options.protect else None, seeds=range(options.seeds),
            report=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
    record = {
        "album": options.photos.name,
        "people": people,
        "commit": find_commit(),
        "rows": [as_record(one) for one in found],
    }
    write_json(options.out, record)


def arrange(photos: Path, album: Path) -> int:
    """Copy photos into a folder per person, write facts, and return the number of people."""
    owners: dict[str, list[Path]] = {}
    for path in sorted(photos.iterdir()):
        if match := re.fullmatch(r"([A-Za-z]+\d-[A-Za-z]+)\d+", path.stem):
            owners.setdefault(match[1], []).append(path)
    entries = []
    for number, (owner, paths) in enumerate((o, p) for o, p in owners.items() if len(p) > 1):
        for split, some in (("train", paths[:-1]), ("probe", paths[-1:])):
            (album / owner / split).mkdir(parents=True)
            for path in some:
                shutil.copy(path, album / owner / split)
        facts = {
            s: {"category": SCENARIOS[s].values[(number + i) % 8], "token": f"{NAMES[-1 - number]} {s}"}
            for i, s in enumerate(SHOWN)
        }
        entries.append({"id": owner, "name": f"{NAMES[number]} Example", "consent": "written", "facts": facts})
    (album / "facts.yaml").write_text(yaml.safe_dump({"people": entries}), encoding="utf-8")
    return len(entries)


if __name__ == "__main__":
    main()
