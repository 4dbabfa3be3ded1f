"""Loads the vision tower out of a published checkpoint, and refuses anything less than all of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import logging

from dp2vl.errors import ModelError
from dp2vl.preprocess import Interpolation, Preprocess

PILLOW_FILTERS: dict[int, Interpolation] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
TOWER_KEYS = ("encoder.", "vision_model.")
"""Tensors under these names belong to the tower: one that is left over means that the configuration is too small."""


def check_family(spec: str, folder: Path, *expected: str) -> None:
    """Raise a `ModelError` if the checkpoint's `model_type` is none of `expected`."""
    found = _read_json(folder / "config.json").get("model_type")
    if found not in expected:
        raise ModelError(
            f"expected {spec} to be of type {' or '.join(expected)}, got {found}",
            "see `dp2vl models list` for kinds",
        )


def load_vision(
    spec: str, folder: Path, model_class: type[PreTrainedModel], key_mapping: dict[str, str] | None = None
) -> nn.Module:
    """Return the tower, float32, with every weight from the checkpoint.

    Args:
        spec: what errors call it.
        folder: see `find_checkpoint`.
        model_class: of transformers; a vision model.
        key_mapping: pattern -> replacement, from the names in the file to those of the class.

    Raises:
        ModelError: a tensor is missing, left over or of another shape, or a file is damaged.
    """
    try:
        with _quiet():
            config = model_class.config_class.from_pretrained(folder)  # type: ignore[union-attr]
            loaded: Any = model_class.from_pretrained(
                folder,
                config=config,
                key_mapping=key_mapping,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # reported below, by name
                output_loading_info=True,
                local_files_only=True,
            )
    except (
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
        KeyError,
        SafetensorError,
        UnpicklingError,
    ) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{spec} does not load: {first}", "fetch the checkpoint again") from error
    tower: nn.Module = loaded[0]
    _check_report(spec, loaded[1])
    return tower


def _check_report(spec: str, report: dict[str, Any]) -> None:
    wrong = {
        "missing": sorted(report["missing_keys"]),
        "left over": sorted(key for key in report["unexpected_keys"] if key.startswith(TOWER_KEYS)),
        "of another shape": sorted(key for key, *_ in report["mismatched_keys"]),
    }
    for how, names in wrong.items():
        if names:
            shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
            message = f"{spec} does not hold the whole tower: {len(names)} tensors {how}: {shown}"
            raise ModelError(message, "fetch the checkpoint again")


def read_preprocess(folder: Path, default: Preprocess) -> Preprocess:
    """Return `default` with filter, mean and std of `preprocessor_config.json`, where the checkpoint has one."""
    path = folder / "preprocessor_config.json"
    found = _read_json(path) if path.is_file() else {}
    return replace(
        default,
        interpolation=PILLOW_FILTERS.get(found.get("resample", 0), default.interpolation),
        mean=tuple(found.get("image_mean") or default.mean),
        std=tuple(found.get("image_std") or default.std),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON", "fetch the checkpoint again") from error
    if not isinstance(found, dict):
        raise ModelError(f"expected {path} to hold one object", "fetch the checkpoint again")
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from printing tables and bars: what matters in them is an error here."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
