import shutil

import torch

from dp2vl.surrogates import load_surrogate
from dp2vl.vlm.loading import find_source
from dp2vl.vlm.mini.heads import HEADS_FILE


def test_people_are_told_apart_by_the_readers_beside_a_tower_and_by_its_mean_token_where_there_are_none(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(find_source("mini-llava"), folder)
    photo = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0)).requires_grad_()
    read = load_surrogate(f"vlm:{folder}").features(photo)
    (folder / HEADS_FILE).unlink()
    plain = load_surrogate(f"vlm:{folder}").features(photo)
    assert torch.equal(read.pooled, plain.pooled)
    assert read.who is read.identity and plain.who is plain.pooled
    read.who.square().sum().backward()
    assert photo.grad.abs().sum() > 0
