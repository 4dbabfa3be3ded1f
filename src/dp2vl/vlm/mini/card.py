"""What is known of a mini model's making: `card.json` beside its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import dp2vl
from dp2vl.errors import ModelError
from dp2vl.files import write_atomic

CARD_FILE = "card.json"


def write_card(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the account of a training with the versions it ran under."""
    whole = {"dp2vl": dp2vl.__version__, "torch": torch.__version__} | dict(record)
    write_atomic(folder / CARD_FILE, (json.dumps(whole, indent=1) + "\n").encode())


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
