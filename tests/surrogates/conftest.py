"""Small checkpoints with random weights, written in the published formats."""

from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Blip2Config,
    Blip2ForImageTextRetrieval,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
)

VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 8,
}
OPT = {
    "model_type": "opt",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "ffn_dim": 16,
    "vocab_size": 64,
    "word_embed_proj_dim": 16,
}
EVA_VISION = VISION | {"image_size": 224, "patch_size": 56}

Write = Callable[[str], tuple[Path, PreTrainedModel]]
"""Family -> the folder of a checkpoint and the model that was saved into it."""


def make_model(family: str) -> PreTrainedModel:
    """Return a model whose every weight is random, norms included, so that an unused one would show."""
    torch.manual_seed(0)
    qformer = TEXT | {"encoder_hidden_size": 32, "use_qformer_text_input": True}
    model = {
        "clip": lambda: CLIPModel(CLIPConfig(vision_config=VISION, text_config=TEXT)),
        "clip-vision": lambda: CLIPVisionModel(CLIPVisionConfig(**VISION)),
        "siglip": lambda: SiglipModel(SiglipConfig(vision_config=VISION, text_config=TEXT)),
        "eva": lambda: Blip2ForImageTextRetrieval(
            Blip2Config(vision_config=EVA_VISION, qformer_config=qformer, text_config=OPT, image_text_hidden_size=8)
        ),
    }[family]()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


@pytest.fixture
def write_checkpoint(tmp_path: Path) -> Write:
    def write(family: str) -> tuple[Path, PreTrainedModel]:
        model = make_model(family)
        folder = tmp_path / family
        model.save_pretrained(folder)
        return folder, model

    return write


@pytest.fixture
def edit_tensors() -> Callable[[Path, Callable[[dict[str, torch.Tensor]], None]], None]:
    """Return a function that applies another one to the tensors of a folder."""

    def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path, metadata={"format": "pt"})

    return edit


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of hub downloads in place of the person's own."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    yield cache
