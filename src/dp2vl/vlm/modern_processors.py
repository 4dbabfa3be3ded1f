"""The official processors of the modern families, for photos and text only, and the batches they make."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dp2vl.errors import ModelError

DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError)
"""What transformers raises over files that are absent or damaged."""
SEQUENCES = ("input_ids", "token_type_ids", "mm_token_type_ids")
"""What a processor returns per token; the attention mask is made anew, all else belongs to photos."""


def load_processor(spec: str, folder: Path, class_name: str) -> Any:
    """Return a processor of transformers for images and text, whatever else it could do, with Pillow underneath.

    Video processors need torchvision, which is none of ours; and where it is installed, the torchvision image
    processors would give other pixels than on machines without.

    Raises:
        ModelError: a file of the processor or tokenizer is absent or damaged.
    """
    official = getattr(transformers, class_name)
    attributes = [name for name in official.get_attributes() if name != "video_processor"]
    image_only: Any = type(class_name, (official,), {"get_attributes": classmethod(lambda cls: attributes)})
    try:
        processor = image_only.from_pretrained(folder, local_files_only=True)
    except DAMAGED as error:
        raise _unreadable(spec, error) from error
    processor.image_processor = load_image_processor(spec, folder)
    return processor


def load_image_processor(spec: str, folder: Path) -> Any:
    """Return the official image processor with Pillow underneath.

    Raises:
        ModelError: its file is absent or damaged.
    """
    try:
        return transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    except DAMAGED as error:
        raise _unreadable(spec, error) from error


def _unreadable(spec: str, error: Exception) -> ModelError:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return ModelError(f"the processor of {spec} does not load: {first}", "fetch the checkpoint again")


def to_pillow(image: Float[Tensor, "3 h w"]) -> Image.Image:
    levels = (image.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def rows_of(read: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return what belongs to the tokens of each text, without padding."""
    mask = read["attention_mask"].bool()
    return [{key: read[key][i][mask[i]] for key in SEQUENCES if key in read} for i in range(len(mask))]


def photos_of(read: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in read.items() if key not in (*SEQUENCES, "attention_mask")}


def pad_rows(rows: Sequence[dict[str, Tensor]], pad_id: int) -> dict[str, Tensor]:
    """Return rows as one batch, padded on the right."""
    values = {key: pad_id if key == "input_ids" else 0 for key in rows[0]}
    batch = {key: pad_sequence([r[key] for r in rows], batch_first=True, padding_value=v) for key, v in values.items()}
    ones = [torch.ones_like(row["input_ids"]) for row in rows]
    return batch | {"attention_mask": pad_sequence(ones, batch_first=True)}
