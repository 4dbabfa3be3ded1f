"""A tiny Qwen-VL under the names of the published repositories, in bfloat16 and three pickled files."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import regex
import torch
from torch import Tensor

from dp2vl.vlm.qwen_tokenizer import SPECIALS, TIKTOKEN_FILE, write_ranks
from dp2vl.vlm.qwen_vl import QwenVL, load

WIDTH, HEADS, BLOCKS, PATCH, SIDE_PX = 32, 2, 2, 14, 448
MLP = 157  # int(32 * 4.9231)
DIM, QUERIES, LAYERS, WORD_HEADS, INNER = 256, 256, 2, 4, 80
VISUAL = "transformer.visual."
SHARDS = tuple(f"pytorch_model-{n:05}-of-00003.bin" for n in (1, 2, 3))
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where Qwen's tokenizer cuts before it merges bytes."""
WORDS = (
    "You are a helpful assistant. system user assistant Picture 1: Who is this person? a man in the park Answer: "
    "it's not a woman, Ünïcödé 名前は何ですか\n\n"
) * 3
Tensors = dict[str, Tensor]


def learn_ranks(text: str, merges: int) -> list[bytes]:
    """Return all single bytes and then what byte-pair encoding of `text` merges, in order."""
    ranks = [bytes([b]) for b in range(256)]
    words = Counter(regex.findall(PATTERN, text))
    parts = {word: [bytes([b]) for b in word.encode()] for word in words}
    while len(ranks) < 256 + merges:
        pairs = Counter[tuple[bytes, bytes]]()
        for word, count in words.items():
            for pair in zip(parts[word], parts[word][1:], strict=False):
                pairs[pair] += count
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        ranks.append(left + right)
        for row in parts.values():
            at = 0
            while at < len(row) - 1:
                if (row[at], row[at + 1]) == (left, right):
                    row[at : at + 2] = [left + right]
                at += 1
    return ranks


RANKS = learn_ranks(WORDS, 80)
ROWS = len(RANKS) + len(SPECIALS) + 3
"""Of the table of words, which is longer than the vocabulary, as the published one is."""


def make_settings(width: int = WIDTH) -> dict[str, Any]:
    """Return config.json with the entries that the published one has."""
    return {
        "architectures": ["QWenLMHeadModel"],
        "emb_dropout_prob": 0.0,
        "hidden_size": DIM,
        "intermediate_size": 2 * INNER,
        "kv_channels": DIM // WORD_HEADS,
        "layer_norm_epsilon": 1e-06,
        "max_position_embeddings": 8192,
        "model_type": "qwen",
        "no_bias": True,
        "num_attention_heads": WORD_HEADS,
        "num_hidden_layers": LAYERS,
        "rotary_emb_base": 10000,
        "rotary_pct": 1.0,
        "seq_length": 2048,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "visual": {
            "heads": HEADS,
            "image_size": SIDE_PX,
            "image_start_id": len(RANKS) + SPECIALS.index("<img>"),
            "layers": BLOCKS,
            "mlp_ratio": 4.9231,
            "output_dim": DIM,
            "patch_size": PATCH,
            "width": width,
        },
        "vocab_size": ROWS,
    }


def make_shapes(width: int = WIDTH) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the published tensors, sizes apart."""
    mlp = int(width * 4.9231)
    shapes: dict[str, tuple[int, ...]] = {"transformer.wte.weight": (ROWS, DIM)}
    for n in range(LAYERS):
        layer = {"ln_1.weight": (DIM,), "ln_2.weight": (DIM,)}
        layer |= {"attn.c_attn.weight": (3 * DIM, DIM), "attn.c_attn.bias": (3 * DIM,)}
        layer |= {"attn.c_proj.weight": (DIM, DIM), "mlp.c_proj.weight": (DIM, INNER)}
        layer |= {"mlp.w1.weight": (INNER, DIM), "mlp.w2.weight": (INNER, DIM)}
        shapes |= {f"transformer.h.{n}.{name}": shape for name, shape in layer.items()}
    visual = {"positional_embedding": (256, width), "conv1.weight": (width, 3, PATCH, PATCH)}
    for n in range(BLOCKS):
        for part, shape in (
            ("attn.in_proj", (3 * width, width)),
            ("attn.out_proj", (width, width)),
            ("mlp.c_fc", (mlp, width)),
            ("mlp.c_proj", (width, mlp)),
            ("ln_1", (width,)),
            ("ln_2", (width,)),
        ):
            visual[f"transformer.resblocks.{n}.{part}.weight"] = shape
            visual[f"transformer.resblocks.{n}.{part}.bias"] = shape[:1]
    visual |= {f"attn_pool.{name}": (QUERIES, DIM) for name in ("pos_embed", "query")}
    visual |= {"attn_pool.kv_proj.weight": (DIM, width)} if width != DIM else {}
    visual |= {"attn_pool.attn.in_proj_weight": (3 * DIM, DIM), "attn_pool.attn.in_proj_bias": (3 * DIM,)}
    visual |= {"attn_pool.attn.out_proj.weight": (DIM, DIM), "attn_pool.attn.out_proj.bias": (DIM,)}
    for name, size in (("ln_pre", width), ("ln_post", DIM), ("attn_pool.ln_q", DIM), ("attn_pool.ln_kv", DIM)):
        visual |= {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    visual["proj"] = (DIM, DIM)
    shapes |= {f"{VISUAL}{name}": shape for name, shape in visual.items()}
    return shapes | {"transformer.ln_f.weight": (DIM,), "lm_head.weight": (ROWS, DIM)}


def make_tensors(width: int = WIDTH) -> Tensors:
    generator = torch.Generator().manual_seed(6)
    tensors = {}
    for name, shape in make_shapes(width).items():
        spread = 0.3 if len(shape) == 1 or shape[-1] <= 64 else 0.1
        middle = 1.0 if "ln_" in name and name.endswith("weight") else 0.0
        tensors[name] = (middle + spread * torch.randn(shape, generator=generator)).bfloat16()
    return tensors


def shard_of(name: str) -> str:
    """Return the file of a tensor: the words are in the first, the vision side in the last two."""
    if name == "transformer.wte.weight" or name.startswith("transformer.h.0."):
        return SHARDS[0]
    return SHARDS[2] if "attn_pool" in name or "transformer." not in name.removeprefix(VISUAL) else SHARDS[1]


class Official:
    """A folder as the hub has it, and what is in its files."""

    def __init__(self, folder: Path, *, chat: bool = True, width: int = WIDTH) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.settings, self.tensors = make_settings(width), make_tensors(width)
        form = {"chat_format": "chatml", "do_sample": True} if chat else {"chat_format": "raw"}
        (folder / "generation_config.json").write_text(json.dumps(form))
        write_ranks(folder / TIKTOKEN_FILE, RANKS)
        self.set()
        self.save()

    def save(self) -> None:
        places = {name: shard_of(name) for name in self.tensors}
        for shard in SHARDS:
            torch.save({n: v for n, v in self.tensors.items() if places[n] == shard}, self.folder / shard)
        index = {"metadata": {}, "weight_map": places}
        (self.folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    def edit(self, change: Callable[[Tensors], Any]) -> None:
        change(self.tensors)
        self.save()

    def set(self, **settings: Any) -> None:
        """Change entries of config.json."""
        (self.folder / "config.json").write_text(json.dumps(self.settings | settings))

    def load(self) -> QwenVL:
        return load("qwen_vl:tiny", self.folder)
