"""Walking folders, giving every file one place, and keeping others out of it."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dp2vl import album
from dp2vl.album import AlbumPlan, check_space, check_target, lock_output, plan_album
from dp2vl.errors import DP2VLError, PhotoError, PlaceTaken, UsageError
from dp2vl.files import hash_bytes, hash_file, write_atomic
from dp2vl.types import Photo, Status


def _picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 30)).save(file, kind)
    return file.getvalue()


JPEG, PNG, GIF = _picture("JPEG"), _picture("PNG"), _picture("GIF")


def put(path: Path, data: bytes = JPEG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def reasons(plan: AlbumPlan) -> dict[str, tuple[Status, str]]:
    return {Path(o.path).name: (o.status, o.reason) for o in plan.settled}


@pytest.fixture
def src(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_every_file_gets_exactly_one_place(src: Path, out: Path) -> None:
    for name, data in {
        "a.jpg": JPEG, "deep/er/b.PNG": PNG, "png-inside.jpg": PNG, "noname": JPEG, "broken.jpg": b"text",
        ".hidden.jpg": JPEG, ".thumbs/c.jpg": JPEG, "notes.txt": b"hello", "empty.jpg": b"", "empty.txt": b"",
        "moving.gif": GIF, "raw.nef": b"II*\0rest", "film.mp4": b"\0\0\0\x18ftypmp42",
    }.items():  # fmt: skip
        put(src / name, data)
    plan = plan_album([src], out)
    assert [p.rel for p in plan.photos] == [
        "a.jpg",
        "broken.jpg",
        "noname",
        "png-inside.jpg",
        "deep/er/b.PNG",
    ]
    assert {n: s for n, (s, _) in reasons(plan).items()} == {
        ".hidden.jpg": "skipped", "c.jpg": "skipped", "notes.txt": "skipped", "empty.txt": "skipped",
        "film.mp4": "skipped", "empty.jpg": "failed", "moving.gif": "refused", "raw.nef": "refused",
    }  # fmt: skip
    assert all(o.reason for o in plan.settled)
    places = [p.path for p in plan.photos] + [Path(o.path) for o in plan.settled]
    assert sorted(places) == sorted(p for p in src.rglob("*") if p.is_file())
    assert not out.exists()


def test_a_photo_carries_digest_and_size_of_its_whole_file(src: Path, out: Path) -> None:
    data = JPEG + b"x" * 3_000_000
    path = put(src / "a.jpg", data)
    (photo,) = plan_album([src], out).photos
    assert (photo.path, photo.size_bytes) == (path, len(data))
    assert photo.sha256 == hash_bytes(data) == hash_file(path) != hash_bytes(data[:-1])


def test_a_single_file_keeps_its_name_even_if_hidden(src: Path, out: Path) -> None:
    plan = plan_album([put(src / "deep" / ".me.jpg")], out)
    assert [p.rel for p in plan.photos] == [".me.jpg"]


def test_several_sources_get_a_folder_of_their_own(tmp_path: Path, out: Path) -> None:
    put(tmp_path / "x" / "a.jpg"), put(tmp_path / "y" / "deep" / "a.jpg"), put(tmp_path / "z.jpg")
    plan = plan_album([tmp_path / "x", tmp_path / "y", tmp_path / "z.jpg"], out)
    assert [p.rel for p in plan.photos] == ["x/a.jpg", "y/deep/a.jpg", "z.jpg"]


def test_the_current_folder_as_one_of_several_sources_has_its_real_name(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "x" / "a.jpg"), put(tmp_path / "y" / "a.jpg")
    monkeypatch.chdir(tmp_path / "x")
    assert [p.rel for p in plan_album([Path(), Path("../y")], out).photos] == ["x/a.jpg", "y/a.jpg"]


@pytest.mark.parametrize("names", [("p/x", "q/x"), ("p/x", "q/X"), ("p/x", "p"), ("p/x", "p/x"), ("p", "p/x/a.jpg")])
def test_sources_that_share_a_name_or_overlap_are_a_usage_error(
    tmp_path: Path, out: Path, names: tuple[str, str]
) -> None:
    for name in ("p/x/a.jpg", "q/x/a.jpg", "q/X/a.jpg"):
        put(tmp_path / name)
    with pytest.raises(UsageError) as error:
        plan_album([tmp_path / n for n in names], out)
    assert error.value.hint


@pytest.mark.parametrize("place", ["src", "src/out", ".", "src/../src/out", "link/out", "src/deep/../new/out"])
def test_output_and_source_may_not_lie_in_each_other(tmp_path: Path, src: Path, place: str) -> None:
    put(src / "a.jpg"), put(src / "deep" / "b.jpg")
    (tmp_path / "link").symlink_to(src)
    with pytest.raises(UsageError, match="each other") as error:
        plan_album([src], tmp_path / place)
    assert error.value.hint


def test_a_link_inside_the_output_cannot_lead_a_copy_over_an_original(src: Path, out: Path) -> None:
    put(src / "sub" / "a.jpg")
    out.mkdir()
    (out / "sub").symlink_to(src / "sub")
    with pytest.raises(UsageError, match="leads out of"):
        plan_album([src], out)


def test_a_missing_source_is_a_usage_error(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        plan_album([tmp_path / "absent"], out)


def test_an_output_that_is_a_file_is_a_usage_error(src: Path, out: Path) -> None:
    put(src / "a.jpg"), put(out)
    with pytest.raises(UsageError, match="is a file"):
        plan_album([src], out)


def test_an_output_that_cannot_be_written_is_an_error_before_the_work(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "a.jpg")
    with pytest.raises(DP2VLError, match="cannot write"):
        plan_album([src], put(out / "file") / "below")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and access(path, mode))
    with pytest.raises(DP2VLError, match="cannot write"):
        plan_album([src], out / "new")


def test_an_album_without_photos_is_an_error_but_one_with_only_bad_photos_is_not(src: Path, out: Path) -> None:
    put(src / "notes.txt", b"hello")
    with pytest.raises(DP2VLError, match="found none among 1 file"):
        plan_album([src], out)
    put(src / "empty.jpg", b"")
    assert [o.status for o in plan_album([src], out).settled] == ["failed", "skipped"]


def test_links_to_photos_are_photos_and_loops_end(src: Path, out: Path, tmp_path: Path) -> None:
    real = put(tmp_path / "elsewhere" / "a.jpg")
    (src / "b.jpg").symlink_to(real)
    (src / "lost.jpg").symlink_to(tmp_path / "absent")
    (src / "self.jpg").symlink_to(src / "self.jpg")
    (src / "loop").symlink_to(src)
    (src / "folder").symlink_to(real.parent)
    plan = plan_album([src], out)
    assert [(p.rel, p.sha256) for p in plan.photos] == [("b.jpg", hash_bytes(JPEG))]
    assert {n: s for n, (s, _) in reasons(plan).items()} == {
        "lost.jpg": "failed", "self.jpg": "failed", "loop": "skipped", "folder": "skipped",
    }  # fmt: skip


def test_pipes_and_sockets_are_skipped_without_waiting_for_data(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(src)  # names of sockets must be short
    put(src / "a.jpg")
    os.mkfifo(src / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
    assert {s for s, _ in reasons(plan_album([src], out)).values()} == {Status.SKIPPED}


def test_what_may_not_be_read_fails_and_the_rest_goes_on(src: Path, out: Path) -> None:
    put(src / "a.jpg"), put(src / "closed.jpg").chmod(0), put(src / "folder" / "b.jpg").parent.chmod(0)
    try:
        if os.access(src / "closed.jpg", os.R_OK):
            pytest.skip("this user may read everything")
        plan = plan_album([src], out)
    finally:
        (src / "folder").chmod(0o700)
    assert [p.rel for p in plan.photos] == ["a.jpg"]
    assert {s for s, _ in reasons(plan).values()} == {Status.FAILED}


def test_a_file_or_folder_that_fails_while_being_read_is_a_failed_outcome(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "a.jpg"), put(src / "bad.jpg"), put(src / "folder" / "b.jpg")
    real_hash, real_scan = album.hash_file, os.scandir

    def refuse(path: Path, name: str) -> None:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(album, "hash_file", lambda path: refuse(path, "bad.jpg") or real_hash(path))
    monkeypatch.setattr(os, "scandir", lambda path: refuse(path, "folder") or real_scan(path))
    plan = plan_album([src], out)
    assert [p.rel for p in plan.photos] == ["a.jpg"]
    assert reasons(plan) == {
        "bad.jpg": (Status.FAILED, "cannot be read: Permission denied"),
        "folder": (Status.FAILED, "folder cannot be read: Permission denied"),
    }


def test_names_that_differ_in_case_collide_only_where_the_disk_ignores_case(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "IMG.jpg"), put(src / "img.jpg"), put(src / "other.jpg")
    if len(list(src.iterdir())) < 3:
        pytest.skip("this disk ignores case itself")
    assert len(plan_album([src], out).photos) == 3
    monkeypatch.setattr(album, "_ignores_case", lambda folder: True)
    plan = plan_album([src], out)
    assert [p.rel for p in plan.photos] == ["other.jpg"]
    assert {s for s, _ in reasons(plan).values()} == {Status.FAILED}
    assert str(src / "img.jpg") in reasons(plan)["IMG.jpg"][1]


def test_a_heic_photo_collides_with_a_png_only_where_it_has_to_become_one(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), put(src / "a.png", PNG), put(src / "a.jpg")
    monkeypatch.setattr("dp2vl.images.heif.can_encode_heic", lambda: True)
    assert len(plan_album([src], out).photos) == 3
    monkeypatch.setattr("dp2vl.images.heif.can_encode_heic", lambda: False)
    plan = plan_album([src], out)
    assert [p.rel for p in plan.photos] == ["a.jpg"]
    assert {n: s for n, (s, _) in reasons(plan).items()} == {"a.heic": "failed", "a.png": "failed"}


def test_earlier_albums_among_and_above_the_sources_are_named_and_their_state_is_no_photo(src: Path, out: Path) -> None:
    for folder in (src, src / "a" / "b"):
        put(folder / "x.jpg"), put(folder / ".dp2vl" / "outcomes.jsonl", b"")
    assert plan_album([src], out).albums == (src, src / "a" / "b")
    assert plan_album([src], out).settled == ()
    assert plan_album([src / "a" / "b" / "x.jpg"], out).albums == (src, src / "a" / "b")


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40).filter(
    lambda n: not n.startswith(".") and len(n.encode()) < 200
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(NAMES, min_size=1, max_size=3))
def test_odd_names_keep_their_place(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("odd")
    put(folder / "src" / Path(*parts))
    (photo,) = plan_album([folder / "src"], folder / "out").photos
    assert photo.rel == "/".join(parts)
    write_atomic(folder / "out" / photo.rel, b"copy")
    assert [p.relative_to(folder / "out") for p in (folder / "out").rglob("*") if p.is_file()] == [Path(*parts)]


def test_names_that_are_not_utf8_are_planned(src: Path, out: Path) -> None:
    try:
        put(src / os.fsdecode(b"caf\xe9\nx.jpg"))
    except OSError:
        pytest.skip("this disk takes only UTF-8")
    (photo,) = plan_album([src], out).photos
    write_atomic(out / photo.rel, b"copy")
    assert [os.fsencode(p.name) for p in out.iterdir()] == [b"caf\xe9\nx.jpg"]


def test_two_thousand_files_are_planned_in_order(src: Path, out: Path) -> None:
    for number in range(2000):
        put(src / f"{number % 7}" / f"{number:04}.jpg", JPEG if number % 2 else b"")
    plan = plan_album([src], out)
    rels = [p.rel for p in plan.photos]
    assert (len(rels), len(plan.settled)) == (1000, 1000)
    assert rels == sorted(rels)
    assert plan == plan_album([src], out)


def test_too_little_space_is_an_error_that_names_both_numbers(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "a.jpg", JPEG + b"x" * 4_000_000)
    photos = plan_album([src], out).photos
    check_space(out, photos)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(DP2VLError, match=r"expected about 10 MB .*, got 5 MB"):
        check_space(out, photos)


def test_a_file_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    photo = Photo(path=tmp_path / "src" / "a.jpg", rel="a.jpg", sha256="1" * 64, size_bytes=3)
    assert not check_target(path, photo, {})
    put(path, b"ours")
    assert check_target(path, photo, {hash_bytes(b"ours"): photo.sha256})
    with pytest.raises(PhotoError, match="not a copy written by dp2vl"):
        check_target(path, photo, {hash_bytes(b"other"): photo.sha256})


def test_the_copy_of_another_photo_is_not_written_over_but_that_of_an_earlier_state_is(tmp_path: Path) -> None:
    path = put(tmp_path / "out" / "a.jpg", b"ours")
    photo = Photo(path=tmp_path / "oslo" / "a.jpg", rel="a.jpg", sha256="1" * 64, size_bytes=3)
    ours = {hash_bytes(b"ours"): "2" * 64}
    assert check_target(path, photo, ours, holder=str(photo.path)), "the photo was edited since"
    for holder, named in ((str(tmp_path / "rome" / "a.jpg"), "rome/a.jpg"), ("", "another photo")):
        with pytest.raises(PlaceTaken, match=f"holds the copy of .*{named}") as error:
            check_target(path, photo, ours, holder=holder)
        assert error.value.hint == "choose another --out"


def test_two_folders_of_the_output_that_are_one_through_a_link_are_refused(src: Path, out: Path) -> None:
    put(src / "a" / "x.jpg"), put(src / "b" / "x.jpg")
    (out / "a").mkdir(parents=True)
    (out / "b").symlink_to("a")
    with pytest.raises(UsageError, match="are one folder") as error:
        plan_album([src], out)
    assert error.value.hint
    (out / "b").unlink()
    assert len(plan_album([src], out).photos) == 2


def test_a_link_among_the_sources_that_leads_into_the_output_is_refused(src: Path, out: Path) -> None:
    copy = put(out / "a.jpg")
    (src / "a.jpg").symlink_to(copy)
    put(src / "b.jpg")
    plan = plan_album([src], out)
    assert [p.rel for p in plan.photos] == ["b.jpg"]
    status, reason = reasons(plan)["a.jpg"]
    assert status == Status.REFUSED and "is a link into the output folder" in reason


def test_a_file_too_large_for_any_photo_is_refused_before_it_is_read(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(put(src / "huge.jpg"), 32_000_000_000)  # takes no room: the disk knows where nothing is
    put(src / "a.jpg")
    real, read = album.hash_file, list[str]()
    monkeypatch.setattr(album, "hash_file", lambda path: read.append(path.name) or real(path))
    plan = plan_album([src], out)
    assert ([p.rel for p in plan.photos], read) == (["a.jpg"], ["a.jpg"])
    status, reason = reasons(plan)["huge.jpg"]
    assert status == Status.REFUSED and reason.startswith("32000 MB is more than")


def test_photos_named_from_the_folder_they_are_in_are_known_by_their_whole_path(
    src: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(src / "a.jpg")
    monkeypatch.chdir(src)
    assert [p.path for p in plan_album([Path()], out).photos] == [src / "a.jpg"]


HOLDER = """
import sys
from pathlib import Path
from dp2vl.album import lock_output
with lock_output(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(out: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, out], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    with process:
        process.stdout.readline()
        with pytest.raises(DP2VLError, match="another run") as error, lock_output(out):
            pass
        process.kill()
    assert error.value.hint
    assert "\n" not in str(error.value)
    with lock_output(out):
        pass
    with lock_output(out):
        pass


def test_a_lock_on_a_folder_that_cannot_be_made_is_one_line(out: Path) -> None:
    with pytest.raises(DP2VLError, match="cannot write"), lock_output(put(out) / "below"):
        pass
