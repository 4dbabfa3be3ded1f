"""The mini models: each family's own classes in a small shape, untrained, and where the trained ones lie."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Blip2VisionConfig,
    Blip2VisionModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from dp2vl.errors import ModelError
from dp2vl.vlm import llava, minigpt_v2, qwen_vl
from dp2vl.vlm.base import VLM
from dp2vl.vlm.mini.vocabulary import make_llama_tokenizer, write_qwen_vocabulary
from dp2vl.vlm.qwen_tokenizer import load_tokenizer
from dp2vl.vlm.qwen_vision import QwenVisionConfig, QwenVisionTower, Resampler
from dp2vl.vlm.tower import VisionTower

BUNDLED = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class TowerShape:
    """Shape of a vision tower.

    Args:
        side_px, patch_px: side of the square that it sees and of one patch.
        width, layers, heads, mlp_width: of the transformer.
    """

    side_px: int
    patch_px: int
    width: int
    layers: int
    heads: int
    mlp_width: int

    def __post_init__(self) -> None:
        if self.side_px % self.patch_px or self.width % self.heads:
            raise ValueError(
                f"expected side_px divisible by patch_px and width by heads, "
                f"got {self.side_px}, {self.patch_px}, {self.width}, {self.heads}"
            )

    @property
    def common(self) -> dict[str, Any]:
        """The fields under the names of transformers' configurations."""
        return {
            "image_size": self.side_px,
            "patch_size": self.patch_px,
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.mlp_width,
        }


@dataclass(frozen=True, kw_only=True)
class LanguageShape:
    """Shape of a language model; `vocabulary` counts tokens without the specials that a family adds."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    mlp_width: int = 512
    vocabulary: int = 2_400

    @property
    def common(self) -> dict[str, Any]:
        return {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "intermediate_size": self.mlp_width,
            "max_position_embeddings": 2048,
        }


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the training of one mini model takes where a user says nothing else; all else is as in the configurations.

    Args:
        people: how many are drawn. figures: how many public figures it gets to know.
        tower_steps, parts_first: of `TowerConfig`. language_steps: of `LanguageConfig`.
    """

    people: int = 4_400
    figures: int = 200
    tower_steps: int = 8_000
    parts_first: int = 700
    language_steps: int = 2_600


@dataclass(frozen=True, kw_only=True)
class MiniModel:
    """Shape, seed and recipe of one mini model.

    Args:
        name: what a user types, for instance "mini-llava". family: whose classes.
        seed: of its initial weights and its training.
    """

    name: str
    family: str
    tower: TowerShape
    language: LanguageShape
    seed: int
    recipe: Recipe = Recipe()

    @property
    def account(self) -> dict[str, Any]:
        """Its shape and seed, for records; what it was trained with is told beside them."""
        return {key: value for key, value in asdict(self).items() if key != "recipe"}


_MODELS = (
    MiniModel(
        name="mini-llava",
        family="llava",
        tower=TowerShape(side_px=96, patch_px=12, width=192, layers=6, heads=4, mlp_width=768),
        language=LanguageShape(),
        seed=0,
    ),
    MiniModel(
        name="mini-minigpt-v2",
        family="minigpt_v2",
        tower=TowerShape(side_px=112, patch_px=14, width=160, layers=8, heads=4, mlp_width=704),
        language=LanguageShape(),
        seed=1,
        recipe=Recipe(tower_steps=11_500, parts_first=600, language_steps=2_800),
    ),
    MiniModel(
        name="mini-qwen-vl",
        family="qwen_vl",
        tower=TowerShape(side_px=128, patch_px=16, width=192, layers=5, heads=4, mlp_width=512),
        language=LanguageShape(width=208),
        seed=2,
        recipe=Recipe(language_steps=1_900),
    ),
)
MINI_MODELS = MappingProxyType({model.name: model for model in _MODELS})
"""The mini models by name; `dp2vl models train NAME` trains each."""


def find_model(name: str) -> MiniModel:
    """Return the shape of a mini model.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in MINI_MODELS:
        raise ModelError(f"unknown mini model {name!r}", f"choose one of {', '.join(MINI_MODELS)}")
    return MINI_MODELS[name]


def bundled_folder(name: str) -> Path:
    """Return the folder of a mini model of this package, in its family's published format.

    Raises:
        ModelError: there is none of that name.
    """
    return BUNDLED / find_model(name).name


def make_tower(family: str, shape: TowerShape, *, seed: int) -> VisionTower:
    """Return an untrained tower in evaluation mode; the same seed gives the same weights.

    Its patches know their places from the start: on noise, as published towers began, a small one takes long to learn
    where things are (docs/log.md, 2026-11-25).

    Raises:
        ModelError: the family has no mini model.
    """
    if family not in _TOWERS:
        raise ModelError(f"unknown family {family!r}", f"choose one of {', '.join(_TOWERS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = _TOWERS[family](shape).eval()
    places = next(value for name, value in tower.vision.named_parameters() if "position" in name).data
    side = math.isqrt(places.numel() // shape.width)  # a class token, if any, has the first place
    places.view(-1, shape.width)[-(side**2) :] = make_positions(shape.width, side)
    return tower


def make_positions(dim: int, side: int) -> Tensor:
    """Return places on a grid (side * side, dim), row by row: waves in both directions, from 4 steps to 4 grids long.

    Raises:
        ValueError: `dim` is not a multiple of 4.
    """
    if dim % 4:
        raise ValueError(f"expected dim to be a multiple of 4, got {dim}")
    phase = torch.arange(side)[:, None] * (math.pi / 2) * side ** -torch.linspace(0, 1, dim // 4)
    along = torch.cat([phase.sin(), phase.cos()], 1) / 2
    return torch.cat([along.repeat(side, 1), along.repeat_interleave(side, 0)], 1)


def make_vlm(model: MiniModel, texts: Sequence[str], folder: Path) -> VLM:
    """Return an untrained model in evaluation mode.

    Args:
        texts: what its vocabulary is made from.
        folder: gets the vocabulary where the family's tokenizer is read from a file.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.seed)
        return _MODELS_OF[model.family](model, texts, folder).freeze()


