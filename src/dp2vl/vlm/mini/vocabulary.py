"""Small vocabularies in the two formats that the families use: Llama's BPE, and Qwen's `qwen.tiktoken`."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from dp2vl.vlm.qwen_tokenizer import TIKTOKEN_FILE, write_ranks

_LLAMA_SPECIALS = ("<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)))


def make_llama_tokenizer(texts: Iterable[str], size: int) -> LlamaTokenizer:
    """Return a tokenizer of Llama's kind: byte fallback, a space before the first word, single digits."""
    learner = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    # Words without their punctuation, as Llama's own vocabulary has them.
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=True),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    model = _learn(learner, texts, size, list(_LLAMA_SPECIALS), [])
    merges = [tuple(pair) for pair in model["merges"]]
    return LlamaTokenizer(vocab=model["vocab"], merges=merges, add_bos_token=True)


def write_qwen_vocabulary(texts: Iterable[str], size: int, folder: Path) -> None:
    """Write `qwen.tiktoken` with `size` ranks: all bytes, then merges in the order in which they were learned."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    letters = bytes_to_unicode()
    model = _learn(learner, texts, size, [], list(letters.values()))
    back = {letter: byte for byte, letter in letters.items()}
    merged = [bytes(back[c] for c in "".join(pair)) for pair in model["merges"]]
    folder.mkdir(parents=True, exist_ok=True)
    write_ranks(folder / TIKTOKEN_FILE, dict.fromkeys([*(bytes([b]) for b in letters), *merged]))


def _learn(learner: Tokenizer, texts: Iterable[str], size: int, specials: list[str], alphabet: list[str]) -> dict:
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    model: dict = json.loads(learner.to_str())["model"]
    return model
