"""Which way a photo's features are pushed. Each objective is one function; the optimiser minimises what it returns.

What binds a face to a fact is the part of the features in which a person differs from other people. The antithetical
move turns that part against itself: along what tells people apart, all photos of a person are driven from that person
through the centre to the opposite side. The name and idea are from the abstract of arXiv 2603.23925; the formula is
ours.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from dp2vl.protect.reference import Reference
from dp2vl.surrogates.protocol import Features

Objective = Callable[[Features, Features, Tensor, Reference], Tensor]
"""(features now, features of the clean photo, what sets its person apart, what is usual for this tower) -> loss per
photo, shape (n,). The third is `Reference.person_of` of the whole clean photo; the first two may be of a crop."""

TOKEN_WEIGHT = 1.0


def oppose(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    """Return how much of the person each photo still has: 1 untouched, 0 a person like any other, -1 the opposite.

    Linear in the features: every photo of a person is pushed in the same direction as far as it goes, so that what a
    model learns from them agrees, and lies elsewhere than their clean photos.
    """
    moved = (now.who - clean.who) @ reference.axes
    return 1 + (moved * person).sum(-1) / person.square().sum(-1).clamp_min(1e-12)


def reflect(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    """Return how far each photo still is from its reflection through the centres: 1 untouched, -1 arrived.

    Mean cosine between clean and present features after centring and scaling, over the reference's centres (people in
    general, this album), for the pooled feature and, where the tower has them, the patch tokens.
    """
    losses = [
        cosine_similarity(
            (now.pooled - c) / reference.pooled_scale, (clean.pooled - c) / reference.pooled_scale, dim=-1
        )
        for c in reference.pooled_centres
    ]
    loss = torch.stack(losses).mean(0)
    if now.tokens is None or clean.tokens is None or reference.token_centres is None:
        return loss
    if now.tokens.shape != clean.tokens.shape:  # a crop has fewer where their number depends on the size
        return loss
    scale = reference.token_scale
    tokens = [
        cosine_similarity((now.tokens - c) / scale, (clean.tokens - c) / scale, dim=-1).mean(-1)
        for c in reference.token_centres
    ]
    return (loss + TOKEN_WEIGHT * torch.stack(tokens).mean(0)) / (1 + TOKEN_WEIGHT)


def away(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    """Return the plain cosine between present and clean features: the move without a centre, kept for comparison."""
    loss = cosine_similarity(now.pooled, clean.pooled, dim=-1)
    if now.tokens is None or clean.tokens is None or now.tokens.shape != clean.tokens.shape:
        return loss
    return (loss + TOKEN_WEIGHT * cosine_similarity(now.tokens, clean.tokens, dim=-1).mean(-1)) / (1 + TOKEN_WEIGHT)


def antipode(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    """Return the cosine to one centre that all photos share: the naive reading of the abstract, kept for comparison."""
    loss = cosine_similarity(now.pooled, reference.pooled_centres[0], dim=-1)
    if now.tokens is None or reference.token_centres is None:
        return loss
    return (loss + TOKEN_WEIGHT * cosine_similarity(now.tokens, reference.token_centres[0], dim=-1).mean(-1)) / (
        1 + TOKEN_WEIGHT
    )


OBJECTIVES: dict[str, Objective] = {"oppose": oppose, "reflect": reflect, "away": away, "antipode": antipode}
