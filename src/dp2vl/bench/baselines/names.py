"""The baselines by name, each with its source. Does not import torch."""

from collections.abc import Mapping
from types import MappingProxyType

PIXELATE = "pixelate"
BASELINES: Mapping[str, str] = MappingProxyType(
    {
        "shared-pattern": "one smooth random pattern for all photos",
        "lsp": "linearly separable random patches, one per person (arXiv 2111.00898)",
        "pil": "perturbation-induced linearisation (arXiv 2601.19967)",
        PIXELATE: "the face in coarse blocks: visible, an upper bound",
        "photoguard": "PhotoGuard's encoder attack, towards grey (arXiv 2302.06588)",
        "nightshade": "as Nightshade: all photos towards one anchor (arXiv 2310.13828)",
        "attackvlm": "AttackVLM MF-ii: pooled feature towards a stranger's photo (arXiv 2305.16934)",
        "veattack": "VEAttack: patch tokens away from themselves (arXiv 2505.17440)",
        "shadowcast": "Shadowcast reversed: patch tokens towards a stranger's photo (arXiv 2402.06659)",
        "shadowcast-jpeg": "the same with JPEG 75 in the loop",
        "m-attack": "M-Attack: crops towards crops of a stranger's photo (arXiv 2503.10635)",
        "m-attack-v2": "M-Attack-V2: several crops per step, auxiliary targets (arXiv 2602.17645)",
        "foa": "FOA-Attack: M-Attack with optimal transport of patch tokens (arXiv 2505.21494)",
        "universal": "one universal change, as X-Transfer's (arXiv 2505.05528)",
        "unlearnable-clusters": "Unlearnable Clusters: one change per cluster to the next centre (arXiv 2301.01217)",
        "error-minimising": "error-minimising noise on frozen features (arXiv 2101.04898)",
        "fawkes": "Fawkes: towards the farthest stranger's face feature (arXiv 2002.08327)",
        "lowkey": "LowKey: away from one's own face feature, also blurred (arXiv 2101.07922)",
    }
)
"""Name -> what it is and where from."""
