"""What is usual for a tower: people in general, what tells them apart, and who is in an album."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from dp2vl.people import draw_portrait, draw_scene, make_person
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.surrogates.protocol import Features, Surrogate

PEOPLE = 48
"""Synthetic people whose photos say what is usual; their seeds are outside every data set and training set."""
PHOTOS = 4
"""Of each of them: portraits and scenes in turn, so that what differs between two photos of a person is seen."""
FIRST_SEED = 900_000
PHOTO_PX = 192
ALONE = ("vehicle", "home", "pet", "possession")
"""Scenarios that show nobody but the person."""
AXES = 32
"""Discriminants kept, at most."""
SHRINK = 0.1
"""Share of the mean variance that is added to every direction's variance within people: few photos say little of it."""
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
        who_centres: (c, d3): as `pooled_centres`, of what people are told apart by (`Features.who`).
        axes: (d3, k), k <= `AXES`: linear discriminants (Fisher 1936) between the synthetic people, scaled so that the
            variance between photos of one person is 1 along each.
        people: (m, k): the album's photos along the axes, less the centre of people in general; small albums: m = 0.
        spread: mean squared distance along the axes between two photos of one synthetic person.
    """

    pooled_centres: Tensor
    pooled_scale: Tensor
    token_centres: Tensor | None
    token_scale: Tensor | None
    who_centres: Tensor
    axes: Tensor
    people: Tensor
    spread: float

    def along_axes(self, who: Tensor) -> Tensor:
        """Return `Features.who` (n, d3) along the axes, less the centre of people in general, shape (n, k)."""
        return (who - self.who_centres[0]) @ self.axes

    def person_of(self, who: Tensor) -> Tensor:
        """Return what sets the person of each photo apart from other people, shape (n, k).

        Nobody has said who is who, so it is the mean of the album's photos, each weighted by how near it is to this one
        in units of `spread`, against the mean of the centres: one photo says little of a person, and if photos of one
        person are moved in one direction, what a model learns from them agrees. Photos of others that weigh in shorten
        this vector and hardly turn it.
        """
        own = self.along_axes(who)
        weight = torch.exp(-torch.cdist(own, self.people).square() / self.spread)
        mean = (own + weight @ self.people) / (1 + weight.sum(1, keepdim=True))
        return mean - self.along_axes(self.who_centres).mean(0)

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
        surrogate: the tower; runs once per synthetic photo and album photo.
        album: photos, sRGB in [0, 1], each of shape (1, 3, h, w), sizes may differ. May be empty.
        people: who is on each photo, if known: then every person counts the same in the album's centre.
        device: where the tower's weights are.
    """
    groups = [collect(surrogate, usual_photos(), device)]
    usual = torch.arange(PEOPLE).repeat_interleave(PHOTOS)
    names: list[list[object]] = [usual.tolist()]
    axes, spread = find_axes(groups[0].who, usual)
    if len(album) >= ALBUM_MIN:
        groups.append(collect(surrogate, album, device))
        names.append(list(people) if people is not None else list(range(len(album))))
    pooled = [_by_person(g.pooled, n) for g, n in zip(groups, names, strict=True)]
    tokens = [g.tokens for g in groups if g.tokens is not None]
    who = torch.stack([_by_person(g.who, n).mean(0) for g, n in zip(groups, names, strict=True)])
    return Reference(
        pooled_centres=torch.stack([p.mean(0) for p in pooled]),
        pooled_scale=_scale(pooled),
        token_centres=torch.stack([t.flatten(0, 1).mean(0) for t in tokens]) if tokens else None,
        token_scale=_scale([t.flatten(0, 1) for t in tokens]) if tokens else None,
        who_centres=who,
        axes=axes,
        people=(groups[1].who - who[0]) @ axes if groups[1:] else axes.new_empty(0, axes.shape[1]),
        spread=spread,
    )


def find_axes(features: Tensor, people: Tensor) -> tuple[Tensor, float]:
    """Return linear discriminants between people, (d, k), and the mean squared distance of two photos of one person.

    Args:
        features: (n, d); people: (n,) whose they are, each at least twice.
    """
    features, people = features.double(), people.to(features.device)
    centre = features.mean(0)
    # More dimensions than photos hold nothing but what the photos' span holds.
    _, size, span = torch.linalg.svd(features - centre, full_matrices=False)
    span = span[size > size[0] * 1e-6].T
    inside = (features - centre) @ span
    names, index = people.unique(return_inverse=True)
    means = torch.stack([inside[index == i].mean(0) for i in range(len(names))])
    rest = inside - means[index]
    within = rest.T @ rest / (len(inside) - len(names))
    within += SHRINK * within.diagonal().mean() * torch.eye(len(within), dtype=within.dtype, device=within.device)
    root = torch.linalg.inv(torch.linalg.cholesky(within))
    between = root @ means.T
    strength, directions = torch.linalg.eigh(between @ between.T / len(names))
    kept = strength.argsort(descending=True)[: min(AXES, len(names) - 1)]
    inner = root.T @ directions[:, kept]
    spread = 2 * float((rest @ inner).square().sum() / (len(inside) - len(names)))
    return (span @ inner).float(), spread


@cache
def usual_photos() -> list[Tensor]:
    """Return photos of the synthetic people, each (1, 3, h, w) in [0, 1], person by person; drawn once per process."""
    photos = []
    for i in range(PEOPLE * PHOTOS):
        person, seed = make_person(FIRST_SEED + i // PHOTOS), FIRST_SEED + i
        if i % 2:
            scenario = SCENARIOS[ALONE[i // 2 % len(ALONE)]]
            value = scenario.values[i // PHOTOS % len(scenario.values)]
            drawn = draw_scene(person, scenario.id, value, seed=seed, size=PHOTO_PX)
        else:
            drawn = draw_portrait(person, seed=seed, size=PHOTO_PX)
        pixels = torch.from_numpy(drawn.pixels.astype(np.float32) / 255)
        photos.append(pixels.permute(2, 0, 1)[None].contiguous())
    return photos


@torch.no_grad()
def collect(surrogate: Surrogate, photos: Sequence[Tensor], device: str | torch.device = "cpu") -> Features:
    """Return the features of photos of any sizes, one forward pass each, stacked."""
    found = [surrogate.features(p.to(device)) for p in photos]
    tokens = [f.tokens for f in found if f.tokens is not None]
    identity = [f.identity for f in found if f.identity is not None]
    return Features(
        torch.cat([f.pooled for f in found]),
        torch.cat(tokens) if tokens else None,
        torch.cat(identity) if identity else None,
    )


def _by_person(pooled: Tensor, people: Sequence[object]) -> Tensor:
    rows = [pooled[[i for i, p in enumerate(people) if p == name]].mean(0) for name in dict.fromkeys(people)]
    return torch.stack(rows)


def _scale(groups: Sequence[Tensor]) -> Tensor:
    """Return the standard deviation within groups; a floor keeps dimensions that never vary from ruling the cosine."""
    spread = torch.stack([g.var(0, unbiased=False) for g in groups]).mean(0).sqrt()
    return spread.clamp_min(0.1 * float(spread.mean()) + 1e-6)
