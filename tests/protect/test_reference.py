import pytest
import torch

from dp2vl.protect.reference import make_reference
from dp2vl.protect.usual import find_axes
from feature_tools import median_distance
from tower_tools import TinyTower


def test_an_album_of_a_few_photos_adds_a_centre_and_a_smaller_one_does_not():
    photos = [torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(i)) for i in range(5)]
    assert make_reference(TinyTower(), photos).pooled_centres.shape[0] == 2
    assert make_reference(TinyTower(), photos[:2]).pooled_centres.shape[0] == 1


def test_known_people_count_the_same_however_many_photos_they_have():
    a, b = torch.zeros(1, 3, 40, 40), torch.ones(1, 3, 40, 40)
    tower = TinyTower()
    lopsided = make_reference(tower, [a, a, a, b], people=["a", "a", "a", "b"])
    even = make_reference(tower, [a, b, a, b], people=["a", "b", "a", "b"])
    unknown = make_reference(tower, [a, a, a, b])
    assert torch.allclose(lopsided.pooled_centres[1], even.pooled_centres[1], atol=1e-5)
    assert not torch.allclose(lopsided.pooled_centres[1], unknown.pooled_centres[1], atol=1e-2)


def test_distance_is_between_people_not_between_photos_of_one():
    pooled = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.01, 1.0]])
    assert median_distance(pooled, ["a", "a", "b", "b"]) == pytest.approx(2**0.5, abs=0.02)


def test_a_distance_between_people_needs_two_people():
    with pytest.raises(ValueError, match="at least two people"):
        median_distance(torch.rand(3, 4), ["a", "a", "a"])


def test_axes_find_what_tells_people_apart_and_not_what_varies_most():
    generator = torch.Generator().manual_seed(0)
    people = torch.arange(30).repeat_interleave(4)
    faces = torch.randn(30, 2, generator=generator)[people]
    photos = torch.randn(120, 40, generator=generator)
    photos[:, :2] = 3 * faces + photos[:, :2]
    photos[:, 2] *= 50
    axes, spread = find_axes(photos, people)
    strength = axes[:, :2].abs().sum(1)
    assert strength[:2].min() > 3 * strength[2:].max()
    z = photos @ axes
    same = z[1::4] - z[0::4]
    assert float(same.square().sum(1).mean()) == pytest.approx(spread, rel=0.5)


def test_a_photo_counts_as_the_mean_of_those_near_it():
    dark, light = torch.zeros(1, 3, 40, 40), torch.ones(1, 3, 40, 40)
    album = [(p + 0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i))).clamp(0, 1)
             for i, p in enumerate([dark] * 5 + [light] * 5)]  # fmt: skip
    tower = TinyTower()
    reference = make_reference(tower, album)
    person = reference.person_of(torch.cat([tower.features(p).who for p in album]))
    groups = torch.nn.functional.normalize(person, dim=1) @ torch.nn.functional.normalize(person, dim=1).T
    assert groups[:5, :5].min() > 0.95 and groups[5:, 5:].min() > 0.95
    assert groups[:5, 5:].max() < 0.5


def two_people(seed: int = 0) -> tuple[list[torch.Tensor], list[str]]:
    """Return an album of two people who look alike: what differs between them is less than between their photos."""
    generator = torch.Generator().manual_seed(seed)
    photos, folders = [], []
    for name, level in (("ann", 0.45), ("bob", 0.55)):
        for _ in range(8):
            photos.append((level + 0.3 * torch.randn(1, 3, 40, 40, generator=generator)).clamp(0, 1))
            folders.append(name)
    return photos, folders


def within(reference, photos: list[torch.Tensor], folders: list[str], *, told: bool) -> float:
    """Return how alike the directions of one person's photos are: the lowest cosine."""
    who = [TinyTower().features(p).who for p in photos]
    found = [reference.person_of(w, f if told else None)[0] for w, f in zip(who, folders, strict=True)]
    unit = torch.nn.functional.normalize(torch.stack(found), dim=1)
    return min(float((unit[:8] @ unit[:8].T).min()), float((unit[8:] @ unit[8:].T).min()))


def test_folders_make_the_directions_of_a_persons_photos_agree_and_known_people_make_them_one():
    photos, folders = two_people()
    plain = make_reference(TinyTower(), photos)
    hinted = make_reference(TinyTower(), photos, groups=folders)
    known = make_reference(TinyTower(), photos, people=folders)
    alike = [within(plain, photos, folders, told=False), within(hinted, photos, folders, told=True)]
    assert alike[1] > alike[0]
    assert within(known, photos, folders, told=True) > alike[1]


def test_one_folder_alone_or_a_folder_of_few_photos_is_no_hint():
    photos, folders = two_people()
    assert make_reference(TinyTower(), photos, groups=["all"] * 16).names == ()
    assert make_reference(TinyTower(), photos, groups=["few"] * 3 + ["most"] * 13).names == ()
    assert make_reference(TinyTower(), photos, groups=folders).names == ("ann", "bob")
    assert make_reference(TinyTower(), photos[:8], people=folders[:8]).names == ("ann",)


def test_a_group_that_the_album_does_not_know_is_as_good_as_none():
    photos, folders = two_people()
    reference = make_reference(TinyTower(), photos, groups=folders)
    who = TinyTower().features(photos[0]).who
    assert torch.equal(reference.person_of(who, "elsewhere"), reference.person_of(who))
    assert not torch.allclose(reference.person_of(who, "ann"), reference.person_of(who), atol=1e-4)
