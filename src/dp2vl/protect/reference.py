"""What is usual for a tower: the centres that photos are reflected through, and the distance between two people."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from dp2vl.people import draw_portrait, make_person
from dp2vl.surrogates.protocol import Features, Surrogate

PEOPLE = 32
"""Synthetic people whose portraits say what is usual; their seeds are outside every data set and training set."""
FIRST_SEED = 900_000
PORTRAIT_PX = 192
ALBUM_MIN = 4
"""Albums with fewer photos say too little about their own centre."""


@dataclass(frozen=True)
class Reference:
    """Statistics of one tower.

    Args:
        pooled_centres: (k, d): the mean of synthetic people and, for albums of a few photos and more, of the album.
            Both are needed: in an album of one person the album's mean *is* that person, and in photographs the mean
            of drawn people misses what all photographs share.
        pooled_scale: (d,) standard deviation per dimension.
        token_centres, token_scale: the same for patch tokens, (k, d2) and (d2,); None for towers without tokens.
        distance: median distance between L2-normalised pooled features of two photos of different people: of
            synthetic people or of the album, whichever is larger.
    """

    pooled_centres: Tensor
    pooled_scale: Tensor
    token_centres: Tensor | None
    token_scale: Tensor | None
    distance: float

    @property
    def device(self) -> torch.device:
        """Where the tower and its statistics are."""
        return self.pooled_scale.device


@torch.no_grad()
def make_reference(
    surrogate: Surrogate,
    album: Sequence[Tensor] = (),
    people: Sequence[object] | None = None,
    *,
    device: str | torch.device = "cpu",
) -> Reference:
    """Return the reference of `surrogate` for an album.

    Args:
        surrogate: the tower; runs once per synthetic portrait and photo.
        album: photos, sRGB in [0, 1], each of shape (1, 3, h, w), sizes may differ. May be empty.
        people: who is on each photo, if known: then every person counts the same in the album's centre, and the
            distance is taken between people only.
        device: where the tower's weights are.
    """
    groups = [collect(surrogate, portraits(), device)]
    names: list[list[object]] = [list(range(PEOPLE))]
    if len(album) >= ALBUM_MIN:
        groups.append(collect(surrogate, album, device))
        names.append(list(people) if people is not None else list(range(len(album))))
    pooled = [_by_person(g.pooled, n) for g, n in zip(groups, names, strict=True)]
    distance = max(median_distance(g.pooled, n) for g, n in zip(groups, names, strict=True))
    tokens = [g.tokens for g in groups if g.tokens is not None]
    return Reference(
        pooled_centres=torch.stack([p.mean(0) for p in pooled]),
        pooled_scale=_scale(pooled),
        token_centres=torch.stack([t.flatten(0, 1).mean(0) for t in tokens]) if tokens else None,
        token_scale=_scale([t.flatten(0, 1) for t in tokens]) if tokens else None,
        distance=distance,
    )


@cache
def portraits() -> list[Tensor]:
    """Return the reference portraits, each (1, 3, h, w) in [0, 1]; drawn once per process."""
    drawn = (draw_portrait(make_person(FIRST_SEED + i), seed=FIRST_SEED + i, size=PORTRAIT_PX) for i in range(PEOPLE))
    return [torch.from_numpy(d.pixels.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous() for d in drawn]


@torch.no_grad()
def collect(surrogate: Surrogate, photos: Sequence[Tensor], device: str | torch.device = "cpu") -> Features:
    """Return the features of photos of any sizes, one forward pass each, stacked."""
    found = [surrogate.features(p.to(device)) for p in photos]
    tokens = [f.tokens for f in found if f.tokens is not None]
    return Features(torch.cat([f.pooled for f in found]), torch.cat(tokens) if tokens else None)


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


def _by_person(pooled: Tensor, people: Sequence[object]) -> Tensor:
    rows = [pooled[[i for i, p in enumerate(people) if p == name]].mean(0) for name in dict.fromkeys(people)]
    return torch.stack(rows)


def _scale(groups: Sequence[Tensor]) -> Tensor:
    """Return the standard deviation within groups; a floor keeps dimensions that never vary from ruling the cosine."""
    spread = torch.stack([g.var(0, unbiased=False) for g in groups]).mean(0).sqrt()
    return spread.clamp_min(0.1 * float(spread.mean()) + 1e-6)
