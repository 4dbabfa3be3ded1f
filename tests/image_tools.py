"""Small pictures, files and a colour profile that the tests of photos share."""

import io
import struct
from typing import Any

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from dp2vl.images import Coding, Picture

FAST = settings(max_examples=25, deadline=None, derandomize=True)


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8, seed: int = 0) -> NDArray[Any]:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype=dtype, endpoint=True)


def smooth(height: int, width: int, mode: str = "RGB") -> Image.Image:
    small = Image.fromarray(noise(4, 4, 3, seed=1)).convert(mode)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(pixels: NDArray[Any], alpha: NDArray[Any] | None, kind: str, **changes: Any) -> Picture:
    bits = 8 * pixels.itemsize
    given_ = {"format": kind, "lossless": True, "quality": None, "coding": Coding(bits=bits), **changes}
    return Picture(pixels=pixels, alpha=alpha, **given_)


def display_p3() -> bytes:
    """A colour profile with Display P3's primaries and gamma 2.2, tag by tag."""
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    tags = {
        name: b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in xyz))
        for name, xyz in primaries.items()
    }
    tags[b"wtpt"] = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags |= {name: b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2) for name in (b"rTRC", b"gTRC", b"bTRC")}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 3) + b"P3\x00" + bytes(78) + bytes(3)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\x00\x00\x00\x00"
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + table + body
