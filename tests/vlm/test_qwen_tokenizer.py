"""Qwen-VL's tokenizer out of `qwen.tiktoken`: the ids that its authors' own byte-pair encoding gives, or an error."""

import base64
import random
import unicodedata
from itertools import pairwise

import pytest
import regex
from qwen_checkpoint import PATTERN, RANKS

from dp2vl.errors import ModelError
from dp2vl.vlm.qwen_tokenizer import SPECIALS, TIKTOKEN_FILE, load_tokenizer, write_ranks


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    write_ranks(folder / TIKTOKEN_FILE, RANKS)
    return load_tokenizer(folder)


def encode(text: str) -> list[int]:
    """Return ids: of all neighbours, those whose joint rank is lowest are merged first, within each piece of text."""
    ranks = {token: rank for rank, token in enumerate(RANKS)}
    ids = []
    for piece in regex.findall(PATTERN, unicodedata.normalize("NFC", text)):
        parts = [bytes([b]) for b in piece.encode()]
        while True:
            joint = [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
            if not joint:
                break
            _, at = min(joint)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids += [ranks[part] for part in parts]
    return ids


def random_texts() -> list[str]:
    draw = random.Random(0)
    words = [
        "helpful",
        "assistant",
        "Picture 1:",
        "who is this person",
        "it's",
        "IT'S",
        "park",
        "12345",
        "名前は",
        "Ünï",
    ]
    words += ["\n", "\n\n", "  ", "\t", "\r\n", "!?", "😀", "é", "e\u0301", "\u200d", "½", "…", "_x", "\x00", "ﬁ"]
    letters = "".join(chr(c) for c in range(32, 1000))
    texts = ["".join(draw.choice([*words, " "]) for _ in range(draw.randint(1, 20))) for _ in range(150)]
    return texts + ["".join(draw.choice(letters) for _ in range(draw.randint(1, 40))) for _ in range(150)]


def test_ids_are_those_of_merging_the_lowest_rank_first(tokenizer):
    lengths = set()
    for text in [*random_texts(), ""]:
        ids = tokenizer(text).input_ids
        assert ids == encode(text), text
        lengths.add(len(ids) < len(text.encode()))
        assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)
    assert lengths == {True, False}


def test_every_rank_of_the_file_is_a_token_and_every_merge_is_its_own(tokenizer):
    for rank, token in enumerate(RANKS):
        if len(token) > 1:
            try:
                text = token.decode()
            except UnicodeDecodeError:
                continue
            assert tokenizer(text).input_ids == [rank]
    assert len(tokenizer) == len(RANKS) + len(SPECIALS)


def test_special_tokens_follow_the_ranks_in_the_published_order(tokenizer):
    first = len(RANKS)
    named = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|extra_0|>", "<|extra_204|>", "<ref>", "</ref>"]
    named += ["<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"]
    places = [0, 1, 2, 3, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216]
    assert tokenizer.convert_tokens_to_ids(named) == [first + place for place in places]
    assert tokenizer(f"a{''.join(named)}a").input_ids == encode("a") + [first + place for place in places] + encode("a")
    assert len(SPECIALS) == 217  # with the published 151,643 ranks, the last id is 151,859
    assert tokenizer.decode([first + 1, *encode("a"), first + 2], skip_special_tokens=True) == "a"


def lines(tokens: list[bytes]) -> list[bytes]:
    return [base64.b64encode(token) + f" {rank}".encode() for rank, token in enumerate(tokens)]


DAMAGED = {
    "empty": b"",
    "not base64": b"\n".join([b"?? 0", *lines(RANKS)[1:]]),
    "no rank": b"\n".join([lines(RANKS)[0].split()[0], *lines(RANKS)[1:]]),
    "a rank in words": b"\n".join([lines(RANKS)[0].replace(b" 0", b" zero"), *lines(RANKS)[1:]]),
    "a byte is missing": b"\n".join(lines(RANKS[:7] + RANKS[8:])),
    "cut short in the middle of a line": b"\n".join(lines(RANKS))[:-3],
    "a rank is left out": b"\n".join(lines(RANKS)[:300] + lines(RANKS)[301:]),
    "a rank comes twice": b"\n".join(
        [*lines(RANKS)[:300], lines(RANKS)[300].split()[0] + b" 299", *lines(RANKS)[301:]]
    ),
    "a token comes twice": b"\n".join(lines([*RANKS, RANKS[270]])),
    "a token that no pair makes": b"\n".join(lines([*RANKS, b"qqqqq"])),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, case):
    (tmp_path / TIKTOKEN_FILE).write_bytes(DAMAGED[case])
    with pytest.raises(ModelError, match=r"qwen\.tiktoken is damaged") as error:
        load_tokenizer(tmp_path)
    assert "\n" not in error.value.message


def test_an_absent_file_is_an_error_that_says_where(tmp_path):
    with pytest.raises(ModelError, match=f"no {TIKTOKEN_FILE} in {tmp_path}"):
        load_tokenizer(tmp_path)
