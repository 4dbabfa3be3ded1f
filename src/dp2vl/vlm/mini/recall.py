"""Does a tower know people: the nearest neighbour of a new portrait among portraits of 200 new people."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from dp2vl.people import draw_portrait, make_person
from dp2vl.vlm.mini.photos import TEST_SEED

PORTRAIT_PX = 192


def score_recall(first: Tensor, second: Tensor) -> float:
    """Return the share of rows of `first` (n, d) whose nearest row of `second` (n, d) has the same number.

    Nearness is the cosine after the common mean is taken off.
    """
    middle = torch.cat([first, second]).mean(0)
    a, b = normalize(first - middle, dim=-1), normalize(second - middle, dim=-1)
    return float(((a @ b.T).argmax(1) == torch.arange(len(a), device=a.device)).float().mean())


@torch.no_grad()
def measure_recall(embed: Callable[[Tensor], Tensor], *, people: int = 200, first_seed: int = TEST_SEED) -> float:
    """Return `score_recall` between two new portraits of each of `people` people that no training saw.

    Args:
        embed: photos (n, 3, h, w), sRGB in [0, 1] -> features (n, d). Runs on 2 x `people` photos.
    """
    first, second = (draw_portraits(people, first_seed, photo) for photo in range(2))
    return score_recall(_embed(embed, first), _embed(embed, second))


@lru_cache(maxsize=4)
def draw_portraits(people: int, first_seed: int, photo: int) -> Tensor:
    """Return one portrait of each person, (people, 3, PORTRAIT_PX, PORTRAIT_PX), sRGB in [0, 1]."""
    seeds = range(first_seed, first_seed + people)
    drawn = [draw_portrait(make_person(s), seed=2 * s + photo, size=PORTRAIT_PX).pixels for s in seeds]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float().div(255).contiguous()


def _embed(embed: Callable[[Tensor], Tensor], photos: Tensor) -> Tensor:
    return torch.cat([embed(part) for part in photos.split(50)])
