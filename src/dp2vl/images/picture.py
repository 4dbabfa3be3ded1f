"""One photo in memory: upright pixels in the file's own colour space, and what is needed to write it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dp2vl.images.colour import to_srgb

Pixels = NDArray[np.uint8 | np.uint16]
Tags = Mapping[str, Mapping[int, Any]]
"""EXIF values by directory ("image", "exif", "gps", "interop") and tag number."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Everything in a file that is not pixels or colour; what of it is written is decided by the metadata policy.

    Args:
        tags: EXIF without the thumbnail directory.
        xmp: the main XMP packet; extended XMP is never read.
        iptc: the IPTC record.
        comment: JPEG comment.
        texts: PNG text chunks, (keyword, text).
        dpi: horizontal and vertical resolution in dots per inch, of the upright picture.
        unread: what was found and cannot be kept, one short name each.
    """

    tags: Tags = field(default_factory=dict)
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Coding:
    """Details of the source file that its copy repeats.

    Args:
        bits: bits per channel in the file (8, 10, 12 or 16); `Picture.pixels` of more than 8 bits use all 16.
        chroma: HEIC chroma sampling, 444, 422 or 420.
        nclx: HEIC colour description by numbers, where the file has no ICC profile.
        chunks: PNG chunks that say what the colours mean (gAMA, cHRM, sRGB, cICP), (name, content).
    """

    bits: int = 8
    chroma: int = 420
    nclx: Mapping[str, Any] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded photo.

    Args:
        pixels: (h, w, c) uint8 or uint16, c = 1 (grey) or 3 (RGB), upright, in the file's own colour space.
        alpha: (h, w) of the same dtype, or None.
        format: one of `PHOTO_FORMATS`.
        lossless: whether `encode` gives back exactly `pixels`.
        quality: what `encode` uses on the format's own scale of 100; None where lossless.
        icc: the colour profile of `pixels`; None means sRGB, or what `coding` says.
        metadata: see `Metadata`.
        coding: see `Coding`.
        notes: what a person should know about the copy, one short clause each.
    """

    pixels: Pixels
    alpha: Pixels | None
    format: str
    lossless: bool
    quality: int | None
    icc: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata, repr=False)
    coding: Coding = field(default_factory=Coding, repr=False)
    notes: tuple[str, ...] = ()

    def srgb(self, long_side_px: int | None = None) -> NDArray[np.float32]:
        """Return the photo as sRGB (3, h, w) in [0, 1]; grey is repeated, alpha is ignored as VLM pipelines do.

        Args:
            long_side_px: reduce to this long side first (area average, in the file's own encoding); photos that are
                smaller stay as they are. Memory is then that of the small copy.

        With an ICC profile the colours are exact to 8 bits; one that does not fit the pixels is ignored. PNG gamma and
        HEIC colour numbers are not applied.
        """
        return to_srgb(self.pixels, self.icc, long_side_px=long_side_px)

    def stacked(self) -> Pixels:
        """Return pixels and alpha as one contiguous array (h, w, 1 to 4)."""
        planes: Pixels = self.pixels
        if self.alpha is not None:
            planes = np.concatenate([planes, self.alpha[:, :, None]], axis=2)
        return np.ascontiguousarray(planes)

    def with_pixels(self, pixels: Pixels) -> "Picture":
        """Return this photo with other pixels of the same shape and dtype; everything else stays.

        Raises:
            ValueError: shape or dtype differ.
        """
        if pixels.shape != self.pixels.shape or pixels.dtype != self.pixels.dtype:
            raise ValueError(
                f"expected {self.pixels.dtype} {self.pixels.shape}, got {pixels.dtype} {pixels.shape}; keep both"
            )
        return replace(self, pixels=pixels)
