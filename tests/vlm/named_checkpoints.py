"""One tiny checkpoint of each named family, and two of Qwen-VL."""

from pathlib import Path

import llava_checkpoint
import minigpt_checkpoint
import qwen_checkpoint

NAMED = ("llava", "minigpt_v2", "qwen_vl", "qwen_vl base")
"""Families; of Qwen-VL the chat model and the other one."""


def write_named(folders: dict[str, Path]) -> None:
    """Write all of `NAMED` into their folders."""
    llava_checkpoint.Official(folders["llava"])
    minigpt_checkpoint.Official(folders["minigpt_v2"])
    qwen_checkpoint.Official(folders["qwen_vl"])
    qwen_checkpoint.Official(folders["qwen_vl base"], chat=False)
