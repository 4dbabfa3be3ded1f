"""Vision-language model families, each written once and used at full and at mini size. Does not import torch."""

from dp2vl.vlm.loading import FAMILIES, find_source, load_tower, load_vlm

__all__ = ["FAMILIES", "find_source", "load_tower", "load_vlm"]
