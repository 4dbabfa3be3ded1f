"""Compute and time that `protect`'s search needs to move a tower it never saw as far as rivals' recipes do.

python benchmarks/speed/recipes.py [--photos 6] [--device cuda]

All methods search all photos at once. Rivals run as their authors do (steps, views, step size and rule), on the same
towers, photos and bounds; their changes are held to the same similarity and rounded like ours. What is counted is the
search alone: forward and backward passes, seconds, processor seconds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from dp2vl.bench.baselines.encoders import ENCODER_METHODS, Scene
from dp2vl.bench.baselines.search import Search
from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.budget import Similarity
from dp2vl.protect.config import EFFORTS, Effort
from dp2vl.protect.objective import away, oppose
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.reference import Reference, make_reference
from dp2vl.protect.usual import collect, usual_photos
from dp2vl.surrogates import Surrogate, load_surrogate
from dp2vl.types import Budget
from record import wait_for_gpu, write

USED, HELD_OUT = ("mini-llava", "mini-minigpt-v2"), "mini-qwen-vl"
RIVALS = {"m-attack-v2": (300, 10), "veattack": (100, 1)}
"""Steps and views per step of the published recipes."""
OURS = (3, 5, 8, 12, 20, 40, 80)
FIRST_PERSON, SIDE_PX = 930_000, 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    photos, device = options.photos, options.device
    torch.set_num_threads(1)
    images = torch.cat([draw(i) for i in range(photos)]).to(device)
    *towers, held_out = [load_surrogate(name).to(device) for name in (*USED, HELD_OUT)]
    budget, judge = Budget(), make_judge(held_out, images)
    references = [make_reference(tower, device=device) for tower in towers]
    rows = []
    # A few of ours before, between and after the rivals, as the machine's speed drifts; all passes are counted alike.
    for name, (steps, views) in RIVALS.items():
        rows.append(run_ours(images, towers, references, budget, OURS[-1], judge))
        rows.append(run_rival(name, images, towers, budget, steps, views, judge))
    for steps in OURS:
        rows.append(run_ours(images, towers, references, budget, steps, judge))
    name = "recipes" if device == "cpu" else f"recipes_{device}"
    write(name, photos=photos, used=USED, held_out=HELD_OUT, levels=budget.levels, rows=rows)


def draw(number: int) -> Tensor:
    pixels = draw_portrait(make_person(FIRST_PERSON + number), seed=FIRST_PERSON + number, size=SIDE_PX).pixels
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].float() / 255


Judge = Callable[[Tensor], dict[str, float]]


def make_judge(tower: Surrogate, images: Tensor) -> Judge:
    """Return what measures changed photos on a tower: medians over photos.

    `displacement`: distance moved over the median distance between two people. `shift`: share of the way from the
    person to people in general. `turned`: 1 - cosine of tokens and pooled feature, what VEAttack drives up.
    """
    clean, reference = tower.features(images), make_reference(tower, device=images.device)
    person = reference.person_of(clean.who)
    people = collect(tower, [photo.to(images.device) for photo in usual_photos()[::4]]).who
    apart = torch.pdist(people).median()

    @torch.no_grad()
    def judge(after: Tensor) -> dict[str, float]:
        now = tower.features(after)
        found = {
            "displacement": (now.who - clean.who).norm(dim=1) / apart,
            "shift": 1 - oppose(now, clean, person, reference),
            "turned": 1 - away(now, clean, person, reference),
        }
        return {key: round(float(value.median()), 4) for key, value in found.items()}

    return judge


def run_ours(
    images: Tensor,
    towers: Sequence[Surrogate],
    references: Sequence[Reference],
    budget: Budget,
    steps: int,
    judge: Judge,
) -> dict[str, Any]:
    effort: Effort = replace(EFFORTS["quick"], steps=steps)

    def find() -> Tensor:
        return optimise_changes(
            images, towers, references, budget=budget, effort=effort, generator=Generator().manual_seed(0)
        )

    return {"method": "ours", "steps": steps, "views": 1, **measure(find, images, towers, steps, judge)}


def run_rival(
    name: str, images: Tensor, towers: Sequence[Surrogate], budget: Budget, steps: int, views: int, judge: Judge
) -> dict[str, Any]:
    make, how = ENCODER_METHODS[name]
    scene = Scene(images, [str(i) for i in range(len(images))], towers)

    def find() -> Tensor:
        search = Search(
            towers=len(towers), loss=make(scene), how=replace(how, views=views), budget=budget, steps=steps,
            generator=Generator().manual_seed(0),
        )  # fmt: skip
        change = search.find(images, torch.arange(len(images)))
        return Similarity(images).fit(change, budget.ssim)

    return {"method": name, "steps": steps, "views": views, **measure(find, images, towers, steps * views, judge)}


def measure(
    find: Callable[[], Tensor], images: Tensor, towers: Sequence[Surrogate], looks: int, judge: Judge
) -> dict[str, Any]:
    """Return passes per photo, seconds per photo, and how far the rounded result moved."""
    wait_for_gpu()
    start, used = time.perf_counter(), time.process_time()
    change = find()
    wait_for_gpu()
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    after = ((images + change).clamp(0, 1) * 255).round() / 255
    count = len(images)
    row = {"passes": looks * len(towers), "wall_s": round(wall / count, 3), "cpu_s": round(cpu / count, 3)}
    print(row | judge(after), flush=True)
    return row | judge(after)


if __name__ == "__main__":
    main()
