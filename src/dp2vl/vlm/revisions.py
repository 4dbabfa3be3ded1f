"""Which commit of a published repository is taken where nobody names one. Does not import torch.

A commit of the hub names its files by their digests, which `download` compares: what is fetched is what others have
loaded, or nothing. Each of these was found in the code or records of two or more unrelated public projects, for that
very repository; the hub itself was not asked. `name@main` takes a repository as it is today.
"""

from collections.abc import Mapping
from types import MappingProxyType

REVISIONS: Mapping[str, str] = MappingProxyType(
    {
        "openai/clip-vit-large-patch14-336": "ce19dc912ca5cd21c8a653c79e251e808ccabcd1",
        "google/siglip-so400m-patch14-384": "9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
        "google/siglip2-so400m-patch14-384": "e8e487298228002f3d8a82e0cd5c8ea9c567f57f",
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": "1c2b8495b28150b8a4922ee1c8edee224c284c0c",
        "llava-hf/llava-1.5-7b-hf": "b234b804b114d9e37bb655e11cbbb5f5e971b7a9",
        "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": "74dd0bf867a4cda7950c17663794267c60cf4b40",
        "Qwen/Qwen-VL": "0547ed36a86561e2e42fecec8fd0c4f6953e33c4",
        "Qwen/Qwen-VL-Chat": "f57cfbd358cb56b710d963669ad1bcfb44cdcdd8",
        "Qwen/Qwen2-VL-2B-Instruct": "895c3a49bc3fa70a340399125c650a463535e71c",
        "Qwen/Qwen2.5-VL-3B-Instruct": "66285546d2b821cf421d4f5eb2576359d3770cd3",
        "Qwen/Qwen3-VL-2B-Instruct": "89644892e4d85e24eaac8bacfd4f463576704203",
        "HuggingFaceTB/SmolVLM-256M-Instruct": "7e3e67edbbed1bf9888184d9df282b700a323964",
        "OpenGVLab/InternVL3-1B-hf": "014c0583a0d4bedf29fbe2dbff4f865eb998e171",
        "google/paligemma2-3b-mix-224": "8e40ab4cc5df93dfb7fd2fff754bcdff8b62ee78",
        "google/gemma-3-4b-it": "093f9f388b31de276ce2de164bdc2081324b9767",
    }
)
"""Repository -> commit. Of `Salesforce/blip2-itm-vit-g` two are named, one project each, so it is not among them."""
UNPINNED = "main"
"""What is taken of any other repository: its present state."""
