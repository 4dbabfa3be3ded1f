"""Which way a photo's features are pushed. Each objective is one function; the optimiser minimises what it returns.

What binds a face to a fact is the part of the features in which this photo differs from others. The antithetical
move turns that part against itself: features are centred, scaled per dimension, and the protected photo is driven to
the opposite side of the centre, pooled and at every patch token. The name and idea are from the abstract of
arXiv 2603.23925; the formula is ours.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from dp2vl.protect.reference import Reference
from dp2vl.surrogates.protocol import Features

Objective = Callable[[Features, Features, Reference], Tensor]
"""(features now, features of the clean photo, what is usual for this tower) -> loss per photo, shape (n,)."""

TOKEN_WEIGHT = 1.0


def reflect(now: Features, clean: Features, reference: Reference) -> Tensor:
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
    scale = reference.token_scale
    tokens = [
        cosine_similarity((now.tokens - c) / scale, (clean.tokens - c) / scale, dim=-1).mean(-1)
        for c in reference.token_centres
    ]
    return (loss + TOKEN_WEIGHT * torch.stack(tokens).mean(0)) / (1 + TOKEN_WEIGHT)


def away(now: Features, clean: Features, reference: Reference) -> Tensor:
    """Return the plain cosine between present and clean features: the move without a centre, kept for comparison."""
    loss = cosine_similarity(now.pooled, clean.pooled, dim=-1)
    if now.tokens is None or clean.tokens is None:
        return loss
    return (loss + TOKEN_WEIGHT * cosine_similarity(now.tokens, clean.tokens, dim=-1).mean(-1)) / (1 + TOKEN_WEIGHT)


def antipode(now: Features, clean: Features, reference: Reference) -> Tensor:
    """Return the cosine to one centre that all photos share: the naive reading of the abstract, kept for comparison."""
    loss = cosine_similarity(now.pooled, reference.pooled_centres[0], dim=-1)
    if now.tokens is None or reference.token_centres is None:
        return loss
    return (loss + TOKEN_WEIGHT * cosine_similarity(now.tokens, reference.token_centres[0], dim=-1).mean(-1)) / (
        1 + TOKEN_WEIGHT
    )


OBJECTIVES: dict[str, Objective] = {"reflect": reflect, "away": away, "antipode": antipode}
