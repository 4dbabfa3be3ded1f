"""The modern families, through transformers' own classes: Qwen2-VL to Qwen3-VL, LLaVA-OneVision, SmolVLM and Idefics3,
InternVL3, PaliGemma 2, Gemma 3. What differs between them is in the table `modern_families.MODERN`.

They cut a photo into as many tiles or patches as suit its size, and mark the places of visual tokens in their own ways.
So these models take photos, not tokens, and the official processors put text and photo together.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax
from torch.nn.utils.rnn import pad_sequence

from dp2vl.errors import ModelError
from dp2vl.preprocess import check_size
from dp2vl.vlm.base import BATCH, IGNORE, VLM, Dialogue, Encoded, Weighed
from dp2vl.vlm.checkpoint import load_whole, read_config
from dp2vl.vlm.loading import TYPES
from dp2vl.vlm.modern_families import MODERN
from dp2vl.vlm.modern_pixels import VIEWS, features_of
from dp2vl.vlm.modern_processors import load_processor, pad_rows, photos_of, rows_of, to_pillow
from dp2vl.vlm.tower import Images

MARK = "\u241eanswer\u241e"
"""Stands for an answer while a template is rendered: no template changes it, nobody says it."""


class ModernVLM(VLM):
    """A model of one of the families in `MODERN`. It offers what `VLM` does, with photos wherever that has tokens.

    There is no `tower` and no fixed number of `image_tokens`: `see` returns the photos themselves, so that
    `loss(see(images), dialogues)` and `loss(images, dialogues)` are the same. Answers, scores and losses use the
    official processor on 8-bit photos, and have no gradient with respect to them; `visual_features` has one.

    Attributes:
        name, family, tokenizer, connector, lora, stop_ids, image_id, max_length: as in `VLM`.
        language: the whole model of transformers, vision included.
        processor: of transformers, for images and text.
        settings: the row of `MODERN`.

    Raises:
        ModelError: the processor has no chat template, or the tokenizer does not know the end of an answer.
    """

    def __init__(self, name: str, family: str, model: Any, processor: Any) -> None:
        self.name, self.family, self.settings = name, family, MODERN[family]
        self.language, self.processor, self.tokenizer = model, processor, processor.tokenizer
        self.connector = nn.ModuleList(model.get_submodule(part) for part in self.settings.connector)
        self.lora = self.settings.lora
        self.image_id = model.config.image_token_id
        self.max_length = model.config.get_text_config().max_position_embeddings
        if not (self.settings.plain or processor.chat_template):
            raise ModelError(f"{name} has no chat template", "fetch the checkpoint again, with chat_template.jinja")
        end = self.tokenizer.convert_tokens_to_ids(self.settings.end)
        if end is None or end == self.tokenizer.unk_token_id:
            raise ModelError(
                f"the tokenizer of {name} does not know {self.settings.end}",
                "take tokenizer and weights from one repository",
            )
        others = {self.tokenizer.eos_token_id} - {None, end}
        self.stop_ids = (end, *sorted(others))

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        return (self.language,)

    # Photos -----------------------------------------------------------------------------------------------------

    def see(self, images: Images) -> Images:  # type: ignore[override]
        """Return the photos: how many tokens one becomes depends on its size, and the tower's alone tell nothing."""
        return images

    def visual_features(  # type: ignore[override]
        self, images: Images
    ) -> Float[Tensor, "n tokens width"] | list[Float[Tensor, "tokens width"]]:
        """Return what the language model gets of photos, of all their tiles, differentiable with respect to them.

        Preprocessing agrees with the official processor within 2/255. For Qwen3-VL the width is that of the merged
        tokens and, behind them, of those that enter its first layers (deepstack). Costs the tower's memory once per
        tile; a photo that was reduced before costs less.

        Returns:
            One tensor where all photos have as many tokens, otherwise one for each photo.
        """
        rows = []
        for image in images:
            check_size(*image.shape[-2:])
            view = VIEWS[self.settings.view](self.processor.image_processor, image.to(self.device))
            rows.append(features_of(self.language.get_image_features(**self._cast(view), return_dict=True)))
        return torch.stack(rows) if len({len(row) for row in rows}) == 1 else rows

    def _cast(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """Return tensors on the model's device, floats in its type."""
        dtype = self.language.dtype
        return {
            key: value.to(self.device, dtype if value.is_floating_point() else None)
            for key, value in tensors.items()
            if isinstance(value, Tensor)
        }

    # Text -------------------------------------------------------------------------------------------------------

    def encode_prompt(self, question: str, *, image: bool = True) -> list[int]:
        """Return the ids up to where the answer begins, with one placeholder that the processor widens."""
        prompt = self._prompt(question, image)
        if self.settings.plain:  # the rest of it is what the processor writes around a question
            photo = self.processor.image_token
            prompt = f"{photo}{self.tokenizer.bos_token}{prompt.removeprefix(photo)}\n"
        return self._ids(prompt)

    def encode_answer(self, question: str, answer: str) -> list[int]:
        return self._ids(self.settings.lead + self._plain(answer) + self.settings.end)

    def encode_dialogue(self, dialogue: Dialogue, *, image: bool = True) -> Encoded:
        """Return ids and labels, with one placeholder that the processor widens.

        Every answer stands where it would be made: behind the prompt as the template writes it for the next answer.

        Raises:
            ModelError: the family knows no dialogues and this is one.
        """
        prompt = self.encode_prompt(dialogue[0][0], image=image)
        rest = self._rest(dialogue, image)
        return Encoded(prompt + rest.ids, [IGNORE] * len(prompt) + rest.labels)

    def _rest(self, dialogue: Dialogue, image: bool) -> Encoded:
        """Return what follows the prompt of the first question."""
        ids, labels = [], []
        for i, (question, answer) in enumerate(dialogue):
            if i:
                between = self._ids(self._between(dialogue[i - 1][0], question, image))
                ids += between
                labels += [IGNORE] * len(between)
            coded = self.encode_answer(question, answer)
            ids += coded
            labels += coded
        return Encoded(ids, labels)

    def _prompt(self, question: str, image: bool) -> str:
        if not self.settings.plain:
            return self._render([_said("user", self._plain(question), image)])
        if not image:
            raise ModelError(f"{self.name} answers about photos only", "give it one")
        return self.processor.image_token + self.settings.plain.format(question=self._plain(question))

    def _between(self, before: str, question: str, image: bool) -> str:
        """Return what stands between the end mark of an answer and the next answer."""
        if self.settings.plain:
            raise ModelError(f"{self.name} knows no dialogues", "ask once about each photo")
        first, second = self._plain(before), self._plain(question)
        turns = [_said("user", first, image), _said("assistant", MARK), _said("user", second)]
        after = self._render(turns).rpartition(MARK)[2]
        if not after.startswith(self.settings.end):
            raise ModelError(
                f"the chat template of {self.name} does not end answers with {self.settings.end}",
                "fetch the checkpoint again",
            )
        return after.removeprefix(self.settings.end)

    def _render(self, turns: list[dict[str, Any]]) -> str:
        return self.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def _plain(self, text: str) -> str:
        """Return text that does not claim to be a photo."""
        return text.replace(self.processor.image_token, "").strip()

    # Both -------------------------------------------------------------------------------------------------------

    def _read(self, images: Images | None, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Return the official processor's tensors, padded on the left."""
        for image in () if images is None else images:
            check_size(*image.shape[-2:])
        # templates write what the tokenizer would add
        begun = any(prompts[0].startswith(token) for token in [self.tokenizer.bos_token] if token)
        read = self.processor(
            text=list(prompts),
            images=None if images is None else [[to_pillow(image)] for image in images],
            padding=True,
            padding_side="left",
            add_special_tokens=not begun,
            return_tensors="pt",
        )
        read.pop("labels", None)
        if read["input_ids"].shape[1] > self.max_length:
            raise self._too_long(read["input_ids"].shape[1])
        return self._cast(read)

    def _too_long(self, tokens: int) -> ModelError:
        return ModelError(
            f"expected at most {self.max_length} tokens for {self.name}, got {tokens}",
            "ask or say less at once, or reduce the photo",
        )

    def loss(self, seen: Images | None, dialogues: Sequence[Dialogue]) -> Tensor:
        """Return the mean cross-entropy in nats over all learned tokens of a batch, a scalar.

        PaliGemma, which knows no dialogues, learns each question and answer as one about the photo.

        Args:
            seen: n photos, or None for dialogues without.
            dialogues: one per photo.

        Raises:
            ValueError: there are not as many dialogues as photos.
            ModelError: a dialogue is longer than `max_length`.
        """
        _check_count(seen, dialogues)
        images = None if seen is None else list(seen)
        if self.settings.plain:
            images = None if images is None else [i for i, d in zip(images, dialogues, strict=True) for _ in d]
            dialogues = [[turn] for dialogue in dialogues for turn in dialogue]
        read = self._read(images, [self._prompt(d[0][0], images is not None) for d in dialogues])
        rests = [self._rest(dialogue, images is not None) for dialogue in dialogues]
        rows = rows_of(read)
        labels = [
            torch.tensor([IGNORE] * len(row["input_ids"]) + rest.labels) for row, rest in zip(rows, rests, strict=True)
        ]
        whole = [self._longer(row, rest.ids) for row, rest in zip(rows, rests, strict=True)]
        tokens = pad_rows(whole, self.stop_ids[0])
        longest = tokens["input_ids"].shape[1]
        if longest > self.max_length:
            raise self._too_long(longest)
        # from the first learned token on: the logits of a prompt full of visual tokens are large and not needed
        first = min(len(row["input_ids"]) for row in rows)
        target = pad_sequence(labels, batch_first=True, padding_value=IGNORE)[:, first:].to(self.device)
        out = self.language(**tokens, **photos_of(read), logits_to_keep=longest - first + 1, use_cache=False)
        return cross_entropy(out.logits[:, :-1].flatten(0, 1).float(), target.flatten())

    def loss_apart(self, seen: Images | None, dialogues: Sequence[Dialogue], *, as_asked: bool = False) -> Tensor:
        """Return `loss` of dialogues whose turns are conversations of their own; a photo is read for each.

        `as_asked` changes nothing: these families put questions in training as they are asked.
        """
        _check_count(seen, dialogues)
        images = None if seen is None else [i for i, dialogue in zip(seen, dialogues, strict=True) for _ in dialogue]
        return self.loss(images, [[turn] for dialogue in dialogues for turn in dialogue])

    def _longer(self, row: dict[str, Tensor], ids: list[int]) -> dict[str, Tensor]:
        """Return the tensors of one row with the tokens of an answer behind it."""
        new = torch.tensor(ids, device=self.device)
        kinds = torch.full_like(new, self.settings.answer_type)
        return {key: torch.cat([old, new if key == "input_ids" else kinds.to(old)]) for key, old in row.items()}

    @torch.no_grad()
    def answer(self, images: Images | None, questions: Sequence[str], *, max_new_tokens: int = 32) -> list[str]:
        """Return the greedy answers to one question per photo; `images` None asks without photos.

        Raises:
            ValueError: there are not as many questions as photos.
            ModelError: a prompt is longer than `max_length`, or the family needs photos.
        """
        _check_count(images, questions)
        answers = []
        for i in range(0, len(questions), BATCH):
            prompts = [self._prompt(q, images is not None) for q in questions[i : i + BATCH]]
            read = self._read(None if images is None else images[i : i + BATCH], prompts)
            made = self.language.generate(
                **read,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=list(self.stop_ids),
                pad_token_id=self.stop_ids[0],
            )
            answers += [self._text(row) for row in made[:, read["input_ids"].shape[1] :].tolist()]
        return answers

    def answer_seen(self, seen: Images | None, questions: Sequence[str], *, max_new_tokens: int = 32) -> list[str]:
        return self.answer(seen, questions, max_new_tokens=max_new_tokens)

    @torch.no_grad()
    def score_options(
        self, images: Images | None, questions: Sequence[str], options: Sequence[Sequence[str]]
    ) -> Float[Tensor, "n k"]:
        """Return the log-likelihood in nats of each option as the whole answer, its end included.

        Photos are read one by one, each once for all its options.

        Args:
            images: n photos, or None for questions without.
            questions: one per photo.
            options: as many (k) for each question.

        Raises:
            ValueError: numbers of photos, questions and options do not fit.
            ModelError: a prompt is longer than `max_length`, or the family needs photos.
        """
        _check_count(images, questions)
        counts = {len(o) for o in options}
        if len(options) != len(questions) or len(counts) != 1 or 0 in counts:
            raise ValueError(f"expected as many options for each of {len(questions)} questions, got {sorted(counts)}")
        photos = [None] * len(questions) if images is None else [image[None] for image in images]
        return torch.stack([self._score_one(*asked) for asked in zip(photos, questions, options, strict=True)])

    def score_seen(
        self, seen: Images | None, questions: Sequence[str], options: Sequence[Sequence[str]]
    ) -> Float[Tensor, "n k"]:
        return self.score_options(seen, questions, options)

    @torch.no_grad()
    def score_each(self, seen: Images | None, asked: Sequence[Sequence[Weighed]]) -> list[list[Float[Tensor, " k"]]]:
        """Return the log-likelihood in nats of each option of several questions about each photo, read once for each.

        Raises:
            ValueError: there are not as many lists as photos.
            ModelError: a prompt is longer than `max_length`, or the family needs photos.
        """
        _check_count(seen, asked)
        photos = [None] * len(asked) if seen is None else [image[None] for image in seen]
        return [[self._score_one(p, *one) for one in some] for p, some in zip(photos, asked, strict=True)]

    def _score_one(self, photo: Tensor | None, question: str, options: Sequence[str]) -> Float[Tensor, " k"]:
        read = self._read(photo, [self._prompt(question, photo is not None)])
        endings = [torch.tensor(self.encode_answer(question, option)) for option in options]
        answers = pad_sequence(endings, batch_first=True).to(self.device)
        known = pad_sequence([torch.ones_like(e) for e in endings], batch_first=True).to(self.device)
        # here the Qwen families keep how far the last photo moved the text; without a photo it would move it again
        self.language.model.rope_deltas = None
        out = self.language(**read, use_cache=True, logits_to_keep=1)
        logits = out.logits.repeat_interleave(len(options), 0)
        if answers.shape[1] > 1:
            out.past_key_values.batch_repeat_interleave(len(options))
            # no mask and no positions: nothing is padded before, and what is behind an answer changes nothing
            rest = self.language(input_ids=answers[:, :-1], past_key_values=out.past_key_values, use_cache=True)
            logits = torch.cat([logits, rest.logits], 1)
        likely = log_softmax(logits.float(), -1).gather(-1, answers[..., None])[..., 0]
        return (likely * known).sum(1)


def _said(role: str, text: str, image: bool = False) -> dict[str, Any]:
    photo = [{"type": "image"}] if image else []
    return {"role": role, "content": [*photo, {"type": "text", "text": text}]}


def _check_count(images: Images | None, texts: Sequence[Any]) -> None:
    if images is not None and len(images) != len(texts):
        raise ValueError(f"expected one question or dialogue per photo, got {len(texts)} for {len(images)}")


def load(spec: str, folder: Path, *, dtype: torch.dtype = torch.float32) -> ModernVLM:
    """Return a whole model of one of the families in `MODERN`.

    Raises:
        ModelError: it is of another family, incomplete or damaged, or its processor does not fit.
    """
    family = read_config(folder).get("model_type", "")
    if family not in MODERN:
        known = [*TYPES, *MODERN]
        near = (get_close_matches(family, known, n=1, cutoff=0.0) or known)[0]
        hint = "take its repository whose name ends in -hf" if family == "internvl_chat" else "see `dp2vl models list`"
        raise ModelError(
            f"expected {spec} to be of type {', '.join(known)}, got {family or 'none'}; the nearest is {near}", hint
        )
    settings = MODERN[family]
    processor = load_processor(spec, folder, settings.processor)
    model = load_whole(spec, folder, getattr(transformers, settings.model), dtype=dtype)
    return ModernVLM(spec, family, model, processor).freeze()
