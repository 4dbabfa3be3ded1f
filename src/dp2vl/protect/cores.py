"""How searches and what writes files share the machine's cores."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import torch
from torch.utils.flop_counter import FlopCounterMode

from dp2vl.protect.config import Effort
from dp2vl.surrogates.protocol import Surrogate

FILE_S = 3.0
"""What one core takes to read, judge and write a photo of 12 MP, in seconds."""
FLOP_PER_S = 4e10
"""What one core does in a tower's forward and backward pass, as measured (docs/log.md)."""


@contextmanager
def spare_core() -> Iterator[None]:
    """Leave a core to what writes beside the search; afterwards all is as it was.

    What writes keeps to that core: OpenCV's threads would take the others from the towers.
    """
    before, opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(max(1, min(before, (os.cpu_count() or 1) - 1)))
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(opencv)


def is_better_spared(search_s: float, *, cores: int) -> bool:
    """Return whether an album is sooner done if searches leave one of the cores to files.

    Else both go in turn, each with all cores: threads of a tower wait for the slowest of them, so that a search beside
    which a file is written is no faster. With one core of n less it takes n / (n - 1) times as long.

    Args:
        search_s: what one core takes to search one photo, in seconds.
    """
    return cores == 1 or search_s < FILE_S * cores * (cores - 1)


def estimate_search(towers: Sequence[Surrogate], effort: Effort, *, side_px: int) -> float:
    """Return the seconds that one core takes to search one photo, from the operations of the towers' passes.

    Args:
        side_px: of the square that is looked at once for it.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for tower in towers:
            tower.features(torch.full((1, 3, side_px, side_px), 0.5))
    # The weights have no gradient, so the way back costs what the way there did.
    return 2 * counter.get_total_flops() * effort.steps * effort.views / FLOP_PER_S
