"""Baselines that look at all photos at once: one change for all, one per cluster, or what makes training easy.

Each looks once per step at every photo with every tower, and always at photos within the budget: a change that photos
share is made as small on each of them as its similarity asks.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax, softmax

from dp2vl.bench.baselines.encoders import Scene
from dp2vl.bench.baselines.search import BATCH, carried
from dp2vl.protect.budget import Similarity
from dp2vl.types import Budget

CLUSTERS, LLOYD = 10, 20
EM_ROUNDS, EM_FIT, EM_STEP = 10, 60, 1.0
"""Error-minimising noise: how often reader and noise take turns, steps of the reader, step of the noise in levels."""


def universal(scene: Scene, *, budget: Budget, steps: int, generator: Generator) -> Tensor:
    """Return one change for all photos that moves features from where they were (X-Transfer, arXiv 2505.05528).

    Signs of the towers' gradients are averaged. Each photo is looked at `steps` times, as in all other methods.
    """
    clean = [scene.look(tower).pooled for tower in scene.towers]
    change = torch.zeros_like(scene.images[:1])
    for _ in range(steps):
        for rows in torch.randperm(len(scene.images), generator=generator).split(BATCH):
            change = _shared_step(scene, clean, change, rows, budget)
    return change.expand_as(scene.images).clone()


def _shared_step(scene: Scene, clean: Sequence[Tensor], change: Tensor, rows: Tensor, budget: Budget) -> Tensor:
    total, photos = torch.zeros_like(change), scene.images[rows]
    share = carried(photos, change.expand_as(photos), budget.ssim)
    for tower, own in zip(scene.towers, clean, strict=True):
        leaf = change.clone().requires_grad_()
        now = tower.features((photos + share * leaf).clamp(0, 1)).pooled
        (slope,) = torch.autograd.grad(cosine_similarity(now, own[rows], dim=-1).mean(), leaf)
        total += slope.sign()
    return (change - 0.5 / 255 * total / len(scene.towers)).clamp(-budget.linf, budget.linf)


def clusters(scene: Scene, *, budget: Budget, steps: int, generator: Generator) -> Tensor:
    """Return one change per cluster of photos that moves them to the next cluster (Unlearnable Clusters, 2301.01217).

    Clusters are k-means of the pooled features of each tower, joined; the loss is the divergence of softmax features.
    The paper's generator network is left out: each cluster's change is found directly.
    """
    pooled = [scene.look(tower).pooled for tower in scene.towers]
    joined = torch.cat([torch.nn.functional.normalize(p, dim=1) for p in pooled], 1)
    own = _k_means(joined, min(CLUSTERS, len(joined)), generator)
    count = int(own.max()) + 1
    centres = [torch.stack([p[own == k].mean(0) for k in range(count)]) for p in pooled]
    changes = torch.zeros(count, *scene.images.shape[1:]).to(scene.images).requires_grad_()
    adam = torch.optim.Adam([changes], lr=budget.linf / 10)
    for _ in range(steps):
        for rows in torch.randperm(len(scene.images), generator=generator).split(BATCH):
            adam.zero_grad()
            photos = scene.images[rows]
            share = carried(photos, changes.detach()[own[rows]], budget.ssim)
            for tower, aims in zip(scene.towers, centres, strict=True):
                now = tower.features((photos + share * changes[own[rows]]).clamp(0, 1)).pooled
                aim = aims[(own[rows] + 1) % count]
                kl_div(log_softmax(now, -1), softmax(aim, -1), reduction="batchmean").backward()
            adam.step()
            with torch.no_grad():
                changes.clamp_(-budget.linf, budget.linf)
    return changes.detach()[own]


def _k_means(points: Tensor, count: int, generator: Generator) -> Tensor:
    """Return the cluster of each point, numbered without gaps."""
    centres = points[torch.randperm(len(points), generator=generator)[:count]]
    own = torch.cdist(points, centres).argmin(1)
    for _ in range(LLOYD):
        centres = torch.stack([points[own == k].mean(0) if (own == k).any() else centres[k] for k in range(count)])
        own = torch.cdist(points, centres).argmin(1)
    return own.unique(return_inverse=True)[1]


def minimise_error(scene: Scene, *, budget: Budget, steps: int, generator: Generator) -> Tensor:
    """Return changes that a reader of identity on frozen features fits most easily (error-minimising, 2101.04898).

    In turns, a linear reader per tower learns who is on the changed photos, and signed steps lower its loss.
    """
    index, change = scene.index, torch.zeros_like(scene.images)
    batches = [(rows, Similarity(scene.images[rows])) for rows in torch.arange(len(scene.images)).split(BATCH)]
    for _ in range(EM_ROUNDS):
        photos = (scene.images + change).clamp(0, 1).split(BATCH)
        readers = [_fit_reader(scene.look(tower, photos).pooled, index) for tower in scene.towers]
        for _ in range(max(1, steps // EM_ROUNDS)):
            for rows, similarity in batches:
                total = torch.zeros_like(change[rows])
                for tower, (weights, offset, mean, scale) in zip(scene.towers, readers, strict=True):
                    leaf = change[rows].clone().requires_grad_()
                    now = tower.features((scene.images[rows] + leaf).clamp(0, 1)).pooled
                    loss = cross_entropy(((now - mean) / scale) @ weights + offset, index[rows], reduction="sum")
                    (slope,) = torch.autograd.grad(loss, leaf)
                    total += slope / slope.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
                moved = (change[rows] - EM_STEP / 255 * total.sign()).clamp(-budget.linf, budget.linf)
                change[rows] = similarity.fit(moved, budget.ssim)
    return change


def _fit_reader(pooled: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return weights, offset, mean and scale of a linear reader of who is on each photo."""
    mean, scale = pooled.mean(0), pooled.std(0) + 1e-4
    inputs = (pooled - mean) / scale
    weights = torch.zeros(inputs.shape[1], int(index.max()) + 1).to(pooled).requires_grad_()
    offset = torch.zeros(weights.shape[1]).to(pooled).requires_grad_()
    search = torch.optim.LBFGS([weights, offset], max_iter=EM_FIT)

    def close() -> Tensor:
        search.zero_grad()
        loss = cross_entropy(inputs @ weights + offset, index) + 2e-3 * weights.square().sum()
        loss.backward()
        return loss

    search.step(close)
    return weights.detach(), offset.detach(), mean, scale
