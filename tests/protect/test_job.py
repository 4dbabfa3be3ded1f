"""One worker of a run: photos of one shape are searched together, fewer where memory does not suffice."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dp2vl.files import hash_file
from dp2vl.protect.config import ProtectConfig
from dp2vl.protect.job import AlbumJob, PhotoWorker, is_out_of_memory
from dp2vl.surrogates.protocol import Features
from dp2vl.types import Photo, Status
from tower_tools import TinyTower


class Cramped(TinyTower):
    """Has memory for so many photos, and notes how many it was shown at once."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.shown = room, list[int]()

    def features(self, images: Tensor) -> Features:
        self.shown.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("no room")
        return super().features(images)


def start(folder: Path, tower: TinyTower, sizes: list[tuple[int, int]]) -> tuple[PhotoWorker, list[Photo]]:
    rng, photos = np.random.default_rng(0), []
    for number, (height, width) in enumerate(sizes):
        path = folder / f"{number}.png"
        small = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(path)
        photos.append(Photo(path=path, rel=path.name, sha256=hash_file(path), size_bytes=path.stat().st_size))
    job = AlbumJob(
        config=ProtectConfig(effort="quick", device="cpu", strength="strong"), surrogates=(tower,),
        sample={p.sha256: p.path for p in photos}, out=folder / "out", settings="s",
        refused=frozenset(), ours={}, holders={},
    )  # fmt: skip
    return job.start(job.prepare()), photos


def protect(worker: PhotoWorker, photos: list[Photo]) -> list[Status]:
    made = worker.work(photos, [worker.read(photo) for photo in photos])
    return [worker.write(*each).status for each in zip(photos, made, strict=True)]


def test_photos_of_one_shape_are_searched_together(tmp_path: Path):
    tower = Cramped(room=99)
    worker, photos = start(tmp_path, tower, [(48, 64), (64, 48), (48, 64), (48, 64)])
    worker.batch, tower.shown = 4, []
    assert protect(worker, photos) == [Status.PROTECTED] * 4
    assert set(tower.shown) == {1, 3}, "three of one shape, one of another, each alone when it is measured"


def test_photos_of_one_aspect_ratio_are_searched_together_whatever_their_size(tmp_path: Path):
    tower = Cramped(room=99)
    worker, photos = start(tmp_path, tower, [(240, 320), (480, 640), (300, 400)])
    worker.batch, tower.shown = 4, []
    assert protect(worker, photos) == [Status.PROTECTED] * 3
    assert set(tower.shown) == {1, 3}


@pytest.mark.parametrize("room", [1, 2])
def test_where_memory_runs_out_fewer_are_searched_together_and_none_is_lost(tmp_path: Path, room: int):
    tower = Cramped(room=room)
    worker, photos = start(tmp_path, tower, [(48, 64)] * 5)
    worker.batch = 4
    assert protect(worker, photos) == [Status.PROTECTED] * 5
    assert worker.batch == room, "what did not fit is not tried again"


def test_a_photo_that_does_not_fit_alone_is_an_outcome(tmp_path: Path):
    tower = Cramped(room=99)
    worker, photos = start(tmp_path, tower, [(48, 64)] * 2)
    worker.batch, tower.room = 2, 0
    made = worker.work(photos, [worker.read(photo) for photo in photos])
    outcomes = [worker.write(*each) for each in zip(photos, made, strict=True)]
    assert [o.status for o in outcomes] == [Status.FAILED] * 2
    assert all("memory" in o.reason for o in outcomes)


def test_a_lack_of_memory_is_known_whoever_says_so_and_a_bug_is_not():
    with pytest.raises(RuntimeError) as told:
        torch.empty(10**15)
    assert not isinstance(told.value, torch.OutOfMemoryError), "otherwise this test sees nothing"
    cramped = cv2.error("OpenCV(4.10.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes")
    for error in (told.value, cramped, MemoryError(), torch.OutOfMemoryError("no room"), OSError(12, "no memory")):
        assert is_out_of_memory(error)
    for error in (RuntimeError("shapes differ"), cv2.error("(-215:Assertion failed)"), OSError(28, "No space left")):
        assert not is_out_of_memory(error)


def test_a_photo_that_cannot_be_read_does_not_stop_those_beside_it(tmp_path: Path):
    worker, photos = start(tmp_path, Cramped(room=99), [(48, 64)] * 3)
    worker.batch = 3
    photos[1].path.write_bytes(b"changed since")
    assert protect(worker, photos) == [Status.PROTECTED, Status.FAILED, Status.PROTECTED]
