"""The nouns that every room shares: frozen, without I/O and without torch."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much a photo may change, judged on the written 8-bit file.

    Args:
        linf: largest change of any channel of any pixel, as a fraction of the full range (12 grey levels = 12/255).
        ssim: lowest structural similarity to the original; the change is scaled down until the file reaches it.

    Raises:
        ValueError: a bound is out of range.
    """

    linf: float = 12 / 255
    ssim: float = 0.98

    def __post_init__(self) -> None:
        if not 0 < self.linf <= 1:
            raise ValueError(f"expected 0 < linf <= 1, got {self.linf}; write 8/255, not 8")
        if not 0 <= self.ssim < 1:
            raise ValueError(f"expected 0 <= ssim < 1, got {self.ssim}")

    @property
    def levels(self) -> int:
        """The bound in whole grey levels of an 8-bit file."""
        return int(self.linf * 255 + 1e-6)


STRENGTHS = {
    "light": Budget(linf=8 / 255, ssim=0.99),
    "standard": Budget(linf=12 / 255, ssim=0.98),
    "strong": Budget(linf=16 / 255, ssim=0.96),
}


class Status(StrEnum):
    """What became of one file. Only `protected` means that a protected copy lies in the output folder."""

    PROTECTED = "protected"
    REFUSED = "refused"  # a photo that we can name a reason not to touch: animated, too large, already protected
    FAILED = "failed"  # a photo that could not be read, optimised or written
    SKIPPED = "skipped"  # not a photo: hidden files, text, video


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One file of an album that is to be protected.

    Args:
        path: the original; never opened for writing.
        rel: where the copy goes, relative to the output folder, with "/" between folders.
        sha256: hex digest of the original's bytes.
        size_bytes: length of the original.
    """

    path: Path
    rel: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened to one file; every file that goes in comes out as exactly one of these.

    Args:
        path: the original.
        rel: the copy's path relative to the output folder; "" where no copy was meant or another photo's is there.
        status: see `Status`.
        reason: one line; "" only for `protected`.
        sha256_in, sha256_out: hex digests of the original and the written copy; "" where there is none.
        settings: digest of everything that decides the copy's bytes besides the photo.
        verdict: `strong`, `weak` or `none` with its reason, measured on the written file; "" where there is no copy.
        figures: measured on the written file (see `dp2vl.protect.verify`).
        notes: what a person should know about this copy (for instance "HEIC written as PNG").
        seconds: time spent on this photo.
    """

    path: str
    rel: str
    status: Status
    reason: str = ""
    sha256_in: str = ""
    sha256_out: str = ""
    settings: str = ""
    verdict: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
