"""How strongly a JPEG was compressed, from its quantisation tables."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# ITU-T T.81, annex K, tables K.1 (luminance) and K.2 (chrominance), row by row.
_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMINANCE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)


def estimate_jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """Return the quality, 1 to 100 on libjpeg's scale, whose tables are nearest to a file's.

    Args:
        tables: one or two quantisation tables of 64 steps in row order; the first is for luminance.

    Files by libjpeg get their own number back; cameras with tables of their own get the nearest one.
    """
    kinds = sorted(tables)[:2]
    found = [np.asarray(tables[k], dtype=np.float64) for k in kinds]
    if not found or any(t.size != 64 for t in found):
        return 1
    distance = [sum(float(np.abs(s - t).sum()) for s, t in zip(_tables(q), found, strict=False)) for q in range(1, 101)]
    return int(np.argmin(distance)) + 1


@cache
def _tables(quality: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    bases = (np.array(t.split(), dtype=np.int64) for t in (_LUMINANCE, _CHROMINANCE))
    first, second = (np.clip((b * scale + 50) // 100, 1, 255).astype(np.float64) for b in bases)
    return first, second
