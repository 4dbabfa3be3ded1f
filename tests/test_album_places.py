"""Albums at URLs, and exactly what is said about each file and each place; the walk itself is in `test_album`."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from dp2vl import album, images
from dp2vl.album import check_space, check_target, is_album, plan_album, state_folder
from dp2vl.errors import DP2VLError, PhotoError, UsageError
from dp2vl.files import hash_bytes, remove_partials, write_atomic
from dp2vl.storage import locate
from dp2vl.types import Outcome, Photo, Status
from image_tools import saved, smooth

JPEG = saved(smooth(8, 8), "JPEG")


@pytest.fixture
def bucket() -> Iterator[Path]:
    """Object storage in this process's memory, empty."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield locate("memory://bucket")
    memory.store.clear()


def put(path: Path, data: bytes = JPEG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def settled(path: object, status: Status, reason: str, rel: str = "") -> Outcome:
    return Outcome(path=str(path), rel=rel, status=status, reason=reason)


# URLs ---------------------------------------------------------------------------------------------------------------


def test_the_records_of_a_url_are_in_the_users_state_folder_however_it_ends(tmp_path: Path, bucket: Path):
    digest = hashlib.sha256(b"memory://bucket/out").hexdigest()[:16]
    assert state_folder(bucket / "out") == tmp_path / "state" / "albums" / digest
    assert state_folder(locate("memory://bucket/out/")) == tmp_path / "state" / "albums" / digest
    assert state_folder(bucket / "other") != state_folder(bucket / "out")
    assert state_folder(tmp_path / "out") == tmp_path / "out" / ".dp2vl"


def test_photos_at_a_url_get_the_same_places_as_in_a_folder(tmp_path: Path, bucket: Path):
    names = ("a.jpg", "deep/b.jpg", "deep/.hidden.jpg", ".thumbs/c.jpg", "notes.txt")
    for name in names:
        put(bucket / "album" / name)
        put(tmp_path / "album" / name)
    (bucket / "album" / "notes.txt").write_bytes(b"words")
    (tmp_path / "album" / "notes.txt").write_bytes(b"words")
    there, here = (plan_album([place / "album"], tmp_path / "out") for place in (bucket, tmp_path))
    assert [p.rel for p in there.photos] == ["a.jpg", "deep/b.jpg"] == [p.rel for p in here.photos]
    assert [p.sha256 for p in there.photos] == [hash_bytes(JPEG)] * 2
    top = "memory://bucket/album"
    assert sorted(there.settled, key=lambda o: o.path) == [
        settled(f"{top}/.thumbs/c.jpg", Status.SKIPPED, "hidden"),
        settled(f"{top}/deep/.hidden.jpg", Status.SKIPPED, "hidden"),
        settled(f"{top}/notes.txt", Status.SKIPPED, "not a photo"),
    ]
    assert {(Path(o.path).name, o.status, o.reason, o.rel) for o in there.settled} == {
        (Path(o.path).name, o.status, o.reason, o.rel) for o in here.settled
    }


def test_a_url_of_one_photo_keeps_its_name_and_several_places_get_folders_of_their_own(tmp_path: Path, bucket: Path):
    put(bucket / "album" / "one.jpg")
    put(bucket / "album" / "deep" / "two.jpg")
    put(tmp_path / "here" / "three.jpg")
    put(tmp_path / "four.jpg")
    alone = plan_album([bucket / "album" / "one.jpg"], tmp_path / "out")
    assert [p.rel for p in alone.photos] == ["one.jpg"]
    many = plan_album([bucket / "album", tmp_path / "four.jpg", tmp_path / "here"], tmp_path / "out")
    assert [p.rel for p in many.photos] == ["album/deep/two.jpg", "album/one.jpg", "four.jpg", "here/three.jpg"]


def test_a_url_that_cannot_be_listed_fails_and_the_other_places_go_on(tmp_path: Path, bucket: Path, monkeypatch):
    put(bucket / "album" / "a.jpg")
    put(tmp_path / "here" / "b.jpg")

    def refuse(folder: Path) -> list[Path]:
        raise OSError("Forbidden: no key")

    monkeypatch.setattr(album, "list_files", refuse)
    plan = plan_album([bucket / "album", tmp_path / "here"], tmp_path / "out")
    assert [p.rel for p in plan.photos] == ["here/b.jpg"]
    assert plan.settled == (settled("memory://bucket/album", Status.FAILED, "cannot be listed: Forbidden: no key"),)


def test_a_storage_that_does_not_answer_is_an_error_of_one_line(tmp_path: Path, bucket: Path, monkeypatch):
    def refuse(self: object) -> bool:
        raise RuntimeError("no route\nto the host")

    monkeypatch.setattr(type(bucket), "exists", refuse)
    with pytest.raises(DP2VLError) as error:
        plan_album([bucket / "album"], tmp_path / "out")
    assert error.value.message == "cannot look at memory://bucket/album: RuntimeError: no route to the host"
    assert error.value.hint == "check the URL and your permission"


def test_copies_go_to_a_url_beside_the_album_and_not_into_it(tmp_path: Path, bucket: Path):
    put(bucket / "album" / "a.jpg")
    assert len(plan_album([bucket / "album"], bucket / "out").photos) == 1
    assert len(plan_album([bucket / "album"], bucket / "album-2").photos) == 1
    for out in (bucket / "album" / "out", bucket / "album", bucket):
        with pytest.raises(UsageError, match="lie in each other") as error:
            plan_album([bucket / "album"], out)
        assert "beside the photos" in error.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        plan_album([bucket / "absent"], tmp_path / "out")


def test_writing_to_a_url_makes_its_folders_and_leaves_no_part(bucket: Path):
    target = bucket / "out" / "deep" / "a.jpg"
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert fsspec.filesystem("memory").find("/bucket") == ["/bucket/out/deep/a.jpg"]
    assert remove_partials(bucket / "out") == 0
    check_space(bucket / "out", [Photo(path=target, rel="a.jpg", sha256="", size_bytes=10**18)])


# What is said -------------------------------------------------------------------------------------------------------


def test_every_file_that_is_no_photo_is_settled_by_its_path_and_has_no_place(tmp_path: Path):
    src = tmp_path / "src"
    put(src / "photo.jpg")
    put(src / ".hidden.jpg")
    put(src / "empty.jpg", b"")
    put(src / "moving.gif", b"GIF89a" + bytes(60))
    put(src / "raw.nef", b"II*\x00" + bytes(60))
    (src / "folder").symlink_to(tmp_path)
    (src / "gone.jpg").symlink_to(tmp_path / "absent.jpg")
    os.mkfifo(src / "pipe.jpg")
    found = {Path(o.path).name: o for o in plan_album([src], tmp_path / "out").settled}
    convert = "is not supported; hint: convert it to PNG or JPEG first"
    expected = {
        ".hidden.jpg": (Status.SKIPPED, "hidden", ""),
        "empty.jpg": (Status.FAILED, "is empty", "empty.jpg"),
        "moving.gif": (Status.REFUSED, f"GIF {convert}", "moving.gif"),
        "raw.nef": (Status.REFUSED, f"camera raw (.nef) {convert}", "raw.nef"),
        "folder": (Status.SKIPPED, "link to a folder; links to folders are not followed", ""),
        "gone.jpg": (Status.FAILED, "link to a missing file: No such file or directory", "gone.jpg"),
        "pipe.jpg": (Status.SKIPPED, "not a regular file", ""),
    }
    assert found == {name: settled(src / name, *said) for name, said in expected.items()}


def test_a_folder_that_is_closed_fails_as_one_and_the_folders_behind_it_are_walked(tmp_path: Path, monkeypatch):
    src = tmp_path / "src"
    for name in ("a/one.jpg", "b/two.jpg", "c/three.jpg"):
        put(src / name)
    real = os.scandir

    def closed(folder: Path) -> object:
        if Path(folder).name == "b":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(folder)

    monkeypatch.setattr(os, "scandir", closed)
    plan = plan_album([src], tmp_path / "out")
    assert [p.rel for p in plan.photos] == ["a/one.jpg", "c/three.jpg"]
    assert plan.settled == (settled(src / "b", Status.FAILED, "folder cannot be read: Permission denied"),)


def test_a_state_folder_without_records_makes_no_album(tmp_path: Path):
    put(tmp_path / "src" / "a.jpg")
    put(tmp_path / "src" / "old" / ".dp2vl" / "lock", b"")
    assert plan_album([tmp_path / "src"], tmp_path / "out").albums == ()
    put(tmp_path / "src" / "old" / ".dp2vl" / "outcomes.jsonl", b"")
    assert plan_album([tmp_path / "src"], tmp_path / "out").albums == (tmp_path / "src" / "old",)
    assert is_album(tmp_path / "src" / "old") and not is_album(tmp_path / "src")


def test_space_that_is_just_enough_is_enough_and_one_byte_less_is_not(tmp_path: Path, monkeypatch):
    photos = [Photo(path=tmp_path, rel=str(i), sha256="", size_bytes=4_000_000) for i in range(2)]
    need = int(2.5 * 8_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=need))
    check_space(tmp_path / "out", photos)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=need - 1))
    with pytest.raises(DP2VLError) as error:
        check_space(tmp_path / "out", photos)
    assert error.value.message == f"expected about 20 MB free for {tmp_path / 'out'}, got 20 MB"
    assert error.value.hint == "make space, or choose an output folder on another disk"
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=4_999_999_000_000))
    with pytest.raises(DP2VLError, match=r"about 12,500,000 MB free for .*, got 4,999,999 MB"):
        check_space(tmp_path / "out", [Photo(path=tmp_path, rel="", sha256="", size_bytes=5_000_000_000_000)])


