"""From a painted canvas to a photo: exposure, white balance, lens, sensor and the camera's own JPEG."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.people.canvas import Array, Canvas
from dp2vl.people.look import Setting

_BYTE_STD = 73.9  # standard deviation of an even byte: sensor noise is drawn as bytes, which is fast


def finish(canvas: Canvas, setting: Setting, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """Return the photo of a canvas as 8-bit sRGB (height, width, 3); the canvas is left as it is.

    Blur and vignette follow the picture's height, noise its pixels. `rng` drives the noise alone; without it the
    setting's `texture_seed` does. A `jpeg` of 0 in the setting leaves out the compression.
    """
    rng = rng or np.random.default_rng([setting.texture_seed, 4])
    height, width = canvas.height, canvas.width
    sigma = setting.blur * height
    pixels: Array = cv2.GaussianBlur(canvas.pixels, (0, 0), sigma) if sigma > 0.25 else canvas.pixels
    warm = 1 + 0.08 * setting.warmth
    bright = _vignette(width, height, setting.vignette) * np.float32(255 * setting.exposure)
    picture = pixels * cv2.merge([bright * np.float32(warm), bright, bright * np.float32(2 - warm)])
    grain = np.frombuffer(rng.bytes(height * width * 3), np.uint8).reshape(height, width, 3).astype(np.float32)
    strength = setting.noise / _BYTE_STD
    out: Array = cv2.addWeighted(picture, 1.0, grain, strength, -127.5 * strength, dtype=cv2.CV_8U)
    return _compress(out, setting.jpeg) if setting.jpeg else out


def _vignette(width: int, height: int, strength: float) -> Array:
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1) ** 2
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1) ** 2
    return 1 - np.float32(strength * 0.5) * (x[None] + y[:, None]) ** 2 / 4


def _compress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: Array = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type]
    return decoded
