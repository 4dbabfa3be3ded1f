"""The three named families at full and at mini size: shapes, parameters, what is trained, memory, time per photo.

Usage: python benchmarks/families.py [--full-towers] [--out FILE]
       python benchmarks/families.py --gpu [--out FILE]

Mini models are measured. Full models are built without memory for their weights and counted; with --full-towers their
towers are also built with random weights (up to 8 GB) and timed, once. Seconds that are not measured are computed from
what this machine multiplies per second, and named under "computed" in the record. With --gpu only full towers are
measured, on CUDA, into a record of their own.
"""

import argparse
import platform
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
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

from dp2vl.files import write_json
from dp2vl.vlm import load_vlm
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.llava import Llava, LlavaTower, preprocess
from dp2vl.vlm.minigpt_v2 import MiniGPTv2, MiniGPTv2Tower
from dp2vl.vlm.qwen_vision import QwenVisionConfig, QwenVisionTower, Resampler
from dp2vl.vlm.qwen_vl import LORA as QWEN_LORA
from dp2vl.vlm.qwen_vl import QwenVLTower
from speed.record import find_commit

SEVEN_B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
}
CLIP_L = CLIPVisionConfig(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    image_size=336,
    patch_size=14,
)
REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full-towers", action="store_true")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    out = options.out or Path(__file__).parent / "results" / ("families_gpu.json" if options.gpu else "families.json")
    if options.gpu:
        write(out, measure_on_gpu(), processor=torch.cuda.get_device_name())
        return
    rows = [measure_mini(name) for name in ("mini-llava", "mini-qwen-vl", "mini-minigpt-v2")]
    rate = measure_rate()
    for row in (count_llava(), count_qwen(), count_minigpt()):
        row |= compute_seconds(row, rate)
        if options.full_towers:
            row |= time_tower(FULL_TOWERS[row["family"]](), row["side_px"], repeats=1) | {"computed": ["answer_s"]}
        rows.append(row)
    write(out, rows, processor=platform.processor() or platform.machine())


def write(out: Path, rows: list[dict[str, Any]], *, processor: str) -> None:
    record = {
        "commit": find_commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": processor,
        "rows": rows,
    }
    write_json(out, record)


def measure_on_gpu() -> list[dict[str, Any]]:
    """Return time and memory of the full towers with random weights, for one photo and for a batch."""
    rows = []
    for count_family in (count_llava, count_qwen, count_minigpt):
        row = count_family()
        with torch.device("cuda"):
            tower = FULL_TOWERS[row["family"]]().cuda()
        for precision in (torch.float32, torch.bfloat16):
            tower.to(precision)
            for batch in (1, 16):
                torch.cuda.reset_peak_memory_stats()
                times = time_tower(tower, row["side_px"], batch=batch, device="cuda", precision=precision)
                peak = torch.cuda.max_memory_allocated()
                shown = {"precision": str(precision).removeprefix("torch."), "batch": batch, "peak_bytes": peak}
                rows.append({"name": row["name"], "family": row["family"], **shown, **times})
        del tower
        torch.cuda.empty_cache()
    return rows


def measure_mini(name: str) -> dict[str, Any]:
    """Return shape and figures of a bundled model."""
    vlm = load_vlm(name)
    tower, connector = count(vlm.tower.vision), count(vlm.connector)
    inside = tower + connector if vlm.family == "llava" else 0  # one class of transformers holds all three
    side = vlm.tower.preprocess.side_px
    row = {
        "name": name,
        "family": vlm.family,
        "side_px": side,
        **describe(vlm.tower.vision.config, vlm.language.config, vlm.lora, len(matching(vlm.language, vlm.lora))),
        "tower_parameters": tower,
        "connector_parameters": connector,
        "language_parameters": count(vlm.language) - inside,
        "image_tokens": vlm.image_tokens,
        "token_dim": vlm.tower.dim,
        "width": vlm.language.get_input_embeddings().weight.shape[1],
    }
    images = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    answer = lambda: vlm.answer(images, ["Who is the person in this photo?"], max_new_tokens=8)  # noqa: E731
    row |= time_tower(vlm.tower, side) | {"answer_s": median_time(answer)}
    trained = sum(p.numel() for p in vlm.add_adapters())
    return row | {"trained_parameters": trained, "memory_bytes": 4 * (tower + connector + row["language_parameters"])}


def count_llava() -> dict[str, Any]:
    with torch.device("meta"):
        config = LlavaConfig(
            vision_config=CLIP_L.to_dict(), text_config=LlamaConfig(**SEVEN_B, vocab_size=32064).to_dict()
        )
        model = LlavaForConditionalGeneration(config)
    tower, connector = count(model.model.vision_tower), count(model.model.multi_modal_projector)
    parts = {"tower": tower, "connector": connector, "language": count(model) - tower - connector}
    about = (CLIP_L, config, Llava.lora, matching(model, Llava.lora))
    return full_row("LLaVA-1.5-7B", "llava", 336, 576, 1024, 577, parts, *about)


def count_qwen() -> dict[str, Any]:
    shape = QwenVisionConfig()
    with torch.device("meta"):
        tower, resampler = QwenVisionTower(shape), Resampler(shape)
        language = Qwen2ForCausalLM(
            Qwen2Config(**SEVEN_B, num_key_value_heads=32, vocab_size=151936, tie_word_embeddings=False)
        )
    parts = {"tower": count(tower), "connector": count(resampler), "language": count(language)}
    about = (shape, language.config, QWEN_LORA, matching(language, QWEN_LORA))
    return full_row("Qwen-VL-Chat", "qwen_vl", 448, 256, 1664, 1024, parts, *about)


