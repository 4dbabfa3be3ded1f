"""What decides how photos are protected; validated before torch loads."""

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Literal

from dp2vl import __version__
from dp2vl.errors import UsageError
from dp2vl.types import STRENGTHS, Budget

MetadataPolicy = Literal["minimal", "keep", "strip"]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How to search, and how long. Cost per photo is `steps` x `views` x towers forward and backward passes.

    Args:
        steps: gradient steps.
        views: versions of the photo per step.
        check_every: steps between two looks at the rounded photo, where the best one is kept.
        check_from: share of the steps before the first of these looks: the best one comes late (docs/log.md).
        first_step: its root mean square in units of the bound: most of it falls where a change hides, and is clipped.
        momentum: share of the last step's direction that goes into the next.
        smooth_px: steps are blurred by so much: finer change is gone after the next JPEG and costs as much similarity.
        branch_share: of a gradient through attention and MLP of a tower's blocks, see `damp_branches`.
        room: share of the similarity that a photo may lose which is left for rounding and for the file's own coding.
    """

    steps: int
    views: int
    check_every: int = 10
    check_from: float = 0.6
    first_step: float = 3.0
    momentum: float = 0.9
    smooth_px: float = 1.0
    branch_share: float = 0.5
    room: float = 0.2


EFFORTS = {
    "instant": Effort(steps=8, views=1),
    "quick": Effort(steps=20, views=1),
    "normal": Effort(steps=80, views=1),
    "thorough": Effort(steps=240, views=4),
}

METADATA = ("minimal", "keep", "strip")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class ProtectConfig:
    """Settings of one run of `protect`.

    Args:
        strength: `light`, `standard` or `strong`: how much may change, see `dp2vl.types.STRENGTHS`.
        effort: `instant`, `quick`, `normal` or `thorough`: how long to search.
        surrogates: name of a set (`mini`, `standard`, `thorough`), or towers separated by commas.
        seed: drives all randomness.
        metadata: `minimal` drops location, serial numbers, previews and the like; `keep`; `strip`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        max_megapixels: larger photos are refused.

    Raises:
        UsageError: a value is unknown; the nearest one is suggested.
    """

    strength: str = "standard"
    effort: str = "normal"
    surrogates: str = "mini"
    seed: int = 0
    metadata: str = "minimal"
    device: str = "auto"
    max_megapixels: float = 100.0

    def __post_init__(self) -> None:
        for name, known in (
            ("strength", STRENGTHS),
            ("effort", EFFORTS),
            ("metadata", METADATA),
            ("device", DEVICES),
        ):
            check_choice(name, getattr(self, name), tuple(known))
        if self.max_megapixels <= 0:
            raise UsageError(f"expected --max-megapixels above 0, got {self.max_megapixels}")

    @property
    def budget(self) -> Budget:
        """The bound on the change that `strength` stands for."""
        return STRENGTHS[self.strength]

    def deciding(self) -> dict[str, object]:
        """Return what decides the bytes of a copy besides the photo: its digest marks which photos are done."""
        values = asdict(self)
        for name in ("device", "max_megapixels"):
            values.pop(name)
        return values | {
            "version": __version__,
            "budget": asdict(self.budget),
            "search": asdict(EFFORTS[self.effort]),
        }


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise a `UsageError` that suggests the nearest known value if `value` is not one of `known`."""
    if value in known:
        return
    near = get_close_matches(value, known, n=1)
    hint = f"did you mean {near[0]}?" if near else ""
    raise UsageError(f"expected {name} to be one of {', '.join(known)}, got {value!r}", hint)
