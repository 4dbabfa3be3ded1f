"""Qwen-VL's tokenizer out of `qwen.tiktoken`, on transformers' Qwen2 tokenizer and without the tiktoken package.

The file lists byte strings by rank. What Hugging Face's BPE needs beside them is the pair that each was merged from;
it follows from the ranks: merging a token's bytes with all lower ranks leaves exactly that pair.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from transformers import Qwen2Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from dp2vl.errors import ModelError

TIKTOKEN_FILE = "qwen.tiktoken"
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
IMAGE_START, IMAGE_END, IMAGE_PAD = "<img>", "</img>", "<imgpad>"
SPECIALS = (
    END_OF_TEXT, TURN_START, TURN_END, *(f"<|extra_{i}|>" for i in range(205)),
    "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", IMAGE_START, IMAGE_END, IMAGE_PAD,
)  # fmt: skip
"""Special tokens in the order of their ids, which begin where the ranks of the file end."""


def load_tokenizer(folder: Path) -> Qwen2Tokenizer:
    """Return the tokenizer of a folder; about two seconds for the published 151,643 tokens.

    Raises:
        ModelError: the file is absent or damaged.
    """
    path = folder / TIKTOKEN_FILE
    try:
        ranks = _read_ranks(path.read_bytes().splitlines())
    except OSError as error:
        raise ModelError(f"no {TIKTOKEN_FILE} in {folder}", "copy it from the model's repository") from error
    except (ValueError, binascii.Error) as error:
        raise ModelError(f"{path} is damaged: {error}", "copy it from the model's repository") from error
    letters = bytes_to_unicode()

    def text(token: bytes) -> str:
        return "".join(letters[b] for b in token)

    vocabulary = {text(token): rank for token, rank in ranks.items()}
    merges: Any = []
    for token, rank in ranks.items():
        if len(token) > 1:
            parts = _merge(token, ranks, rank)
            if len(parts) != 2:
                raise ModelError(f"{path} is damaged: no pair makes {token!r}", "copy it from the model's repository")
            merges.append((text(parts[0]), text(parts[1])))
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, unk_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
    )
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    found = tokenizer.convert_tokens_to_ids(list(SPECIALS))
    if found != list(range(len(ranks), len(ranks) + len(SPECIALS))):
        raise ModelError(f"{path} is damaged: its ranks are not 0 to {len(ranks) - 1}", "copy it again")
    return tokenizer


def write_ranks(path: Path, tokens: Iterable[bytes]) -> None:
    """Write byte strings in the order of their ranks; every single byte must be among them."""
    lines = [base64.b64encode(token) + f" {rank}".encode() for rank, token in enumerate(tokens)]
    path.write_bytes(b"\n".join(lines) + b"\n")


def _read_ranks(lines: Iterable[bytes]) -> dict[bytes, int]:
    ranks = {}
    for line in lines:
        if line.strip():
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
    missing = [b for b in range(256) if bytes([b]) not in ranks]
    if missing:
        raise ValueError(f"{len(missing)} single bytes are missing")
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def _merge(token: bytes, ranks: Mapping[bytes, int], below: int) -> list[bytes]:
    """Return the parts of `token` after all merges of a rank lower than `below`."""
    parts = [bytes([b]) for b in token]
    while len(parts) > 1:
        pairs = [ranks.get(a + b, below) for a, b in pairwise(parts)]
        best = min(pairs)
        if best >= below:
            break
        at = pairs.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts
