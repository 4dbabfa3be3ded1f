"""What is usual for a tower: people in general, what tells them apart, and who is in an album."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from dp2vl.protect.usual import Usual, find_usual, mean_by_person
from dp2vl.surrogates.protocol import Features, Surrogate

ALBUM_MIN = 4
"""Albums with fewer photos say too little about their own centre."""
GROUP_MIN, GROUP_REACH = 4, 2.0
"""Groups of so many photos and more are a hint of who is on them; photos in one count as near from so much farther."""


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
        groups: (m,): which of the album's photos were kept together, such as in a folder; -1 where that says nothing.
        names: of the groups.
        known: whether a group is one person, not only a hint.
    """

    pooled_centres: Tensor
    pooled_scale: Tensor
    token_centres: Tensor | None
    token_scale: Tensor | None
    who_centres: Tensor
    axes: Tensor
    people: Tensor
    spread: float
    groups: Tensor
    names: tuple[object, ...] = ()
    known: bool = False

    def along_axes(self, who: Tensor) -> Tensor:
        """Return `Features.who` (n, d3) along the axes, less the centre of people in general, shape (n, k)."""
        return (who - self.who_centres[0]) @ self.axes

    @property
    def middle(self) -> Tensor:
        """The mean of the centres along the axes, shape (k,): what people are set apart from."""
        return self.along_axes(self.who_centres).mean(0)

    def person_of(self, who: Tensor, group: object = None) -> Tensor:
        """Return what sets the person of each photo apart from other people, shape (n, k).

        The mean of the album's photos of the person, against the mean of the centres: one photo says little of a
        person, and if photos of one person are moved in one direction, what a model learns from them agrees. Where
        nobody has said who is who, each photo weighs by how near it is to this one in units of `spread`, and those of
        the same group alone weigh, if there are several groups: who is in one folder is often one person, or few.

        Args:
            who: (n, d3). group: that the photos belong to, as given to `make_reference`.
        """
        own, reach, inside = self.along_axes(who), 1.0, torch.ones_like(self.groups, dtype=torch.bool)
        if group in self.names:
            reach = float("inf") if self.known else GROUP_REACH
            inside = self.groups == self.names.index(group)
        weight = inside * torch.exp(-torch.cdist(own, self.people).square() / (reach * self.spread))
        mean = (own + weight @ self.people) / (1 + weight.sum(1, keepdim=True))
        return mean - self.middle

    def to(self, device: str | torch.device) -> "Reference":
        """Return the same statistics on a device."""
        tensors: Any = {key: value.to(device) for key, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors)

    @property
    def device(self) -> torch.device:
        """Where the tower and its statistics are."""
        return self.pooled_scale.device


def make_reference(
    surrogate: Surrogate,
    album: Sequence[Tensor] = (),
    people: Sequence[object] | None = None,
    *,
    groups: Sequence[object] | None = None,
    device: str | torch.device = "cpu",
) -> Reference:
    """Return the reference of `surrogate` for an album.

    Args:
        surrogate: the tower; runs once per synthetic photo and album photo.
        album: photos, sRGB in [0, 1], each of shape (1, 3, h, w), sizes may differ. May be empty.
        people: who is on each photo, if known: then every person counts the same in the album's centre.
        groups: which photos were kept together, a name each, if nobody knows who is on them.
        device: where the tower's weights are.
    """
    names = people if people is not None else groups if groups is not None else [None] * len(album)
    shown = zip(album, names, strict=True)
    return make_references([surrogate], shown, known=people is not None, device=device)[0]


@torch.no_grad()
def make_references(
    surrogates: Sequence[Surrogate],
    album: Iterable[tuple[Tensor, object]],
    *,
    known: bool = False,
    device: str | torch.device = "cpu",
) -> list[Reference]:
    """Return the reference of each tower; a photo is let go of before the next one is asked for.

    Args:
        surrogates: the towers.
        album: photos as for `make_reference`, each with its group, or with who is on it.
        known: whether that is who is on it.
        device: where the towers' weights are.
    """
    album = iter(album)
    first = list(islice(album, ALBUM_MIN))
    looks = [_Looks() for _ in surrogates]
    names: list[object] = []
    for photo, name in chain(first, album) if len(first) == ALBUM_MIN else ():
        names.append(name)
        for surrogate, look in zip(surrogates, looks, strict=True):
            look.add(surrogate.features(photo.to(device)))
    return [_refer(find_usual(s, device=device), look, names, known) for s, look in zip(surrogates, looks, strict=True)]


class _Looks:
    """What a tower makes of an album: a row per photo, and sums over patch tokens, which would fill the memory."""

    def __init__(self) -> None:
        self.pooled: list[Tensor] = []
        self.who: list[Tensor] = []
        self.tokens: list[Tensor] = []

    def add(self, found: Features) -> None:
        self.pooled.append(found.pooled)
        self.who.append(found.who)
        if found.tokens is not None:
            tokens = found.tokens.flatten(0, 1)
            own = torch.stack([tokens.mean(0), tokens.var(0, unbiased=False)])
            self.tokens.append(own)

    def token_statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance over the tokens of all photos; each photo has as many."""
        means, variances = torch.stack(self.tokens).unbind(1)
        return means.mean(0), variances.mean(0) + means.var(0, unbiased=False)


def _refer(usual: Usual, looks: _Looks, names: Sequence[object], known: bool) -> Reference:
    pooled, pooled_variance, who = [usual.pooled_centre], [usual.pooled_variance], [usual.who_centre]
    token_centres = [usual.token_centre] if usual.token_centre is not None else []
    token_variance = [usual.token_variance] if usual.token_variance is not None else []
    own = usual.axes.new_empty(0, len(usual.axes))
    if names:
        own = torch.cat(looks.who)
        people = names if known else range(len(names))
        by_person = mean_by_person(torch.cat(looks.pooled), people)
        pooled.append(by_person.mean(0))
        pooled_variance.append(by_person.var(0, unbiased=False))
        who.append(mean_by_person(own, people).mean(0))
        if looks.tokens:
            centre, variance = looks.token_statistics()
            token_centres.append(centre)
            token_variance.append(variance)
    return Reference(
        pooled_centres=torch.stack(pooled),
        pooled_scale=_scale(pooled_variance),
        token_centres=torch.stack(token_centres) if token_centres else None,
        token_scale=_scale(token_variance) if token_variance else None,
        who_centres=torch.stack(who),
        axes=usual.axes,
        people=(own - usual.who_centre) @ usual.axes,
        spread=float(usual.spread),
        known=known,
        **_name_groups(names, own.device, known=known),
    )


def _name_groups(groups: Sequence[object], device: torch.device, *, known: bool) -> dict[str, Any]:
    """Return names and index of the groups that say something: people, or several groups of several photos."""
    counts = Counter(groups)
    names = tuple(name for name, count in counts.items() if known or (name is not None and count >= GROUP_MIN))
    names = names if known or len(names) > 1 else ()
    index = [names.index(name) if name in names else -1 for name in groups]
    return {"names": names, "groups": torch.tensor(index, dtype=torch.long, device=device)}


def _scale(variances: Sequence[Tensor]) -> Tensor:
    """Return the standard deviation within groups; a floor keeps dimensions that never vary from ruling the cosine."""
    spread = torch.stack(list(variances)).mean(0).sqrt()
    return spread.clamp_min(0.1 * float(spread.mean()) + 1e-6)
