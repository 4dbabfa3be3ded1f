"""What tells the modern families apart, one row for each `model_type` of transformers."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dp2vl.errors import ModelError
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.loading import TYPES

ATTENTION = r".*language_model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj"
LINEARS = r".*(language_model|text_model)\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"
QWEN_LORA = Lora(rank=64, alpha=128, dropout=0.05, targets=ATTENTION, connector=False)
"""As in qwen-vl-finetune."""
LORA = Lora(rank=16, alpha=32, dropout=0.05, targets=LINEARS, connector=False)
"""For families whose authors publish no set-up."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One `model_type` of transformers.

    Args:
        model, processor: class names in transformers.
        view: what the processor makes of a photo, a name in `VIEWS`.
        connector: modules from the tower's tokens to the language model's embeddings.
        end: the mark that ends an answer.
        tail: what the template writes behind that mark and the official fine-tuning has learned with it.
        lora: the official set-up, or ours.
        lead: what stands between the template's prompt and an answer.
        plain: prompt of a family that has no chat template, each question a dialogue of its own.
        answer_type: token type of an answer.
    """

    model: str
    processor: str
    view: str
    connector: tuple[str, ...]
    end: str
    lora: Lora = LORA
    tail: str = ""
    lead: str = ""
    plain: str = ""
    answer_type: int = 0


PROJECTOR = ("model.multi_modal_projector",)
MODERN: dict[str, Family] = {
    # a visual token per 28 x 28 pixels (32 x 32 for Qwen3-VL): large photos cost, 12 megapixels are 15 000 tokens
    "qwen2_vl": Family(
        model="Qwen2VLForConditionalGeneration",
        processor="Qwen2VLProcessor",
        view="patches",
        connector=("model.visual.merger",),
        end="<|im_end|>",
        tail="\n",
        lora=QWEN_LORA,
    ),
    "qwen2_5_vl": Family(
        model="Qwen2_5_VLForConditionalGeneration",
        processor="Qwen2_5_VLProcessor",
        view="patches",
        connector=("model.visual.merger",),
        end="<|im_end|>",
        tail="\n",
        lora=QWEN_LORA,
    ),
    "qwen3_vl": Family(
        model="Qwen3VLForConditionalGeneration",
        processor="Qwen3VLProcessor",
        view="patches",
        connector=("model.visual.merger", "model.visual.deepstack_merger_list"),
        end="<|im_end|>",
        tail="\n",
        lora=QWEN_LORA,
    ),
    # up to 9 tiles and the whole, 729 tokens each
    "llava_onevision": Family(
        model="LlavaOnevisionForConditionalGeneration",
        processor="LlavaOnevisionProcessor",
        view="any_resolution",
        connector=PROJECTOR,
        end="<|im_end|>",
    ),
    # up to 16 tiles and the whole, 64 or 81 tokens each; SmolVLM 1 is of type idefics3
    "idefics3": Family(
        model="Idefics3ForConditionalGeneration",
        processor="Idefics3Processor",
        view="split",
        connector=("model.connector",),
        end="<end_of_utterance>",
        lead=" ",
    ),
    # SmolVLM 2: its own processor needs num2words for films, and writes photos as Idefics3's does
    "smolvlm": Family(
        model="SmolVLMForConditionalGeneration",
        processor="Idefics3Processor",
        view="split",
        connector=("model.connector",),
        end="<end_of_utterance>",
        lead=" ",
    ),
    # up to 12 tiles and the whole, 256 tokens each
    "internvl": Family(
        model="InternVLForConditionalGeneration",
        processor="InternVLProcessor",
        view="canvas",
        connector=PROJECTOR,
        end="<|im_end|>",
    ),
    # 256 tokens at 224 px, 1024 at 448, 4096 at 896
    "paligemma": Family(
        model="PaliGemmaForConditionalGeneration",
        processor="PaliGemmaProcessor",
        view="square",
        connector=PROJECTOR,
        end="<eos>",
        plain="answer en {question}",
        answer_type=1,
    ),
    # 256 tokens, but a tower that sees 896 px
    "gemma3": Family(
        model="Gemma3ForConditionalGeneration",
        processor="Gemma3Processor",
        view="square",
        connector=PROJECTOR,
        end="<end_of_turn>",
    ),
}


def find_settings(spec: str, config: Mapping[str, Any]) -> tuple[str, Family]:
    """Return the family that a config.json names, and its row of the table.

    Raises:
        ModelError: there is none; says which is the nearest.
    """
    family = str(config.get("model_type", ""))
    if family not in MODERN:
        known = [*TYPES, *MODERN]
        near = (get_close_matches(family, known, n=1, cutoff=0.0) or known)[0]
        hint = "take its repository whose name ends in -hf" if family == "internvl_chat" else "see `dp2vl models list`"
        raise ModelError(
            f"expected {spec} to be of type {', '.join(known)}, got {family or 'none'}; the nearest is {near}", hint
        )
    return family, MODERN[family]
