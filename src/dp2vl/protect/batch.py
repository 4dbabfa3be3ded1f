"""How many photos are searched at once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Generator

from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.reference import Reference
from dp2vl.surrogates.protocol import Surrogate

MOST = 32
"""More at once are hardly faster per photo, and each waits decoded."""
FREE_SHARE = 0.7
"""Of a GPU's free memory: others may use the GPU too."""


def choose_batch(
    config: ProtectConfig, towers: Sequence[Surrogate], references: Sequence[Reference], *, height: int, width: int
) -> int:
    """Return how many photos fit into a GPU's free memory at once; 1 on a CPU.

    Four at once would save a quarter of a CPU's time, but in a batch a photo's last bits depend on its neighbours, and
    a run that was cut and resumed would give other bytes. Cost on a GPU: one photo is searched for one step, and the
    memory measured.

    Args:
        height, width: of a photo's working copy, in pixels.
    """
    device = references[0].device
    if device.type != "cuda":
        return 1
    torch.cuda.reset_peak_memory_stats(device)
    before, effort = torch.cuda.memory_allocated(device), replace(EFFORTS[config.effort], steps=1)
    photo = torch.rand((1, 3, height, width), generator=Generator().manual_seed(0)).to(device)
    with suppress(torch.OutOfMemoryError):  # then the photos themselves say so
        optimise_changes(
            photo, towers, references, budget=config.budget, effort=effort, generator=Generator().manual_seed(0)
        )
    used = torch.cuda.max_memory_allocated(device) - before
    free, _ = torch.cuda.mem_get_info(device)
    return min(max(1, int(FREE_SHARE * (free + used) / used)), MOST)
