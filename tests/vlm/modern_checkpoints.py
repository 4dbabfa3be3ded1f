"""Tiny checkpoints of the modern families in the hub's format: its tensor names, settings, tokenizers and templates."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, GemmaTokenizer, GPT2Tokenizer, Qwen2Tokenizer

LLM = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
}
GEMMA = LLM | {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16}
SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 14,
    "vision_use_head": False,
}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

OLD_LLAVA = {
    r"^model\.language_model\.": "language_model.model.",
    r"^lm_head\.": "language_model.lm_head.",
    r"^model\.vision_tower\.": "vision_tower.vision_model.",
    r"^model\.": "",
}
OLD_QWEN = {r"^model\.visual\.": "visual.", r"^model\.language_model\.": "model."}

CHATML = """\
{%- for message in messages -%}
SYSTEM<|im_start|>{{ message['role'] }}
{% for part in message['content'] -%}
{%- if part['type'] == 'image' -%}IMAGE{%- else -%}{{ part['text'] }}{%- endif -%}
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""
SYSTEM = "{%- if loop.first -%}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif -%}"
QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
ONEVISION = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + ' ' -}}
{%- for part in message['content'] if part['type'] == 'image' -%}<image>{%- endfor -%}
{%- for part in message['content'] if part['type'] == 'text' -%}{{- '\\n' + part['text'] -}}{%- endfor -%}
<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"""
SMOL = """\
<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}\
{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}\
{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}\
{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""
GEMMA3 = """\
{{ bos_token }}{%- for message in messages -%}
{{- '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' -}}
{%- for item in message['content'] -%}
{%- if item['type'] == 'image' -%}{{- '<start_of_image>' -}}{%- else -%}{{- item['text'] | trim -}}{%- endif -%}
{%- endfor -%}
{{- '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}"""


@dataclass(frozen=True)
class Recipe:
    """How to make one family's checkpoint.

    Attributes:
        tokenizer: makes it.
        config: from the tokenizer's ids to config.json.
        image_processor: preprocessor_config.json.
        processor: processor_config.json.
        template: the chat template, or None.
        names: from the model's tensor names in memory to the hub's.
        prompt: what a question "What?" about a photo becomes.
        lost: the name in memory of a tensor in the tower.
        tied: whether the hub's file lacks lm_head.
    """

    tokenizer: Callable[[], Any]
    config: Callable[[Callable[[str], int]], dict[str, Any]]
    image_processor: dict[str, Any]
    processor: dict[str, Any]
    template: str | None
    names: dict[str, str]
    prompt: str
    lost: str
    tied: bool = True


def byte_level(kind: type, specials: list[str], **named: str) -> Any:
    vocab = {token: i for i, token in enumerate(sorted(ByteLevel.alphabet()))}
    return kind(vocab=vocab, merges=[], additional_special_tokens=specials, **named)


def qwen_tokenizer(**named: str) -> Any:
    pads = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"} | named
    return byte_level(Qwen2Tokenizer, ["<|im_start|>", "<|im_end|>", *pads], **named)


def onevision_tokenizer() -> Any:
    named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return byte_level(Qwen2Tokenizer, ["<|im_start|>", "<|im_end|>", "<image>", "<video>"], **named)


def internvl_tokenizer() -> Any:
    extra = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    vocab = {token: i for i, token in enumerate(sorted(ByteLevel.alphabet()))}
    named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[], extra_special_tokens=extra, **named)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    return tokenizer


