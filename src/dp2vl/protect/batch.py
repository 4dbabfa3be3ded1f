"""How many photos are searched at once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import psutil
import torch
from torch import Generator

from dp2vl.engine.local import AHEAD, BEHIND
from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.reference import Reference
from dp2vl.protect.room import HOST_SHARE
from dp2vl.surrogates.protocol import Surrogate

MOST = 32
"""More at once are hardly faster per photo, and each waits decoded."""
FREE_SHARE = 0.7
"""Of a GPU's free memory: others may use the GPU too."""


def choose_batch(
    config: ProtectConfig, towers: Sequence[Surrogate], references: Sequence[Reference], *, height: int, width: int
) -> int:
    """Return how many photos fit at once into a GPU's free memory, and decoded into the machine's; 1 on a CPU.

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
    return how_many(
        gpu_bytes=free + used,
        search_bytes=used,
        host_bytes=psutil.virtual_memory().available,
        photo_bytes=3e6 * config.max_megapixels,
    )


def how_many(*, gpu_bytes: float, search_bytes: float, host_bytes: float, photo_bytes: float) -> int:
    """Return how many photos to search at once, 1 to `MOST`.

    Args:
        gpu_bytes: free on the GPU. search_bytes: that searching one photo takes of it.
        host_bytes: free on the machine, of which `HOST_SHARE` may be filled with decoded photos: that are searched, or
            wait before their turn and to be written. photo_bytes: that the largest photo takes of it.
    """
    batches = 1 + AHEAD + BEHIND
    fit = FREE_SHARE * gpu_bytes / search_bytes, HOST_SHARE * host_bytes / (batches * photo_bytes)
    return int(max(1, min(*fit, MOST)))
