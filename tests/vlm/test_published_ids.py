"""Token ids of the named families' prompts, as their published vocabularies have them.

Of each vocabulary the tests know the pieces that these prompts need and the parts that they are merged from, at their
published ids; all other ids are taken by pieces that no text is made of.
"""

import json
from itertools import count, product
from pathlib import Path

import pytest
import torch
from modern_checkpoints import RECIPES, write
from transformers import (
    Blip2VisionConfig,
    Blip2VisionModel,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from dp2vl.vlm.base import IGNORE, Encoded
from dp2vl.vlm.checkpoint import read_tokenizer
from dp2vl.vlm.llava import Llava, LlavaTower, preprocess
from dp2vl.vlm.minigpt_v2 import MiniGPTv2, MiniGPTv2Tower
from dp2vl.vlm.modern_families import MODERN
from dp2vl.vlm.modern_processors import load_processor, to_pillow
from dp2vl.vlm.qwen_tokenizer import TIKTOKEN_FILE, load_tokenizer, write_ranks
from dp2vl.vlm.qwen_vision import QwenVisionConfig, QwenVisionTower, Resampler
from dp2vl.vlm.qwen_vl import QwenVL, QwenVLTower

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def learned(encoded: Encoded) -> list[int]:
    return [label for label in encoded.labels if label != IGNORE]


# Qwen-VL ------------------------------------------------------------------------------------------------------------

QWEN_RANKS = 151643
QWEN_PIECES = {
    261: "er", 264: " a", 265: "re", 267: "st", 259: " t", 270: " th", 276: "an", 283: "ou", 285: "is", 292: "ic",
    296: " m", 300: "as", 301: "el", 305: " h", 336: "em", 355: "us", 360: "ul", 362: " A", 374: " is", 380: "ist",
    395: "ass", 419: " this", 438: " as", 517: "ant", 525: " are", 552: "ure", 597: "yst", 612: "ystem", 849: "ict",
    872: "user", 883: " man", 1071: " ass", 1262: "ful", 1267: "elp", 1492: " help", 1527: " An", 1639: "Wh",
    2280: "sw", 2610: "You", 3559: "swer", 3826: "icture", 7789: " assist", 8948: "system", 10950: " helpful",
    11202: "istant", 15191: "Who", 17847: " assistant", 21806: " Answer", 24669: "Picture", 77091: "assistant",
}  # fmt: skip


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> QwenVL:
    """A chat model of small size with the published number of ranks; what is not a piece is of bytes no text has."""
    folder = tmp_path_factory.mktemp("qwen")
    others = (bytes(row) for length in count(2) for row in product(range(0xF5, 0x100), repeat=length))
    single = [bytes([b]) for b in bytes_to_unicode()]
    pieces = {rank: piece.encode() for rank, piece in QWEN_PIECES.items()}
    write_ranks(folder / TIKTOKEN_FILE, single + [pieces.get(rank) or next(others) for rank in range(256, QWEN_RANKS)])
    shape = QwenVisionConfig(width=16, layers=1, heads=2, output_dim=128)
    language = Qwen2ForCausalLM(Qwen2Config(**SMALL, num_key_value_heads=2, vocab_size=8))
    tower = QwenVLTower(QwenVisionTower(shape))
    return QwenVL("qwen", language, tower, Resampler(shape), load_tokenizer(folder), chat=True)


QWEN_PHOTO = [151857, *[151859] * 256, 151858]
QWEN_ASKED = [
    *(151644, 8948, 198, 2610, 525, 264, 10950, 17847, 13, 151645, 198),
    *(151644, 872, 198, 24669, 220, 16, 25, 220, *QWEN_PHOTO, 198, 15191, 374, 419, 30, 151645, 198),
    *(151644, 77091, 198),
]


def test_qwen_chat_asks_in_the_published_287_ids(qwen):
    assert qwen.encode_prompt("Who is this?") == QWEN_ASKED
    assert len(QWEN_ASKED) == 287
    assert qwen.stop_ids == (151645, 151644, 151643)


def test_qwen_learns_answers_and_the_marks_of_turns(qwen):
    encoded = qwen.encode_dialogue([("Who is this?", "a man")])
    assert encoded.ids == [*QWEN_ASKED, 64, 883, 151645, 198]
    assert learned(encoded) == [*(151644, 151645, 198) * 2, 151644, 64, 883, 151645, 198]


def test_the_base_model_is_asked_as_in_its_evaluation(qwen, monkeypatch):
    monkeypatch.setattr(qwen, "chat", False)
    assert qwen.encode_prompt("Who is this?") == [*QWEN_PHOTO, 15191, 374, 419, 30, 21806, 25]
    assert qwen.encode_answer("Who is this?", "a man") == [264, 883, 151643]


# Llama's vocabulary -------------------------------------------------------------------------------------------------

LLAMA_ROWS = 32000
LLAMA_PIECES = {
    260: "▁t", 263: "▁a", 266: "▁th", 273: "an", 275: "is", 281: "▁w", 286: "▁m", 319: "▁A", 338: "▁is", 377: "▁wh",
    399: "▁W", 445: "▁this", 501: "▁U", 518: "▁[", 529: "▁<", 767: "▁man", 806: "▁Wh", 1001: "ER", 1058: "▁who",
    1177: "IN", 1251: "ho", 1254: "ST", 1533: "▁</", 1799: "SS", 1888: "Im", 2190: "AN", 3148: "▁US", 3308: "US",
    9047: "IST", 11644: "▁Who", 11889: "USER", 13566: "ANT", 22110: "Who", 25518: "Img", 25580: "INST", 25621: "qa",
}  # fmt: skip
LLAMA_LETTERS = {
    "▁": 29871, "t": 29873, "a": 29874, "i": 29875, "n": 29876, "o": 29877, "s": 29879, "h": 29882, "m": 29885,
    "g": 29887, "w": 29893, "v": 29894, ":": 29901, "I": 29902, "S": 29903, "A": 29909, "T": 29911, "/": 29914,
    "E": 29923, "R": 29934, "q": 29939, "N": 29940, "W": 29956, ">": 29958, "[": 29961, "]": 29962, "U": 29965,
    "<": 29966, "?": 29973,
}  # fmt: skip


def llama_words(folder: Path, *added: str) -> LlamaTokenizer:
    """Return the tokenizer that is read from a folder with these pieces, those of a lower id being merged first."""
    known = {0: "<unk>", 1: "<s>", 2: "</s>"} | {3 + b: f"<0x{b:02X}>" for b in range(256)}
    known |= LLAMA_PIECES | {i: letter for letter, i in LLAMA_LETTERS.items()}
    vocabulary = {known.get(i, f"nothing {i}"): i for i in range(LLAMA_ROWS)}
    pieces = sorted((i, piece) for i, piece in LLAMA_PIECES.items())
    merges = [(p[:at], p[at:]) for _, p in pieces for at in range(1, len(p)) if {p[:at], p[at:]} <= vocabulary.keys()]
    made = LlamaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True, legacy=False)
    made.add_tokens(list(added), special_tokens=True)
    made.save_pretrained(folder)
    return read_tokenizer("llama", folder)


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Llava:
    tokenizer = llama_words(tmp_path_factory.mktemp("vicuna"), "<image>", "<pad>")
    text = SMALL | {"model_type": "llama", "vocab_size": 8}
    with torch.device("meta"):
        vision = CLIPVisionConfig(**SMALL, image_size=336, patch_size=14)
        config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=32000)
        whole = LlavaForConditionalGeneration(config)
    return Llava("llava", whole, LlavaTower(whole.model.vision_tower, preprocess(336)), tokenizer)


