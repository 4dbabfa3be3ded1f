"""Forward and backward passes of a full tower with random weights, as a share of the machine's own matrix product.

python benchmarks/speed/towers.py [--device cuda]

ViT-L/14 at 336 px, the tower of LLaVA-1.5, up to the layer that LLaVA reads. On CUDA in bfloat16, also with a batch.
Operations of matrix products are counted, twice as many forwards and backwards as forwards, as the gradient goes to
the pixels and not to weights, and three times as many in attention; those of norms and activations are not. The
machine's rate is that of one large product in the same number format.
"""

import argparse
from typing import Any

import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from dp2vl.vlm.llava import LlavaTower, preprocess
from record import time_in_turn, write

LAYERS, WIDTH, MLP, HEADS, SIDE, PATCH = 24, 1024, 4096, 16, 336, 14
LLAVA_TOWER = CLIPVisionConfig(
    hidden_size=WIDTH, intermediate_size=MLP, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
    image_size=SIDE, patch_size=PATCH,
)  # fmt: skip
PRODUCT = {"cpu": 2048, "cuda": 8192}
"""Side of the square matrices whose product is the machine's rate."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    tower = LlavaTower(CLIPVisionModel(LLAVA_TOWER), preprocess(SIDE)).eval().requires_grad_(False).to(device, dtype)
    rows = [measure(tower, batch, device, dtype) for batch in ((1,) if device == "cpu" else (1, 16))]
    write("towers" if device == "cpu" else f"towers_{device}", tower="ViT-L/14 336", dtype=str(dtype), rows=rows)


def measure(tower: LlavaTower, batch: int, device: str, dtype: torch.dtype) -> dict[str, Any]:
    pixels = torch.rand(batch, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    side = PRODUCT[device]
    one, other = (torch.rand(side, side, device=device, dtype=dtype) for _ in range(2))

    def passes() -> None:
        leaf = pixels.clone().requires_grad_()
        tower.tokens(leaf).sum().backward()

    found = time_in_turn({"product": lambda: one @ other, "passes": passes}, repeats=5, warmup=1)
    rate = {"product": 2 * side**3 / 1e9, "passes": batch * count_gflop()}
    per_second = {name: work / found[name]["wall_s"] for name, work in rate.items()}
    share = rate["passes"] / rate["product"] / found["passes"]["wall_ratio"]
    return {
        "batch": batch,
        "gflop_per_photo": round(rate["passes"] / batch, 1),
        "seconds_per_photo": round(found["passes"]["wall_s"] / batch, 4),
        "product_gflop_per_s": round(per_second["product"], 1),
        "passes_gflop_per_s": round(per_second["passes"], 1),
        "share": round(share, 3),
    }


def count_gflop() -> float:
    """Return the operations of one photo, forwards and backwards, in thousand millions."""
    read, tokens = LAYERS - 1, (SIDE // PATCH) ** 2 + 1
    products = read * tokens * (4 * WIDTH**2 + 2 * WIDTH * MLP) + (tokens - 1) * 3 * PATCH**2 * WIDTH
    attention = read * 2 * tokens**2 * WIDTH
    return 2 * (2 * products + 3 * attention) / 1e9


if __name__ == "__main__":
    main()
