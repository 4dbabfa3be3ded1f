"""A run over an album: who has which cores, and how it ends."""

import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import dp2vl
from album_tools import write_album
from dp2vl.cli.protect import _say_summary, exit_status
from dp2vl.protect import job
from dp2vl.protect.config import EFFORTS, Effort
from dp2vl.protect.cores import FLOP_PER_S, choose_lanes, estimate_pass, threads_per_photo
from dp2vl.protect.optimise import Stopped
from dp2vl.protect.photo import Protector
from dp2vl.surrogates import load_surrogate
from dp2vl.surrogates.protocol import Features
from dp2vl.types import Outcome, Photo, Status
from dp2vl.vlm.loading import bundled_names
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


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (3, 3), (64, 4)])
@pytest.mark.parametrize("fails", [False, True])
def test_a_callers_own_tower_has_all_cores_for_one_photo_and_they_are_free_again_afterwards(
    tmp_path, monkeypatch, threads, cores, expected, fails
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    tower = Counting(fails=fails)
    with pytest.raises(RuntimeError, match="broken tower") if fails else nullcontext():
        protect_with(tower, tmp_path)
    assert fails or min(tower.threads) == expected
    assert torch.get_num_threads() == threads


def test_a_photo_that_has_all_cores_is_judged_in_turn_with_the_searches(tmp_path, monkeypatch, threads):
    monkeypatch.setattr("os.cpu_count", lambda: threads)
    seen: list[threading.Thread] = []
    finish = Protector.finish

    def note(*given: Any, **options: Any) -> Any:
        seen.append(threading.current_thread())
        return finish(*given, **options)

    monkeypatch.setattr(Protector, "finish", note)
    tower = Counting()
    protect_with(tower, tmp_path)
    assert tower.threads == {threads}
    assert seen == [threading.current_thread()], "the copy was judged beside a search"


class Watched(Protector):
    """Notes how many threads towers compute with in each search, and lets none end before a second one has begun."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.threads, self.pair = set[int](), threading.Barrier(2, timeout=60)

    def find_changes(self, *given: Any, **options: Any) -> list[Any]:
        self.pair.wait()
        self.threads.add(torch.get_num_threads())
        return super().find_changes(*given, **options)


def test_small_towers_search_a_photo_per_core_and_copies_are_the_same_one_after_the_other(
    tmp_path, monkeypatch, threads
):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    write_album(tmp_path / "album", photos=4, side_px=48)
    dp2vl.protect_album(tmp_path / "album", tmp_path / "one", effort="instant", workers=1)
    made: list[Watched] = []
    monkeypatch.setattr("dp2vl.protect.job.Protector", lambda *given: made.append(Watched(*given)) or made[0])
    result = dp2vl.protect_album(tmp_path / "album", tmp_path / "two", effort="instant")
    assert result.unprotected == () and made[0].threads == {1}
    for copy in (tmp_path / "one").glob("photo-*"):
        assert copy.read_bytes() == (tmp_path / "two" / copy.name).read_bytes()
    assert torch.get_num_threads() == threads


def test_an_interrupt_ends_searches_that_run_elsewhere(tmp_path, monkeypatch, threads):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setitem(EFFORTS, "thorough", Effort(steps=100_000, views=1))
    write_album(tmp_path / "album", photos=3, side_px=48)
    searched = threading.Event()

    def note(self: Protector, *given: Any, **options: Any) -> list[Any]:
        searched.set()
        return find_changes(self, *given, **options)

    def interrupt(photo: Photo) -> None:
        if photo.rel == "photo-1.jpg":
            assert searched.wait(60)
            raise KeyboardInterrupt

    find_changes = Protector.find_changes
    monkeypatch.setattr(Protector, "find_changes", note)
    with pytest.raises(KeyboardInterrupt):
        dp2vl.protect_album(tmp_path / "album", tmp_path / "out", effort="thorough", on_photo=interrupt)
    assert not list((tmp_path / "out").glob("photo-*"))


def test_no_copy_is_judged_once_the_work_is_to_stop(tmp_path, monkeypatch):
    write_album(tmp_path / "album", photos=1, side_px=48)
    monkeypatch.setattr("dp2vl.protect.photo.Protector.finish", lambda *given, **options: pytest.fail("judged"))
    search = Protector.find_changes

    def stop_after(self: Protector, *given: Any, **options: Any) -> list[Any]:
        found = search(self, *given, **options)
        self.stopped.set()
        return found

    monkeypatch.setattr(Protector, "find_changes", stop_after)
    with pytest.raises(Stopped):
        dp2vl.protect_album(tmp_path / "album", tmp_path / "out", effort="instant", surrogates=[TinyTower()])


def test_what_photos_are_told_apart_by_is_computed_with_as_many_threads_as_the_search(tmp_path, monkeypatch, threads):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    seen: list[int] = []
    measure = job.album_references

    def note(*given: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return measure(*given, **options)

    monkeypatch.setattr(job, "album_references", note)
    write_album(tmp_path / "album", photos=1, side_px=48)
    dp2vl.protect_album(tmp_path / "album", tmp_path / "out", effort="instant")
    assert seen == [1]


@given(pass_s=st.floats(0, 1e4), cores=st.integers(1, 256))
def test_no_core_is_idle_and_none_is_given_twice(pass_s, cores):
    threads = threads_per_photo(pass_s, cores=cores)
    lanes = choose_lanes(threads, cores=cores, device="cpu", memory=1e12)
    assert cores - threads < lanes.work * threads <= cores


def test_small_passes_have_one_core_and_large_ones_all():
    assert threads_per_photo(0.05, cores=8) == 1 and threads_per_photo(10.0, cores=8) == 8
    assert 1 < threads_per_photo(5.0, cores=16) < 16


def test_beside_cuda_all_cores_but_one_judge_copies():
    assert choose_lanes(1, cores=4, device="cuda", memory=1e12) == (1, 3)
    assert choose_lanes(1, cores=1, device="cuda", memory=1e12) == (1, 1)
    assert choose_lanes(1, cores=4, device="mps", memory=1e12) == (1, 1)


def test_little_memory_means_fewer_photos_at_once_but_one_always():
    assert choose_lanes(1, cores=64, device="cpu", memory=4e9).work == 4
    assert choose_lanes(1, cores=64, device="cpu", memory=0).work == 1


@pytest.mark.parametrize("name", bundled_names())
def test_a_pass_is_estimated_about_as_long_as_its_operations_say(name):
    tower = load_surrogate(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        tower.features(torch.full((1, 3, 64, 64), 0.5))
    exact = 2 * counter.get_total_flops() / FLOP_PER_S
    assert exact / 2 < estimate_pass([tower]) < 2 * exact
    assert estimate_pass([tower, tower]) == pytest.approx(2 * estimate_pass([tower]))


def test_deciding_who_has_which_cores_does_not_import_a_compiler():
    program = """
import sys
from dp2vl.protect.cores import estimate_pass
from dp2vl.surrogates import load_surrogates
estimate_pass(load_surrogates("mini"))
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


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
