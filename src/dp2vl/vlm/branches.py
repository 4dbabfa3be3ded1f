"""Texts that begin alike, read once: a tree of tokens, each of which sees what comes before it on its own branch.

Questions about one photo share its visual tokens, answers to one question share the question. A causal language model
gives each token of the tree the output that it gives in the text alone, since what it sees and its place are the same.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

ROOT = -1


class Tree:
    """Token sequences merged where they begin alike.

    Attributes:
        ids: token of each node; a node comes behind its parent.
        parents: node before each node, `ROOT` for the first.
        places: number of tokens before each node on its branch.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.parents: list[int] = []
        self.places: list[int] = []
        self._known: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: Iterable[int], after: int = ROOT) -> list[int]:
        """Return the nodes of a sequence that goes on from a node, new ones where none fits."""
        nodes = []
        for token in ids:
            node = self._known.get((after, token))
            if node is None:
                node = self._known[(after, token)] = len(self.ids)
                self.places.append(0 if after == ROOT else self.places[after] + 1)
                self.ids.append(token)
                self.parents.append(after)
            nodes.append(node)
            after = node
        return nodes

    def sees(self, length: int) -> np.ndarray:
        """Return which node sees which, bool (length, length), padded with nodes that see themselves alone."""
        seen = np.eye(length, dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent != ROOT:
                seen[node] |= seen[parent]
        return seen


def pad(trees: Sequence[Tree], fill: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (n, t), places (n, t) and an additive mask (n, 1, t, t) of 0 and -inf; `fill` is the id of padding."""
    length = max(map(len, trees))
    ids = torch.full((len(trees), length), fill)
    places = torch.zeros(len(trees), length, dtype=torch.long)
    for row, tree in enumerate(trees):
        ids[row, : len(tree)] = torch.tensor(tree.ids)
        places[row, : len(tree)] = torch.tensor(tree.places)
    seen = torch.from_numpy(np.stack([tree.sees(length) for tree in trees]))
    mask = torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))
    return ids, places, mask[:, None]
