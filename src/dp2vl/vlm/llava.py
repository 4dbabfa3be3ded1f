"""LLaVA-1.5 (arXiv 2310.03744): CLIP's tower, a two-layer connector, Vicuna; through transformers' own classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from transformers import CLIPVisionModel, LlavaConfig, LlavaForConditionalGeneration

from dp2vl.errors import ModelError
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.base import IGNORE, VLM, Dialogue, Encoded, plain
from dp2vl.vlm.checkpoint import check_family, load_vision, load_whole, quiet, read_preprocess, read_tokenizer
from dp2vl.vlm.tower import VisionTower

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
IMAGE, END = "<image>", "</s>"
READ = ("clip_vision_model", -2, "default")
"""Tower, layer and choice of tokens in config.json; relatives under the same `model_type` have others."""
LM_LINEARS = r".*language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"


class LlavaTower(VisionTower):
    """CLIP's patch tokens after the last layer but one, without norm and class token, of photos padded to a square."""

    family = "llava"

    def __init__(self, vision: CLIPVisionModel, preprocess: Preprocess) -> None:
        super().__init__()
        self.vision, self.preprocess = vision, preprocess

    def tokens(self, pixels: Tensor) -> Tensor:
        return self.read(pixels)[:, 1:]

    def read(self, pixels: Tensor) -> Tensor:
        """Return class token and patch tokens, (n, 1 + tokens, dim), after the last layer but one."""
        hidden = self.vision.pre_layrnorm(self.vision.embeddings(pixels))
        for layer in self.vision.encoder.layers[:-1]:  # equals hidden_states[-2] without the cost of the last layer
            hidden = layer(hidden, attention_mask=None)
        return hidden

    @property
    def dim(self) -> int:
        return int(self.vision.config.hidden_size)


class Llava(VLM):
    """LLaVA-1.5 as its authors trained it: the prompt of `conv_vicuna_v1`, photos padded, projector trained.

    Raises:
        ModelError: the tokenizer adds no BOS, or does not know the image token.
    """

    family = "llava"
    max_length = 2048
    lora = Lora(rank=128, alpha=256, dropout=0.05, targets=LM_LINEARS, connector=True)

    def __init__(self, name: str, model: LlavaForConditionalGeneration, tower: LlavaTower, tokenizer: Any) -> None:
        self.name, self.language, self.tower, self.tokenizer = name, model, tower, tokenizer
        self.connector = model.model.multi_modal_projector
        self.image_id = model.config.image_token_id
        self.image_tokens = (tower.preprocess.side_px // tower.vision.config.patch_size) ** 2
        if tokenizer("a").input_ids[0] != tokenizer.bos_token_id:
            raise ModelError(
                f"expected the tokenizer of {name} to add BOS, it does not",
                "set add_bos_token in tokenizer_config.json",
            )
        if tokenizer.convert_tokens_to_ids(IMAGE) != self.image_id:
            raise ModelError(
                f"expected {IMAGE} to have the id {self.image_id} in the tokenizer of {name}",
                "take tokenizer and weights from one repository",
            )
        self.stop_ids = (tokenizer.eos_token_id,)

    def encode_dialogue(self, dialogue: Dialogue, *, image: bool = True) -> Encoded:
        """Return ids and labels; learned are the answers and the `</s>` behind each.

        As in the official code, what comes before and after the image is tokenised apart, so that the part after it
        begins with a token for "nothing" (29871).
        """
        marks = self.tokenizer.get_added_vocab()
        cleaned = [(plain(question, marks), plain(answer, marks)) for question, answer in dialogue]
        head, rest, spans = _write(cleaned, image)
        ids = [self.tokenizer.bos_token_id, *self._ids(head)] + [self.image_id] * (self.image_tokens if image else 0)
        labels = [IGNORE] * len(ids)
        coded = self.tokenizer(rest, add_special_tokens=False, return_offsets_mapping=True)
        for token, (start, end) in zip(coded.input_ids, coded.offset_mapping, strict=True):
            learned = any(start < b and end > a for a, b in spans)
            ids.append(token)
            labels.append(token if learned else IGNORE)
        return Encoded(ids, labels)

    def encode_prompt(self, question: str, *, image: bool = True) -> list[int]:
        encoded = self.encode_dialogue([(question, "")], image=image)
        return encoded.ids[: _first_learned(encoded.labels)]

    def encode_answer(self, question: str, answer: str) -> list[int]:
        encoded = self.encode_dialogue([(question, answer)])
        return encoded.ids[_first_learned(encoded.labels) :]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids) if text else []


