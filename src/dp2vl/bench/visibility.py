"""How visible the changed photos of a suite are, each file beside its original. Needs neither torch nor a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dp2vl.bench.done import DONE, is_done, mark_done
from dp2vl.bench.suite import Suite, Trial
from dp2vl.dataset.schema import read_dataset
from dp2vl.dataset.store import read_pixels
from dp2vl.files import write_atomic
from dp2vl.protect.quality import flip, largest_change, ssim

VISIBILITY = "visibility.jsonl"
_COLUMNS = ("arm", "method", "surrogates", "strength", "family")


def write_visibility(suite: Suite, out: Path) -> Path | None:
    """Write `visibility.jsonl`: a row per kind of changed photos and model whose training photos are all made.

    Columns: what the photos are, as in `scores.jsonl`; `photos`, how many; `folder`, where below `out`; the mean and
    the worst photo's `ssim`, `flip` and `change_levels`. Returns None, and leaves an earlier file as it is, where there
    are no changed photos: the scores may have been moved away from them.

    Cost: some 60 ms per photo of 192 px, once; a photo set that was measured is not measured again.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for trial in suite.trials():
        key = tuple(getattr(trial, name) for name in _COLUMNS)
        if trial.method and key not in rows:
            found = measure_set(suite, trial, out)
            if found:
                about = {"suite": suite.name, **dict(zip(_COLUMNS, key, strict=True)), "towers": suite.towers(trial)}
                rows[key] = about | found
    if not rows:
        return None
    write_atomic(out / VISIBILITY, "".join(json.dumps(row) + "\n" for row in rows.values()).encode())
    return out / VISIBILITY


def measure_set(suite: Suite, trial: Trial, out: Path) -> dict[str, Any]:
    """Return the figures of a trial's changed training photos, kept beside them; none if they are not made."""
    folder = out / "photos" / suite.photo_set(trial) / "train"
    if not (folder / DONE).is_file() or not (out / "data").is_dir():
        return {}
    kept = folder.with_name("train-visibility")
    made = str(json.loads((folder / DONE).read_text(encoding="utf-8"))["digest"])
    if not is_done(kept, made):
        kept.mkdir(exist_ok=True)
        mark_done(kept, made, _measure(out / "data", folder) | {"folder": folder.relative_to(out).as_posix()})
    figures: dict[str, Any] = json.loads((kept / DONE).read_text(encoding="utf-8"))
    return {name: value for name, value in figures.items() if name != "digest"}


def _measure(data_folder: Path, folder: Path) -> dict[str, Any]:
    data = read_dataset(data_folder)
    seen = []
    for row in data.rows["train"]:
        before, after = read_pixels(data.path(row)), read_pixels(folder / row.file_name)
        seen.append((ssim(before, after), flip(before, after), largest_change(before, after)))
    similar, shown, levels = np.array(seen).T
    return {
        "photos": len(seen),
        "ssim": round(float(similar.mean()), 4),
        "ssim_worst": round(float(similar.min()), 4),
        "flip": round(float(shown.mean()), 4),
        "flip_worst": round(float(shown.max()), 4),
        "change_levels": round(float(levels.mean()), 2),
        "change_levels_worst": int(levels.max()),
    }
