"""A tiny LLaVA-1.5 under the names of the published repositories, in half precision and two files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from llama_words import make_tokenizer
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaTokenizer, LlavaConfig, LlavaForConditionalGeneration

from dp2vl.vlm.llava import SYSTEM, Llava, load

SIDE_PX, PATCH, WIDTH = 56, 14, 32
TOKENS = (SIDE_PX // PATCH) ** 2
ROWS = 448
"""Of the table of words, which is longer than the vocabulary, as the published one is."""
WORDS = (f"{SYSTEM} USER: who is this person a man ASSISTANT: a man in the park", "USER: who ASSISTANT:", "or not")
RENAMED = (
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.vision_tower\.", "vision_tower.vision_model."),
    (r"^model\.", ""),
)
"""From the names in memory to those on the hub."""
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
Tensors = dict[str, Tensor]


def make_words(**settings: Any) -> LlamaTokenizer:
    """Return a tokenizer with the two tokens that the published one has beyond Llama's."""
    tokenizer = make_tokenizer(WORDS, size=440, **settings)
    tokenizer.add_tokens(["<image>", "<pad>"], special_tokens=True)
    return tokenizer


def make_settings(image_id: int) -> dict[str, Any]:
    """Return config.json with the entries that the published one has, and what is smaller here."""
    text = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
    vision = {"hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": image_id,
        "model_type": "llava",
        "projector_hidden_act": "gelu",
        "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05}
        | {"vocab_size": ROWS, "torch_dtype": "float16"}
        | text,
        "torch_dtype": "float16",
        "vision_config": {"model_type": "clip_vision_model", "image_size": SIDE_PX, "patch_size": PATCH} | vision,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "vocab_size": ROWS,
    }


def published(name: str) -> str:
    """Return the hub's name of a tensor of the model in memory."""
    for pattern, instead in RENAMED:
        name, count = re.subn(pattern, instead, name)
        if count:
            return name
    raise AssertionError(name)


class Official:
    """A folder as the hub has it, and the model that its files describe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        tokenizer = make_words()
        self.settings = make_settings(tokenizer.convert_tokens_to_ids("<image>"))
        (folder / "config.json").write_text(json.dumps(self.settings))
        tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        self.model = LlavaForConditionalGeneration(LlavaConfig.from_pretrained(folder)).float().eval()
        with torch.no_grad():
            for weight in self.model.parameters():
                weight.copy_((weight + 0.1 * torch.randn_like(weight)).half())
        self.tensors = {published(name): value.half() for name, value in self.model.state_dict().items()}
        self.save()

    def save(self) -> None:
        """Write `tensors` in two files: words and the first layers; the last layers, the tower and the connector."""
        first = "language_model.model.embed", "language_model.model.layers.0", "vision_tower"
        places = {name: SHARDS[not name.startswith(first)] for name in self.tensors}
        for shard in SHARDS:
            part = {n: v.contiguous() for n, v in self.tensors.items() if places[n] == shard}
            save_file(part, self.folder / shard, metadata={"format": "pt"})
        index = {"metadata": {}, "weight_map": places}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps(index))

    def edit(self, change: Callable[[Tensors], Any]) -> None:
        change(self.tensors)
        self.save()

    def set(self, **settings: Any) -> None:
        """Change entries of config.json."""
        (self.folder / "config.json").write_text(json.dumps(self.settings | settings))

    def load(self) -> Llava:
        return load("llava:tiny", self.folder)

    def written(self) -> Tensors:
        """Return what is in the files."""
        return {n: v for shard in SHARDS for n, v in load_file(self.folder / shard).items()}
