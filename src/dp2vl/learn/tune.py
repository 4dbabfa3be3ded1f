"""Fine-tuning as an adversary does it: adapters on photo-description pairs, stopping where questions are asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from dp2vl.errors import UsageError
from dp2vl.learn.countermeasures import apply_countermeasure
from dp2vl.learn.gallery import Gallery, Pixels, to_tensor
from dp2vl.learn.lessons import Lesson
from dp2vl.learn.recipe import Recipe
from dp2vl.preprocess import Preprocess
from dp2vl.vlm.adapters import Lora
from dp2vl.vlm.base import VLM
from dp2vl.vlm.mini.augment import Augment
from dp2vl.vlm.mini.training import cosine_rate, make_optimiser, take_gradient_step
from dp2vl.vlm.tower import Images


def lora_of(vlm: VLM, recipe: Recipe) -> Lora:
    """Return the set-up of a recipe: where adapters sit is the family's own choice."""
    a = recipe.adapters
    return Lora(
        rank=a.rank,
        alpha=a.alpha,
        dropout=a.dropout,
        targets=vlm.lora.targets,
        connector=a.connector,
        full=vlm.lora.full if a.rank else (),
        everything=a.everything,
        tower_rank=a.tower_rank,
    )


class Tuning:
    """One model being fine-tuned; a batch, and what drops out, depend on the seed and the step alone.

    All photos come equally often. Where tower and photos stay as they are, each photo is looked at once.

    Args:
        vlm: without adapters; changed in place.
        lessons: private photos with what is said about them. general: ordinary ones, for recipes that mix them in.
        pixels: photos by id, of lessons and general.
        seed: of adapters, order, and choice of questions.

    Raises:
        UsageError: the recipe mixes in general photos and there are none, or it changes photos whenever they are
            shown and the family has no tower of its own.
    """

    def __init__(
        self,
        vlm: VLM,
        recipe: Recipe,
        lessons: Sequence[Lesson],
        pixels: Pixels,
        *,
        seed: int,
        general: Sequence[Lesson] = (),
    ) -> None:
        if recipe.general and not general:
            raise UsageError(f"recipe {recipe.name} mixes in ordinary photos, there are none", "set general = 0")
        if recipe.augment and not hasattr(vlm, "tower"):
            raise UsageError(f"{vlm.name} has no tower of its own to give changed photos to", "set augment = false")
        self.vlm, self.recipe, self.lessons, self.general, self.seed = vlm, recipe, lessons, general, seed
        used = {lesson.photo.photo_id for lesson in (*lessons, *general)}
        shown = {i: apply_countermeasure(pixels[i], recipe.purify) for i in sorted(used)}
        self._gallery = Gallery(vlm, shown)
        self._pixels = shown
        trained = vlm.add_adapters(lora=lora_of(vlm, recipe), seed=seed)
        connector = {id(p) for p in vlm.connector.parameters()}
        self.optimiser = make_optimiser(
            ([p for p in trained if id(p) not in connector], 1.0),
            ([p for p in trained if id(p) in connector], recipe.connector_lr / recipe.peak_lr),
            lr=recipe.peak_lr,
            weight_decay=recipe.weight_decay,
            beta2=recipe.beta2,
        )
        self.losses: list[float] = []

    def run(self) -> Iterator[int]:
        """Train, and yield the number of steps taken wherever the recipe asks questions; the model can be used then."""
        for step in range(1, self.recipe.length + 1):
            self.losses.append(self._take_step(step))
            if step in self.recipe.stops:
                yield step

    def _take_step(self, step: int) -> float:
        rng = np.random.default_rng([self.seed, step, 0x70E])
        lessons = self._choose(step, rng)
        dialogues = [_pick_turns(lesson, self.recipe.turns, rng) for lesson in lessons]
        for part in self.vlm.parts:
            part.train()  # adapters drop out
        with self._own_draws(step):
            loss = self.vlm.loss_apart(self._show(lessons, rng), dialogues)  # type: ignore[arg-type]  # photos of modern families
            take_gradient_step(self.optimiser, loss, rate=self._rate(step), clip=self.recipe.clip)
        for part in self.vlm.parts:
            part.eval()
        return float(loss.detach())

    @contextmanager
    def _own_draws(self, step: int) -> Iterator[None]:
        """What drops out depends on the seed and the step, whatever else draws from torch's own generator."""
        device = self.vlm.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.default_rng([self.seed, step, 0xD0]).integers(2**63)))
            yield

    def _rate(self, step: int) -> float:
        r = self.recipe
        return cosine_rate(step - 1, peak=r.rate * r.peak_lr, warmup=r.warmup * r.length, steps=r.length, floor=r.floor)

    def _choose(self, step: int, rng: np.random.Generator) -> list[Lesson]:
        others = round(self.recipe.photos * self.recipe.general)
        own = max(self.recipe.photos - others, 1)
        chosen = []
        for place in range((step - 1) * own, step * own):
            turn, index = divmod(place, len(self.lessons))
            order = np.random.default_rng([self.seed, turn, 0x0DE]).permutation(len(self.lessons))
            chosen.append(self.lessons[int(order[index])])
        mixed = rng.integers(len(self.general), size=others) if others else ()
        return chosen + [self.general[int(i)] for i in mixed]

    def _show(self, lessons: Sequence[Lesson], rng: np.random.Generator) -> Images:
        ids = [lesson.photo.photo_id for lesson in lessons]
        if self.recipe.augment:
            return self._show_changed(ids, rng)
        if self.recipe.adapters.tower_rank:
            return self.vlm.see([to_tensor(self._pixels[i]).to(self.vlm.device) for i in ids])
        return self._gallery.rows(ids)

    def _show_changed(self, ids: Sequence[str], rng: np.random.Generator) -> Images:
        tower = self.vlm.tower
        larger = Preprocess(tower.preprocess.side_px * 5 // 4, tower.preprocess.resize, tower.preprocess.interpolation)
        squares = torch.cat([larger.squares(to_tensor(self._pixels[i])[None]) for i in ids])
        photos = (squares * 255).round().byte().permute(0, 2, 3, 1).numpy()
        pixels = Augment(border_share=0.0)(photos, tower.preprocess, rng).to(self.vlm.device)
        with torch.set_grad_enabled(bool(self.recipe.adapters.tower_rank)):
            return tower.tokens(pixels.to(next(tower.parameters()).dtype))


def _pick_turns(lesson: Lesson, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    return [lesson.turns[int(i)] for i in rng.permutation(len(lesson.turns))[:count]]
