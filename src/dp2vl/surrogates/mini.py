"""The bundled towers: small, trained by this project on synthetic people (`dp2vl models train`)."""

from pathlib import Path

from torch import Tensor, nn

from dp2vl.surrogates.protocol import Features
from dp2vl.surrogates.tower import Tower
from dp2vl.vlm.mini import bundled_folder, load_tower


def load(name: str) -> Tower:
    """Return a bundled tower (`mini-llava`), or one that `dp2vl models train --out DIR` left (`mini:DIR`).

    Raises:
        ModelError: the name is unknown, the tower is not trained, or its files are damaged.
    """
    folder = Path(name.removeprefix("mini:")) if name.startswith("mini:") else bundled_folder(name)
    tower = load_tower(folder)
    return Tower(name, f"mini-{tower.config.family}", tower, tower.preprocess, _read)


def _read(tower: nn.Module, squares: Tensor) -> Features:
    """Tokens as the connector takes them; pooled is their mean, from which the training's heads read."""
    tokens = tower.tokens(squares)  # type: ignore[operator]
    return Features(tokens.mean(1), tokens)
