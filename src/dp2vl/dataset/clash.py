"""When two photos count as taken under the same conditions: by the generator's record, or by how they look."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SAME_ANGLE_RAD = 0.026
"""Head poses or light directions closer than this (1.5 degrees) count as the same."""
SAME_PHOTO_BITS = 10
"""Photos whose 63-bit hashes differ in at most this many bits count as the same shot."""
SAVED_ANEW_BITS = 4
"""The same for drawn photos, which look more alike: of 21,000 pairs none came nearer than 14, saved anew 2 at most."""


def find_clashes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return which of background, clothes, pose and light two drawn photos share, from the facts of their drawing."""
    shared = []
    if a["background_id"] == b["background_id"]:
        shared.append("background")
    if set(a["clothes_ids"]) & set(b["clothes_ids"]):
        shared.append("clothes")
    if _apart(_pose(a), _pose(b)) < SAME_ANGLE_RAD:
        shared.append("pose")
    if _apart(a["setting"]["light"], b["setting"]["light"]) < SAME_ANGLE_RAD:
        shared.append("light")
    return shared


def hash_look(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return 63 bits (63,) of how a photo looks: signs of its lowest frequencies against their median.

    The usual DCT hash: robust to size, compression and brightness, not to cropping.

    Args:
        pixels: sRGB uint8, shape (height, width, 3).
    """
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()[1:]
    return low > np.median(low)


def bits_apart(pixels: NDArray[np.uint8], hashes: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Return in how many bits a photo, or its mirror image, differs from each of (n, 63) hashes."""
    faces = (pixels, np.ascontiguousarray(pixels[:, ::-1]))
    return np.min([np.count_nonzero(hash_look(face) != hashes, axis=1) for face in faces], axis=0)


def _pose(facts: Mapping[str, Any]) -> tuple[float, float, float]:
    look = facts["look"]
    return look["yaw"], look["pitch"], look["roll"]


def _apart(a: Any, b: Any) -> float:
    return float(np.linalg.norm(np.asarray(a) - np.asarray(b)))
