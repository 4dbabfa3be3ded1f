"""Which towers there are by name, what each stands for, and which are on this machine. Does not import torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from dp2vl.errors import ModelError
from dp2vl.vlm.hub import find_checkpoint, split_revision
from dp2vl.vlm.loading import bundled_names, find_tower
from dp2vl.vlm.memory import QWEN_VISUAL

KINDS = MappingProxyType(
    {
        "clip": "dp2vl.surrogates.clip:load",
        "eva": "dp2vl.surrogates.eva:load",
        "siglip": "dp2vl.surrogates.siglip:load",
        "torchscript": "dp2vl.surrogates.torchscript:load",
        "vlm": "dp2vl.surrogates.families:load",
    }
)
"""Kind -> the function that loads it, imported on use; it gets the whole spec and returns the tower on the CPU."""
HUB_KINDS = ("clip", "eva", "siglip", "vlm")
"""Kinds whose source is a folder or a hub id."""


@dataclass(frozen=True, kw_only=True)
class KnownTower:
    """A published tower.

    Args:
        spec: for `load_surrogate`; `dp2vl.vlm.revisions` says which commit is taken.
        stands_for: the VLMs that read this tower, and how near it is to theirs.
        size_bytes: of the download, approximate. memory_bytes: of the tower alone in float32, computed.
        licence: as its authors published it.
    """

    spec: str
    stands_for: str
    size_bytes: int
    memory_bytes: int
    licence: str


_STANDARD = (
    KnownTower(
        spec="clip:openai/clip-vit-large-patch14-336",
        stands_for="LLaVA-1.5 and many others: the same weights, which LLaVA leaves frozen",
        size_bytes=1_710_000_000,
        memory_bytes=1_220_000_000,
        licence="MIT",
    ),
    KnownTower(
        spec="siglip:google/siglip-so400m-patch14-384",
        stands_for="LLaVA-OneVision, SmolVLM, PaliGemma, Gemma 3: the same architecture, trained further there",
        size_bytes=3_510_000_000,
        memory_bytes=1_710_000_000,
        licence="Apache-2.0",
    ),
    KnownTower(
        spec="eva:Salesforce/blip2-itm-vit-g",
        stands_for="MiniGPT-v2, MiniGPT-4, BLIP-2, InstructBLIP: the same frozen EVA-CLIP ViT-g",
        size_bytes=4_700_000_000,
        memory_bytes=3_950_000_000,
        licence="MIT (BLIP-2)",
    ),
)
_THOROUGH = (
    KnownTower(
        spec="vlm:Qwen/Qwen-VL-Chat",
        stands_for="Qwen-VL and Qwen-VL-Chat: their own tower, three of ten files",
        size_bytes=5_800_000_000,
        memory_bytes=7_720_000_000,
        licence="Tongyi Qianwen",
    ),
    KnownTower(
        spec="siglip:google/siglip2-so400m-patch14-384",
        stands_for="recent VLMs on SigLIP 2: the same weights or near relatives",
        size_bytes=4_540_000_000,
        memory_bytes=1_710_000_000,
        licence="Apache-2.0",
    ),
    KnownTower(
        spec="clip:laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        stands_for="no VLM in particular: another data set and size, for variety",
        size_bytes=3_940_000_000,
        memory_bytes=2_530_000_000,
        licence="MIT",
    ),
)
KNOWN: Mapping[str, KnownTower] = MappingProxyType({t.spec: t for t in (*_STANDARD, *_THOROUGH)})
"""Published towers by spec."""

SETS: Mapping[str, tuple[KnownTower, ...]] = MappingProxyType(
    {"standard": _STANDARD, "thorough": (*_STANDARD, *_THOROUGH)}
)
"""Sets of published towers; a third set, `mini`, holds the bundled ones."""

TOWER_TENSORS: Mapping[str, str] = MappingProxyType({"Qwen/Qwen-VL": QWEN_VISUAL, "Qwen/Qwen-VL-Chat": QWEN_VISUAL})
"""Repository of a whole model -> how the names of its tower's tensors begin, where the tower loads without the rest."""


def find_prefix(spec: str) -> str:
    """Return how the names of the tensors begin that a tower needs, whatever its revision; "" for all of them."""
    kind, _, source = spec.partition(":")
    return TOWER_TENSORS.get(split_revision(source)[0], "") if kind == "vlm" else ""


def tower_names(surrogates: str | Iterable[str]) -> list[str]:
    """Return the specs that `surrogates` stands for, sets expanded, each once, in order. Reads no weights.

    Args:
        surrogates: names of sets and towers, as a sequence or separated by commas.

    Raises:
        ModelError: a name is unknown, nothing is named, or no tower is bundled where `mini` is asked for.
    """
    names: list[str] = []
    for name in _split(surrogates):
        if name == "mini":
            names += bundled_names()
        elif name in SETS:
            names += (tower.spec for tower in SETS[name])
        else:
            check_name(name)
            names.append(name)
    if not names:
        hint = "no tower is bundled with this installation" if _split(surrogates) else "see `dp2vl models list`"
        raise ModelError("expected at least one tower, got none", hint)
    return list(dict.fromkeys(names))


def _split(surrogates: str | Iterable[str]) -> list[str]:
    asked = surrogates.split(",") if isinstance(surrogates, str) else surrogates
    return [name.strip() for name in asked if name.strip()]


def check_name(name: str) -> None:
    """Raise a `ModelError` that suggests the nearest name, unless `name` has the form of a tower's."""
    kind, colon, _ = name.partition(":")
    if kind in KINDS if colon else name in bundled_names():
        return
    known = [f"{kind}:" for kind in KINDS] if colon else ["mini", *SETS, *bundled_names(), *KNOWN]
    near = get_close_matches(f"{kind}:" if colon else name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see `dp2vl models list`"
    raise ModelError(f"unknown tower {name!r}", hint)


def is_here(name: str) -> bool:
    """Return whether a tower can be loaded without a download: its files are there, which is not a check of them."""
    kind, _, source = name.partition(":")
    if kind in HUB_KINDS:
        try:
            find_tower(source) if kind == "vlm" else find_checkpoint(name)
        except ModelError:
            return False
        return True
    return name in bundled_names() or (bool(source) and Path(source.partition("?")[0]).expanduser().exists())


def require_here(surrogates: str | Iterable[str]) -> list[str]:
    """Return `tower_names(surrogates)`, all of which are on this machine.

    Raises:
        ModelError: published towers are absent; says which, how large, and the command that fetches them.
    """
    names = tower_names(surrogates)
    absent = [name for name in names if name.partition(":")[0] in HUB_KINDS and not is_here(name)]
    if not absent:
        return names
    sizes = [KNOWN[name].size_bytes for name in absent if name in KNOWN]
    about = f" (about {sum(sizes) / 1e9:.1f} GB)" if len(sizes) == len(absent) else ""
    whole = [name for name in _split(surrogates) if name in SETS]
    hint = "; ".join(f"dp2vl models pull {name}" for name in whole or absent)
    raise ModelError(f"{len(absent)} of {len(names)} towers are not here: {', '.join(absent)}", hint + about)


def tower_states() -> dict[str, str]:
    """Return what is known of each bundled and published tower: `here`, or the size of its download."""
    states = {name: "here (bundled)" for name in bundled_names()}
    for spec, tower in KNOWN.items():
        states[spec] = "here" if is_here(spec) else f"not here, {tower.size_bytes / 1e9:.1f} GB"
    return states
