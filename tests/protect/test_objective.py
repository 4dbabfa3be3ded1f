import pytest
import torch

from dp2vl.protect.objective import OBJECTIVES, oppose, reflect
from dp2vl.protect.reference import Reference
from dp2vl.surrogates.protocol import Features

CENTRE = torch.tensor([[1.0, 2.0, 3.0, 4.0]])


PERSON = torch.tensor([[0.5, -0.2, 0.1]])


def reference() -> Reference:
    return Reference(
        CENTRE,
        torch.ones(4),
        CENTRE,
        torch.ones(4),
        who_centres=CENTRE,
        axes=torch.eye(4)[:, :3],
        people=CENTRE[:0, :3],
        spread=1.0,
        groups=torch.empty(0, dtype=torch.long),
    )


def features(offset: torch.Tensor) -> Features:
    moved = CENTRE + offset
    return Features(moved, moved[:, None].expand(1, 5, 4))


def test_reflection_is_one_at_the_clean_photo_and_minus_one_on_the_other_side_of_the_centre():
    clean = torch.tensor([[0.5, -0.2, 0.1, 0.3]])
    assert float(reflect(features(clean), features(clean), PERSON, reference())) == pytest.approx(1, abs=1e-4)
    assert float(reflect(features(-clean), features(clean), PERSON, reference())) == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_crop_with_fewer_tokens_is_judged_by_the_pooled_feature(name):
    clean, now = (torch.tensor([[0.5, -0.2, 0.1, 0.3]]), torch.tensor([[-0.1, 0.3, 0.1, 0.2]]))
    few = features(now)._replace(tokens=features(now).tokens[:, :2])
    found = OBJECTIVES[name](few, features(clean), PERSON, reference())
    assert float(found) == pytest.approx(float(OBJECTIVES[name](features(now), features(clean), PERSON, reference())))
    assert found.shape == (1,)


def test_a_shift_that_all_photos_share_does_not_count_as_reflection():
    clean = torch.tensor([[0.5, -0.2, 0.1, 0.3]])
    shared = torch.tensor([[0.3, 0.5, -0.5, 0.0]])
    assert float(reflect(features(clean + shared), features(clean), PERSON, reference())) > -0.2


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("tokens", [True, False])
def test_every_objective_has_a_gradient_for_pooled_features_and_for_tokens(name, tokens):
    now = features(torch.tensor([[0.5, -0.2, 0.1, 0.3]]) + 0.05)
    pooled, grid = now.pooled.clone().requires_grad_(), now.tokens.clone().requires_grad_()
    loss = OBJECTIVES[name](
        Features(pooled, grid if tokens else None),
        features(torch.tensor([[0.4, 0.2, -0.3, 0.3]])),
        PERSON,
        reference(),
    )
    assert loss.shape == (1,)
    loss.sum().backward()
    assert pooled.grad.abs().sum() > 1e-3
    assert not tokens or name == "oppose" or grid.grad.abs().sum() > 1e-3


def test_opposition_is_one_at_the_clean_photo_zero_at_the_centre_and_blind_to_what_is_not_the_person():
    clean = torch.tensor([[0.5, -0.2, 0.1, 0.3]])
    scene = torch.tensor([[0.0, 0.0, 0.0, 5.0]])
    for now, left in ((clean, 1), (0 * clean, 0), (-clean, -1), (scene, 0)):
        loss = oppose(features(now), features(clean), PERSON, reference())
        assert float(loss) == pytest.approx(left, abs=1e-4)
