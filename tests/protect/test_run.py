"""A run over an album leaves a core for reading and writing, and gives it back."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

import dp2vl
from album_tools import write_album
from dp2vl.cli.protect import _say_summary, exit_status
from dp2vl.surrogates.protocol import Features
from dp2vl.types import Outcome, Status
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


def ended(*verdicts: str) -> dp2vl.AlbumResult:
    """A run with a copy of each verdict, and a photo without a copy for each empty one."""
    return dp2vl.AlbumResult(
        tuple(
            Outcome(path=f"{i}.jpg", rel=f"{i}.jpg", status=Status.PROTECTED if v else Status.FAILED, verdict=v)
            for i, v in enumerate(verdicts)
        ),
        ("tiny",),
    )


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (("strong: 1.2", "none: 0.1"), 0),
        (("weak: 0.6",), 0),
        (("weak: 0.6", ""), 3),
        (("", ""), 3),
        (("none: 0.1", "none: 0.2"), 4),
        (("none: 0.1", ""), 4),
        ((), 0),
    ],
)
def test_a_run_that_protects_nothing_does_not_end_like_one_that_does(verdicts, status):
    assert exit_status(ended(*verdicts)) == status


def test_copies_that_protect_little_are_counted_and_named(capsys):
    _say_summary(ended("strong: 1", "weak: 0.6", *["none: 0"] * 12), "out")
    said = capsys.readouterr().err
    assert "1 copies protect in part (verdict weak): 1.jpg\n" in said
    assert "12 copies do not protect (verdict none): 2.jpg, 3.jpg, " in said and "11.jpg and 2 more\n" in said
