"""A small vocabulary of Llama's kind."""

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaTokenizer

MINIGPT_WORDS = ("[INST] <Img></Img> [vqa] [caption] who is this person a man or the woman [/INST]",)


def make_tokenizer(texts: Iterable[str] = MINIGPT_WORDS, *, size: int = 400, **settings: Any) -> LlamaTokenizer:
    """Return a tokenizer that makes whole words of what stands in `texts`, and bytes of the rest."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    bpe = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=True)
    learned = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    bpe.train_from_iterator(list(texts) * 3, learned)
    made = json.loads(bpe.to_str())["model"]
    merges = [tuple(pair) for pair in made["merges"]]
    return LlamaTokenizer(vocab=made["vocab"], merges=merges, **{"add_bos_token": True} | settings)
