"""What fine-tuning trains of a model: LoRA and whole parts, put on, written and read by their names."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from dp2vl.errors import ModelError
from dp2vl.files import write_atomic, write_json

if TYPE_CHECKING:
    from dp2vl.vlm.base import VLM

ADAPTER_FILE, ADAPTER_SETTINGS = "adapters.safetensors", "adapters.json"
FIXED = ("pos_embed",)
"""Parameters that no recipe trains: sines of Qwen-VL's resampler."""


@dataclass(frozen=True, kw_only=True)
class Lora:
    """What is trained; LoRA (arXiv 2106.09685) as a family's authors set it up.

    Args:
        rank, alpha, dropout: of every adapter; updates are scaled by alpha / rank. Rank 0 puts none.
        targets: regular expression over whole names of the language model's modules.
        connector: whether the connector is trained as well, in full.
        full: names of modules of the language model that are trained in full.
        everything: whether all of the language model is.
        tower_rank: of adapters on all linear layers of the vision tower, with the same alpha / rank; 0 puts none.
    """

    rank: int
    alpha: int
    dropout: float
    targets: str
    connector: bool
    full: tuple[str, ...] = ()
    everything: bool = False
    tower_rank: int = 0


def put_adapters(vlm: "VLM", lora: Lora, seed: int) -> None:
    """Put fresh adapters on a model, which change none of its outputs yet, and let them take gradients.

    Raises:
        ModelError: no module has a name that fits, or there is no separate tower to put them on.
    """
    if lora.tower_rank and not hasattr(vlm, "tower"):
        raise ModelError(f"{vlm.name} has no tower of its own to train", "leave tower_rank at 0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if lora.rank:
            _inject(vlm, vlm.language, lora, lora.rank, lora.targets)
        if lora.tower_rank:
            linears = [n for n, m in vlm.tower.vision.named_modules() if isinstance(m, nn.Linear)]
            _inject(vlm, vlm.tower.vision, lora, lora.tower_rank, linears)
    for part in vlm.parts:
        part.requires_grad_(False)
        part.train(part.training)  # else the new layers would drop out in evaluation
    for parameter in name_trained(vlm, lora).values():
        parameter.requires_grad_(True)


def _inject(vlm: "VLM", module: nn.Module, lora: Lora, rank: int, targets: str | list[str]) -> None:
    from peft import LoraConfig, inject_adapter_in_model  # on use: it takes seconds to import

    alpha = lora.alpha * rank // lora.rank if lora.rank else rank
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=lora.dropout, target_modules=targets, bias="none")
    try:
        inject_adapter_in_model(config, module)
    except ValueError as error:
        raise ModelError(f"{vlm.name}: {error}", "check the names of the target modules") from None


def name_trained(vlm: "VLM", lora: Lora) -> dict[str, nn.Parameter]:
    """Return what is trained by name, the connector's weights last; a weight of two names has its first."""
    named: dict[str, nn.Parameter] = {}
    known: set[int] = set()
    for name, parameter in _all_trained(vlm, lora):
        if id(parameter) not in known:
            known.add(id(parameter))
            named[name] = parameter
    return named


def _all_trained(vlm: "VLM", lora: Lora) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield names and weights; for some families tower and connector are modules of the language model, too."""
    if lora.tower_rank:
        yield from _adapters_of("tower", vlm.tower.vision)
    yield from _adapters_of("language", vlm.language)
    for module in lora.full:
        for name, parameter in vlm.language.get_submodule(module).named_parameters():
            yield f"full.{module}.{name}", parameter
    if lora.everything:
        others = {id(p) for part in vlm.parts if part is not vlm.language for p in part.parameters()}
        for name, parameter in vlm.language.named_parameters():
            if id(parameter) not in others:
                yield f"everything.{name}", parameter
    if lora.connector:
        for name, parameter in vlm.connector.named_parameters():
            if name not in FIXED:
                yield f"connector.{name}", parameter


def _adapters_of(part: str, module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in module.named_parameters():
        if "lora_" in name:
            yield f"{part}.{name.replace('.default.', '.')}", parameter  # peft's name of the only adapter


def write_adapters(vlm: "VLM", lora: Lora, folder: Path) -> None:
    """Write what is trained: one safetensors file and its settings."""
    tensors = {name: p.detach().cpu().contiguous() for name, p in name_trained(vlm, lora).items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / ADAPTER_FILE, save(tensors))
    settings = {"family": vlm.family, "model": vlm.name, "lora": asdict(lora)}
    write_json(folder / ADAPTER_SETTINGS, settings)


def read_adapters(folder: Path, family: str) -> tuple[Lora, dict[str, Tensor]]:
    """Return settings and tensors that `write_adapters` wrote.

    Raises:
        ModelError: a file is absent or damaged, or the adapters are of another family.
    """
    try:
        settings = json.loads((folder / ADAPTER_SETTINGS).read_text(encoding="utf-8"))
        tensors = load_file(folder / ADAPTER_FILE)
        lora = Lora(**settings["lora"] | {"full": tuple(settings["lora"]["full"])})
        found = settings["family"]
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise ModelError(f"cannot read adapters in {folder}: {error}", "save them again") from error
    if found != family:
        raise ModelError(f"expected adapters of family {family}, got {found}", "load the model they belong to")
    return lora, tensors


def fill_adapters(vlm: "VLM", lora: Lora, tensors: dict[str, Tensor], folder: Path) -> None:
    """Give the adapters on a model the values of `tensors`.

    Raises:
        ModelError: names or shapes are others.
    """
    named = name_trained(vlm, lora)
    if {n: t.shape for n, t in tensors.items()} != {n: p.shape for n, p in named.items()}:
        raise ModelError(f"adapters in {folder} do not fit {vlm.name}", "load the model they belong to")
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(tensors[name])