def _write(dialogue: Sequence[tuple[str, str]], image: bool) -> tuple[str, str, list[tuple[int, int]]]:
    """Return the text before the image, the text after it, and where the answers are in the latter."""
    head, rest = (f"{SYSTEM} USER: ", "\n") if image else ("", f"{SYSTEM} USER: ")
    spans = []
    for i, (question, answer) in enumerate(dialogue):
        rest += ("USER: " if i else "") + f"{question.strip()} ASSISTANT:"
        start = len(rest)
        rest += (f" {answer}" if answer else "") + END
        spans.append((start, len(rest)))
    return head, rest, spans


def _first_learned(labels: list[int]) -> int:
    return next(i for i, label in enumerate(labels) if label != IGNORE)


def load_tower(spec: str, folder: Path) -> LlavaTower:
    """Return the tower of a LLaVA-1.5 checkpoint, float32; the language model is not read.

    Raises:
        ModelError: it is of another family, incomplete or damaged.
    """
    config = _read_config(spec, folder)
    key_mapping = {r"^(model\.)?vision_tower\.(vision_model\.)?": ""}
    shape: Any = config.vision_config
    vision: Any = load_vision(spec, folder, CLIPVisionModel, key_mapping, shape)
    tower = LlavaTower(vision, read_preprocess(folder, preprocess(shape.image_size)))
    return tower.eval().requires_grad_(False)


def load(spec: str, folder: Path, *, dtype: torch.dtype = torch.float32) -> Llava:
    """Return a whole LLaVA-1.5.

    Raises:
        ModelError: it is of another family, incomplete or damaged, or its tokenizer does not fit.
    """
    _read_config(spec, folder)
    tokenizer = read_tokenizer(spec, folder)  # what is amiss there shows before gigabytes are read
    model = load_whole(spec, folder, LlavaForConditionalGeneration, dtype=dtype)
    squares = read_preprocess(folder, preprocess(model.config.vision_config.image_size))
    tower = LlavaTower(model.model.vision_tower, squares)
    return Llava(spec, model, tower, tokenizer).freeze()


def _read_config(spec: str, folder: Path) -> LlavaConfig:
    check_family(spec, folder, "llava")
    try:
        config = LlavaConfig.from_pretrained(folder)
    except (ValueError, TypeError, AttributeError, StrictDataclassError) as error:
        message = f"{folder / 'config.json'} does not fit: {' '.join(str(error).split())[:200]}"
        raise ModelError(message, "fetch it again") from error
    vision: Any = config.vision_config
    read = (vision.model_type, config.vision_feature_layer, config.vision_feature_select_strategy)
    if read != READ:
        raise ModelError(
            f"expected {spec} to read its tower as LLaVA-1.5 does, {READ}, got {read}",
            "give a LLaVA-1.5 such as llava-hf/llava-1.5-7b-hf",
        )
    return config


def write(model: Llava, folder: Path) -> None:
    """Write weights, in half precision, configuration and tokenizer, so that `load` reads them."""
    half = {k: v.detach().cpu().half() for k, v in model.language.state_dict().items()}
    with quiet():
        model.language.save_pretrained(folder, state_dict=half)
    model.tokenizer.save_pretrained(folder)


def preprocess(side_px: int) -> Preprocess:
    """Return the official squares: padded with the mean colour. Copies on the hub cut out the middle instead."""
    return Preprocess(side_px, "pad", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True)
