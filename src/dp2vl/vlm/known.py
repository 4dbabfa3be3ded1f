"""Published models that load here: where they are, how large, under which licence. Does not import torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dp2vl.errors import ModelError
from dp2vl.vlm.loading import find_source


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A published vision-language model.

    Args:
        name: hub id, for `load_vlm`; `dp2vl.vlm.revisions` says which commit is taken.
        family: for people.
        size_bytes: of the download, approximate; about the memory that the weights take in bfloat16.
        memory_bytes: of the weights in bfloat16, where it is not that.
        licence: as its authors published it.
        gated: whether the hub asks for a login and the acceptance of a licence.
    """

    name: str
    family: str
    size_bytes: int
    licence: str
    gated: bool = False
    memory_bytes: int = 0


_MODELS = (
    KnownModel(
        name="llava-hf/llava-1.5-7b-hf", family="LLaVA-1.5", size_bytes=14_130_000_000, licence="Llama 2 community"
    ),
    KnownModel(name="Qwen/Qwen-VL", family="Qwen-VL", size_bytes=19_310_000_000, licence="Tongyi Qianwen"),
    KnownModel(name="Qwen/Qwen-VL-Chat", family="Qwen-VL", size_bytes=19_310_000_000, licence="Tongyi Qianwen"),
    KnownModel(name="Qwen/Qwen2-VL-2B-Instruct", family="Qwen2-VL", size_bytes=4_420_000_000, licence="Apache-2.0"),
    KnownModel(
        name="Qwen/Qwen2.5-VL-3B-Instruct", family="Qwen2.5-VL", size_bytes=7_510_000_000, licence="Qwen research"
    ),
    KnownModel(name="Qwen/Qwen3-VL-2B-Instruct", family="Qwen3-VL", size_bytes=4_260_000_000, licence="Apache-2.0"),
    KnownModel(
        name="llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        family="LLaVA-OneVision",
        size_bytes=1_790_000_000,
        licence="Apache-2.0",
    ),
    KnownModel(
        name="HuggingFaceTB/SmolVLM-256M-Instruct", family="SmolVLM", size_bytes=520_000_000, licence="Apache-2.0"
    ),
    KnownModel(name="OpenGVLab/InternVL3-1B-hf", family="InternVL3", size_bytes=1_880_000_000, licence="Apache-2.0"),
    KnownModel(
        name="google/paligemma2-3b-mix-224",
        family="PaliGemma 2",
        size_bytes=6_070_000_000,
        licence="Gemma",
        gated=True,
    ),
    KnownModel(name="google/gemma-3-4b-it", family="Gemma 3", size_bytes=8_600_000_000, licence="Gemma", gated=True),
)
KNOWN_MODELS: Mapping[str, KnownModel] = MappingProxyType({m.name: m for m in _MODELS})
"""Published models by hub id."""
MINIGPT_V2 = KnownModel(
    name="MiniGPT-v2",
    family="MiniGPT-v2",
    size_bytes=16_200_000_000,
    memory_bytes=15_500_000_000,
    licence="Llama 2 community; BSD-3 of its authors; MIT (EVA)",
    gated=True,
)
"""Not on the hub as one repository: see `dp2vl.vlm.minigpt_v2`."""


def model_is_here(name: str) -> bool:
    """Return whether a model can be loaded without a download: its files are there, which is not a check of them."""
    try:
        find_source(name)
    except ModelError:
        return False
    return True