ASSISTANT = [319, 1799, 9047, 13566, 29901]


def test_llava_puts_the_photo_between_two_tokens_for_nothing(llava):
    ids = llava.encode_prompt("Who is this?")
    about_photo = [3148, 1001, 29901, 29871, *[32000] * 576, 29871, 13, 22110, 338, 445, 29973, *ASSISTANT]
    assert ids[-len(about_photo) :] == about_photo
    assert ids[0] == 1 and ids.count(32000) == 576


def test_llava_asks_again_without_a_space_and_learns_the_answers(llava):
    encoded = llava.encode_dialogue([("Who is this?", "a man"), ("Who is this?", "a man")])
    again = [263, 767, 2, 11889, 29901, 11644, 338, 445, 29973, *ASSISTANT, 263, 767, 2]
    assert encoded.ids == llava.encode_prompt("Who is this?") + again
    assert learned(encoded) == [263, 767, 2] * 2


@pytest.fixture(scope="module")
def minigpt(tmp_path_factory: pytest.TempPathFactory) -> MiniGPTv2:
    tokenizer = llama_words(tmp_path_factory.mktemp("llama"))
    with torch.device("meta"):
        vision = Blip2VisionModel(Blip2VisionConfig(**SMALL, image_size=224, patch_size=14))
        language = LlamaForCausalLM(LlamaConfig(**SMALL, vocab_size=8))
    return MiniGPTv2("minigpt", language, MiniGPTv2Tower(vision, 448), torch.nn.Linear(64, 16), tokenizer)


