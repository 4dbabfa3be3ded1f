"""A vision-language model as this project uses it: see, answer, weigh options, learn from dialogues.

The three named families (LLaVA, Qwen-VL, MiniGPT-v2) put visual tokens among the embeddings of the words and hand both
to a causal language model; what differs is in their modules: tower, connector, tokenizer, prompt, labels, LoRA.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig

from dp2vl.errors import ModelError
from dp2vl.vlm.adapters import Lora, fill_adapters, name_trained, put_adapters, read_adapters, write_adapters
from dp2vl.vlm.branches import Tree
from dp2vl.vlm.branches import pad as pad_trees
from dp2vl.vlm.tower import Images, VisionTower

IGNORE = -100
"""Label of what is not learned."""
BATCH = 16
TREE_TOKENS = 1024
"""A photo with more questions than this many tokens has them read in several parts."""

Dialogue = Sequence[tuple[str, str]]
"""Questions and answers about one photo, in order."""
Weighed = tuple[str, Sequence[str]]
"""A question, and the answers that are weighed."""


def plain(text: str, marks: Iterable[str]) -> str:
    """Return `text` without `marks`: special tokens that a person wrote out, which would be taken for real ones."""
    pattern = "|".join(map(re.escape, marks))
    while (cut := re.sub(pattern, "", text)) != text:  # what is left may join to another one
        text = cut
    return text


class Encoded(NamedTuple):
    """Token ids of a dialogue and what is learned of them: `labels` equal `ids`, or `IGNORE`."""

    ids: list[int]
    labels: list[int]


class VLM(ABC):
    """A loaded model, in evaluation mode, all weights frozen until `add_adapters`.

    Attributes:
        name: as given to `load_vlm`.
        family: the module of this room.
        tower: frozen in every official recipe.
        connector: from the tower's tokens to the language model's embeddings.
        language: a causal language model of transformers.
        lora: the official set-up.
        stop_ids: token ids that end an answer.
        image_id: id that stands for one visual token in `Encoded.ids`; its embedding is never used.
        image_tokens: how many of them a photo takes.
        max_length: longest input in tokens that the authors trained with.
    """

    name: str
    family: str
    tower: VisionTower
    connector: Any
    language: Any
    tokenizer: Any
    lora: Lora
    stop_ids: tuple[int, ...]
    image_id: int
    image_tokens: int
    max_length: int
    _lora: Lora | None = None

    # What a family says -----------------------------------------------------------------------------------------

    @abstractmethod
    def encode_dialogue(self, dialogue: Dialogue, *, image: bool = True) -> Encoded:
        """Return ids and labels of a dialogue as the official training code has them."""

    @abstractmethod
    def encode_prompt(self, question: str, *, image: bool = True) -> list[int]:
        """Return the ids up to where the answer begins."""

    @abstractmethod
    def encode_answer(self, question: str, answer: str) -> list[int]:
        """Return the ids that follow `encode_prompt(question)`, with the mark that ends an answer."""

    # What they share --------------------------------------------------------------------------------------------

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The networks that the model consists of; they may share weights."""
        return (self.tower, self.connector, self.language)

    @property
    def device(self) -> torch.device:
        return next(self.language.parameters()).device

    def to(self, device: str | torch.device) -> Self:
        """Move all weights and return the model itself."""
        for part in self.parts:
            part.to(device)
        return self

    def freeze(self) -> Self:
        """Put all parts into evaluation mode without gradients for weights, and return the model itself."""
        for part in self.parts:
            part.eval().requires_grad_(False)
        # Answers are greedy, also where a checkpoint asks for sampling or penalties.
        self.language.generation_config = GenerationConfig()
        return self

    def see(self, images: Images) -> Float[Tensor, "n tokens dim"]:
        """Return the tower's tokens of photos, differentiable with respect to them.

        They depend on the tower alone: where it is frozen, they can be kept and used in place of the photos.
        """
        return self.tower(images)

    def visual_features(self, images: Images) -> Float[Tensor, "n image_tokens width"]:
        """Return what the language model gets of photos, differentiable with respect to them."""
        return self.connector(self.see(images))

    def loss(self, seen: Tensor | None, dialogues: Sequence[Dialogue]) -> Tensor:
        """Return the mean cross-entropy in nats over all learned tokens of a batch, a scalar.

        Args:
            seen: (n, tokens, dim) as `see` returns it, or None for dialogues without photos.
            dialogues: one per photo.

        Raises:
            ModelError: a dialogue is longer than `max_length`.
        """
        encoded = [self.encode_dialogue(d, image=seen is not None) for d in dialogues]
        logits = self._run([e.ids for e in encoded], seen).logits
        labels = pad_sequence([torch.tensor(e.labels) for e in encoded], batch_first=True, padding_value=IGNORE)
        return cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten().to(logits.device))

    def loss_apart(self, seen: Tensor | None, dialogues: Sequence[Dialogue], *, as_asked: bool = False) -> Tensor:
        """Return `loss` of dialogues whose turns are conversations of their own: none knows of what came before.

        The same number as `loss` with a photo as often as there are turns about it, but each photo is read once.

        Args:
            seen, dialogues: as for `loss`.
            as_asked: whether questions are put as `encode_prompt` does, where that differs from official training.

        Raises:
            ValueError: there are not as many dialogues as photos.
            ModelError: a turn is longer than `max_length`.
        """
        trees: list[Tree] = []
        learned: list[tuple[int, int, int]] = []
        for dialogue in dialogues:
            tree = Tree()
            for turn in dialogue:
                encoded = (self._encode_as_asked if as_asked else self._encode_turn)(turn, seen is not None)
                nodes = tree.add(encoded.ids)
                learned += [
                    (len(trees), before, label)
                    for before, label in zip(nodes, encoded.labels[1:], strict=False)
                    if label != IGNORE
                ]
            trees.append(tree)
        rows, before, labels = zip(*learned, strict=True)
        hidden = self._read_trees(trees, seen)
        return -self._log_likelihood(hidden[torch.tensor(rows), torch.tensor(before)], labels).mean()

    def _encode_turn(self, turn: tuple[str, str], image: bool) -> Encoded:
        return self.encode_dialogue([turn], image=image)

    def _encode_as_asked(self, turn: tuple[str, str], image: bool) -> Encoded:
        prompt, answer = self.encode_prompt(turn[0], image=image), self.encode_answer(*turn)
        return Encoded([*prompt, *answer], [IGNORE] * len(prompt) + answer)

    @torch.no_grad()
    def answer(self, images: Images | None, questions: Sequence[str], *, max_new_tokens: int = 32) -> list[str]:
        """Return the greedy answers to one question per photo; `images` None asks without photos.

        Raises:
            ValueError: there are not as many questions as photos.
            ModelError: a prompt is longer than `max_length`.
        """
        return self.answer_seen(self._see_all(images, questions), questions, max_new_tokens=max_new_tokens)

    @torch.no_grad()
    def answer_seen(self, seen: Tensor | None, questions: Sequence[str], *, max_new_tokens: int = 32) -> list[str]:
        """Return `answer` of photos that `see` has seen."""
        answers = []
        for rows, part in _batches(seen, questions):
            ids = [self.encode_prompt(q, image=seen is not None) for q in part]
            embeds, mask = self._embed(ids, rows, left=True)
            made = self.language.generate(
                inputs_embeds=embeds,
                attention_mask=mask,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=list(self.stop_ids),
                pad_token_id=self.stop_ids[0],
            )
            answers += [self._text(row) for row in made.tolist()]
        return answers

    @torch.no_grad()
    def score_options(
        self, images: Images | None, questions: Sequence[str], options: Sequence[Sequence[str]]
    ) -> Float[Tensor, "n k"]:
        """Return the log-likelihood in nats of each option as the whole answer, its end included.

        Args:
            images: n photos, or None for questions without.
            questions: one per photo.
            options: as many (k) for each question.

        Raises:
            ValueError: numbers of photos, questions and options do not fit.
            ModelError: a prompt is longer than `max_length`.
        """
        return self.score_seen(self._see_all(images, questions), questions, options)

    @torch.no_grad()
    def score_seen(
        self, seen: Tensor | None, questions: Sequence[str], options: Sequence[Sequence[str]]
    ) -> Float[Tensor, "n k"]:
        """Return `score_options` of photos that `see` has seen."""
        counts = {len(o) for o in options}
        if len(options) != len(questions) or len(counts) != 1 or 0 in counts:
            raise ValueError(f"expected as many options for each of {len(questions)} questions, got {sorted(counts)}")
        scores = self.score_each(seen, [[asked] for asked in zip(questions, options, strict=True)])
        return torch.stack([score for (score,) in scores])

    @torch.no_grad()
    def score_each(self, seen: Tensor | None, asked: Sequence[Sequence[Weighed]]) -> list[list[Float[Tensor, " k"]]]:
        """Return the log-likelihood in nats of each option of several questions about each photo.

        The same numbers as `score_options`, but a photo is read once for many questions and a question once for all
        its options.

        Args:
            seen: n photos as `see` returns them, or None for questions without.
            asked: questions with their options, a list for each photo.

        Raises:
            ValueError: there are not as many lists as photos.
            ModelError: a question with an option is longer than `max_length`.
        """
        if seen is not None and len(seen) != len(asked):
            raise ValueError(f"expected one photo per list of questions, got {len(seen)} for {len(asked)}")
        trees, rows, ends = self._plant(asked, image=seen is not None)
        scores: list[list[Tensor]] = [[] for _ in asked]
        for start in range(0, len(trees), BATCH):
            part = slice(start, start + BATCH)
            hidden = self._read_trees(trees[part], None if seen is None else seen[rows[part]])
            for output, tree, row, questions in zip(hidden, trees[part], rows[part], ends[part], strict=True):
                before = torch.tensor([b for options in questions for nodes in options for b in nodes[:-1]])
                nodes = [n for options in questions for path in options for n in path[1:]]
                likely = self._log_likelihood(output[before], [tree.ids[n] for n in nodes]).cpu()
                lengths = torch.tensor([len(path) - 1 for options in questions for path in options])
                summed = torch.segment_reduce(likely, "sum", lengths=lengths)
                scores[row] += summed.split([len(options) for options in questions])
        return scores

    def _plant(
        self, asked: Sequence[Sequence[Weighed]], *, image: bool
    ) -> tuple[list[Tree], list[int], list[list[list[list[int]]]]]:
        """Return trees of questions and options, the photo of each, and where in each its options are.

        An option is given by its nodes and the one before them. A photo with many questions gets several trees: their
        cost grows with the square of their size.
        """
        trees: list[Tree] = []
        rows: list[int] = []
        ends: list[list[list[list[int]]]] = []
        prompt, answer = cache(self.encode_prompt), cache(self.encode_answer)  # most photos are asked the same
        for row, questions in enumerate(asked):
            tree = None
            for question, options in questions:
                if tree is None or len(tree) > TREE_TOKENS:
                    tree = Tree()
                    trees.append(tree)
                    rows.append(row)
                    ends.append([])
                last = tree.add(prompt(question, image=image))[-1]
                ends[-1].append([[last, *tree.add(answer(question, option), last)] for option in options])
        return trees, rows, ends

    def _read_trees(self, trees: Sequence[Tree], seen: Tensor | None) -> Float[Tensor, "n t width"]:
        """Return what the language model makes of each node, before its last layer weighs the next tokens."""
        ids, places, mask = (t.to(self.device) for t in pad_trees(trees, self.stop_ids[0]))
        embeds = self._fill_in(ids, ids == self.image_id, int(places.max()) + 1, seen)
        read = self.language.model(
            inputs_embeds=embeds, attention_mask=mask.to(embeds.dtype), position_ids=places, use_cache=False
        )
        return read.last_hidden_state

    def _log_likelihood(self, hidden: Float[Tensor, "n width"], ids: Sequence[int]) -> Float[Tensor, " n"]:
        """Return the log-likelihood in nats of each of n tokens behind the nodes that precede them."""
        likely = log_softmax(self.language.get_output_embeddings()(hidden).float(), -1)
        return likely.gather(-1, torch.tensor(ids, device=likely.device)[:, None])[:, 0]

    def _see_all(self, images: Images | None, questions: Sequence[str]) -> Tensor | None:
        if images is None:
            return None
        if len(images) != len(questions):
            raise ValueError(f"expected one question per photo, got {len(questions)} for {len(images)}")
        parts = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
        return torch.cat([self.see(p.to(self.device) if isinstance(p, Tensor) else p) for p in parts])

    def _run(self, ids: Sequence[list[int]], seen: Tensor | None) -> Any:
        embeds, mask = self._embed(ids, seen, left=False)
        return self.language(inputs_embeds=embeds, attention_mask=mask)

    def _embed(self, ids: Sequence[list[int]], seen: Tensor | None, *, left: bool) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, t, width) with the visual tokens in their places, and the attention mask (n, t)."""
        side = "left" if left else "right"
        rows = [torch.tensor(row) for row in ids]
        padded = pad_sequence(rows, batch_first=True, padding_value=self.stop_ids[0], padding_side=side).to(self.device)
        mask = pad_sequence([torch.ones_like(r) for r in rows], batch_first=True, padding_side=side).to(self.device)
        return self._fill_in(padded, (padded == self.image_id) & mask.bool(), max(map(len, ids)), seen), mask

    def _fill_in(self, ids: Tensor, is_image: Tensor, longest: int, seen: Tensor | None) -> Tensor:
        """Return embeddings (n, t, width) of ids (n, t), in place of image ids what the connector makes of `seen`."""
        if longest > self.max_length:
            raise ModelError(
                f"expected at most {self.max_length} tokens for {self.name}, got {longest}", "ask or say less at once"
            )
        embeds: Tensor = self.language.get_input_embeddings()(ids.masked_fill(is_image, 0))
        if seen is None:
            return embeds
        if len(seen) != len(ids):
            raise ValueError(f"expected one photo per text, got {len(seen)} for {len(ids)}")
        visual = self.connector(seen).to(embeds.dtype)
        return embeds.masked_scatter(is_image[..., None], visual)

    def _text(self, ids: list[int]) -> str:
        end = next((i for i, token in enumerate(ids) if token in self.stop_ids), len(ids))
        return self.tokenizer.decode(ids[:end], skip_special_tokens=True).strip()

    # Adapters ---------------------------------------------------------------------------------------------------

    def add_adapters(self, *, lora: Lora | None = None, seed: int = 0) -> list[nn.Parameter]:
        """Put fresh adapters on the model and return what is to be trained, the connector's weights last.

        Args:
            lora: another set-up than the official one.
            seed: of the adapters' initial weights, which change no output yet.

        Raises:
            ModelError: there are adapters already, or no module has a name that fits.
        """
        if self._lora:
            raise ModelError(f"{self.name} has adapters already", "load the model again")
        lora = lora or self.lora
        put_adapters(self, lora, seed)
        self._lora = lora
        return list(name_trained(self, lora).values())

    def save_adapters(self, folder: Path) -> None:
        """Write what `add_adapters` made trainable: one safetensors file and its settings.

        Raises:
            ModelError: there are no adapters.
        """
        if not self._lora:
            raise ModelError(f"{self.name} has no adapters to save", "call add_adapters first")
        write_adapters(self, self._lora, folder)

    def load_adapters(self, folder: Path) -> None:
        """Put the adapters of a folder on this model.

        Raises:
            ModelError: a file is absent or damaged, or the adapters are of another family or shape.
        """
        lora, tensors = read_adapters(folder, self.family)
        self.add_adapters(lora=lora)
        fill_adapters(self, lora, tensors, folder)


def _batches(seen: Tensor | None, questions: Sequence[str]) -> Iterator[tuple[Tensor | None, Sequence[str]]]:
    for i in range(0, len(questions), BATCH):
        yield None if seen is None else seen[i : i + BATCH], questions[i : i + BATCH]
