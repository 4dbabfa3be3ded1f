"""What is usual for a tower: people in general, what tells them apart, and who is in an album."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dp2vl.protect.usual import collect, find_usual, mean_by_person
from dp2vl.surrogates.protocol import Surrogate

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
    usual = find_usual(surrogate, device=device)
    pooled, pooled_variance, who = [usual.pooled_centre], [usual.pooled_variance], [usual.who_centre]
    token_centres = [usual.token_centre] if usual.token_centre is not None else []
    token_variance = [usual.token_variance] if usual.token_variance is not None else []
    own = usual.axes.new_empty(0, len(usual.axes))
    if len(album) >= ALBUM_MIN:
        found = collect(surrogate, album, device)
        names = list(people) if people is not None else list(range(len(album)))
        by_person = mean_by_person(found.pooled, names)
        pooled.append(by_person.mean(0))
        pooled_variance.append(by_person.var(0, unbiased=False))
        who.append(mean_by_person(found.who, names).mean(0))
        own = found.who
        if found.tokens is not None:
            token_centres.append(found.tokens.flatten(0, 1).mean(0))
            token_variance.append(found.tokens.flatten(0, 1).var(0, unbiased=False))
    return Reference(
        pooled_centres=torch.stack(pooled),
        pooled_scale=_scale(pooled_variance),
        token_centres=torch.stack(token_centres) if token_centres else None,
        token_scale=_scale(token_variance) if token_variance else None,
        who_centres=torch.stack(who),
        axes=usual.axes,
        people=(own - usual.who_centre) @ usual.axes,
        spread=float(usual.spread),
    )


def _scale(variances: Sequence[Tensor]) -> Tensor:
    """Return the standard deviation within groups; a floor keeps dimensions that never vary from ruling the cosine."""
    spread = torch.stack(list(variances)).mean(0).sqrt()
    return spread.clamp_min(0.1 * float(spread.mean()) + 1e-6)
