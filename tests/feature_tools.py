"""What tests measure on features of photos."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize


def median_distance(pooled: Tensor, people: Sequence[object]) -> float:
    """Return the median distance between L2-normalised rows of `pooled` (n, d) that show different people.

    Raises:
        ValueError: there are no two different people.
    """
    unit = normalize(pooled, dim=-1)
    code = {name: i for i, name in enumerate(dict.fromkeys(people))}
    index = torch.tensor([code[name] for name in people], device=pooled.device)
    pairs = torch.cdist(unit, unit)[index[:, None] < index[None, :]]
    if pairs.numel() == 0:
        raise ValueError("expected photos of at least two people, got one; a distance between people needs two")
    return float(pairs.median())
