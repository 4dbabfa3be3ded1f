"""A trained tower on disk: `tower.safetensors` (half precision) and `tower.json` (shape, training)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from dp2vl.album import write_atomic
from dp2vl.errors import ModelError
from dp2vl.vlm.mini.towers import MINI_TOWERS, TowerConfig, VisionTower, make_tower

WEIGHTS_FILE, RECORD_FILE = "tower.safetensors", "tower.json"
SCHEMA = 1
BUNDLED = Path(__file__).parent / "weights"


def bundled_folder(name: str) -> Path:
    """Return the folder of a tower of this package, which need not be trained yet.

    Raises:
        ModelError: there is no tower of that name.
    """
    if name not in MINI_TOWERS:
        raise ModelError(f"unknown mini tower {name!r}", f"choose one of {', '.join(MINI_TOWERS)}")
    return BUNDLED / name


def write_tower(tower: VisionTower, folder: Path, training: Mapping[str, Any]) -> None:
    """Write weights and record; a reader sees the old or the new file, never half of one.

    Args:
        folder: made if absent.
        training: JSON-able account of how the weights came about.
    """
    half = {key: value.detach().cpu().half().contiguous() for key, value in tower.vision.state_dict().items()}
    if not all(value.isfinite().all() for value in half.values()):
        raise ValueError(
            f"expected finite weights within half precision for {tower.config.name}; the training diverged"
        )
    record = {
        "schema": SCHEMA,
        "config": asdict(tower.config),
        "class": type(tower.vision).__name__,
        "preprocess": asdict(tower.preprocess),
        "tokens": {"count": _count_tokens(tower), "dim": tower.dim},
        "parameters": sum(value.numel() for value in half.values()),
        "training": dict(training),
    }
    write_atomic(folder / WEIGHTS_FILE, save(half))
    write_atomic(folder / RECORD_FILE, (json.dumps(record, indent=1) + "\n").encode())


def read_record(folder: Path) -> dict[str, Any]:
    """Return what `tower.json` says.

    Raises:
        ModelError: the file is absent, not JSON, or of another version.
    """
    path = folder / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"no trained tower in {folder}", "train one: dp2vl models train NAME --out DIR") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON", "train or copy the tower again") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ModelError(f"{path} is not a tower record of version {SCHEMA}", "train or copy the tower again")
    return record


def load_tower(folder: Path) -> VisionTower:
    """Return the trained tower of a folder, float32, in evaluation mode, without gradients for its weights.

    Raises:
        ModelError: a file is absent or damaged, or a tensor is missing, left over, or of another shape.
    """
    record = read_record(folder)
    try:
        tower = make_tower(TowerConfig(**record["config"]), seed=0)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder / RECORD_FILE}: {error}", "train or copy the tower again") from error
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read {path}: {error}", "train or copy the tower again") from error
    _check_tensors(path, weights, tower)
    tower.vision.load_state_dict({key: value.float() for key, value in weights.items()})
    return tower.requires_grad_(False)


def _check_tensors(path: Path, weights: Mapping[str, torch.Tensor], tower: VisionTower) -> None:
    expected = tower.vision.state_dict()
    wrong = sorted(
        key for key in expected.keys() | weights.keys()
        if key not in expected or key not in weights or expected[key].shape != weights[key].shape
    )  # fmt: skip
    if wrong:
        raise ModelError(
            f"{path} does not hold the tensors of {tower.config.name}: {len(wrong)} are missing, left over "
            f"or of another shape, the first is {wrong[0]}",
            "train or copy the tower again",
        )


@torch.no_grad()
def _count_tokens(tower: VisionTower) -> int:
    side = tower.config.side_px
    device = next(tower.parameters()).device
    return tower.tokens(torch.zeros(1, 3, side, side, device=device)).shape[1]
