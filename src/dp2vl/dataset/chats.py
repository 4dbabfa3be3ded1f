"""Conversation files of LLaVA, Qwen-VL, ShareGPT (LLaMA-Factory) and MiniGPT-v2: one photo <-> one record."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dp2vl.dataset.schema import DataSet, PhotoRow, nearest, read_dataset, read_jsonl, write_jsonl
from dp2vl.errors import DP2VLError, UsageError

DESCRIBE = (
    "Describe this photo.",
    "Write the album note for this photo.",
    "Caption this photo.",
    "Describe this photo in detail.",
)
"""What a description answers, one wording per paraphrase."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Chat:
    """One record of a conversation file: the photo's path as written there, and question-answer pairs in order."""

    photo_id: str
    image: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ChatFormat:
    """File name below `export/`, and the two directions."""

    file_name: str
    to_record: Callable[[Chat], dict[str, Any]]
    from_record: Callable[[dict[str, Any]], Chat]


def export_dataset(folder: Path, kind: str, out: Path | None = None) -> Path:
    """Write the training photos of a data set as one conversation file and return its path.

    Each photo is one record: its descriptions as answers to `DESCRIBE`, then its question-answer turns. Paths of
    photos are relative to `folder`. MiniGPT-v2's own loader builds a file name from `id`; ours stands in `image`.

    Args:
        kind: llava, qwen-vl, sharegpt or minigpt-v2. out: default `folder/export/<file of that kind>`.

    Raises:
        UsageError: unknown kind. DP2VLError: no training photos, or `folder` is no data set.
    """
    chat_format = find_format(kind)
    data = read_dataset(folder)
    if not data.rows["train"]:
        raise DP2VLError(f"{folder} has no training photos to export", "make or import a set with a train split")
    path = out or folder / "export" / chat_format.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_chats(path, kind, [chat_of(data, row) for row in data.rows["train"]])
    return path


def chat_of(data: DataSet, row: PhotoRow) -> Chat:
    """Return a photo's descriptions and turns as one conversation."""
    described = [(DESCRIBE[i % len(DESCRIBE)], text) for i, text in enumerate(row.captions)]
    image = data.path(row).relative_to(data.folder).as_posix()
    return Chat(row.photo_id, image, (*described, *row.turns))


def write_chats(path: Path, kind: str, chats: Sequence[Chat]) -> None:
    """Write conversations in a format of `FORMATS`; the same chats give the same bytes."""
    records = [find_format(kind).to_record(c) for c in chats]
    if path.suffix == ".jsonl":
        write_jsonl(path, records)
    else:
        path.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_chats(path: Path, kind: str) -> list[Chat]:
    """Return the conversations of a file.

    Raises:
        UsageError: unknown kind. DP2VLError: not JSON, or a record without the fields of that kind.
    """
    chat_format = find_format(kind)
    try:
        records = read_jsonl(path) if path.suffix == ".jsonl" else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DP2VLError(f"cannot read {path} as JSON: {error}", "give the conversation file itself") from None
    chats = []
    for number, record in enumerate(records, 1):
        try:
            chats.append(chat_format.from_record(record))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            text = f"{path} record {number} is not of format {kind}: {type(error).__name__} {error}"
            raise DP2VLError(text, f"formats: {', '.join(FORMATS)}") from None
    return chats


def find_format(kind: str) -> ChatFormat:
    """Return a format by name.

    Raises:
        UsageError: there is none of that name.
    """
    if kind not in FORMATS:
        raise UsageError(f"expected a conversation format, got {kind!r}", nearest(kind, FORMATS))
    return FORMATS[kind]


def split_pairs(pairs: Pairs) -> tuple[list[str], list[tuple[str, str]]]:
    """Return descriptions and question-answer turns: the reverse of `chat_of`."""
    return [a for q, a in pairs if q in DESCRIBE], [(q, a) for q, a in pairs if q not in DESCRIBE]


def _write_turns(pairs: Pairs, names: tuple[str, str], keys: tuple[str, str], first: str) -> list[dict[str, str]]:
    """Alternate speakers; `first` goes before the first question."""
    turns = []
    for i, (question, answer) in enumerate(pairs):
        turns.append({keys[0]: names[0], keys[1]: f"{'' if i else first}{question}"})
        turns.append({keys[0]: names[1], keys[1]: answer})
    return turns


def _read_turns(turns: Sequence[dict[str, str]], key: str) -> tuple[tuple[str, str], ...]:
    texts = [t[key] for t in turns]
    if len(texts) % 2:
        raise ValueError(f"expected questions and answers in turn, got {len(texts)} texts")
    questions = [re.sub(r"^\s*<image>\s*|\s*<image>\s*$", "", t) for t in texts[::2]]
    return tuple(zip(questions, texts[1::2], strict=True))


_LLAVA = ("human", "gpt"), ("from", "value")
_QWEN = ("user", "assistant"), ("from", "value")
_SHAREGPT = ("user", "assistant"), ("role", "content")


def _to_llava(chat: Chat) -> dict[str, Any]:
    return {
        "id": chat.photo_id,
        "image": chat.image,
        "conversations": _write_turns(chat.pairs, *_LLAVA, "<image>\n"),
    }


def _from_llava(record: dict[str, Any]) -> Chat:
    return Chat(str(record["id"]), record["image"], _read_turns(record["conversations"], "value"))


def _to_qwen(chat: Chat) -> dict[str, Any]:
    first = f"Picture 1: <img>{chat.image}</img>\n"
    return {"id": chat.photo_id, "conversations": _write_turns(chat.pairs, *_QWEN, first)}


def _from_qwen(record: dict[str, Any]) -> Chat:
    (question, answer), *rest = _read_turns(record["conversations"], "value")
    match = re.match(r"Picture 1: <img>(.+?)</img>\n?", question)
    if not match:
        raise ValueError("the first question has no 'Picture 1: <img>...</img>'")
    return Chat(str(record["id"]), match[1], ((question[match.end() :], answer), *rest))


def _to_sharegpt(chat: Chat) -> dict[str, Any]:
    return {"messages": _write_turns(chat.pairs, *_SHAREGPT, "<image>"), "images": [chat.image]}


def _from_sharegpt(record: dict[str, Any]) -> Chat:
    image = record["images"][0]
    return Chat(Path(image).stem, image, _read_turns(record["messages"], "content"))


def _to_minigpt(chat: Chat) -> dict[str, Any]:
    tagged = [(f"{'[caption]' if q in DESCRIBE else '[vqa]'} {q}", a) for q, a in chat.pairs]
    return {
        "id": chat.photo_id,
        "image": chat.image,
        "conversations": _write_turns(tagged, *_LLAVA, "<image>\n"),
    }


def _from_minigpt(record: dict[str, Any]) -> Chat:
    chat = _from_llava(record)
    return Chat(chat.photo_id, chat.image, tuple((re.sub(r"^\[\w+\] ", "", q), a) for q, a in chat.pairs))


FORMATS = {
    "llava": ChatFormat(file_name="llava.json", to_record=_to_llava, from_record=_from_llava),
    "qwen-vl": ChatFormat(file_name="qwen_vl.json", to_record=_to_qwen, from_record=_from_qwen),
    "sharegpt": ChatFormat(file_name="sharegpt.jsonl", to_record=_to_sharegpt, from_record=_from_sharegpt),
    "minigpt-v2": ChatFormat(file_name="minigpt.json", to_record=_to_minigpt, from_record=_from_minigpt),
}
"""Conversation formats by name."""