def test_a_file_that_is_in_the_way_is_named_with_the_way_out(tmp_path: Path):
    path = put(tmp_path / "a.jpg")
    photo = Photo(path=tmp_path / "src" / "a.jpg", rel="a.jpg", sha256="2" * 64, size_bytes=3)
    assert check_target(path, photo, {hash_bytes(JPEG): photo.sha256})
    assert check_target(path, photo, {}, new=hash_bytes(JPEG))
    assert not check_target(tmp_path / "free.jpg", photo, {})
    with pytest.raises(PhotoError) as error:
        check_target(path, photo, {"0" * 64: photo.sha256}, new="1" * 64)
    assert error.value.message == f"{path} exists and is not a copy written by dp2vl"
    assert error.value.hint == "move it away, or choose another --out"


def test_a_link_that_leads_out_is_named_with_the_way_out(tmp_path: Path):
    put(tmp_path / "src" / "deep" / "a.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").symlink_to(tmp_path / "src" / "deep")
    with pytest.raises(UsageError) as error:
        plan_album([tmp_path / "src"], tmp_path / "out")
    out = tmp_path / "out"
    assert error.value.message == f"{out / 'deep'} is a link that leads out of {out}"
    assert error.value.hint == "choose another --out"


def test_names_that_differ_in_case_are_tried_where_the_copies_go_with_a_file_that_a_later_run_removes(
    tmp_path: Path, monkeypatch
):
    put(tmp_path / "src" / "a.jpg")
    put(tmp_path / "src" / "A.jpg")
    (tmp_path / "out").mkdir()
    made, real = [], tempfile.NamedTemporaryFile

    def watch(**options: object) -> object:
        file = real(**options)  # type: ignore[call-overload]
        made.append(Path(file.name))
        return file

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", watch)
    assert len(plan_album([tmp_path / "src"], tmp_path / "out").photos) == 2
    (probe,) = made
    assert probe.parent == tmp_path / "out" and not probe.exists()
    put(probe, b"")
    assert remove_partials(tmp_path / "out") == 1


