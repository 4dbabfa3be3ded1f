"""What a verdict is worth: the shift that it is given for, beside the protection that was measured.

Usage: python benchmarks/verdicts.py [--data FOLDER] [--every 16] [--out FILE]

For every strength and set of known towers of the published suites, some training photos are protected again and
judged on the attacked model's tower as `verify` judges them; the rate is that of the suite's records, which should be
of the same search. Without --data the suites' people are drawn first. A quarter of an hour on one core.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dp2vl.bench.stages import draw_people
from dp2vl.bench.suite import Suite, load_suite
from dp2vl.dataset.schema import DataSet, read_dataset
from dp2vl.files import hash_file, write_json
from dp2vl.images import read_photo
from dp2vl.protect.config import ProtectConfig
from dp2vl.protect.photo import Protector
from dp2vl.protect.reference import Reference
from dp2vl.protect.sample import album_references, group_of
from dp2vl.surrogates import load_surrogates

RESULTS = Path(__file__).parent / "results"
SUITES = ("protection", "strengths")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="folder with the suites' people, as `bench run` draws them")
    parser.add_argument("--every", type=int, default=16, help="so many training photos stand for one")
    parser.add_argument("--out", type=Path, default=RESULTS / "verdicts.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or draw_people(load_suite("protection"), Path(folder), print, processes=2)
        found = read_dataset(data)
        photos = {hash_file(path): path for path in map(found.path, found.rows["train"])}
        families = load_suite("protection").families
        known = dict(zip(families, album_references(photos, load_surrogates(",".join(families)), max_megapixels=100),
                         strict=True))  # fmt: skip
        rows = [row for name in SUITES for row in measure(load_suite(name), found, known, args.every)]
    about = {"photos": len(range(0, len(photos), args.every)), "rows": rows}
    write_json(args.out, about)


def measure(suite: Suite, data: DataSet, known: dict[str, Reference], every: int) -> list[dict[str, Any]]:
    """Return a row per kind of protection and attacked model of a suite."""
    lines = (RESULTS / suite.name / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    scores = [json.loads(line) for line in lines]
    rows, sets = [], {}
    for trial in suite.trials(("protected",)):
        if trial.seed != suite.seeds[0]:
            continue
        names = suite.towers(trial)
        if names not in sets:
            config = ProtectConfig(strength=trial.strength, effort=suite.protection.effort, surrogates=names)
            sets[names] = judge([data.path(row) for row in data.rows["train"][::every]], config, known)
        (rate,) = (
            s["value"] for s in scores
            if (s["metric"], s["scenario"], s["seed"]) == ("protection_rate", "mean", "all")
            and (s["family"], s["surrogates"], s["strength"]) == (trial.family, trial.surrogates, trial.strength)
        )  # fmt: skip
        shifts = np.array(sets[names][trial.family])
        rows.append({
            "suite": suite.name, "family": trial.family, "surrogates": trial.surrogates, "strength": trial.strength,
            "shift": round(float(shifts.mean()), 3), "shift_low": round(float(np.quantile(shifts, 0.1)), 3),
            "shift_high": round(float(np.quantile(shifts, 0.9)), 3), "protection_rate": rate,
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def judge(photos: list[Path], config: ProtectConfig, known: dict[str, Reference]) -> dict[str, list[float]]:
    """Return the lowest shift of each photo over what is tried on it, for every tower, used or held out."""
    used = config.surrogates.split(",")
    names = [*used, *(name for name in known if name not in used)]
    towers = load_surrogates(",".join(names))
    protector = Protector(config, towers[: len(used)], towers[len(used) :], [known[name] for name in names])
    lowest: dict[str, list[float]] = {name: [] for name in names}
    for path in photos:
        picture, group = read_photo(path), group_of(path)
        (change,) = protector.find_changes([picture], groups=[group])
        figures = protector.finish(picture, change, group=group).figures
        for name, shifts in lowest.items():
            shifts.append(min(value for key, value in figures.items() if key.startswith(f"shift[{name}]")))
    return lowest


if __name__ == "__main__":
    main()
