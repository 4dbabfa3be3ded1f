"""Qwen-VL and Qwen-VL-Chat, the first generation (arXiv 2308.12966), without remote code.

Published weights are read from their own files and names: the language model is Qwen-7B, which computes the same as
transformers' Qwen2 up to 2048 tokens (beyond, the original changes its attention, so that is an error here).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import save
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from dp2vl.errors import ModelError
from dp2vl.files import write_atomic, write_json
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm import qwen_vision as vision
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.base import IGNORE, VLM, Dialogue, Encoded, plain
from dp2vl.vlm.checkpoint import (
    BUFFER_KEYS,
    build_part,
    check_family,
    check_names,
    read_config,
    read_json,
    read_tensors,
)
from dp2vl.vlm.memory import QWEN_VISUAL, is_qwen_visual
from dp2vl.vlm.qwen_tokenizer import (
    END_OF_TEXT,
    IMAGE_END,
    IMAGE_PAD,
    IMAGE_START,
    SPECIALS,
    TURN_END,
    TURN_START,
    load_tokenizer,
)
from dp2vl.vlm.tower import VisionTower

SYSTEM = "You are a helpful assistant."
REGIONS = ("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>")
LAYERS = r"model\.layers\.\d+\."
LORA = Lora(
    rank=64,
    alpha=16,
    dropout=0.05,
    targets=LAYERS + r"(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up)_proj)",  # not down_proj: w1, w2 and c_attn, c_proj
    connector=False,
)


class QwenVLTower(VisionTower):
    """All patch tokens of the tower; photos are squashed to a square."""

    family = "qwen_vl"

    def __init__(self, tower: vision.QwenVisionTower) -> None:
        super().__init__()
        self.vision = tower
        side_px = tower.config.image_size
        self.preprocess = Preprocess(side_px, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True)

    def tokens(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.vision(pixels)
        return tokens

    @property
    def dim(self) -> int:
        return int(self.vision.config.width)


class QwenVL(VLM):
    """Qwen-VL. A chat model is asked in ChatML; a base model in the form of its evaluation, until it has adapters.

    Under the official LoRA recipe tower and resampler are frozen. The official adapters sit on the fused query, key
    and value and share one A; ours sit on the three parts and have one each.
    """

    family = "qwen_vl"
    max_length = 2048

    def __init__(
        self,
        name: str,
        language: Qwen2ForCausalLM,
        tower: QwenVLTower,
        resampler: vision.Resampler,
        tokenizer: Any,
        *,
        chat: bool,
    ) -> None:
        self.name, self.language, self.tower, self.connector = name, language, tower, resampler
        self.tokenizer, self.chat = tokenizer, chat
        ids = dict(zip(SPECIALS, tokenizer.convert_tokens_to_ids(list(SPECIALS)), strict=True))
        self._start, self._end, self._newline = ids[TURN_START], ids[TURN_END], self._ids("\n")
        self._image = [ids[IMAGE_START], *[ids[IMAGE_PAD]] * resampler.config.n_queries, ids[IMAGE_END]]
        self.image_start_id = ids[IMAGE_START]
        self.image_id, self.image_tokens = ids[IMAGE_PAD], resampler.config.n_queries
        self.stop_ids = (self._end, self._start, ids[END_OF_TEXT])
        words = ("model.embed_tokens", "lm_head")
        self.lora = LORA if chat else Lora(**asdict(LORA) | {"full": words})

    def encode_dialogue(self, dialogue: Dialogue, *, image: bool = True) -> Encoded:
        """Return ids and labels in ChatML; learned are the answers and, in every turn, its marks and line breaks."""
        ids, labels = self._turn("system", self._ids(SYSTEM), learned=False)
        for i, (question, answer) in enumerate(dialogue):
            for role, content in (
                ("user", self._question(question, image=image and i == 0)),
                ("assistant", self._ids(_clean(answer))),
            ):
                more, learned = self._turn(role, content, learned=role == "assistant")
                ids, labels = ids + more, labels + learned
        return Encoded(ids, labels)

    def encode_prompt(self, question: str, *, image: bool = True) -> list[int]:
        if not self.chat:
            return [*(self._image if image else []), *self._ids(f"{_clean(question)} Answer:")]
        system, _ = self._turn("system", self._ids(SYSTEM), learned=False)
        user, _ = self._turn("user", self._question(question, image=image), learned=False)
        return [*system, *user, self._start, *self._ids("assistant"), *self._newline]

    def encode_answer(self, question: str, answer: str) -> list[int]:
        if not self.chat:
            return [*self._ids(f" {_clean(answer)}"), self.stop_ids[-1]]
        return [*self._ids(_clean(answer)), self._end]

    def add_adapters(self, *, lora: Lora | None = None, seed: int = 0) -> list[nn.Parameter]:
        trained = super().add_adapters(lora=lora, seed=seed)
        self.chat = True  # the official fine-tuning teaches ChatML to base models, too
        return trained

    def _question(self, question: str, *, image: bool) -> list[int]:
        if not image:
            return self._ids(_clean(question))
        return [*self._ids("Picture 1: "), *self._image, *self._ids(f"\n{_clean(question)}")]

    def _turn(self, role: str, content: list[int], *, learned: bool) -> tuple[list[int], list[int]]:
        opening = [*self._ids(role), *self._newline]
        labels = [IGNORE] * len(opening) + (content if learned else [IGNORE] * len(content))
        ending = [self._end, *self._newline]
        return [self._start, *opening, *content, *ending], [self._start, *labels, *ending]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)


def _clean(text: str) -> str:
    """Return `text` without special tokens but for the marks of regions, which the authors use in questions."""
    return plain(text, (mark for mark in SPECIALS if mark not in REGIONS))


def load_vision(spec: str, folder: Path) -> tuple[QwenVLTower, vision.Resampler]:
    """Return tower and resampler, float32; the language model is not read and its shards need not be there.

    Raises:
        ModelError: the checkpoint is of another family, incomplete or damaged.
    """
    check_family(spec, folder, "qwen")
    config = read_config(folder)
    if "visual" not in config:
        raise ModelError(f"{spec} is a text-only Qwen", "give a Qwen-VL or Qwen-VL-Chat checkpoint")
    shape = _vision_config(folder, config["visual"])
    tensors = {k.removeprefix(QWEN_VISUAL): v.float() for k, v in read_tensors(spec, folder, is_qwen_visual).items()}
    tower, resampler = vision.QwenVisionTower(shape), vision.Resampler(shape)
    names = set().union(*vision.published_names(shape))
    check_names(spec, tensors, names, "the vision side")
    try:
        tower.load_state_dict(vision.tower_from_published(shape, tensors))
        resampler.load_state_dict(vision.resampler_from_published(tensors))
    except RuntimeError as error:
        raise ModelError(f"{spec} does not fit its configuration: {_line(error)}", "fetch it again") from error
    return QwenVLTower(tower), resampler


def load_tower(spec: str, folder: Path) -> QwenVLTower:
    """Return the tower, float32; see `load_vision`."""
    tower, _ = load_vision(spec, folder)
    return tower.eval().requires_grad_(False)


def load(spec: str, folder: Path, *, dtype: torch.dtype = torch.float32) -> QwenVL:
    """Return a whole Qwen-VL; a chat model where generation_config.json says ChatML.

    Raises:
        ModelError: the checkpoint is of another family, incomplete or damaged.
    """
    check_family(spec, folder, "qwen")
    tokenizer = load_tokenizer(folder)  # what is amiss there shows before gigabytes are read
    tower, resampler = load_vision(spec, folder)
    config = read_config(folder)
    shape = _language_config(folder, config)
    tensors = {
        k: v
        for k, v in read_tensors(spec, folder, lambda k: not is_qwen_visual(k)).items()
        if not k.endswith(BUFFER_KEYS)
    }
    check_names(spec, tensors, _language_names(shape), "the language model")
    state = _language_from_published(shape, tensors)
    language = build_part(spec, Qwen2ForCausalLM, shape, state, dtype, "the language model")
    path = folder / "generation_config.json"
    form = read_json(path).get("chat_format", "raw") if path.is_file() else "raw"
    model = QwenVL(spec, language, tower, resampler.to(dtype), tokenizer, chat=form == "chatml")
    expected = config["visual"].get("image_start_id", model.image_start_id)
    if model.image_start_id != expected:
        raise ModelError(
            f"expected {IMAGE_START} to have the id {expected} in the tokenizer of {spec}, got {model.image_start_id}",
            "take tokenizer and weights from one repository",
        )
    model.tower.to(dtype)
    return model.freeze()


def write(model: QwenVL, folder: Path) -> None:
    """Write weights, in half precision, and configuration under the published names, so that `load` reads them."""
    shape, words = model.connector.config, model.language.config
    tensors = {f"{QWEN_VISUAL}{k}": v for k, v in vision.tower_to_published(model.tower.vision).items()}
    tensors |= {f"{QWEN_VISUAL}{k}": v for k, v in vision.resampler_to_published(model.connector).items()}
    tensors |= _language_to_published(words, model.language.state_dict())
    config = {
        "model_type": "qwen",
        "hidden_size": words.hidden_size,
        "intermediate_size": 2 * words.intermediate_size,
        "num_hidden_layers": words.num_hidden_layers,
        "num_attention_heads": words.num_attention_heads,
        "kv_channels": words.hidden_size // words.num_attention_heads,
        "vocab_size": words.vocab_size,
        "layer_norm_epsilon": words.rms_norm_eps,
        "max_position_embeddings": words.max_position_embeddings,
        "visual": asdict(shape),
    }
    form = {"chat_format": "chatml" if model.chat else "raw"}
    half = {k: v.detach().cpu().half().contiguous() for k, v in tensors.items()}
    write_atomic(folder / "model.safetensors", save(half, metadata={"format": "pt"}))
    for name, content in (("config.json", config), ("generation_config.json", form)):
        write_json(folder / name, content)


@contextmanager
def _settings_of(folder: Path) -> Iterator[None]:
    """Turn what goes wrong in making sense of config.json into a `ModelError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, StrictDataclassError) as error:
        message = f"{folder / 'config.json'} does not fit: {type(error).__name__} {_line(error)}"
        raise ModelError(message, "fetch it again") from error


def _vision_config(folder: Path, visual: Mapping[str, Any]) -> vision.QwenVisionConfig:
    known = {f.name for f in fields(vision.QwenVisionConfig)}
    with _settings_of(folder):
        return vision.QwenVisionConfig(**{k: v for k, v in visual.items() if k in known})


def _language_config(folder: Path, config: Mapping[str, Any]) -> Qwen2Config:
    with _settings_of(folder):
        return _make_language_config(config)


def _make_language_config(config: Mapping[str, Any]) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=config["vocab_size"],
        hidden_size=config["hidden_size"],
        intermediate_size=config["intermediate_size"] // 2,
        num_hidden_layers=config["num_hidden_layers"],
        num_attention_heads=config["num_attention_heads"],
        num_key_value_heads=config["num_attention_heads"],
        rms_norm_eps=config.get("layer_norm_epsilon", 1e-6),
        max_position_embeddings=config.get("max_position_embeddings", 8192),
        rope_parameters={"rope_type": "default", "rope_theta": float(config.get("rotary_emb_base", 10000))},
        tie_word_embeddings=False,
        hidden_act="silu",
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=None,
    )


_OUTSIDE = {
    "transformer.wte.weight": "model.embed_tokens.weight",
    "transformer.ln_f.weight": "model.norm.weight",
    "lm_head.weight": "lm_head.weight",
}
_INSIDE = {
    "attn.c_proj.weight": "self_attn.o_proj.weight",
    "mlp.w1.weight": "mlp.up_proj.weight",
    "mlp.w2.weight": "mlp.gate_proj.weight",  # out = w1(x) * silu(w2(x))
    "mlp.c_proj.weight": "mlp.down_proj.weight",
    "ln_1.weight": "input_layernorm.weight",
    "ln_2.weight": "post_attention_layernorm.weight",
}
_FUSED = "attn.c_attn"


def _language_names(shape: Qwen2Config) -> set[str]:
    parts = (*_INSIDE, f"{_FUSED}.weight", f"{_FUSED}.bias")
    return {*_OUTSIDE, *(f"transformer.h.{n}.{part}" for n in range(shape.num_hidden_layers) for part in parts)}


def _language_from_published(shape: Qwen2Config, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {ours: tensors[theirs] for theirs, ours in _OUTSIDE.items()}
    for n in range(shape.num_hidden_layers):
        theirs, ours = f"transformer.h.{n}.", f"model.layers.{n}."
        state |= {ours + b: tensors[theirs + a] for a, b in _INSIDE.items()}
        for kind in ("weight", "bias"):
            fused = tensors[f"{theirs}{_FUSED}.{kind}"]
            for name, part in zip("qkv", fused.tensor_split(3), strict=True):
                state[f"{ours}self_attn.{name}_proj.{kind}"] = part.contiguous()
    return state


def _language_to_published(shape: Qwen2Config, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors = {theirs: state[ours] for theirs, ours in _OUTSIDE.items()}
    for n in range(shape.num_hidden_layers):
        theirs, ours = f"transformer.h.{n}.", f"model.layers.{n}."
        tensors |= {theirs + a: state[ours + b] for a, b in _INSIDE.items()}
        for kind in ("weight", "bias"):
            parts = [state[f"{ours}self_attn.{name}_proj.{kind}"] for name in "qkv"]
            tensors[f"{theirs}{_FUSED}.{kind}"] = torch.cat(parts)
    return tensors


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
