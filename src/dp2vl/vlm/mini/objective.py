"""What a tower learns: to tell people apart, and to name everything that the renderer knows about a photo."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    binary_cross_entropy_with_logits,
    cross_entropy,
    one_hot,
)

from dp2vl.people.canvas import PARTS
from dp2vl.people.genome import CONTINUOUS
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.vlm.mini.heads import Heads
from dp2vl.vlm.mini.photos import LABELS

SHOWN = 0.05
"""Share of a patch from which on it shows a part."""
TOLD_BY = {
    "place": ("place",),
    "garment": ("clothes",),
    "scenario": ("thing",),
    **dict.fromkeys(SCENARIOS, ("thing",)),
    "hair_style": ("hair",),
    "hair_colour": ("hair",),
    "fringe": ("hair",),
    "eye_colour": ("eyes",),
    "glasses": ("eyes", "glasses"),
    "facial_hair": ("mouth", "beard"),
}
"""Label -> the parts of a photo where it can be seen."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Shares of the parts of the loss and the temperature of the contrastive part."""

    people: float = 0.25
    labels: float = 1.5
    traits: float = 0.25
    patches: float = 1.5
    temperature: float = 0.1


class PatchHeads(nn.Module):
    """Readers of single patches: which parts they show, and what each part tells. For training alone.

    From whole photos alone a small transformer hardly learns what fills a few patches, such as glasses or a pet.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.parts = nn.Linear(dim, len(PARTS))
        self.traits = nn.Linear(dim, len(CONTINUOUS))
        self.labels = nn.ModuleDict({name: nn.Linear(dim, len(values)) for name, values in LABELS.items()})


def score_batch(
    heads: Heads, tokens: Tensor, labels: Tensor, traits: Tensor, weights: Weights
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of pairs of photos and its parts.

    Args:
        tokens: (2 n, t, d); photo i and photo n + i show one person, all others other people.
        labels: (2 n, len(LABELS)), -1 where a photo has no such label.
        traits: (2 n, len(CONTINUOUS)), in units of their spread; NaN where they are not known.

    Returns:
        The scalar loss, and `people` (nats), `traits` (mean squared error), `labels` (nats, mean over labels)
        and the accuracy of each label.
    """
    identity, guess, logits = heads(tokens)
    first, second = identity.chunk(2)
    alike = first @ second.T / weights.temperature
    own = torch.arange(len(alike), device=alike.device)
    people = (cross_entropy(alike, own) + cross_entropy(alike.T, own)) / 2
    losses, figures = [], {}
    for name, column in zip(logits, labels.unbind(1), strict=True):
        known = column >= 0
        if known.any():
            losses.append(cross_entropy(logits[name][known], column[known]))
            figures[name] = (logits[name][known].argmax(1) == column[known]).float().mean()
    known = ~traits.isnan()
    naming, error = torch.stack(losses).mean(), (guess[known] - traits[known]).pow(2).mean()
    loss = weights.people * people + weights.labels * naming + weights.traits * error
    parts = {
        "loss": loss.detach(),
        "people": people.detach(),
        "labels": naming.detach(),
        "traits": error.detach(),
        **figures,
    }
    return loss, {name: round(value.item(), 4) for name, value in parts.items()}


def score_parts(heads: PatchHeads, patches: Tensor, parts: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Return how badly single patches tell which parts they show, in nats, and the same as a figure.

    Args:
        patches: (n, side * side, d), row by row.
        parts: (n, k, k) indices into `PARTS`, -1 where nothing of the photo is shown, as in bars.
    """
    loss = _miss(heads.parts(heads.norm(patches.float())), _shown(parts, patches.shape[1]))
    return loss, {"patch_parts": round(loss.item(), 4)}


def score_patches(
    heads: PatchHeads, patches: Tensor, parts: Tensor, labels: Tensor, traits: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return how badly single patches tell what they show, and what it tells of the photo.

    Args:
        patches, parts: see `score_parts`.
        labels, traits: of the photos, see `score_batch`; photos without any label are left out.

    Returns:
        The scalar loss, a sum of means: over parts, over labels, over traits; and the first two of them, in nats.
    """
    known = (labels >= 0).any(1)
    patches, parts, labels, traits = patches[known], parts[known], labels[known], traits[known]
    shown, normed = _shown(parts, patches.shape[1]), heads.norm(patches.float())
    losses = [normed.new_zeros(())]
    for (name, head), column in zip(heads.labels.items(), labels.unbind(1), strict=True):
        seen = shown[..., [PARTS.index(part) for part in TOLD_BY[name]]].any(-1) & (column >= 0)[:, None]
        if seen.any():
            losses.append(cross_entropy(head(normed[seen]), column[:, None].expand_as(seen)[seen]))
    missed, naming = _miss(heads.parts(normed), shown), torch.stack(losses).sum() / max(len(losses) - 1, 1)
    face = shown[..., PARTS.index("skin")]
    error = heads.traits(normed[face]) - traits[:, None].expand(*face.shape, -1)[face]
    loss = missed + naming + (error.pow(2).mean() if len(error) else error.sum())
    return loss, {"patch_parts": round(missed.item(), 4), "patch_labels": round(naming.item(), 4)}


def _shown(parts: Tensor, patches: int) -> Tensor:
    """Return which parts each patch shows, (n, patches, len(PARTS))."""
    is_part = one_hot(parts.clamp(min=0), len(PARTS)) * (parts >= 0)[..., None]
    share = adaptive_avg_pool2d(is_part.movedim(-1, 1).float(), math.isqrt(patches))
    return share.flatten(2).movedim(1, 2) > SHOWN


def _miss(logits: Tensor, shown: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(logits, shown.float())
