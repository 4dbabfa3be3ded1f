"""Readers of a tower's tokens that learn with it and lie beside its weights."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from dp2vl.errors import ModelError
from dp2vl.people.genome import CONTINUOUS
from dp2vl.vlm.mini.photos import LABELS

HEADS_FILE = "heads.safetensors"
IDENTITY_DIM = 128
READ_DIM, READ_HEADS = 192, 4


class Heads(nn.Module):
    """Readers of a tower's tokens: who it is, what the person looks like, what else is in the photo.

    Each is the mean token plus what one learned query finds among the tokens, which starts as nothing. What lies in
    few patches (the colour of the eyes) is lost in the mean, and a language model reads patches, too.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.narrow = nn.Linear(dim, READ_DIM)
        self.queries = nn.Parameter(torch.randn(3, READ_DIM) * 0.02)
        self.attention = nn.MultiheadAttention(READ_DIM, READ_HEADS, batch_first=True)
        nn.init.zeros_(self.attention.out_proj.weight)
        self.read_norm = nn.LayerNorm(READ_DIM)
        self.identity = nn.Linear(READ_DIM, IDENTITY_DIM, bias=False)
        self.traits = nn.Linear(READ_DIM, len(CONTINUOUS))
        self.labels = nn.ModuleDict({name: nn.Linear(READ_DIM, len(values)) for name, values in LABELS.items()})

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return identity (n, IDENTITY_DIM) of length 1, traits (n, len(CONTINUOUS)), logits of every label."""
        who, looks, things = self._read(tokens)
        logits = {name: head(things) for name, head in self.labels.items()}
        return normalize(self.identity(who), dim=-1), self.traits(looks), logits

    def tell_people(self, tokens: Tensor) -> Tensor:
        """Return identity (n, IDENTITY_DIM) before it is scaled to length 1: linear in what was read."""
        return self.identity(self._read(tokens)[0])

    def _read(self, tokens: Tensor) -> tuple[Tensor, ...]:
        narrow = self.narrow(self.norm(tokens.float()))
        found, _ = self.attention(self.queries.expand(len(narrow), -1, -1), narrow, narrow, need_weights=False)
        return self.read_norm(narrow.mean(1, keepdim=True) + found).unbind(1)


def load_heads(folder: Path, dim: int) -> Heads:
    """Return the readers that a tower was trained with, for tokens of length `dim`, in evaluation mode.

    Raises:
        ModelError: the file is absent or damaged, or of another shape.
    """
    heads = Heads(dim).eval().requires_grad_(False)
    try:
        heads.load_state_dict({key: value.float() for key, value in load_file(folder / HEADS_FILE).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{folder / HEADS_FILE} does not fit: {first}", "train or copy the tower again") from error
    return heads
