"""Loads a published checkpoint, or the vision tower out of one, and refuses anything less than all of it."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from dp2vl.errors import ModelError
from dp2vl.preprocess import Interpolation, Preprocess
from dp2vl.vlm.hub import weight_files

PILLOW_FILTERS: dict[int, Interpolation] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
TOWER_KEYS = ("encoder.", "vision_model.")
"""Tensors under these names belong to the tower: one that is left over means that the configuration is too small."""
BUFFER_KEYS = ("rotary_emb.inv_freq", "position_ids")
"""Older checkpoints hold these, which are computed."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return the checkpoint's config.json.

    Raises:
        ModelError: it is absent or not JSON.
    """
    return read_json(folder / "config.json")


def check_family(spec: str, folder: Path, *expected: str) -> None:
    """Raise a `ModelError` if the checkpoint's `model_type` is none of `expected`."""
    found = read_config(folder).get("model_type")
    if found not in expected:
        raise ModelError(
            f"expected {spec} to be of type {' or '.join(expected)}, got {found}",
            "see `dp2vl models list` for kinds",
        )


def load_vision(
    spec: str,
    folder: Path,
    model_class: type[PreTrainedModel],
    key_mapping: dict[str, str] | None = None,
    config: PretrainedConfig | None = None,
) -> nn.Module:
    """Return the tower, float32, with every weight from the checkpoint; other parts of it are not read.

    Args:
        spec: what errors call it.
        folder: see `find_checkpoint`.
        model_class: of transformers; a vision model.
        key_mapping: pattern -> replacement, from the names in the file to those of the class.
        config: of the tower, where config.json describes a larger model.

    Raises:
        ModelError: a tensor is missing, left over or of another shape, or a file is damaged.
    """
    tower, report = load_reported(spec, folder, model_class, key_mapping=key_mapping, config=config)
    _check_report(spec, report, lambda key: key.startswith(TOWER_KEYS), "the whole tower")
    return tower


def load_whole(spec: str, folder: Path, model_class: type[Any], *, dtype: torch.dtype = torch.float32) -> Any:
    """Return a model with every weight from the checkpoint, all of which is used.

    Raises:
        ModelError: a tensor is missing, left over or of another shape, or a file is damaged.
    """
    model, report = load_reported(spec, folder, model_class, dtype=dtype)
    _check_report(spec, report, lambda key: not key.endswith(BUFFER_KEYS), "the whole model")
    return model


def load_reported(
    spec: str,
    folder: Path,
    model_class: type[Any],
    *,
    key_mapping: dict[str, str] | None = None,
    config: PretrainedConfig | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Any, dict[str, Any]]:
    """Return a model of transformers and its account of tensors that are missing, left over or of another shape.

    Raises:
        ModelError: a file is damaged, or the configuration makes no such model.
    """
    with one_line(spec), quiet():
        config = config or model_class.config_class.from_pretrained(folder)
        if getattr(config, "transformers_weights", None):  # an index of its own, which nobody has looked through
            raise ValueError("config.json names its weights itself (transformers_weights)")
        settings = {} if key_mapping is None else {"key_mapping": key_mapping}
        loaded: Any = model_class.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # reported by name
            output_loading_info=True,
            local_files_only=True,
            **settings,
        )
    return loaded[0], loaded[1]


@contextmanager
def one_line(spec: str) -> Iterator[None]:
    """Turn what goes wrong in transformers over a damaged checkpoint into a `ModelError`."""
    try:
        yield
    except (
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
        KeyError,
        SafetensorError,
        StrictDataclassError,
        UnpicklingError,
    ) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{spec} does not load: {first}", "fetch the checkpoint again") from error


def _check_report(spec: str, report: dict[str, Any], ours: Callable[[str], bool], what: str) -> None:
    wrong = {
        "missing": sorted(report["missing_keys"]),
        "left over": sorted(key for key in report["unexpected_keys"] if ours(key)),
        "of another shape": sorted(key for key, *_ in report["mismatched_keys"]),
    }
    for how, names in wrong.items():
        if names:
            shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
            message = f"{spec} does not hold {what}: {len(names)} tensors {how}: {shown}"
            raise ModelError(message, "fetch the checkpoint again")


def read_tensors(spec: str, folder: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """Return the wanted tensors of a checkpoint, as saved; files that hold none of them are not opened.

    Raises:
        ModelError: a file is absent or damaged.
    """
    found: dict[str, Tensor] = {}
    for name in weight_files(folder, wanted):
        path = folder / name
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as file:
                    found |= {key: file.get_tensor(key) for key in file.keys() if wanted(key)}  # noqa: SIM118
            else:
                whole = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
                found |= {key: value for key, value in whole.items() if wanted(key)}
        except FileNotFoundError as error:
            raise ModelError(f"{spec} is incomplete: {folder} has no {name}", "fetch the checkpoint again") from error
        except (OSError, RuntimeError, ValueError, SafetensorError, UnpicklingError) as error:
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelError(f"{path} does not load: {first}", "fetch the checkpoint again") from error
    return found


def check_names(spec: str, tensors: Mapping[str, Tensor], expected: Collection[str], what: str) -> None:
    """Raise a `ModelError` unless `tensors` are exactly the expected ones."""
    missing, extra = set(expected) - tensors.keys(), tensors.keys() - set(expected)
    report = {"missing_keys": missing, "unexpected_keys": extra, "mismatched_keys": ()}
    _check_report(spec, report, lambda key: True, what)


def build_part(
    spec: str,
    model_class: type[Any],
    config: PretrainedConfig,
    state: dict[str, Tensor],
    dtype: torch.dtype,
    what: str,
) -> Any:
    """Return a model of transformers with the weights of `state`, all of which it must use.

    Raises:
        ModelError: a tensor is missing, left over or of another shape.
    """
    with quiet():
        loaded: Any = model_class.from_pretrained(
            None,
            config=config,
            state_dict=state,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # reported by name
            output_loading_info=True,
        )
    _check_report(spec, loaded[1], lambda key: True, what)
    return loaded[0]


def read_tokenizer(spec: str, folder: Path) -> Any:
    """Return the tokenizer of a checkpoint; no code of the checkpoint is run.

    Raises:
        ModelError: it is absent or damaged.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"the tokenizer of {spec} does not load: {first}", "copy the tokenizer's files too") from error


def read_preprocess(folder: Path, default: Preprocess) -> Preprocess:
    """Return `default` with filter, mean and std of `preprocessor_config.json`, where the checkpoint has one."""
    path = folder / "preprocessor_config.json"
    found = read_json(path) if path.is_file() else {}
    return replace(
        default,
        interpolation=PILLOW_FILTERS.get(found.get("resample", 0), default.interpolation),
        mean=tuple(found.get("image_mean") or default.mean),
        std=tuple(found.get("image_std") or default.std),
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        ModelError: it is absent, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON", "fetch the checkpoint again") from error
    if not isinstance(found, dict):
        raise ModelError(f"expected {path} to hold one object", "fetch the checkpoint again")
    return found


@contextmanager
def quiet() -> Iterator[None]:
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
