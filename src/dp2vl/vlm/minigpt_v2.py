"""MiniGPT-v2 (arXiv 2310.09478): EVA's tower, one linear layer, Llama-2-chat; written anew, as transformers has none.

A checkpoint is one folder with what the authors' code takes from three places:

    eva_vit_g.pth             the tower, as LAVIS publishes it;
                              or vision/, a BLIP-2 repository whose tower was frozen (not the -coco ones)
    llama/                    Llama-2-7b-chat-hf with its tokenizer
    minigptv2_checkpoint.pth  connector and LoRA, as the authors publish them;
                              or minigptv2_checkpoint.safetensors, the tensors of its entry "model"
    config.json               may be absent: {"model_type": "minigpt_v2", "image_size": 448,
                              "lora": {"rank": 64, "alpha": 16}}; "lora" is null where the checkpoint has none, and
                              "vision_heads" says how many where heads of eva_vit_g.pth are not 88 wide
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import layer_norm
from transformers import Blip2VisionModel, LlamaForCausalLM

from dp2vl.errors import ModelError
from dp2vl.files import write_atomic, write_json
from dp2vl.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.base import IGNORE, VLM, Dialogue, Encoded, plain
from dp2vl.vlm.checkpoint import BUFFER_KEYS, check_family, load_vision, load_whole, read_config, read_tokenizer
from dp2vl.vlm.eva import check_tensors, load_eva, read_file
from dp2vl.vlm.hub import find_checkpoint
from dp2vl.vlm.tower import VisionTower

FAMILY = "minigpt_v2"
VISION = ("eva_vit_g.pth", "vision")
LLAMA = "llama"
CHECKPOINT = ("minigptv2_checkpoint.pth", "minigptv2_checkpoint.safetensors")
TOKENIZER = ("tokenizer.json", "tokenizer.model")
LORA_PREFIX = "llama_model.base_model.model."
"""What the authors' names put before those of `LlamaForCausalLM`."""

SIDE_PX = 448
JOINED = 4
TASKS = re.compile(r"\[(vqa|caption|grounding|refer|identify|detection)\]")
MAX_TEXT = 1024