def write_vlm(vlm: VLM, folder: Path) -> None:
    """Write a mini model in its family's published format, in half precision, so that `load_vlm(folder)` reads it."""
    _WRITERS[vlm.family](vlm, folder)


def _clip(shape: TowerShape) -> CLIPVisionConfig:
    return CLIPVisionConfig(**shape.common, hidden_act="quick_gelu")


def _llava_tower(shape: TowerShape) -> llava.LlavaTower:
    vision = CLIPVisionModel(_clip(shape))
    return llava.LlavaTower(vision, llava.preprocess(shape.side_px))


def _minigpt_tower(shape: TowerShape) -> minigpt_v2.MiniGPTv2Tower:
    # The class's default spread of initial weights (1e-10) is for loading, not for training.
    vision = Blip2VisionModel(Blip2VisionConfig(**shape.common, initializer_range=0.02))
    return minigpt_v2.MiniGPTv2Tower(vision, shape.side_px)


def _qwen_tower(shape: TowerShape, output_dim: int = 208) -> qwen_vl.QwenVLTower:
    return qwen_vl.QwenVLTower(
        QwenVisionTower(
            QwenVisionConfig(
                image_size=shape.side_px,
                patch_size=shape.patch_px,
                width=shape.width,
                layers=shape.layers,
                heads=shape.heads,
                mlp_ratio=shape.mlp_width / shape.width,
                output_dim=output_dim,
                n_queries=16,
                position_grid=shape.side_px // shape.patch_px // 2,
                query_head_dim=output_dim // 4,
            )
        )
    )


def _make_llava(model: MiniModel, texts: Sequence[str], folder: Path) -> VLM:
    tokenizer = make_llama_tokenizer(_often([llava.SYSTEM, " USER: a ASSISTANT:"], texts), model.language.vocabulary)
    tokenizer.add_tokens([llava.IMAGE], special_tokens=True)
    config = LlavaConfig(
        vision_config=_clip(model.tower).to_dict(),
        text_config=LlamaConfig(**model.language.common, vocab_size=len(tokenizer)).to_dict(),
        image_token_index=tokenizer.get_vocab()[llava.IMAGE],
        image_seq_length=(model.tower.side_px // model.tower.patch_px) ** 2,
    )
    whole = LlavaForConditionalGeneration(config)
    tower = llava.LlavaTower(whole.model.vision_tower, llava.preprocess(model.tower.side_px))
    return llava.Llava(model.name, whole, tower, tokenizer)


def _make_minigpt(model: MiniModel, texts: Sequence[str], folder: Path) -> VLM:
    marks = ["[INST] <Img></Img> [vqa] [/INST]", "[INST] [vqa] [/INST]"]
    tokenizer = make_llama_tokenizer(_often(marks, texts), model.language.vocabulary)
    language = LlamaForCausalLM(LlamaConfig(**model.language.common, vocab_size=len(tokenizer)))
    tower = _minigpt_tower(model.tower)
    connector = torch.nn.Linear(tower.dim, model.language.width)
    return minigpt_v2.MiniGPTv2(model.name, language, tower, connector, tokenizer)


def _make_qwen(model: MiniModel, texts: Sequence[str], folder: Path) -> VLM:
    marks = [qwen_vl.SYSTEM, "system\nuser\nassistant\n", "Picture 1: \n"]
    write_qwen_vocabulary(_often(marks, texts), model.language.vocabulary, folder)
    tokenizer = load_tokenizer(folder)
    tower = _qwen_tower(model.tower, model.language.width)
    config = Qwen2Config(**model.language.common, vocab_size=len(tokenizer), tie_word_embeddings=False)
    resampler = Resampler(tower.vision.config)
    return qwen_vl.QwenVL(model.name, Qwen2ForCausalLM(config), tower, resampler, tokenizer, chat=True)


def _often(marks: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return texts with the marks of a prompt, which come with every question, so often that they become few tokens."""
    return [*marks] * (len(texts) // 8 + 1) + list(texts)


_TOWERS: dict[str, Callable[[TowerShape], VisionTower]] = {
    "llava": _llava_tower,
    "minigpt_v2": _minigpt_tower,
    "qwen_vl": _qwen_tower,
}
_MODELS_OF: dict[str, Callable[[MiniModel, Sequence[str], Path], VLM]] = {
    "llava": _make_llava,
    "minigpt_v2": _make_minigpt,
    "qwen_vl": _make_qwen,
}
_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "llava": llava.write,
    "minigpt_v2": minigpt_v2.write,
    "qwen_vl": qwen_vl.write,
}
