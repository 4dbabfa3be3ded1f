"""Baselines that move what an encoder makes of a photo, each from the formula of its paper."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import cosine_similarity

from dp2vl.bench.baselines.search import BATCH, Loss, Steps, random_crop
from dp2vl.protect.usual import PEOPLE, PHOTOS, collect, usual_photos
from dp2vl.protect.views import blur
from dp2vl.surrogates.protocol import Features, Surrogate

AUXILIARY, AUXILIARY_WEIGHT = 2, 0.3
"""M-Attack-V2: further targets near the first, and their weight."""
LOCAL_WEIGHT, LOCAL_CENTRES, SINKHORN, ROUNDS = 0.2, 10, 0.1, 30
"""FOA-Attack: weight of the patch tokens, k-means centres of the target's, regularisation and rounds of the plan."""
LOWKEY_SIGMA = 3.0


@dataclass(frozen=True)
class Scene:
    """What a baseline may know: photos (n, 3, h, w), whose they are, and the towers; all on one device."""

    images: Tensor
    people: Sequence[str]
    towers: Sequence[Surrogate]

    @property
    def index(self) -> Tensor:
        """Which person each photo shows, (n,), people numbered in order of appearance."""
        names = list(dict.fromkeys(self.people))
        return torch.tensor([names.index(name) for name in self.people], device=self.images.device)

    def look(self, tower: Surrogate, photos: Sequence[Tensor] = ()) -> Features:
        """Return what a tower makes of photos; of the scene's own if none are given."""
        return collect(tower, photos or self.images.split(BATCH), self.images.device)


Make = Callable[[Scene], Loss]


def stranger(number: int, photo: int = 0) -> Tensor:
    """Return a photo (1, 3, h, w) of a synthetic person outside every data set."""
    return usual_photos()[number % PEOPLE * PHOTOS + photo % PHOTOS]


def _feature_loss(target: Callable[[Scene, int], Tensor], distance: Callable[[Features, Features], Tensor]) -> Make:
    """Return the loss between a photo's features and those of its target: `target(scene, person)` is a photo."""

    def make(scene: Scene) -> Loss:
        index = scene.index
        everyone = range(int(index.max()) + 1)
        aims = [scene.look(tower, [target(scene, p) for p in everyone]) for tower in scene.towers]

        def loss(tower: int, photos: Tensor, rows: Tensor, generator: Generator) -> Tensor:
            return distance(scene.towers[tower].features(photos), _take(aims[tower], index[rows]))

        return loss

    return make


def _take(features: Features, rows: Tensor) -> Features:
    return Features(features.pooled[rows], None if features.tokens is None else features.tokens[rows])


def _grey(scene: Scene, person: int) -> Tensor:
    return torch.full_like(scene.images[:1], 0.5)


def _one_for_all(scene: Scene, person: int) -> Tensor:
    return stranger(0, photo=1)


def _own_stranger(scene: Scene, person: int) -> Tensor:
    return stranger(person + 1)


def _squared(now: Features, aim: Features) -> Tensor:
    return (_map(now) - _map(aim)).square().mean((1, 2))


def _length(now: Features, aim: Features) -> Tensor:
    return (_map(now) - _map(aim)).flatten(1).norm(dim=1)


def _cosine(now: Features, aim: Features) -> Tensor:
    return -cosine_similarity(now.pooled, aim.pooled, dim=-1)


def _map(features: Features) -> Tensor:
    """Return the patch tokens, or the pooled feature as the only one of a tower without."""
    return features.pooled[:, None] if features.tokens is None else features.tokens


def _leave(scene: Scene) -> Loss:
    """VEAttack: every patch token away from its own clean value."""
    clean = [scene.look(tower) for tower in scene.towers]

    def loss(tower: int, photos: Tensor, rows: Tensor, generator: Generator) -> Tensor:
        now = _map(scene.towers[tower].features(photos))
        return cosine_similarity(now, _map(_take(clean[tower], rows)), dim=-1).mean(-1)

    return loss


def _match_crops(area: tuple[float, float], *, auxiliary: int = 0, local: bool = False) -> Make:
    """M-Attack and what was built on it: a crop of the photo resembles a crop of a target, anew in every step.

    Args:
        area: of the target's crops. auxiliary: further targets. local: also match patch tokens by optimal transport.
    """

    def make(scene: Scene) -> Loss:
        index = scene.index
        everyone = range(1, int(index.max()) + 2)
        targets = [torch.cat([stranger(p, extra) for p in everyone]) for extra in range(auxiliary + 1)]

        def loss(tower: int, photos: Tensor, rows: Tensor, generator: Generator) -> Tensor:
            encoder, people = scene.towers[tower], index[rows]
            now, total = encoder.features(photos), torch.zeros(len(photos), device=photos.device)
            for extra in range(auxiliary + 1):
                with torch.no_grad():
                    aims = encoder.features(random_crop(targets[extra].to(photos), area, generator))
                aim = _take(aims, people)
                weight = 1.0 if not extra else AUXILIARY_WEIGHT / auxiliary
                total = total + weight * _cosine(now, aim)
                if local and now.tokens is not None and aims.tokens is not None:
                    centres = torch.stack([_centres(t, generator) for t in aims.tokens])
                    total = total + LOCAL_WEIGHT * _transport(_centres_of(now.tokens, generator), centres[people])
            return total

        return loss

    return make