class MiniGPTv2Tower(VisionTower):
    """EVA's patch tokens after the last layer and a norm without weights, four neighbours of a row joined into one.

    Photos are squashed to a square, of twice the side that the tower was trained at; the positions are enlarged.

    Raises:
        ModelError: the side is not a whole number of patches, or they cannot be joined.
    """

    family = FAMILY

    def __init__(self, vision: Blip2VisionModel, side_px: int) -> None:
        super().__init__()
        self.vision, patch = vision, int(vision.config.patch_size)  # type: ignore[arg-type]
        if side_px < 1 or side_px % patch or (side_px // patch) ** 2 % JOINED:
            raise ModelError(f"{side_px} px do not make patches of {patch} px in fours", "check image_size")
        self.preprocess = Preprocess(side_px, "squash", "bicubic", CLIP_MEAN, CLIP_STD, round_8bit=True)

    def tokens(self, pixels: Tensor) -> Tensor:
        return self.join(self.read(pixels))

    def read(self, pixels: Tensor) -> Tensor:
        """Return class token and patch tokens, (n, 1 + patches, width), after the norm."""
        hidden = self.vision.embeddings(pixels, interpolate_pos_encoding=True)
        for layer in self.vision.encoder.layers:
            hidden = layer(hidden)
        # The authors have a norm here, with the default eps, but their files hold no weights of it.
        return layer_norm(hidden.float(), hidden.shape[-1:], eps=1e-5).to(hidden.dtype)

    def join(self, read: Tensor) -> Tensor:
        """Return the patch tokens of what `read` returns, four in one."""
        return read[:, 1:].reshape(len(read), -1, self.dim)

    @property
    def dim(self) -> int:
        return JOINED * int(self.vision.config.hidden_size)

    @property
    def count(self) -> int:
        """Number of tokens of a photo."""
        return (self.preprocess.side_px // int(self.vision.config.patch_size)) ** 2 // JOINED


class MiniGPTv2(VLM):
    """MiniGPT-v2 as its authors trained it: Llama-2's chat template, a task tag before the question.

    Args:
        name: as given to `load_vlm`.
        language: Llama-2-chat, with the published LoRA merged in.
        tower: the frozen tower.
        connector: linear, the authors' `llama_proj`.
        tokenizer: Llama's.
        task: tag of questions that do not begin with one.

    Raises:
        ModelError: the tokenizer adds no BOS.
    """

    family = FAMILY
    lora = Lora(rank=64, alpha=16, dropout=0.05, targets=r"model\.layers\.\d+\.self_attn\.(q|v)_proj", connector=True)
    image_id = -200  # no token of the vocabulary

    def __init__(
        self,
        name: str,
        language: LlamaForCausalLM,
        tower: MiniGPTv2Tower,
        connector: nn.Linear,
        tokenizer: Any,
        *,
        task: str = "[vqa]",
    ) -> None:
        self.name, self.language, self.tower, self.connector = name, language, tower, connector
        self.tokenizer, self.task = tokenizer, task
        self.image_tokens = tower.count
        # The authors' limit is on text alone.
        self.max_length = min(MAX_TEXT + self.image_tokens, int(language.config.max_position_embeddings))
        if tokenizer("a").input_ids[0] != tokenizer.bos_token_id:
            raise ModelError(
                f"expected the tokenizer of {name} to add BOS, it does not",
                "set add_bos_token in tokenizer_config.json",
            )
        self.stop_ids = (tokenizer.eos_token_id,)

    def encode_dialogue(self, dialogue: Dialogue, *, image: bool = True) -> Encoded:
        """Return ids and labels; learned are the answers and the `</s>` behind each.

        As in the official code, each part is tokenised apart, and two spaces are before `[/INST]`. The image belongs
        to the first question; later ones begin with a BOS of their own.
        """
        ids: list[int] = []
        labels: list[int] = []
        for i, (question, answer) in enumerate(dialogue):
            asked = [self.tokenizer.bos_token_id, *self._ask(question, image=image and i == 0, gap="  ")]
            said = self.encode_answer(question, answer)
            ids += asked + said
            labels += [IGNORE] * len(asked) + said
        return Encoded(ids, labels)

    def encode_prompt(self, question: str, *, image: bool = True) -> list[int]:
        """Return the ids up to where the answer begins, as the official evaluation has them.

        It differs from training: BOS comes twice, and one space is before `[/INST]`.
        """
        return [self.tokenizer.bos_token_id] * 2 + self._ask(question, image=image, gap=" ")

    def encode_answer(self, question: str, answer: str) -> list[int]:
        return [*self._ids(self._plain(answer)), self.tokenizer.eos_token_id]

    def _ask(self, question: str, *, image: bool, gap: str) -> list[int]:
        text = self._plain(question).strip()
        asked = f"{text if TASKS.match(text) else f'{self.task} {text}'}{gap}[/INST]"
        if not image:
            return self._ids(f"[INST] {asked}")
        slots = [self.image_id] * self.image_tokens
        return [*self._ids("[INST] <Img>"), *slots, *self._ids(f"</Img> {asked}")]

    def _plain(self, text: str) -> str:
        return plain(text, self.tokenizer.get_added_vocab())

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids) if text else []


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What config.json of a checkpoint says."""

    model_type: str = FAMILY
    image_size: int = SIDE_PX
    rank: int = MiniGPTv2.lora.rank
    alpha: int = MiniGPTv2.lora.alpha
    vision_heads: int | None = None

    def __post_init__(self) -> None:
        for name in ("image_size", "rank", "alpha"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"expected {name} to be a whole number, got {value!r}")


def load_tower(spec: str, folder: Path) -> MiniGPTv2Tower:
    """Return the tower of a MiniGPT-v2 checkpoint, float32; nothing else of it is read or needs to be there.

    Raises:
        ModelError: it is of another family, incomplete or damaged.
    """
    settings = _read_settings(spec, folder)
    part = _find_part(spec, folder, VISION)
    if part.is_dir():
        source = f"{FAMILY}:{part}"
        find_checkpoint(source)
        check_family(source, part, "blip-2")
        vision: Any = load_vision(source, part, Blip2VisionModel, {r"^vision_model\.": ""})
    else:
        vision = load_eva(spec, part, heads=settings.vision_heads)
    return MiniGPTv2Tower(vision, settings.image_size).eval().requires_grad_(False)


def load(spec: str, folder: Path, *, dtype: torch.dtype = torch.float32) -> MiniGPTv2:
    """Return a whole MiniGPT-v2, with the LoRA of its checkpoint merged into Llama.

    Raises:
        ModelError: it is of another family, incomplete or damaged, or its tokenizer does not fit.
    """
    settings = _read_settings(spec, folder)
    _find_part(spec, folder, VISION)  # what is absent shows before gigabytes are read
    checkpoint = _find_part(spec, folder, CHECKPOINT)
    llama = _find_part(spec, folder, (LLAMA,))
    find_checkpoint(f"{FAMILY}:{llama}")
    check_family(f"{FAMILY}:{llama}", llama, "llama")
    _find_part(spec, llama, TOKENIZER)
    tower = load_tower(spec, folder).to(dtype)
    language = load_whole(f"{FAMILY}:{llama}", llama, LlamaForCausalLM, dtype=dtype)
    connector = nn.Linear(tower.dim, language.config.hidden_size, dtype=dtype)
    tensors = _read_checkpoint(spec, checkpoint)
    expected = {f"llama_proj.{name}": tuple(value.shape) for name, value in connector.state_dict().items()}
    check_tensors(spec, tensors, expected | _lora_shapes(language, settings.rank), "connector and LoRA")
    connector.load_state_dict({name: tensors[f"llama_proj.{name}"] for name in ("weight", "bias")})
    if settings.rank:
        _merge_lora(language, tensors, settings.alpha / settings.rank)
    tokenizer = read_tokenizer(spec, llama)
    return MiniGPTv2(spec, language, tower, connector, tokenizer).freeze()


def _read_settings(spec: str, folder: Path) -> _Settings:
    parts = [name for name in (*VISION, LLAMA, *CHECKPOINT) if (folder / name).exists()]
    if not (folder / "config.json").is_file():
        if not parts:
            raise ModelError(f"expected {spec} to be a MiniGPT-v2, {folder} has no part of it", _hint(VISION))
        return _Settings()
    check_family(spec, folder, FAMILY)
    found = read_config(folder)
    try:
        lora = found.pop("lora", {})
        return _Settings(**found, **({"rank": 0} if lora is None else lora))
    except (TypeError, ValueError) as error:
        hint = "known are model_type, image_size, lora with rank and alpha, and vision_heads"
        raise ModelError(f"{folder / 'config.json'} does not fit: {error}", hint) from None


def _find_part(spec: str, folder: Path, names: tuple[str, ...]) -> Path:
    """Return the first of `names` that is in the folder."""
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise ModelError(f"{spec} is incomplete: {folder} has no {' or '.join(names)}", _hint(names))


def _hint(names: tuple[str, ...]) -> str:
    return {
        VISION: "put eva_vit_g.pth of LAVIS there, or a BLIP-2 repository with a frozen tower as vision",
        (LLAMA,): "put the repository Llama-2-7b-chat-hf there",
        CHECKPOINT: "put minigptv2_checkpoint.pth of the authors there",
        TOKENIZER: "copy the tokenizer's files too",
    }[names]


def _read_checkpoint(spec: str, path: Path) -> dict[str, Tensor]:
    """Return connector and LoRA under the authors' names, without what is computed."""
    found = read_file(spec, path)
    if path.suffix == ".pth":
        model = found.get("model")
        found = model if isinstance(model, dict) else {}
    # Later versions of peft name the adapter, which was "default" all along.
    named = {name.replace(".default.weight", ".weight"): value for name, value in found.items()}
    return {name: value for name, value in named.items() if not name.endswith(BUFFER_KEYS)}


def _lora_linears(language: LlamaForCausalLM) -> dict[str, nn.Linear]:
    return {n: m for n, m in language.named_modules() if re.fullmatch(MiniGPTv2.lora.targets, n)}


def _lora_shapes(language: LlamaForCausalLM, rank: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, linear in _lora_linears(language).items() if rank else ():
        shapes[f"{LORA_PREFIX}{name}.lora_A.weight"] = (rank, linear.in_features)
        shapes[f"{LORA_PREFIX}{name}.lora_B.weight"] = (linear.out_features, rank)
    return shapes


@torch.no_grad()
def _merge_lora(language: LlamaForCausalLM, tensors: dict[str, Tensor], scale: float) -> None:
    """Add the published adapters to the weights: who fine-tunes gets fresh ones on top.

    The authors train the published ones further instead. Fresh ones begin at the same outputs and can reach the same
    weights, but their first steps differ.
    """
    for name, linear in _lora_linears(language).items():
        down, up = (tensors[f"{LORA_PREFIX}{name}.lora_{half}.weight"].float() for half in "AB")
        linear.weight.copy_(linear.weight.float() + scale * up @ down)


def write(model: MiniGPTv2, folder: Path) -> None:
    """Write a model without adapters as `load` reads it, in half precision, the tower as a BLIP-2 repository.

    Raises:
        ModelError: the model has adapters, which would be lost.
    """
    if getattr(model.language, "peft_config", None):
        raise ModelError(f"{model.name} has adapters", "write the model before they are added")
    (folder / "vision").mkdir(parents=True, exist_ok=True)
    vision = {"model_type": "blip-2", "vision_config": model.tower.vision.config.to_dict()}
    write_json(folder / "vision" / "config.json", vision)
    _write_half(folder / "vision" / "model.safetensors", "vision_model.", model.tower.vision)
    model.language.config.save_pretrained(folder / LLAMA)
    _write_half(folder / LLAMA / "model.safetensors", "", model.language)
    model.tokenizer.save_pretrained(folder / LLAMA)
    _write_half(folder / CHECKPOINT[1], "llama_proj.", model.connector)
    settings = {"model_type": FAMILY, "image_size": model.tower.preprocess.side_px, "lora": None}
    write_json(folder / "config.json", settings)


def _write_half(path: Path, prefix: str, part: nn.Module) -> None:
    tensors = {  # copies, as one that two names share cannot be written
        f"{prefix}{name}": value.to("cpu", torch.float16, copy=True).contiguous()
        for name, value in part.state_dict().items()
    }
    write_atomic(path, save(tensors, metadata={"format": "pt"}))
