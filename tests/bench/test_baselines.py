import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dp2vl.bench.baselines import external
from dp2vl.bench.baselines.encoders import ENCODER_METHODS, Scene, stranger
from dp2vl.bench.baselines.external import method_digest
from dp2vl.bench.baselines.names import BASELINES, PIXELATE
from dp2vl.bench.baselines.registry import apply_baseline
from dp2vl.protect.budget import Similarity
from dp2vl.protect.quality import ssim
from dp2vl.types import Budget
from tower_tools import TinyTower

BUDGET = Budget(linf=6 / 255, ssim=0.9)
PEOPLE = ["ann", "ann", "bob", "bob"]
TOWER = TinyTower()


def photos() -> list[np.ndarray]:
    """Return two scenes of two people: smooth, with some texture."""
    found = []
    for i in range(4):
        rng = np.random.default_rng(i)
        base = np.kron(rng.integers(60, 200, (4, 4, 3)), np.ones((12, 12, 1)))
        found.append((base + rng.normal(0, 12, base.shape)).clip(0, 255).astype(np.uint8))
    return found


def change(name: str, *, steps: int = 12, seed: int = 0, budget: Budget = BUDGET) -> list[np.ndarray]:
    boxes = [[[4, 4, 28, 28]]] * 4
    return apply_baseline(name, photos(), PEOPLE, [TOWER], budget=budget, steps=steps, seed=seed, boxes=boxes)


def tensor(pixels: list[np.ndarray]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in pixels]).float() / 255


@pytest.mark.parametrize("name", [n for n in BASELINES if n != PIXELATE])
def test_every_baseline_makes_use_of_the_budget_and_keeps_it(name):
    for before, after in zip(photos(), change(name), strict=True):
        moved = np.abs(before.astype(int) - after.astype(int))
        assert 2 <= moved.max() <= 6
        assert moved.mean() > 0.3
        assert ssim(before, after) > BUDGET.ssim - 0.01


@pytest.mark.parametrize("name", ["m-attack-v2", "photoguard", "pil", "lsp"])
def test_the_same_seed_gives_the_same_photos_and_another_one_others(name):
    first, again, other = change(name, steps=3), change(name, steps=3), change(name, steps=3, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", ENCODER_METHODS)
def test_what_a_method_makes_small_gets_smaller_than_noise_makes_it(name):
    make, _ = ENCODER_METHODS[name]
    scene = Scene(tensor(photos()), PEOPLE, [TOWER])
    loss = make(scene)

    def end(images: torch.Tensor) -> float:
        return float(loss(0, images, torch.arange(4), torch.Generator().manual_seed(0)).detach().mean())

    signs = torch.randn(scene.images.shape, generator=torch.Generator().manual_seed(3)).sign()
    noisy = (scene.images + BUDGET.linf * signs).clamp(0, 1)
    free = Budget(linf=BUDGET.linf, ssim=0.0)
    assert end(tensor(change(name, budget=free))) < min(end(noisy), end(scene.images))


@pytest.mark.parametrize("name", ["fawkes", "veattack", "attackvlm"])
def test_a_method_that_searches_within_the_similarity_gets_further_than_one_shrunk_to_it_afterwards(name):
    tight, free = Budget(linf=12 / 255, ssim=0.98), Budget(linf=12 / 255, ssim=0.0)
    scene = Scene(tensor(photos()), PEOPLE, [TOWER])
    loss, within = ENCODER_METHODS[name][0](scene), Similarity(scene.images)

    def end(budget: Budget) -> float:
        moved = tensor(change(name, budget=budget, steps=20)) - scene.images
        after = scene.images + within.fit(moved, tight.ssim)
        return float(loss(0, after, torch.arange(4), torch.Generator().manual_seed(0)).detach().mean())

    assert end(tight) < end(free)


def test_the_digest_of_a_baseline_changes_when_the_search_does(tmp_path, monkeypatch):
    before = {name: method_digest(name) for name in ("fawkes", "veattack", "noise")}
    assert before["fawkes"] != before["veattack"] and before["noise"] == "noise"
    copy = Path(shutil.copytree(external.ROOM, tmp_path / "room"))
    monkeypatch.setattr(external, "ROOM", copy)
    assert method_digest("fawkes") == before["fawkes"]
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    (other / "search.py").write_text((copy / "search.py").read_text().replace("BATCH = 24", "BATCH = 12"))
    monkeypatch.setattr(external, "ROOM", other)
    assert method_digest("fawkes") != before["fawkes"]
    assert method_digest("noise") == before["noise"]


def test_patterns_are_shared_by_all_or_by_the_photos_of_a_person():
    wide = Budget(linf=BUDGET.linf, ssim=0.0)
    for name, apart in (("shared-pattern", False), ("lsp", True), ("universal", False)):
        moved = [a.astype(int) - b for a, b in zip(change(name, budget=wide), photos(), strict=True)]
        inside = np.all([(p > 6) & (p < 249) for p in photos()], axis=0)
        kept = [m[inside] for m in moved]
        assert np.array_equal(kept[0], kept[1]) and np.array_equal(kept[2], kept[3])
        assert np.array_equal(kept[0], kept[2]) is not apart


def test_pixelated_faces_change_inside_the_box_alone():
    before, after = photos()[0], change(PIXELATE)[0]
    outside = np.ones(before.shape[:2], bool)
    outside[4:28, 4:28] = False
    assert np.array_equal(before[outside], after[outside])
    assert after[4:8, 4:8].reshape(-1, 3).std(0).max() == 0
    assert not np.array_equal(before, after)


def test_strangers_are_told_apart_by_number_and_photo():
    assert not torch.equal(stranger(1), stranger(2))
    assert not torch.equal(stranger(1), stranger(1, photo=1))


def test_an_unknown_baseline_and_a_missing_person_are_refused():
    with pytest.raises(ValueError, match="expected one of"):
        change("magic")
    with pytest.raises(ValueError, match="people"):
        apply_baseline("lsp", photos(), PEOPLE[:3], [TOWER], budget=BUDGET)