def smol_tokenizer() -> Any:
    places = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
    specials = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *places]
    named = {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>"}
    return byte_level(GPT2Tokenizer, specials, unk_token="<|endoftext|>", **named)


def gemma_tokenizer(specials: list[str], **extra: str) -> Any:
    vocab = {token: i for i, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"])}
    for token in [f"<0x{i:02X}>" for i in range(256)] + ["▁", *map(chr, range(33, 127))]:
        vocab[token] = len(vocab)
    tokenizer = GemmaTokenizer(vocab=vocab, merges=[], extra_special_tokens=extra)
    tokenizer.add_special_tokens({"additional_special_tokens": specials})
    begun = {"single": "<bos> $A", "pair": "<bos> $A <bos>:1 $B:1", "special_tokens": [("<bos>", vocab["<bos>"])]}
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(**begun)
    return tokenizer


def qwen2_vl(id_of: Callable[[str], int]) -> dict[str, Any]:
    """Its config.json has the language model's settings at the top."""
    return LLM | {
        "model_type": "qwen2_vl",
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        "rope_theta": 1000000.0,
        "vision_config": {"depth": 2, "embed_dim": 32, "num_heads": 2, "hidden_size": 32, "mlp_ratio": 2},
        **qwen_ids(id_of),
    }


def qwen2_5_vl(id_of: Callable[[str], int]) -> dict[str, Any]:
    vision = {"depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 48, "out_hidden_size": 32}
    vision |= {"fullatt_block_indexes": [1], "window_size": 56}
    return qwen2_vl(id_of) | {"model_type": "qwen2_5_vl", "vision_config": vision}


def qwen3_vl(id_of: Callable[[str], int]) -> dict[str, Any]:
    vision = {"depth": 3, "hidden_size": 32, "num_heads": 2, "intermediate_size": 48, "out_hidden_size": 32}
    vision |= {"patch_size": 16, "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]}
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True}
    text = LLM | {"model_type": "qwen3_vl_text", "head_dim": 16, "rope_scaling": rope, "vocab_size": 300}
    return {"model_type": "qwen3_vl", "text_config": text, "vision_config": vision, **qwen_ids(id_of)}


def qwen_ids(id_of: Callable[[str], int]) -> dict[str, Any]:
    return {
        "vocab_size": 300,
        "bos_token_id": id_of("<|endoftext|>"),
        "eos_token_id": id_of("<|im_end|>"),
        "image_token_id": id_of("<|image_pad|>"),
        "video_token_id": id_of("<|video_pad|>"),
        "vision_start_token_id": id_of("<|vision_start|>"),
        "vision_end_token_id": id_of("<|vision_end|>"),
        "tie_word_embeddings": True,
    }


PINPOINTS = [[28, 28], [28, 56], [56, 28], [56, 56]]


def onevision(id_of: Callable[[str], int]) -> dict[str, Any]:
    return {
        "model_type": "llava_onevision",
        "text_config": LLM | {"model_type": "qwen2", "vocab_size": 300},
        "vision_config": SIGLIP | {"image_size": 28},
        "image_token_index": id_of("<image>"),
        "video_token_index": id_of("<video>"),
        "image_grid_pinpoints": PINPOINTS,
        "vision_feature_select_strategy": "full",
        "tie_word_embeddings": False,
    }


def idefics3(id_of: Callable[[str], int]) -> dict[str, Any]:
    return {
        "model_type": "idefics3",
        "text_config": LLM | {"model_type": "llama", "vocab_size": 400, "pad_token_id": id_of("<|im_end|>")},
        "vision_config": SIGLIP | {"model_type": "idefics3_vision", "image_size": 32, "patch_size": 8},
        "image_token_id": id_of("<image>"),
        "scale_factor": 2,
        "tie_word_embeddings": False,
    }


def smolvlm(id_of: Callable[[str], int]) -> dict[str, Any]:
    made = idefics3(id_of)
    return made | {"model_type": "smolvlm", "vision_config": made["vision_config"] | {"model_type": "smolvlm_vision"}}


def internvl(id_of: Callable[[str], int]) -> dict[str, Any]:
    vision = {"model_type": "internvl_vision", "image_size": [56, 56], "patch_size": [14, 14]}
    vision |= {k: SIGLIP[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")}
    return {
        "model_type": "internvl",
        "text_config": LLM | {"model_type": "qwen2", "vocab_size": 300},
        "vision_config": vision,
        "image_token_id": id_of("<IMG_CONTEXT>"),
        "image_seq_length": 4,
        "tie_word_embeddings": False,
    }


def paligemma(id_of: Callable[[str], int]) -> dict[str, Any]:
    return {
        "model_type": "paligemma",
        "text_config": GEMMA | {"model_type": "gemma2", "vocab_size": 400, "num_image_tokens": 4},
        "vision_config": SIGLIP | {"image_size": 28, "projection_dim": 32},
        "projection_dim": 32,
        "hidden_size": 32,
        "image_token_index": id_of("<image>"),
    }


def gemma3(id_of: Callable[[str], int]) -> dict[str, Any]:
    return {
        "model_type": "gemma3",
        "text_config": GEMMA | {"model_type": "gemma3_text", "vocab_size": 400, "sliding_window_pattern": 2},
        "vision_config": SIGLIP | {"image_size": 56},
        "mm_tokens_per_image": 4,
        "image_token_index": id_of("<image_soft_token>"),
        "boi_token_index": id_of("<start_of_image>"),
        "eoi_token_index": id_of("<end_of_image>"),
    }


def qwen_recipe(config: Callable[..., Any], patch: int, *, system: bool, names: dict[str, str], mean: Any) -> Recipe:
    factor = 2 * patch
    pixels = {"min_pixels": 4 * factor**2, "max_pixels": 12 * factor**2}
    if patch == 16:
        pixels = {"size": {"shortest_edge": 4 * factor**2, "longest_edge": 12 * factor**2}}
    sizes = {"patch_size": patch, "temporal_patch_size": 2, "merge_size": 2}
    template = CHATML.replace("SYSTEM", SYSTEM if system else "").replace("IMAGE", QWEN_IMAGE)
    head = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" if system else ""
    return Recipe(
        qwen_tokenizer,
        config,
        {"image_processor_type": "Qwen2VLImageProcessor", "resample": 3, **sizes, **pixels, **mean},
        {},
        template,
        names,
        f"{head}<|im_start|>user\n{QWEN_IMAGE}What?<|im_end|>\n<|im_start|>assistant\n",
        "model.visual.blocks.1.norm1.weight",
    )


def smol_recipe(config: Callable[..., Any], kind: str) -> Recipe:
    sizes = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}, "do_image_splitting": True}
    return Recipe(
        smol_tokenizer,
        config,
        {"image_processor_type": f"{kind}ImageProcessor", "resample": 1, **sizes, **HALF},
        {"processor_class": f"{kind}Processor", "image_seq_len": 4},
        SMOL,
        {},
        "<|im_start|>User:<image>What?<end_of_utterance>\nAssistant:",
        "model.vision_model.encoder.layers.1.layer_norm1.weight",
        tied=False,
    )


RECIPES: dict[str, Recipe] = {
    "qwen2_vl": qwen_recipe(qwen2_vl, 14, system=True, names=OLD_QWEN, mean=CLIP),
    "qwen2_5_vl": qwen_recipe(qwen2_5_vl, 14, system=True, names=OLD_QWEN, mean=CLIP),
    "qwen3_vl": qwen_recipe(qwen3_vl, 16, system=False, names={}, mean=HALF),
    "llava_onevision": Recipe(
        onevision_tokenizer,
        onevision,
        {
            "image_processor_type": "LlavaOnevisionImageProcessor",
            "resample": 3,
            "size": {"height": 28, "width": 28},
            "image_grid_pinpoints": PINPOINTS,
            **HALF,
        },
        {"num_image_tokens": 4, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"},
        ONEVISION,
        OLD_LLAVA,
        "<|im_start|>user <image>\nWhat?<|im_end|><|im_start|>assistant\n",
        "model.vision_tower.encoder.layers.1.layer_norm1.weight",
        tied=False,
    ),
    "idefics3": smol_recipe(idefics3, "Idefics3"),
    "smolvlm": smol_recipe(smolvlm, "SmolVLM"),
    "internvl": Recipe(
        internvl_tokenizer,
        internvl,
        {
            "image_processor_type": "GotOcr2ImageProcessor",
            "resample": 3,
            "size": {"height": 56, "width": 56},
            "crop_to_patches": False,
            "min_patches": 1,
            "max_patches": 6,
            **IMAGENET,
        },
        {"image_seq_length": 4},
        CHATML.replace("SYSTEM", "").replace("IMAGE", "{{ '<IMG_CONTEXT>\\n' }}"),
        OLD_LLAVA | {r"^model\.vision_tower\.": "vision_tower."},
        "<|im_start|>user\n<IMG_CONTEXT>\nWhat?<|im_end|>\n<|im_start|>assistant\n",
        "model.vision_tower.encoder.layer.1.layernorm_before.weight",
        tied=False,
    ),
    "paligemma": Recipe(
        lambda: gemma_tokenizer(["<image>"]),
        paligemma,
        {
            "image_processor_type": "SiglipImageProcessor",
            "resample": 3,
            "size": {"height": 28, "width": 28},
            "image_seq_length": 4,
            **HALF,
        },
        {},
        None,
        OLD_LLAVA,
        "<image>answer en What?",
        "model.vision_tower.encoder.layers.1.layer_norm1.weight",
    ),
    "gemma3": Recipe(
        lambda: gemma_tokenizer(
            ["<start_of_turn>", "<end_of_turn>"],
            boi_token="<start_of_image>",
            eoi_token="<end_of_image>",
            image_token="<image_soft_token>",
        ),
        gemma3,
        {
            "image_processor_type": "Gemma3ImageProcessor",
            "resample": 2,
            "size": {"height": 56, "width": 56},
            "do_pan_and_scan": None,
            **HALF,
        },
        {"image_seq_length": 4},
        GEMMA3,
        OLD_LLAVA,
        "<bos><start_of_turn>user\n<start_of_image>What?<end_of_turn>\n<start_of_turn>model\n",
        "model.vision_tower.encoder.layers.1.layer_norm1.weight",
    ),
}


def write(family: str, folder: Path) -> dict[str, torch.Tensor]:
    """Write the family's checkpoint into a new folder and return its tensors by their names in memory."""
    recipe = RECIPES[family]
    folder.mkdir(parents=True)
    tokenizer = recipe.tokenizer()
    tokenizer.save_pretrained(folder)
    config = recipe.config(tokenizer.convert_tokens_to_ids)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(recipe.image_processor))
    (folder / "processor_config.json").write_text(json.dumps(recipe.processor))
    if recipe.template:
        (folder / "chat_template.jinja").write_text(recipe.template)
    torch.manual_seed(0)
    model = transformers.AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder))
    with torch.no_grad():
        for weight in model.parameters():  # norms and what begins at zero as well, so that an unused one would show
            weight.add_(0.1 * torch.randn_like(weight))
    tensors = {k: v.clone() for k, v in model.state_dict().items() if not (recipe.tied and k == "lm_head.weight")}
    save_file({hub_name(recipe, k): v for k, v in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    return tensors


def hub_name(recipe: Recipe, name: str) -> str:
    """Return the name in the hub's files of a tensor in memory."""
    for pattern, replacement in recipe.names.items():
        renamed = re.sub(pattern, replacement, name)
        if renamed != name:
            return renamed
    return name
