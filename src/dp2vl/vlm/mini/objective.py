"""What a tower learns: to tell people apart, and to name everything that the renderer knows about a photo."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from dp2vl.people.genome import CONTINUOUS
from dp2vl.vlm.mini.photos import LABELS

IDENTITY_DIM = 128


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Shares of the parts of the loss and the temperature of the contrastive part."""

    people: float = 0.5
    labels: float = 3.0
    traits: float = 1.0
    temperature: float = 0.1


class Heads(nn.Module):
    """Linear readers of the mean token; they serve training only and are not part of a tower."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.identity = nn.Linear(dim, IDENTITY_DIM, bias=False)
        self.traits = nn.Linear(dim, len(CONTINUOUS))
        self.labels = nn.ModuleDict({name: nn.Linear(dim, len(values)) for name, values in LABELS.items()})

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return identity (n, IDENTITY_DIM) of length 1, traits (n, len(CONTINUOUS)), logits of every label."""
        pooled = self.norm(tokens.float().mean(1))
        logits = {name: head(pooled) for name, head in self.labels.items()}
        return normalize(self.identity(pooled), dim=-1), self.traits(pooled), logits


def score_batch(
    heads: Heads, tokens: Tensor, labels: Tensor, traits: Tensor, weights: Weights
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of pairs of photos and its parts.

    Args:
        tokens: (2 n, t, d); photo i and photo n + i show one person, all others other people.
        labels: (2 n, len(LABELS)), -1 where a photo has no such label.
        traits: (2 n, len(CONTINUOUS)), in units of their spread.

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
    naming, error = torch.stack(losses).mean(), (guess - traits).pow(2).mean()
    loss = weights.people * people + weights.labels * naming + weights.traits * error
    parts = {
        "loss": loss.detach(),
        "people": people.detach(),
        "labels": naming.detach(),
        "traits": error.detach(),
        **figures,
    }
    return loss, {name: round(value.item(), 4) for name, value in parts.items()}
