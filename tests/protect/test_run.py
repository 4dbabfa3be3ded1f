"""A run over an album: who has which cores, and how it ends."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import dp2vl
from album_tools import write_album
from dp2vl.cli.protect import _say_summary, exit_status
from dp2vl.protect.config import Effort
from dp2vl.protect.cores import FLOP_PER_S, estimate_search, is_better_spared
from dp2vl.protect.photo import Made, Protector
from dp2vl.surrogates.protocol import Features
from dp2vl.types import Outcome, Status
from tower_tools import TinyTower


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


def protect_with(tower: Counting, folder: Path) -> None:
    write_album(folder / "album", photos=1, side_px=32)
    dp2vl.protect_album(folder / "album", folder / "out", effort="instant", surrogates=[tower])


def note_thread(seen: list[threading.Thread]) -> Callable[..., Made]:
    """Return `Protector.finish`, which adds the thread that it runs in to `seen`."""
    finish = Protector.finish

    def noted(*args: Any, **options: Any) -> Made:
        seen.append(threading.current_thread())
        return finish(*args, **options)

    return noted


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (3, 2), (64, 4)])
@pytest.mark.parametrize("fails", [False, True])
def test_small_towers_leave_one_core_and_have_all_their_threads_back_afterwards(
    tmp_path, monkeypatch, threads, cores, expected, fails
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    tower = Counting(fails=fails)
    with pytest.raises(RuntimeError, match="broken tower") if fails else nullcontext():
        protect_with(tower, tmp_path)
    assert fails or min(tower.threads) == expected
    assert torch.get_num_threads() == threads


def test_a_search_that_is_long_against_what_files_take_has_all_cores(tmp_path, monkeypatch, threads):
    monkeypatch.setattr("os.cpu_count", lambda: threads)
    monkeypatch.setattr("dp2vl.protect.photo.estimate_search", lambda *_, **__: 1000.0)
    seen: list[threading.Thread] = []
    monkeypatch.setattr("dp2vl.protect.photo.Protector.finish", note_thread(seen))
    tower = Counting()
    protect_with(tower, tmp_path)
    assert tower.threads == {threads}
    assert seen == [threading.current_thread()], "the copy was judged beside a search"


def test_the_core_that_files_need_is_dearer_the_longer_the_search_and_the_fewer_the_cores():
    assert is_better_spared(1.0, cores=2) and not is_better_spared(100.0, cores=2)
    assert is_better_spared(100.0, cores=8) and not is_better_spared(1000.0, cores=8)


def test_a_search_is_estimated_by_the_operations_of_all_its_passes():
    class Matrix(TinyTower):
        def features(self, images: Tensor) -> Features:
            images.mean((2, 3)) @ torch.zeros(3, 1000)  # 2 x 3 x 1,000 operations
            return super().features(images)

    effort = Effort(steps=10, views=2)
    alone, more = (estimate_search([tower], effort, side_px=32) for tower in (TinyTower(), Matrix()))
    assert more - alone == pytest.approx(2 * 6000 * 10 * 2 / FLOP_PER_S)
    assert estimate_search([TinyTower(), TinyTower()], effort, side_px=32) == pytest.approx(2 * alone)


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
