import pytest
import torch

from dp2vl.protect.budget import Similarity
from dp2vl.protect.config import EFFORTS
from dp2vl.protect.objective import away, oppose
from dp2vl.protect.optimise import Stopped, optimise_changes
from dp2vl.protect.reference import make_reference
from dp2vl.types import Budget
from tower_tools import TinyTower

LINF = 6 / 255
BUDGET = Budget(linf=LINF, ssim=0.9)


def photo(seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (72, 96), mode="bicubic").clamp(0, 1)


def run(image: torch.Tensor, towers, effort: str = "normal", seed: int = 0, **options) -> torch.Tensor:
    references = [make_reference(t, [photo(s) for s in range(6)]) for t in towers]
    return optimise_changes(
        image, towers, references,
        **{"budget": BUDGET, "effort": EFFORTS[effort], "generator": torch.Generator().manual_seed(seed)} | options,
    )  # fmt: skip


def moved(tower: TinyTower, before: torch.Tensor, after: torch.Tensor) -> float:
    return float((tower.features(after).pooled - tower.features(before).pooled).norm())


def test_the_change_moves_features_far_more_than_noise_of_the_same_size():
    image, tower = photo(), TinyTower()
    change = run(image, [tower])
    noise = LINF * torch.sign(torch.rand(image.shape) - 0.5)
    assert moved(tower, image, image + change) > 3 * moved(tower, image, image + noise)


def test_the_change_stays_within_the_bound_and_reaches_it():
    image = photo()
    change = run(image, [TinyTower()], "quick", budget=Budget(linf=LINF, ssim=0.0))
    assert (change.abs() <= LINF + 1e-7).all()
    assert change.abs().max() > 0.9 * LINF


@pytest.mark.parametrize("ssim", [0.9, 0.97, 0.99])
def test_the_budgets_similarity_is_kept_in_the_search_and_made_use_of(ssim):
    image = photo()
    change = run(image, [TinyTower()], "quick", budget=Budget(linf=30 / 255, ssim=ssim))
    assert ssim <= float(Similarity(image).of(image + change)) < ssim + 0.5 * (1 - ssim) + 0.005


def test_what_sets_the_person_apart_is_turned_to_the_other_side():
    image, tower = photo(), TinyTower()
    reference = make_reference(tower, [photo(s) for s in range(6)])
    person = reference.person_of(tower.features(image).pooled)
    change = run(image, [tower])
    left = reference.along_axes(tower.features(image + change).pooled) @ person[0] / person.square().sum()
    was = reference.along_axes(tower.features(image).pooled) @ person[0] / person.square().sum()
    assert float(left) < float(was) - 1


def test_several_towers_are_all_moved():
    image, towers = photo(), [TinyTower(0), TinyTower(1)]
    both, first = run(image, towers), run(image, towers[:1])
    assert moved(towers[1], image, image + both) > 1.5 * moved(towers[1], image, image + first)


def test_one_seed_gives_one_change_and_another_seed_another():
    image, tower = photo(), TinyTower()
    one, same, other = (run(image, [tower], "quick", seed=s) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_grey_photos_get_a_grey_change():
    image = photo().mean(1, keepdim=True).expand(1, 3, 72, 96)
    change = run(image, [TinyTower()], "quick", grey=True)
    assert change.shape == (1, 1, 72, 96)
    assert moved(TinyTower(), image, image + change) > 0


def test_objectives_can_be_swapped():
    image, tower = photo(), TinyTower()
    assert not torch.equal(run(image, [tower], "quick"), run(image, [tower], "quick", objective=away))


@pytest.mark.parametrize("shape", [(24, 24), (24, 300)])
def test_small_and_narrow_photos_work(shape):
    image = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    assert run(image, [TinyTower()], "quick").shape == (1, 3, *shape)


def test_photos_searched_together_get_the_change_that_each_gets_alone():
    images, towers = torch.cat([photo(0), photo(1), photo(2)]), [TinyTower(0), TinyTower(1)]
    together = run(images, towers)
    alone = torch.cat([run(image, towers) for image in images.split(1)])
    assert (together - alone).abs().mean() < 0.02 * alone.abs().mean()
    assert (together[0] - together[1]).abs().mean() > 0.5 * alone[0].abs().mean()


def test_each_photo_of_a_batch_is_moved_away_from_its_own_person():
    album, tower = [photo(s) for s in range(6)], TinyTower()
    reference = make_reference(tower, album, ["a", "a", "a", "b", "b", "b"])
    options = {"budget": BUDGET, "effort": EFFORTS["quick"]}
    pair = torch.cat([album[0], album[3]])

    def change(groups: list[str]) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return optimise_changes(pair, [tower], [reference], generator=generator, groups=groups, **options)

    right, swapped = change(["a", "b"]), change(["b", "a"])
    for number, (own, other) in enumerate([("a", "b"), ("b", "a")]):
        clean = tower.features(pair[number : number + 1])
        person = reference.person_of(clean.pooled, own)
        left = [
            float(oppose(tower.features(pair[number : number + 1] + c[number]), clean, person, reference))
            for c in (right, swapped)
        ]
        assert left[0] < left[1], f"{own} was pushed as {other}"


def test_a_search_that_nobody_waits_for_ends_before_its_next_step():
    asked: list[None] = []

    def is_stopped() -> bool:
        asked.append(None)
        return len(asked) > 2

    with pytest.raises(Stopped):
        run(photo(), [TinyTower()], is_stopped=is_stopped)
    assert len(asked) == 3
