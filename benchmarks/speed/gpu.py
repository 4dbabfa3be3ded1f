"""Seconds per photo of the search at `normal` on a GPU, with the three named families' towers at full size.

python benchmarks/speed/gpu.py

Weights and statistics are random, as speed does not depend on them; photos are of 3 to 2, searched at twice the side
that the largest tower sees. In float32 a few steps are timed, as all steps take as long. The share is of the rate of a
large bfloat16 product, counting the operations of the towers' passes alone.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Generator
from torch.utils.flop_counter import FlopCounterMode

from dp2vl.protect import optimise
from dp2vl.protect.batch import choose_batch
from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.protect.photo import OVERSAMPLING
from dp2vl.protect.reference import Reference
from dp2vl.surrogates.families import _read
from dp2vl.surrogates.tower import Tower
from record import wait_for_gpu, write

sys.path.insert(0, str(Path(__file__).parents[1]))
from families import FULL_TOWERS

DEVICE = "cuda"
CONFIG = ProtectConfig()
FEW = 4


def main() -> None:
    with torch.device(DEVICE):
        made = [(name, build().to(DEVICE)) for name, build in FULL_TOWERS.items()]
    towers = [Tower(name, name, tower, tower.preprocess, _read, folder=None) for name, tower in made]
    references = [refer(tower) for tower in towers]
    side = OVERSAMPLING * max(tower.side_px for tower in towers)
    size = {"height": side, "width": side * 3 // 2}
    work, rate = sum(count_flop(tower) for tower in towers), product_rate()
    rows = []
    for half in (True, False):
        optimise.HALF = half
        most = choose_batch(CONFIG, towers, references, **size)
        for batch in dict.fromkeys((1, most)):
            seconds = time_photo(towers, references, batch, steps=EFFORTS["normal"].steps if half else FEW, **size)
            precision = "bfloat16" if half else "float32"
            share = work * EFFORTS["normal"].steps / seconds / rate
            rows.append({"precision": precision, "batch": batch, "seconds_per_photo": round(seconds, 3),
                         "share_of_product": round(share, 3)})  # fmt: skip
            print(rows[-1], flush=True)
    write("gpu", towers=[t.name for t in towers], **size, tflop_per_step=round(work / 1e12, 3),
          product_tflop_per_s=round(rate / 1e12, 1), rows=rows)  # fmt: skip


def refer(tower: Tower) -> Reference:
    """Return made-up statistics of the right shapes."""
    found = tower.features(torch.rand(1, 3, 64, 96, device=DEVICE))
    dim = found.who.shape[1]
    axes = torch.linalg.qr(torch.randn(dim, 32, device=DEVICE))[0]
    centre, none = torch.zeros(1, dim, device=DEVICE), torch.empty(0, 32, device=DEVICE)
    return Reference(
        pooled_centres=centre, pooled_scale=torch.ones(dim, device=DEVICE), token_centres=None, token_scale=None,
        who_centres=centre, axes=axes, people=none, spread=1.0, groups=torch.empty(0, dtype=torch.long, device=DEVICE),
    )  # fmt: skip


def count_flop(tower: Tower) -> int:
    """Return the operations of one photo forwards and backwards."""
    leaf = torch.rand(1, 3, tower.side_px, tower.side_px, device=DEVICE, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        tower.features(leaf).pooled.sum().backward()
    return int(counter.get_total_flops())


def product_rate() -> float:
    """Return the operations per second of a large product in bfloat16."""
    one, other = (torch.rand(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    for repeats in (3, 20):
        wait_for_gpu()
        start = time.perf_counter()
        for _ in range(repeats):
            one @ other
        wait_for_gpu()
    return 2 * 8192**3 * repeats / (time.perf_counter() - start)


def time_photo(towers: list[Tower], references: list[Reference], batch: int, steps: int, **size: Any) -> float:
    """Return seconds per photo of a search of `normal` length."""
    images = torch.rand(batch, 3, size["height"] // 8, size["width"] // 8, device=DEVICE)
    images = torch.nn.functional.interpolate(images, tuple(size.values()), mode="bicubic").clamp(0, 1)
    for count in (1, steps):
        wait_for_gpu()
        start = time.perf_counter()
        optimise.optimise_changes(
            images, towers, references, budget=CONFIG.budget, effort=replace(EFFORTS["normal"], steps=count),
            generator=Generator().manual_seed(0),
        )  # fmt: skip
        wait_for_gpu()
    return (time.perf_counter() - start) / batch * EFFORTS["normal"].steps / steps


if __name__ == "__main__":
    main()