def test_a_photo_that_cannot_be_opened_fails_under_its_own_name(tmp_path: Path, monkeypatch):
    put(tmp_path / "src" / "deep" / "a.jpg")

    def refuse(path: Path) -> str:
        raise PhotoError("cannot be opened: I/O error", "check the disk")

    monkeypatch.setattr(images, "sniff", refuse)
    reason = "cannot be opened: I/O error; hint: check the disk"
    assert plan_album([tmp_path / "src"], tmp_path / "out").settled == (
        settled(tmp_path / "src" / "deep" / "a.jpg", Status.FAILED, reason, "deep/a.jpg"),
    )


def test_wrong_places_are_named_with_the_way_out(tmp_path: Path, bucket: Path):
    src, other = put(tmp_path / "src" / "a.jpg").parent, put(tmp_path / "deep" / "src" / "b.jpg").parent
    put(tmp_path / "words" / "notes.txt", b"words")
    put(tmp_path / "more words" / "notes.txt", b"words")
    put(bucket / "album" / "a.jpg")
    empty, also = tmp_path / "words", tmp_path / "more words"
    apart = "choose an --out beside the photos, so that originals and copies stay apart"
    album_url = locate("memory://bucket/album/")
    for sources, out, message, hint in (
        ([src / "x"], "out", f"expected a photo or a folder, but {src / 'x'} does not exist", "check the spelling"),
        ([src, src / "a.jpg"], "out", f"{src / 'a.jpg'} lies inside {src}", "name each photo and folder once"),
        ([src, other], "out", f"{src} and {other} have the same name, so their copies would mix",
         "protect them one at a time"),
        ([src], "src/a.jpg", f"expected a folder for the copies, but {src / 'a.jpg'} is a file",
         "choose another --out"),
        ([src], "src/out", f"the output folder {src / 'out'} and the source {src} lie in each other", apart),
        ([album_url], bucket / "album" / "out",
         f"the output folder {bucket / 'album' / 'out'} and the source {album_url} lie in each other", apart),
        ([empty, also], "out", f"expected photos in {empty}, {also}, found none among 2 files",
         "photos are JPEG, PNG, WebP, TIFF, BMP, HEIC and AVIF files; hidden files are left out"),
    ):  # fmt: skip
        with pytest.raises(DP2VLError) as error:
            plan_album(sources, tmp_path / out if isinstance(out, str) else out)
        assert (error.value.message, error.value.hint) == (message, hint)


def test_a_place_that_is_closed_is_named_with_the_way_out(tmp_path: Path, monkeypatch):
    put(tmp_path / "src" / "a.jpg")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and real(path, mode))
    with pytest.raises(DP2VLError) as error:
        plan_album([tmp_path / "src"], tmp_path / "out" / "deep")
    assert error.value.message == f"cannot write to {tmp_path}"
    assert error.value.hint == "choose an --out that you may write to"


def test_copies_that_would_share_a_place_all_fail_and_name_the_others(tmp_path: Path, monkeypatch):
    for name in ("a.jpg", "A.jpg", "\u00e4.jpg", "a\u0308.jpg"):
        put(tmp_path / "src" / name)
    monkeypatch.setattr(album, "_ignores_case", lambda folder: True)
    plan = plan_album([tmp_path / "src"], tmp_path / "out")
    src = tmp_path / "src"
    said = {o.path: (o.status, o.rel, o.reason) for o in plan.settled}
    assert plan.photos == () and len(said) == 4
    reason = f"its copy would overwrite that of {src / 'A.jpg'}; hint: rename one of them"
    assert said[str(src / "a.jpg")] == (Status.FAILED, "a.jpg", reason)
