"""What is known of a mini model's making: `card.json` beside its weights."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import dp2vl
from dp2vl.errors import ModelError
from dp2vl.files import write_atomic

CARD_FILE = "card.json"
WORDS = ("about", "data", "not_for")
"""Entries of a card that are for people."""
NOT_FOR = (
    "It stands for no published model, and protection measured with it says nothing of one. It has learned what "
    "synthetic people look like: not for telling who is on a real photo, nor for describing real people. Some of what "
    "it says is no better than the commonest answer alone: `dp2vl models check` counts both."
)


def write_card(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the account of a training with the versions it ran under, and in words what the model is and is not.

    Args:
        record: "model", and "tower" and "language" as far as they are trained.
    """
    kept = {key: value for key, value in record.items() if key not in WORDS}
    whole = describe_model(kept) | {"dp2vl": dp2vl.__version__, "torch": torch.__version__} | kept
    write_atomic(folder / CARD_FILE, _to_json(whole))


def describe_model(record: Mapping[str, Any]) -> dict[str, str]:
    """Return in words what a model is, what it learned from, and what it is not for: the `WORDS` of a card."""
    model, tower, language = record["model"], record["tower"], record.get("language")
    part = "vision-language model" if language else "vision tower"
    about = f"{model['name']}: a small {part} with the classes of {model['family']}, trained from nothing by dp2vl."
    data = "Synthetic people drawn by code."
    if plan := tower.get("photos"):
        people = [note["people"] for note in tower.get("people_from_step", ())] or [plan["people"]]
        each = plan["portraits"] + plan["scenes"]
        data = (
            f"{people[-1]} synthetic people drawn by code, {each} photos of each, with every label the renderer knows."
        )
    if language:
        data += f" {language['public_figures']} more of them with names and facts, which it learned by heart."
    if count := tower.get("unlabelled_photos"):
        source = tower.get("unlabelled_source") or "their source was not given"
        data += (
            f" The tower also saw {count} real photos as images alone, without labels, names or faces marked, each in "
            f"two variants that it learned to recognise as one picture ({source})."
        )
    return {"about": about, "data": data, "not_for": NOT_FOR}


def record_bytes(path: Path) -> bytes:
    """Return a card without its words, for digests: what was trained does not change with how it is told.

    A file that is none of our cards comes back as it is.
    """
    data = path.read_bytes()
    with suppress(ValueError):
        card = json.loads(data)
        if isinstance(card, dict) and any(word in card for word in WORDS):
            return _to_json({key: value for key, value in card.items() if key not in WORDS})
    return data


def _to_json(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, indent=1) + "\n").encode()


def read_card(folder: Path) -> dict[str, Any]:
    """Return what `write_card` wrote.

    Raises:
        ModelError: it is absent or not JSON.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"no trained model in {folder}", "train one: dp2vl models train NAME --out DIR") from error
    except ValueError as error:
        raise ModelError(f"{folder / CARD_FILE} is not JSON", "train or copy the model again") from error
    return card