def _centres_of(tokens: Tensor, generator: Generator) -> Tensor:
    return torch.stack([_centres(t, generator) for t in tokens])


def _centres(tokens: Tensor, generator: Generator) -> Tensor:
    """Return k-means centres of tokens (t, d), differentiable with the assignment held fixed."""
    count = min(LOCAL_CENTRES, len(tokens))
    with torch.no_grad():
        centres = tokens[torch.randperm(len(tokens), generator=generator)[:count]]
        for _ in range(5):
            own = torch.cdist(tokens, centres).argmin(1)
            share = torch.nn.functional.one_hot(own, count).to(tokens)
            centres = (share.T @ tokens) / share.sum(0).clamp_min(1)[:, None]
        share = torch.nn.functional.one_hot(torch.cdist(tokens, centres).argmin(1), count).to(tokens)
    return (share.T @ tokens) / share.sum(0).clamp_min(1)[:, None]


def _transport(now: Tensor, aim: Tensor) -> Tensor:
    """Return the cost (n,) of moving one set of centres (n, k, d) onto the other: entropic plan, cost 1 - cosine."""
    unit = torch.nn.functional.normalize
    cost = 1 - unit(now, dim=-1) @ unit(aim, dim=-1).transpose(1, 2)
    with torch.no_grad():
        kernel = torch.exp(-cost / SINKHORN)
        left = torch.ones_like(cost[:, :, 0])
        for _ in range(ROUNDS):
            right = 1 / (kernel.transpose(1, 2) @ left[..., None])[..., 0] / cost.shape[2]
            left = 1 / (kernel @ right[..., None])[..., 0] / cost.shape[1]
        plan = left[..., None] * kernel * right[:, None]
    return (plan * cost).sum((1, 2))


def _farthest_person(scene: Scene) -> Loss:
    """Fawkes: towards the stranger who is farthest from all photos of the person, by what faces are told apart by."""
    index, aims = scene.index, []
    for tower in scene.towers:
        known = scene.look(tower, [stranger(i) for i in range(PEOPLE)]).who
        own = scene.look(tower).who
        away = torch.cdist(own, known)
        least = torch.stack([away[index == p].amin(0) for p in range(int(index.max()) + 1)])
        aims.append(known[least.argmax(1)])

    def loss(tower: int, photos: Tensor, rows: Tensor, generator: Generator) -> Tensor:
        return (scene.towers[tower].features(photos).who - aims[tower][index[rows]]).norm(dim=-1)

    return loss


def _leave_face(scene: Scene) -> Loss:
    """LowKey: away from what the clean photo is told by, as it is and blurred."""
    clean = [scene.look(tower).who for tower in scene.towers]

    def loss(tower: int, photos: Tensor, rows: Tensor, generator: Generator) -> Tensor:
        own = clean[tower][rows]
        versions = (photos, blur(photos, LOWKEY_SIGMA))
        return -sum(
            ((scene.towers[tower].features(v).who - own).norm(dim=-1) / own.norm(dim=-1) for v in versions),
            torch.zeros((), device=photos.device),
        )

    return loss


ENCODER_METHODS: dict[str, tuple[Make, Steps]] = {
    "photoguard": (_feature_loss(_grey, _squared), Steps(size=1.0, decay=True)),
    "nightshade": (_feature_loss(_one_for_all, _squared), Steps(size=1.0, decay=True)),
    "attackvlm": (_feature_loss(_own_stranger, _cosine), Steps(size=1.0)),
    "veattack": (_leave, Steps(size=1.0, momentum=0.9)),
    "shadowcast": (_feature_loss(_own_stranger, _length), Steps(size=0.5, decay=True)),
    "shadowcast-jpeg": (_feature_loss(_own_stranger, _length), Steps(size=0.5, decay=True, jpeg=75)),
    "m-attack": (_match_crops((0.5, 0.9)), Steps(size=0.5, area=(0.5, 0.9))),
    "m-attack-v2": (
        _match_crops((0.9, 1.0), auxiliary=AUXILIARY),
        Steps(size=0.64, rule="adam", views=4, area=(0.5, 1.0)),
    ),
    "foa": (_match_crops((0.5, 0.9), local=True), Steps(size=0.5, area=(0.5, 0.9))),
    "fawkes": (_farthest_person, Steps(size=1.0)),
    "lowkey": (_leave_face, Steps(size=1.0)),
}
"""Name -> what it makes small, and how it walks; what is not said in `Steps` is one look per step and tower."""