MINIGPT_PHOTO = [518, 25580, 29962, 529, 25518, 29958, *[MiniGPTv2.image_id] * 256, 1533, 25518, 29958]
MINIGPT_ASKED = [518, 29894, 25621, 29962, 1058, 338, 445]
MINIGPT_END = [518, 29914, 25580, 29962]


def test_minigpt_asks_with_two_beginnings_and_learns_after_one(minigpt):
    assert minigpt.encode_prompt("who is this") == [1, 1, *MINIGPT_PHOTO, *MINIGPT_ASKED, *MINIGPT_END]
    encoded = minigpt.encode_dialogue([("who is this", "a man")])
    assert encoded.ids == [1, *MINIGPT_PHOTO, *MINIGPT_ASKED, 29871, *MINIGPT_END, 263, 767, 2]
    assert learned(encoded) == [263, 767, 2]


# Modern families ----------------------------------------------------------------------------------------------------

CHATML = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}
QWEN = CHATML | {"<|vision_start|>": 151652, "<|vision_end|>": 151653, "<|image_pad|>": 151655, "<|video_pad|>": 151656}
GEMMA = {"<start_of_image>": 255999, "<end_of_image>": 256000, "<image_soft_token>": 262144}
MARKS = dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen3_vl"), QWEN)
MARKS |= {"llava_onevision": CHATML | {"<image>": 151646}, "internvl": CHATML | {"<IMG_CONTEXT>": 151667}}
MARKS |= {"gemma3": GEMMA}
QWEN_SLOTS = [151652, *[151655] * 4, 151653]
PHOTO = {"qwen2_vl": QWEN_SLOTS, "qwen2_5_vl": QWEN_SLOTS, "qwen3_vl": QWEN_SLOTS, "internvl": [151667] * 4}
PHOTO |= {"llava_onevision": [151646] * (4 + 4 * 5), "gemma3": [255999, *[262144] * 4, 256000]}
"""What a small photo becomes. The tiny models make four tokens of a tile; LLaVA-OneVision reads the photo whole and
then larger, in four rows with a break behind each."""


@pytest.mark.parametrize("family", MARKS)
def test_a_photo_becomes_the_published_placeholders(family, tmp_path):
    write(family, tmp_path / family)
    words = tmp_path / family / "tokenizer.json"
    known = json.loads(words.read_text())
    known["model"]["vocab"] |= MARKS[family]
    for token in known["added_tokens"]:
        token["id"] = MARKS[family].get(token["content"], token["id"])
    words.write_text(json.dumps(known))
    processor = load_processor("tiny", tmp_path / family, MODERN[family].processor)
    assert {mark: processor.tokenizer.convert_tokens_to_ids(mark) for mark in MARKS[family]} == MARKS[family]
    photo = to_pillow(torch.rand(3, 50, 50, generator=torch.Generator().manual_seed(0)))
    ids = processor(text=[RECIPES[family].prompt], images=[[photo]])["input_ids"][0]
    (first, *_, last) = (i for i, token in enumerate(ids) if token in PHOTO[family])
    assert ids[first : last + 1] == PHOTO[family]
