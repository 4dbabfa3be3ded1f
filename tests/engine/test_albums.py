"""Albums through engines and storages: the same outcomes and bytes wherever photos lie and whoever works on them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import fsspec
import psutil
import pytest

import dp2vl
from album_tools import WROTE_ALL, WROTE_SOME, digests, run_cli, write_album, write_tower
from dp2vl.records import OutcomeStore
from dp2vl.storage import locate

needs_ray = pytest.mark.skipif(util.find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture
def bucket() -> Iterator[Path]:
    """Object storage in this process's memory, empty."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield locate("memory://bucket")
    memory.store.clear()


def upload(folder: Path, place: Path) -> None:
    for name, data in digests(folder).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)


def stored(place: Path) -> dict[str, bytes]:
    fs = fsspec.filesystem("memory")
    top = f"/{place.path.strip('/')}/"
    return {name.removeprefix(top): fs.cat_file(name) for name in fs.find(top)}


def protect(src: object, out: object, tower: str, **options: object) -> dp2vl.AlbumResult:
    return dp2vl.protect_album(src, out, surrogates=tower, **({"effort": "quick"} | options))


def test_photos_in_object_storage_become_the_same_copies_and_a_second_run_does_nothing(tmp_path: Path, bucket: Path):
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album / "summer", photos=3)
    (album / "notes.txt").write_text("not a photo")
    upload(album, bucket / "album")
    protect(album, tmp_path / "out", tower)
    started: list[int] = []
    first = protect("memory://bucket/album", "memory://bucket/out", tower, on_start=started.append)
    again = protect("memory://bucket/album", "memory://bucket/out", tower, on_start=started.append)
    assert stored(bucket / "out") == digests(tmp_path / "out") != {}
    assert started == [3, 0] and again.outcomes == first.outcomes
    assert {o.status for o in first.outcomes} == {"protected", "skipped"}
    assert not list(tmp_path.rglob("memory:*")), "a URL was taken for a path"


def test_copies_may_not_go_into_the_album_in_object_storage(tmp_path: Path, bucket: Path):
    (bucket / "album" / "a.png").write_bytes(b"")
    with pytest.raises(dp2vl.DP2VLError, match="lie in each other"):
        protect("memory://bucket/album", "memory://bucket/album/out", write_tower(tmp_path))


def test_storage_that_refuses_is_an_outcome_per_photo(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album, photos=3, suffixes=(".png",))
    upload(album, bucket / "album")
    memory = fsspec.filesystem("memory")
    real_open = type(memory).open

    class Refusal(Exception):  # clients of storages have errors of their own
        pass

    def guarded(self, path, mode="rb", **options):
        if "photo-1" in str(path) and "w" in mode:
            raise Refusal("403: you may not write here")
        if "photo-2" in str(path) and "r" in mode:
            raise PermissionError("you may not read this")
        return real_open(self, path, mode, **options)

    monkeypatch.setattr(type(memory), "open", guarded)
    result = protect("memory://bucket/album", "memory://bucket/out", tower)
    said = {Path(o.path).name: (str(o.status), o.reason) for o in result.outcomes}
    assert said["photo-0.png"] == ("protected", "")
    assert said["photo-1.png"][0] == "failed" and "403" in said["photo-1.png"][1]
    assert said["photo-2.png"][0] == "failed" and "may not read" in said["photo-2.png"][1]
    assert set(stored(bucket / "out")) == {"photo-0.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch://bucket/album", "--out", "{tmp}/out"], "cannot be opened"),
        (["{tmp}/album", "--out", "{tmp}/out", "--engine", "rey"], "did you mean ray?"),
        (["{tmp}/album", "--out", "{tmp}/out", "--address", "auto"], "with the local engine"),
        (["memory://bucket/album", "--out", "memory://bucket/out"], "does not exist"),
    ],
)
def test_wrong_places_and_engines_are_one_line_and_a_hint(tmp_path: Path, arguments: list[str], message: str):
    write_album(tmp_path / "album", photos=1)
    run = run_cli("protect", *(a.replace("{tmp}", str(tmp_path)) for a in arguments))
    assert run.returncode in (1, 2) and message in run.stderr
    assert run.stderr.startswith("error: ") and "hint: " in run.stderr and "Traceback" not in run.stderr


def test_a_copy_whose_outcome_was_never_recorded_is_known_as_ours(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=2, suffixes=(".png",))
    protect(album, out, tower)
    records, registry = OutcomeStore(out).path, tmp_path / "state" / "protected.txt"
    claimed = out / ".dp2vl" / "claims" / "killed.txt"
    claimed.parent.mkdir(exist_ok=True)
    claimed.write_text(registry.read_text())
    records.unlink(), registry.unlink()
    result = protect(album, out, tower, strength="light")
    assert result.unprotected == ()
    assert not list(claimed.parent.glob("*"))


@needs_ray
@pytest.mark.slow
def test_workers_on_a_cluster_write_the_same_bytes_and_records_as_this_process(tmp_path: Path):
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album, photos=5)
    (album / "broken.jpg").write_bytes((album / "photo-1.jpg").read_bytes()[:300])
    arguments = ["protect", str(album), "--effort", "quick", "--surrogates", tower, "--out"]
    here = run_cli(*arguments, tmp_path / "here")
    there = run_cli(*arguments, tmp_path / "there", "--engine", "ray", "--workers", "2")
    assert here.returncode == there.returncode and here.returncode in WROTE_SOME, there.stderr
    assert digests(tmp_path / "here") == digests(tmp_path / "there") != {}

    def recorded(out: Path) -> dict[str, object]:
        return {rel: (o.status, o.reason, o.figures, o.sha256_out) for rel, o in OutcomeStore(out).latest().items()}

    assert recorded(tmp_path / "here") == recorded(tmp_path / "there")


@needs_ray
@pytest.mark.slow
def test_a_killed_driver_goes_on_where_it_was_with_nothing_lost_and_nothing_twice(tmp_path: Path):
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album, photos=6, suffixes=(".png",))
    arguments = ["protect", str(album), "--effort", "normal", "--surrogates", tower, "--out"]
    assert run_cli(*arguments, tmp_path / "whole").returncode in WROTE_ALL
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "dp2vl.cli", *arguments, str(out), "--engine", "ray", "--workers", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while driver.poll() is None and len(list(out.glob("*.png"))) < 2:
        time.sleep(0.01)
    assert driver.poll() is None, "the run was over before it could be killed"
    others = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    _, alive = psutil.wait_procs(others, timeout=15)
    for helper in alive:  # Ray's agents look for a dead cluster for minutes before they end
        assert "Agent" in helper.name(), "a worker outlives the driver"
        helper.kill()
    recorded = len(OutcomeStore(out).latest())
    again = run_cli(*arguments, out, "--engine", "ray", "--workers", "2")
    assert again.returncode in WROTE_ALL, again.stderr
    assert digests(out) == digests(tmp_path / "whole")
    lines = OutcomeStore(out).path.read_text().splitlines()
    assert recorded < 6 == len(lines), "a photo was recorded twice, or the kill came too late"
    assert not list(out.rglob("*.part"))
