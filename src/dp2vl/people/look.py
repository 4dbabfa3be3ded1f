"""Everything about a photo that is not who the person is: pose, expression, clothes, place, light, camera."""

from dataclasses import asdict, dataclass

import numpy as np

GARMENTS = ("tee", "v-neck", "shirt", "hoodie", "jacket", "turtleneck")
PATTERNS = ("plain", "stripes", "checks", "dots", "two-tone")
PLACES = ("plain", "indoor", "street", "park")
PLACE_VARIANTS = 24
"""Layouts per kind of place; a background's id is its kind and variant."""

_CLOTH = (
    (0.15, 0.20, 0.36), (0.62, 0.16, 0.18), (0.18, 0.40, 0.28), (0.86, 0.84, 0.78), (0.22, 0.22, 0.25),
    (0.82, 0.62, 0.22), (0.42, 0.30, 0.55), (0.30, 0.52, 0.68), (0.78, 0.46, 0.44), (0.48, 0.50, 0.36),
    (0.92, 0.78, 0.74), (0.36, 0.24, 0.18),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a person appears in one photo. Angles in radians; shares in [0, 1] unless said otherwise.

    Args:
        yaw, pitch, roll: head pose; positive turns to the picture's right, down, and clockwise.
        gaze_x, gaze_y: where the eyes look, in [-1, 1].
        smile: in [-0.5, 1]. mouth_open, brow_raise, squint: in [0, 1].
        garment, pattern, cloth, accent: what is worn; cloth and accent are indices of colours.
        shoulders: turn of the body in [-1, 1].
    """

    yaw: float
    pitch: float
    roll: float
    gaze_x: float
    gaze_y: float
    smile: float
    mouth_open: float
    brow_raise: float
    squint: float
    garment: str
    pattern: str
    cloth: int
    accent: int
    shoulders: float

    @property
    def clothes_id(self) -> str:
        """Garment, pattern and colours in one word, for checks that a probe photo shows other clothes."""
        return f"{self.garment}/{self.pattern}/{self.cloth}/{self.accent}"

    def facts(self) -> dict[str, object]:
        """Return everything as JSON-able values."""
        return asdict(self) | {"clothes_id": self.clothes_id}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Place, light and camera of one photo.

    Args:
        place, variant: kind of background and which layout of it.
        light: unit vector from the subject to the light (x right, y down, z to the camera).
        light_colour: sRGB multiplier of the direct light. ambient: share of light that has no direction.
        exposure: multiplier of the finished picture. warmth: white balance error in [-1, 1].
        blur: standard deviation of the camera's blur as a share of the picture's height.
        noise: standard deviation of sensor noise in grey levels. vignette: darkening of corners in [0, 1].
        jpeg: quality of the camera's own compression.
        texture_seed: drives details that nobody needs to name.
    """

    place: str
    variant: int
    light: tuple[float, float, float]
    light_colour: tuple[float, float, float]
    ambient: float
    exposure: float
    warmth: float
    blur: float
    noise: float
    vignette: float
    jpeg: int
    texture_seed: int

    @property
    def background_id(self) -> str:
        """Kind and layout of the background in one word."""
        return f"{self.place}/{self.variant}"

    def facts(self) -> dict[str, object]:
        """Return everything as JSON-able values."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return plain | {"background_id": self.background_id}


def make_look(rng: np.random.Generator) -> Look:
    """Return a random look."""
    return Look(
        yaw=float(np.clip(rng.normal(0, 0.26), -0.6, 0.6)),
        pitch=float(np.clip(rng.normal(0, 0.12), -0.26, 0.26)),
        roll=float(np.clip(rng.normal(0, 0.09), -0.26, 0.26)),
        gaze_x=float(rng.uniform(-1, 1)),
        gaze_y=float(rng.uniform(-0.6, 0.6)),
        smile=float(np.clip(rng.normal(0.35, 0.4), -0.5, 1)),
        mouth_open=float(max(0.0, rng.normal(0.0, 0.35))) if rng.random() < 0.6 else 0.0,
        brow_raise=float(np.clip(rng.normal(0.2, 0.3), 0, 1)),
        squint=float(np.clip(rng.normal(0.15, 0.2), 0, 0.7)),
        garment=str(rng.choice(GARMENTS)),
        pattern=str(rng.choice(PATTERNS, p=(0.45, 0.17, 0.13, 0.1, 0.15))),
        cloth=int(rng.integers(len(_CLOTH))),
        accent=int(rng.integers(len(_CLOTH))),
        shoulders=float(rng.uniform(-1, 1)),
    )


def make_setting(rng: np.random.Generator, kind: str | None = None) -> Setting:
    """Return a random setting, at a place of `kind` if named.

    Raises:
        ValueError: there is no such kind of place.
    """
    if kind is not None and kind not in PLACES:
        raise ValueError(f"expected a place out of {', '.join(PLACES)}, got {kind!r}")
    across, up = rng.uniform(-0.8, 0.8), rng.uniform(0.15, 0.8)
    light = np.array([across, -up, 0.75])
    light = light / np.linalg.norm(light)
    tint = rng.uniform(-0.09, 0.09)
    return Setting(
        place=kind or str(rng.choice(PLACES)),
        variant=int(rng.integers(PLACE_VARIANTS)),
        light=(float(light[0]), float(light[1]), float(light[2])),
        light_colour=(float(1 + tint), 1.0, float(1 - tint)),
        ambient=float(rng.uniform(0.45, 0.72)),
        exposure=float(rng.uniform(0.86, 1.12)),
        warmth=float(rng.normal(0, 0.3)),
        blur=float(rng.uniform(0.0, 0.004)),
        noise=float(rng.uniform(0.5, 4.0)),
        vignette=float(rng.uniform(0, 0.35)),
        jpeg=int(rng.integers(72, 97)),
        texture_seed=int(rng.integers(2**31)),
    )


def cloth_colour(index: int) -> np.ndarray:
    """Return colour `index` of the wardrobe as sRGB floats (3,)."""
    return np.array(_CLOTH[index], np.float32)
