"""A tiny MiniGPT-v2 in the files its authors use, with random weights."""

import json
from pathlib import Path

import torch
from llama_words import make_tokenizer
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from dp2vl.vlm.minigpt_v2 import MiniGPTv2, load

WIDTH, HEADS, MLP, PATCH, GRID, BLOCKS = 32, 2, 48, 14, 4, 3
SIDE_PX = 2 * GRID * PATCH
TOKENS = (2 * GRID) ** 2 // 4
RANK, ALPHA = 4, 2
LLAMA = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SETTINGS = {
    "model_type": "minigpt_v2",
    "image_size": SIDE_PX,
    "lora": {"rank": RANK, "alpha": ALPHA},
    "vision_heads": HEADS,
}
SPEC = "minigpt_v2:tiny"
EVA, CHECKPOINT = "eva_vit_g.pth", "minigptv2_checkpoint.pth"
ADAPTED = [f"model.layers.{n}.self_attn.{part}" for n in range(2) for part in ("q_proj", "v_proj")]
PREFIX = "llama_model.base_model.model."
Tensors = dict[str, Tensor]


def make_eva() -> Tensors:
    """Return random weights under the names of `eva_vit_g.pth`, with the block and the norms that nobody reads."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, GRID**2 + 1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
        "head.weight": (8, WIDTH),
        "head.bias": (8,),
    }
    for n in range(BLOCKS):
        block: dict[str, tuple[int, ...]] = {
            "attn.q_bias": (WIDTH,),
            "attn.v_bias": (WIDTH,),
            "attn.qkv.weight": (3 * WIDTH, WIDTH),
            "attn.proj.weight": (WIDTH, WIDTH),
            "attn.proj.bias": (WIDTH,),
            "mlp.fc1.weight": (MLP, WIDTH),
            "mlp.fc1.bias": (MLP,),
            "mlp.fc2.weight": (WIDTH, MLP),
            "mlp.fc2.bias": (WIDTH,),
        }
        block |= {f"norm{i}.{kind}": (WIDTH,) for i in (1, 2) for kind in ("weight", "bias")}
        shapes |= {f"blocks.{n}.{name}": shape for name, shape in block.items()}
    generator = torch.Generator().manual_seed(1)
    return {name: (0.3 * torch.randn(shape, generator=generator)).half() for name, shape in shapes.items()}


def make_checkpoint(language: LlamaForCausalLM) -> Tensors:
    """Return connector, LoRA and a buffer under the names of the authors' checkpoint."""
    width, generator = LLAMA["hidden_size"], torch.Generator().manual_seed(2)
    shapes: dict[str, tuple[int, ...]] = {"llama_proj.weight": (width, 4 * WIDTH), "llama_proj.bias": (width,)}
    for name in ADAPTED:
        linear = language.get_submodule(name)
        shapes[f"{PREFIX}{name}.lora_A.weight"] = (RANK, linear.in_features)
        shapes[f"{PREFIX}{name}.lora_B.weight"] = (linear.out_features, RANK)
    shapes[f"{PREFIX}model.layers.0.self_attn.rotary_emb.inv_freq"] = (3,)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def make_llama(vocab_size: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**LLAMA, vocab_size=vocab_size, tie_word_embeddings=False))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


class Official:
    """A folder as a person puts it together, and what is in its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tokenizer = make_tokenizer()
        self.language = make_llama(len(tokenizer))
        self.eva, self.checkpoint = make_eva(), make_checkpoint(self.language)
        self.language.save_pretrained(folder / "llama")
        tokenizer.save_pretrained(folder / "llama")
        (folder / "config.json").write_text(json.dumps(SETTINGS))
        self.save()

    def save(self) -> None:
        torch.save(self.eva, self.folder / EVA)
        whole = {"model": self.checkpoint, "optimizer": {"state": {}}, "config": {"run": {}}, "epoch": 3}
        torch.save(whole, self.folder / CHECKPOINT)

    def load(self) -> MiniGPTv2:
        return load(SPEC, self.folder)
