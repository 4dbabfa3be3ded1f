"""Do looks predict a value? Arithmetic on genomes and assigned values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT_AUC = 0.55
"""A probe that does better than this in the mean over scenarios may have found a rule from looks to values."""


@dataclass(frozen=True, kw_only=True)
class LooksScore:
    """How well looks predict values, and how often permuted people do at least as well.

    Args:
        auc: of a held-out probe, mean over scenarios; 0.5 is chance. p: share of permutations that reach it.
        worst: scenario that is predicted best. worst_auc: its AUC. worst_p: share in which any scenario reaches it.
        trait_r2: largest share of one trait's variance that lies between the values of one scenario. trait_p: share
            of permutations in which any trait and scenario reach it. Finds a rule made of one trait, for which the
            probe is weak: among eighty traits of two dozen people it cannot tell which one matters.
    """

    auc: float
    p: float
    worst: str
    worst_auc: float
    worst_p: float
    trait_r2: float
    trait_p: float

    @property
    def suspicious(self) -> bool:
        """Whether a score is both high and unlikely by chance.

        The mean over few people scatters (standard deviation about 0.03 for 24 people and seven scenarios), so the
        limit alone would refuse one blameless set in twenty, and small ones more often.
        """
        probe = self.auc > LIMIT_AUC and self.p < 0.05
        return probe or (self.worst_auc > LIMIT_AUC and self.worst_p < 0.01) or self.trait_p < 0.01


@dataclass(frozen=True)
class Looks:
    """Genomes as numbers: `features` (people, columns) standardised, words as one column per word; `shares` (traits,
    columns) says how much of a trait's variance each of its columns holds, rows adding up to 1."""

    features: NDArray[np.float64]
    shares: NDArray[np.float64]


def encode_genomes(genomes: Sequence[Mapping[str, float | str]]) -> Looks:
    """Return the traits of people, in their order."""
    columns: list[list[float]] = []
    owners: list[int] = []
    for number, name in enumerate(genomes[0]):
        values = [g[name] for g in genomes]
        if isinstance(values[0], str):
            columns += [[float(v == word) for v in values] for word in sorted({str(v) for v in values})]
        else:
            columns.append([float(v) for v in values])
        owners += [number] * (len(columns) - len(owners))
    x = np.array(columns).T
    spread = np.maximum(x.std(0), 1e-6)
    shares = (np.array(owners) == np.arange(len(genomes[0]))[:, None]) * spread**2
    return Looks((x - x.mean(0)) / spread, shares / shares.sum(1, keepdims=True))


def score_looks(
    looks: Looks,
    values: Mapping[str, Sequence[str]],
    *,
    permutations: int = 300,
    seed: int = 0,
) -> LooksScore | None:
    """Return how well a linear probe tells people's values from their looks, or None where it cannot be judged.

    Ridge regression to each value, scored by the area under the ROC curve over held-out pairs: for each pair of a
    person with the value and one without, both are left out of the fit (in closed form) and then ranked by it.
    Leaving out pairs has expectation 0.5 for a blind probe; leaving out single people has not (0.36 for 24 people and
    8 values), because the left-out person's own value is then rarer in the rest. The null permutes whole people.

    Args:
        looks: one row per person.
        values: scenario -> value of each person, in the order of `looks`; "" where a person has none. Values that
            fewer than two people have, or lack, are not judged.
    """
    judged = {s: _judge(column) for s, column in values.items()}
    judged = {s: hot for s, hot in judged.items() if hot.shape[1]}
    if not judged:
        return None
    hot = np.concatenate(list(judged.values()), 1)
    owner = np.repeat(np.arange(len(judged)), [h.shape[1] for h in judged.values()])
    average = (owner == np.arange(len(judged))[:, None]) / np.bincount(owner)[:, None]
    features = looks.features
    kernel = features @ features.T / features.shape[1] + 1.0  # the constant is the intercept
    smooth = np.linalg.solve(kernel + np.eye(len(kernel)), kernel).T

    def score(order: NDArray[np.int64]) -> NDArray[np.float64]:
        """AUC of each scenario, then the strongest link of a trait, for people in another order."""
        between = (features.T @ hot[order]) ** 2 / hot.sum(0) / len(hot)
        link = max((looks.shares @ between[:, owner == i].sum(1)).max() for i in range(len(judged)))
        return np.append(average @ _held_out_auc(smooth, hot[order]), link)

    rng = np.random.default_rng(seed)
    found = score(np.arange(len(hot)))
    null = np.array([score(rng.permutation(len(hot))) for _ in range(permutations)])
    worst = int(found[:-1].argmax())
    return LooksScore(
        auc=float(found[:-1].mean()),
        p=_share(null[:, :-1].mean(1) >= found[:-1].mean()),
        worst=list(judged)[worst],
        worst_auc=float(found[worst]),
        worst_p=_share(null[:, :-1].max(1) >= found[worst]),
        trait_r2=float(found[-1]),
        trait_p=_share(null[:, -1] >= found[-1]),
    )


def _judge(column: Sequence[str]) -> NDArray[np.float64]:
    """One column (people, values) per value that at least two people have and two lack."""
    hot = np.array([[v == word for word in sorted({*column} - {""})] for v in column], float)
    counts = hot.sum(0)
    return hot[:, (counts >= 2) & (counts <= len(hot) - 2)]


def _held_out_auc(smooth: NDArray[np.float64], hot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave-pair-out AUC of each column of `hot` (people, columns), for the hat matrix `smooth` (people, people)."""
    residual = hot - smooth @ hot
    own = 1 - np.diag(smooth)
    across = -smooth
    scale = (own[:, None] * own[None, :] - across * across.T)[..., None]
    scale[np.diag_indices(len(own))] = 1.0
    first = (own[None, :, None] * residual[:, None] - across[..., None] * residual[None]) / scale
    margin = (hot[:, None] - first) - (hot[None] - first.transpose(1, 0, 2))  # held-out score of i minus that of j
    pair = (hot[:, None] > hot[None]).astype(float)
    return (pair * ((margin > 0) + 0.5 * (margin == 0))).sum((0, 1)) / pair.sum((0, 1))


def _share(at_least: NDArray[np.bool_]) -> float:
    return float((1 + np.count_nonzero(at_least)) / (1 + at_least.size))