def count_minigpt() -> dict[str, Any]:
    with torch.device("meta"):
        vision = Blip2VisionModel(Blip2VisionConfig())
        connector = torch.nn.Linear(5632, 4096)
        language = LlamaForCausalLM(LlamaConfig(**SEVEN_B, vocab_size=32000))
    parts = {"tower": count(vision), "connector": count(connector), "language": count(language)}
    about = (vision.config, language.config, MiniGPTv2.lora, matching(language, MiniGPTv2.lora))
    return full_row("MiniGPT-v2", "minigpt_v2", 448, 256, 5632, 1025, parts, *about)


def full_row(
    name: str, family: str, side: int, tokens: int, dim: int, patches: int, parts: dict[str, int],
    vision: Any, language: Any, lora: Lora, linears: list[torch.nn.Linear],
) -> dict[str, Any]:  # fmt: skip
    """Return shape and counts of a published model; `patches` are the tokens inside its tower."""
    adapters = sum(lora.rank * (m.in_features + m.out_features) for m in linears)
    return {
        "name": name,
        "family": family,
        "side_px": side,
        "patches": patches,
        **describe(vision, language, lora, len(linears)),
        **{f"{part}_parameters": number for part, number in parts.items()},
        "image_tokens": tokens,
        "token_dim": dim,
        "width": 4096,
        "trained_parameters": adapters + (parts["connector"] if lora.connector else 0),
        "memory_bytes": 2 * sum(parts.values()),
    }


def describe(vision: Any, language: Any, lora: Lora, linears: int) -> dict[str, str]:
    """Return, in words, what a model is made of and what the attack trains."""
    vision, text = getattr(vision, "vision_config", vision), getattr(language, "text_config", language)
    layers, patch = getattr(vision, "num_hidden_layers", None) or vision.layers, vision.patch_size
    kind = TOWERS[type(vision)]
    trained = f"LoRA of rank {lora.rank} on {linears} linear layers" + (", connector" if lora.connector else "")
    return {
        "tower": f"{kind}, {layers} layers, patches of {patch} px",
        "connector": CONNECTORS[type(vision)],
        "language": f"{type(text).__name__.removesuffix('Config')}, {text.num_hidden_layers} layers",
        "trained": trained,
    }


def measure_rate() -> float:
    """Return the floating-point operations per second of a product of two matrices, in float32."""
    a = torch.rand(2048, 2048)
    return float(2 * 2048**3 / median_time(lambda: a @ a))


def compute_seconds(row: dict[str, Any], rate: float) -> dict[str, Any]:
    """Return the least seconds that a model can take here: two operations per weight and token, twice that backwards.

    An answer is the tower, then the language model over image, 40 tokens of prompt and 8 of the answer.
    """
    tower = 2 * row["tower_parameters"] * row["patches"] / rate
    answer = tower + 2 * row["language_parameters"] * (row["image_tokens"] + 48) / rate
    seconds = {"forward_s": tower, "backward_s": 2 * tower, "answer_s": answer}
    return {key: round(value, 2) for key, value in seconds.items()} | {"computed": list(seconds)}


TOWERS = {CLIPVisionConfig: "CLIP ViT", QwenVisionConfig: "OpenCLIP ViT", Blip2VisionConfig: "EVA ViT"}
CONNECTORS = {
    CLIPVisionConfig: "two linear layers",
    QwenVisionConfig: "cross-attention resampler",
    Blip2VisionConfig: "four tokens joined, linear layer",
}


FULL_TOWERS: dict[str, Callable[[], Any]] = {
    "llava": lambda: LlavaTower(CLIPVisionModel(CLIP_L), preprocess(336)),
    "qwen_vl": lambda: QwenVLTower(QwenVisionTower(QwenVisionConfig())),
    "minigpt_v2": lambda: MiniGPTv2Tower(Blip2VisionModel(Blip2VisionConfig()), 448),
}


def time_tower(
    tower: Any, side: int, *, batch: int = 1, device: str = "cpu", precision: torch.dtype = torch.float32,
    repeats: int = REPEATS,
) -> dict[str, float]:  # fmt: skip
    """Return the median seconds of a batch through a tower, forwards, and with the gradient to its pixels."""
    tower.eval().requires_grad_(False)
    pixels = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device, precision)

    def forward() -> None:
        with torch.no_grad():
            tower.tokens(pixels)

    def backward() -> None:
        given = pixels.clone().requires_grad_()
        tower.tokens(given).square().mean().backward()

    return {"forward_s": median_time(forward, repeats), "backward_s": median_time(backward, repeats)}


def median_time(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the median seconds of `repeats` calls after at most two to warm up; a GPU ends within each."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times, warm = [], min(2, repeats)
    for _ in range(warm + repeats):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return round(statistics.median(times[warm:]), 5)


def matching(model: torch.nn.Module, lora: Lora) -> list[torch.nn.Linear]:
    return [m for n, m in model.named_modules() if re.fullmatch(lora.targets, n) and isinstance(m, torch.nn.Linear)]


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


if __name__ == "__main__":
    main()
