"""How sure a number is: the paired cluster bootstrap over people (percentile intervals).

People are drawn anew, with all their questions, photos and seeds; arms share the draw, so that a difference between
them is paired. A second source of doubt, the seed, is reported beside it as a spread, never mixed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dp2vl.leakage.people import Level, PersonTable

DRAWS = 10_000
LEVEL = 0.95
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Weights of people (draws, people), rows that add up to 1 -> a number per draw (draws,)."""
Pair = tuple[PersonTable, Level]
"""Right answers, and the level of chance that leakage is counted from."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with its interval; `people` is how many it rests on."""

    value: float
    low: float
    high: float
    people: int

    def excludes(self, number: float) -> bool:
        """Return whether the interval lies on one side of `number`."""
        return not self.low <= number <= self.high


@dataclass(frozen=True)
class Resample:
    """Draws of people, the same for every number that it gives.

    Args:
        people: ids; every table must have these columns.
        draws, seed: of the bootstrap; without draws an interval is its number.
    """

    people: tuple[str, ...]
    draws: int = DRAWS
    seed: int = 0

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        count = len(self.people)
        rng = np.random.default_rng(self.seed)
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=self.draws) / count
        return np.vstack([np.full((1, count), 1 / count), drawn])  # the first row is what was seen

    def interval(self, statistic: Statistic) -> Interval:
        """Return a number and the middle 95 % of what it is on the draws.

        Draws on which it is undefined (NaN, as a ratio by zero) count as the worst in both directions.
        """
        values = statistic(self._weights)
        drawn = values[1:] if self.draws else values
        tail = (1 - LEVEL) / 2
        low = np.quantile(np.nan_to_num(drawn, nan=-np.inf), tail, method="inverted_cdf")
        high = np.quantile(np.nan_to_num(drawn, nan=np.inf), 1 - tail, method="inverted_cdf")
        return Interval(value=float(values[0]), low=float(low), high=float(high), people=len(self.people))

    def accuracy(self, table: PersonTable) -> Interval:
        """Return the mean of a table."""
        return self.interval(lambda w: self._means(table, w))

    def leakage(self, table: PersonTable, level: Level) -> Interval:
        """Return the leakage (A - c) / (1 - c); the blind part of c is drawn with the people."""
        return self.interval(lambda w: self._leakage(table, level, w))

    def mean_leakage(self, pairs: Sequence[Pair]) -> Interval:
        """Return the mean of the leakages of several questions, each above its own chance level."""
        return self.interval(lambda w: self._mean_leakage(pairs, w))

    def difference(self, first: PersonTable, second: PersonTable) -> Interval:
        """Return the paired difference of means, first minus second."""
        return self.interval(lambda w: self._means(first, w) - self._means(second, w))

    def leakage_difference(self, first: Sequence[Pair], second: Sequence[Pair]) -> Interval:
        """Return the paired difference of mean leakages, first minus second."""
        return self.interval(lambda w: self._mean_leakage(first, w) - self._mean_leakage(second, w))

    def protection(self, protected: Sequence[Pair], clean: Sequence[Pair]) -> Interval:
        """Return the protection rate 1 - L(protected) / L(clean) of mean leakages, paired.

        NaN where clean photos leak nothing.
        """

        def rate(w: NDArray[np.float64]) -> NDArray[np.float64]:
            leaked = self._mean_leakage(clean, w)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(leaked > 0, 1 - self._mean_leakage(protected, w) / leaked, np.nan)

        return self.interval(rate)

    def image_share(self, table: PersonTable, other: PersonTable, level: Level) -> Interval:
        """Return which share of the leakage needs the right face: (A - A with another's face) / (A - c)."""

        def share(w: NDArray[np.float64]) -> NDArray[np.float64]:
            right = self._means(table, w)
            above = right - self._chance(level, w)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(above > 0, (right - self._means(other, w)) / above, np.nan)

        return self.interval(share)

    def _means(self, table: PersonTable, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        if table.people != self.people:
            raise ValueError("expected a table of the people who are drawn, got one of others")
        return weights @ table.shares.mean(0)

    def _chance(self, level: Level, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(max(level.uniform, level.majority), self._means(level.blind, weights))

    def _mean_leakage(self, pairs: Sequence[Pair], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = np.mean([self._leakage(table, level, weights) for table, level in pairs], axis=0)
        return mean

    def _leakage(self, table: PersonTable, level: Level, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        chance = self._chance(level, weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(chance < 1, (self._means(table, weights) - chance) / (1 - chance), np.nan)
