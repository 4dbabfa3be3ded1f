"""How an album's photos share the machine's cores."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import torch
from torch import nn

from dp2vl.engine.job import Lanes
from dp2vl.protect.room import HOST_SHARE
from dp2vl.surrogates.protocol import Surrogate
from dp2vl.surrogates.tower import Tower

FLOP_PER_S = 4e10
"""What one core does in a tower's forward and backward pass, as measured (docs/log.md)."""
TOKEN_PX = 16
"""Every weight is used once per square of about so many pixels, in vision transformers and networks of convolutions."""
LANE_BYTES = 0.5e9
"""What searching one photo more at once takes at most; 0.3e9 with the bundled towers, as measured."""
SMALL_S = 2.0
"""Passes that one core does in less get no second one: threads of an operation wait for one another (docs/log.md)."""


@contextmanager
def limit_threads(threads: int) -> Iterator[None]:
    """Let operations of towers take `threads` cores and those of OpenCV one; afterwards all is as it was.

    Threads that begin meanwhile keep to it as well.
    """
    before, opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(opencv)


def threads_per_photo(pass_s: float, *, cores: int) -> int:
    """Return how many cores search one photo; the others search other photos meanwhile.

    Threads of one operation wait for the slowest of them, photos do not wait for one another; but each photo that is
    searched takes memory, and a user waits for the first. It does not depend on how many photos there are: bytes
    depend on it, and a run may be resumed.

    Args:
        pass_s: what one core takes for a pass of all towers, in seconds; see `estimate_pass`.
    """
    at_once = cores // max(1, min(cores, math.ceil(pass_s / SMALL_S)))
    return cores // at_once


def choose_threads(towers: Sequence[Surrogate], *, device: str) -> int:
    """Return how many cores search one photo."""
    if device != "cpu":
        return 1
    if not all(isinstance(tower, Tower) for tower in towers):
        return usable_cores()  # a caller's own may not stand two threads at once
    return threads_per_photo(estimate_pass(towers), cores=usable_cores())


def choose_lanes(threads: int, *, cores: int, device: str, memory: float) -> Lanes:
    """Return how many photos are worked on and how many written at once.

    Args:
        threads: that search one photo. device: that searches; beside CUDA all cores but one judge copies.
        memory: free on this machine, in bytes.
    """
    if device == "cpu":
        return Lanes(work=max(1, min(cores // threads, int(HOST_SHARE * memory / LANE_BYTES))), write=1)
    return Lanes(work=1, write=max(1, cores - 1) if device == "cuda" else 1)


def usable_cores() -> int:
    """Return how many cores this process may use: those of the machine, or fewer where `OMP_NUM_THREADS` says so."""
    return min(torch.get_num_threads(), os.cpu_count() or 1)


def estimate_pass(towers: Sequence[Surrogate]) -> float:
    """Return the seconds that one core takes for a forward and backward pass of each tower, roughly.

    By weights and size; counting operations would import torch's compiler, which takes seconds.
    """
    return sum(4.0 * _weights(tower) * (tower.side_px // TOKEN_PX) ** 2 for tower in towers) / FLOP_PER_S


def _weights(tower: Surrogate) -> int:
    model = getattr(tower, "model", None)
    return sum(weight.numel() for weight in model.parameters()) if isinstance(model, nn.Module) else 0
