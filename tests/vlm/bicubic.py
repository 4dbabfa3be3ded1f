"""Bicubic enlargement of a grid, in NumPy: what towers do to their positions, written without torch."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def enlarged(grid: Array, side: int) -> Array:
    """Return a square grid of rows (old * old, dim) as (side * side, dim).

    Cubic convolution with a = -0.75; centres of cells are at halves, and beyond an edge its cell goes on.
    """
    old = round(len(grid) ** 0.5)
    weights = axis_weights(old, side)
    square = grid.reshape(old, old, -1)
    return np.einsum("ij,kl,jld->ikd", weights, weights, square).reshape(side * side, -1)


def axis_weights(old: int, new: int, a: float = -0.75) -> Array:
    """Return the shares (new, old) of the old cells of a line in each new one."""
    weights = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) * old / new - 0.5
        for cell in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            x = abs(cell - centre)
            near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
            weights[row, min(max(cell, 0), old - 1)] += near if x <= 1 else far
    return weights
