"""Who somebody is: named traits drawn from a seed. The genome, not any picture, is the identity."""

from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

CATEGORIES: dict[str, tuple[str, ...]] = {
    "hair_style": (
        "bald", "buzz", "crop", "side part", "spiky", "curls", "afro", "bob", "long straight", "long wavy",
        "long curls", "bun", "ponytail", "receding",
    ),
    "hair_colour": (
        "black", "dark brown", "brown", "chestnut", "auburn", "red", "blond", "ash", "grey", "white", "dyed blue",
    ),
    "eye_colour": ("dark", "brown", "hazel", "green", "blue", "grey"),
    "facial_hair": ("none", "stubble", "moustache", "goatee", "short beard", "full beard"),
    "glasses": ("none", "round", "square", "browline", "large"),
    "fringe": ("none", "straight", "swept left", "swept right", "parted"),
}  # fmt: skip
"""Categorical traits and their values."""

WEIGHTS: dict[str, tuple[float, ...]] = {
    "hair_style": (0.06, 0.06, 0.09, 0.10, 0.07, 0.08, 0.06, 0.09, 0.09, 0.08, 0.06, 0.06, 0.06, 0.04),
    "facial_hair": (0.58, 0.09, 0.08, 0.07, 0.10, 0.08),
    "glasses": (0.64, 0.09, 0.10, 0.08, 0.09),
}
"""How often each value is drawn; equal shares where a trait is not named."""


@dataclass(frozen=True, kw_only=True)
class Genome:
    """Traits of one person: floats in [0, 1] (0.5 is the middle of the range), and words out of `CATEGORIES`."""

    skin_tone: float
    skin_warmth: float
    head_width: float
    head_length: float
    cheekbones: float
    jaw_width: float
    jaw_square: float
    chin_length: float
    chin_width: float
    forehead: float
    eye_size: float
    eye_open: float
    eye_spacing: float
    eye_height: float
    eye_tilt: float
    eye_crease: float
    lashes: float
    brow_ridge: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_length: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    nose_turn: float
    mouth_width: float
    mouth_height: float
    lip_upper: float
    lip_lower: float
    lip_bow: float
    lip_colour: float
    mouth_curve: float
    ear_size: float
    ear_angle: float
    freckles: float
    moles: float
    blush: float
    age: float
    build: float
    hair_volume: float
    hairline: float
    widow: float
    hair_shade: float
    frame_colour: float
    hair_style: str
    hair_colour: str
    eye_colour: str
    facial_hair: str
    glasses: str
    fringe: str

    def traits(self) -> dict[str, float | str]:
        """Return all traits by name."""
        return asdict(self)

    def vector(self) -> NDArray[np.float32]:
        """Return the traits as one vector: continuous ones as they are, categorical ones one-hot."""
        hot = [float(getattr(self, name) == value) for name, values in CATEGORIES.items() for value in values]
        return np.array([getattr(self, name) for name in CONTINUOUS] + hot, np.float32)


CONTINUOUS: tuple[str, ...] = tuple(f.name for f in fields(Genome) if f.name not in CATEGORIES)
"""Names of the continuous traits, in the order of `Genome.vector`."""


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist: the seed they were drawn from and their genome."""

    seed: int
    genome: Genome


def make_person(seed: int) -> Person:
    """Return the person of `seed`; the same seed is the same person on every machine.

    Continuous traits are spread evenly with the ends preferred a little, so that strangers differ clearly.

    Raises:
        ValueError: the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    rng = np.random.default_rng([seed, 0x9E50])
    continuous = {name: round(float(rng.beta(0.8, 0.8)), 4) for name in CONTINUOUS}
    words = {name: str(rng.choice(values, p=WEIGHTS.get(name))) for name, values in CATEGORIES.items()}
    return Person(seed, Genome(**continuous, **words))  # type: ignore[arg-type]
