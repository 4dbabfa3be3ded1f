"""A run over an album leaves a core for reading and writing, and gives it back."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

import dp2vl
from album_tools import write_album
from dp2vl.surrogates.protocol import Features
from towers import TinyTower


class Counting(TinyTower):
    """Notes how many threads it computes with; fails when it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.fails, self.threads = fails, set[int]()

    def features(self, images: Tensor) -> Features:
        self.threads.add(torch.get_num_threads())
        if self.fails:
            raise RuntimeError("broken tower")
        return super().features(images)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (3, 2), (64, 4)])
@pytest.mark.parametrize("fails", [False, True])
def test_towers_leave_one_core_and_have_all_their_threads_back_afterwards(
    tmp_path, monkeypatch, threads, cores, expected, fails
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    write_album(tmp_path / "album", photos=1, side_px=32)
    tower = Counting(fails=fails)
    with pytest.raises(RuntimeError, match="broken tower") if fails else nullcontext():
        dp2vl.protect_album(tmp_path / "album", tmp_path / "out", effort="instant", surrogates=[tower])
    assert tower.threads == {expected}
    assert torch.get_num_threads() == threads
