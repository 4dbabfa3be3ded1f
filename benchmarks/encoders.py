"""How far portraits move on real encoders, and how much of that JPEG 75 leaves.

Usage: python benchmarks/encoders.py PHOTOS TOWER [TOWER ...] [--photos 24] [--out FILE]

Towers as for `protect --surrogates`, for instance `torchscript:face.pt?px=112`; all are surrogates, all are measured.
Moved: from the clean photo's pooled features, in distances between two photos. Kept: the share of that which is left
when photo and copy are both saved as JPEG 75. Medians over photos. Photos of the commonest size are taken.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize, pdist

import dp2vl
from dp2vl.files import write_json
from dp2vl.images import read_photo
from dp2vl.protect.quality import ssim
from dp2vl.protect.views import jpeg
from dp2vl.surrogates import Surrogate, load_surrogates
from dp2vl.types import STRENGTHS, Budget
from speed.record import find_commit

BUDGETS = {
    "6 levels, SSIM .92": Budget(linf=6 / 255, ssim=0.92),
    "6 levels, SSIM .98": Budget(linf=6 / 255, ssim=0.98),
    "`standard`: 12 levels, SSIM .98": STRENGTHS["standard"],
}
QUALITY = 75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("towers", nargs="+")
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "encoders.json")
    options = parser.parse_args()
    towers, photos = load_surrogates(options.towers), read_alike(options.folder, options.photos)
    rows = [row for name, budget in BUDGETS.items() for row in measure(photos, towers, name, budget)]
    record = {
        "folder": options.folder.name,
        "photos": len(photos),
        "effort": "normal",
        "commit": find_commit(),
        "rows": rows,
    }
    write_json(options.out, record)


def read_alike(folder: Path, count: int) -> Tensor:
    """Return the first photos of the commonest size in a folder, (count, 3, h, w)."""
    by_size: dict[tuple[int, ...], list[Tensor]] = {}
    for path in sorted(folder.iterdir()):
        image = torch.from_numpy(read_photo(path).srgb())
        by_size.setdefault(tuple(image.shape), []).append(image)
    return torch.stack(max(by_size.values(), key=len)[:count])


def measure(photos: Tensor, towers: list[Surrogate], name: str, budget: Budget) -> list[dict[str, Any]]:
    """Return a row per tower: how far copies within a budget move on it, and how much of that is kept."""
    copies = dp2vl.protect_images(photos, surrogates=towers, budget=budget, effort="normal")
    likeness = [ssim(to_pixels(a), to_pixels(b)) for a, b in zip(photos, copies, strict=True)]
    saved = jpeg(photos, QUALITY), jpeg(copies, QUALITY)
    rows = []
    for tower in towers:
        before, after, saved_before, saved_after = (look(tower, images) for images in (photos, copies, *saved))
        moved, left = ((b - a).norm(dim=1) for a, b in ((before, after), (saved_before, saved_after)))
        apart = pdist(before).median()
        row = {
            "budget": name,
            "tower": tower.family,
            "moved": float((moved / apart).median()),
            "kept": float((left / moved).median()),
            "jpeg_alone": float(((saved_before - before).norm(dim=1) / apart).median()),
            "ssim": min(likeness),
        }
        rows.append({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()})
        print(rows[-1], flush=True)
    return rows


def look(tower: Surrogate, images: Tensor) -> Tensor:
    """Return pooled features of length 1, a row per image."""
    with torch.no_grad():
        return normalize(torch.cat([tower.features(image[None]).pooled for image in images]), dim=-1)


def to_pixels(image: Tensor) -> np.ndarray:
    return (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


if __name__ == "__main__":
    main()
