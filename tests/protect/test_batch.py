"""How many photos are searched at once: as many as fit, into the GPU and into the machine's memory."""

from types import SimpleNamespace

import pytest
import torch

from dp2vl.protect.batch import MOST, choose_batch, how_many
from dp2vl.protect.config import ProtectConfig

GB = 1e9


def test_photos_are_searched_one_by_one_on_a_cpu():
    reference = SimpleNamespace(device=torch.device("cpu"))
    assert choose_batch(ProtectConfig(), [], [reference], height=64, width=96) == 1


@pytest.mark.parametrize(
    ("gpu", "search", "host", "photo", "expected"),
    [
        (80, 8, 500, 0.3, 7),  # seven tenths of the GPU
        (80, 0.1, 500, 0.3, MOST),
        (80, 0.1, 12, 0.3, 5),  # half of the machine, for four batches
        (4, 8, 500, 0.3, 1),  # then the photos themselves say so
        (80, 0.1, 1, 0.3, 1),
        (80, 0.1, 500, float("inf"), 1),
    ],
)
def test_as_many_photos_are_searched_at_once_as_fit(
    gpu: float, search: float, host: float, photo: float, expected: int
):
    found = how_many(gpu_bytes=gpu * GB, search_bytes=search * GB, host_bytes=host * GB, photo_bytes=photo * GB)
    assert found == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_a_larger_photo_means_fewer_at_once():
    from dp2vl.protect.reference import make_reference
    from dp2vl.surrogates import load_surrogates

    towers = load_surrogates("mini", device="cuda")
    references = [make_reference(tower, device="cuda") for tower in towers]
    config = ProtectConfig(effort="quick", max_megapixels=1)
    small, large = (choose_batch(config, towers, references, height=h, width=h) for h in (64, 6000))
    assert 1 <= large < small <= MOST
