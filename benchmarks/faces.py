"""Do the mini towers know real people: nearest neighbours among photos named `<person><number>.jpg`.

Usage: python benchmarks/faces.py FOLDER [--towers A,B,...] [--out FILE]

A photo counts where its person has another one. Its nearest neighbour among all others should show the same person;
chance is what a random neighbour reaches. Of mini models also through the reader that the tower was trained with.
"""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from dp2vl.files import write_json
from dp2vl.images import read_photo
from dp2vl.surrogates import load_surrogate
from dp2vl.surrogates.sets import tower_names
from dp2vl.vlm import load_vlm
from dp2vl.vlm.loading import bundled_names, find_source
from dp2vl.vlm.mini.heads import load_heads
from speed.record import find_commit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--towers", default="mini")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "faces.json")
    options = parser.parse_args()
    photos = {p: re.match(r"(.+?)\d+\.\w+$", p.name) for p in sorted(options.folder.iterdir())}
    named = {p: m[1] for p, m in photos.items() if m}
    images = [torch.from_numpy(read_photo(p).srgb()) for p in named]
    people = list(named.values())
    rows = [score("chance", lambda image: torch.randn(1, 64), images, people)]
    for name in tower_names(options.towers):
        tower = load_surrogate(name)
        rows.append(score(name, lambda image, t=tower: t.features(image).pooled, images, people))
        if name in bundled_names():
            vlm = load_vlm(name)
            heads = load_heads(find_source(name), vlm.tower.dim)
            rows.append(score(f"{name}, reader", lambda image, v=vlm, h=heads: h(v.see(image))[0], images, people))
    record = {"folder": options.folder.name, "photos": len(people), "commit": find_commit(), "rows": rows}
    write_json(options.out, record)
    print(json.dumps(rows, indent=1))


@torch.no_grad()
def score(name: str, embed: Callable[[Tensor], Tensor], images: list[Tensor], people: list[str]) -> dict:
    """Return the share of photos whose nearest neighbour shows the same person, of those that have another photo."""
    torch.manual_seed(0)
    rows = torch.cat([embed(image[None]) for image in images])
    rows = normalize(rows - rows.mean(0), dim=-1)
    nearest = (rows @ rows.T - 2 * torch.eye(len(rows))).argmax(1).tolist()
    asked = [i for i, who in enumerate(people) if people.count(who) > 1]
    right = sum(people[nearest[i]] == people[i] for i in asked)
    return {"tower": name, "asked": len(asked), "right": round(right / len(asked), 3)}


if __name__ == "__main__":
    main()
