"""Parts that lie: put in place of honest ones, none of them makes the tool say that photos are protected."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import dp2vl
from album_tools import digests, run_cli, write_album, write_tower
from dp2vl.cli import app
from dp2vl.engine.local import LocalEngine
from dp2vl.errors import DP2VLError
from dp2vl.images import Picture
from dp2vl.protect import job, photo, run
from dp2vl.protect.check import verify_files
from dp2vl.protect.photo import Made, Protector
from dp2vl.types import Outcome, Photo, Status

PHOTOS = 3


class World:
    """An album, its copies, and a tower."""

    def __init__(self, folder: Path) -> None:
        self.album, self.out, self.tower = folder / "album", folder / "out", write_tower(folder)
        write_album(self.album, photos=PHOTOS, suffixes=(".png",))

    def protect(self) -> dp2vl.AlbumResult:
        return dp2vl.protect_album(self.album, self.out, surrogates=self.tower, effort="quick")

    def verify(self) -> list[str]:
        """Return what is said about each copy, without the reason."""
        return [found.word for found in verify_files(self.out, surrogates=self.tower)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_protector_that_changes_nothing_is_told_by_the_run_and_by_verify(world, monkeypatch):
    honest = Protector.find_changes
    monkeypatch.setattr(Protector, "find_changes", lambda *a, **k: [np.zeros_like(c) for c in honest(*a, **k)])
    result = world.protect()
    assert result.summary["verdicts"] == {"strong": 0, "weak": 0, "none": PHOTOS}
    assert world.verify() == ["none"] * PHOTOS
    said = CliRunner().invoke(app, ["protect", str(world.album), "--out", str(world.out), "--effort", "quick",
                                    "--surrogates", world.tower])  # fmt: skip
    assert said.exit_code == 4 and f"{PHOTOS} copies do not protect (verdict none): photo-0.png, " in said.output
    verified = run_cli("verify", world.out, "--surrogates", world.tower)
    assert verified.returncode == 3 and f"{PHOTOS} none" in verified.stderr


def test_a_protector_that_praises_untouched_photos_does_not_deceive_verify(world, monkeypatch):
    def praise(self: Protector, picture: Picture, change: object, **options: object) -> Made:
        data = photo.encode(picture, metadata="minimal")
        return Made(data, "", "strong: 9.99 of the way", {f"shift[{world.tower}]": 9.99}, ())

    monkeypatch.setattr(Protector, "finish", praise)
    assert world.protect().summary["verdicts"] == {"strong": PHOTOS, "weak": 0, "none": 0}
    assert world.verify() == ["none"] * PHOTOS


def black(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        made = BytesIO()
        Image.new(image.mode, image.size).save(made, "PNG")
    return made.getvalue()


def smaller(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        made = BytesIO()
        image.resize((60, 60)).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: b"", black])
def test_an_encoder_that_breaks_photos_fails_each_of_them_and_writes_none(world, monkeypatch, harm):
    honest = photo.encode
    monkeypatch.setattr(photo, "encode", lambda *a, **k: harm(honest(*a, **k)))
    result = world.protect()
    assert [o.status for o in result.unprotected] == [Status.FAILED] * PHOTOS
    assert all(o.reason and not o.sha256_out for o in result.unprotected)
    assert digests(world.out) == {}


def test_an_encoder_that_writes_another_size_ends_the_run(world, monkeypatch):
    honest = photo.encode
    monkeypatch.setattr(photo, "encode", lambda *a, **k: smaller(honest(*a, **k)))
    with pytest.raises(DP2VLError, match="expected a copy of shape"):
        world.protect()
    assert digests(world.out) == {}


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: b"", smaller])
def test_a_disk_that_breaks_copies_is_told_by_verify_and_the_next_run_mends_them(world, monkeypatch, harm):
    honest = job.write_atomic
    with monkeypatch.context() as patch:
        patch.setattr(job, "write_atomic", lambda path, data, **o: honest(path, harm(data), **o))
        world.protect()
    assert world.verify() == ["not measured"] * PHOTOS
    for path in world.out.glob("*.png"):  # nobody knows these bytes: they are not written over
        path.unlink()
    world.protect()
    assert world.verify().count("not measured") == 0


def noise(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        size = (*reversed(image.size), 3)
    made = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)).save(made, "PNG")
    return made.getvalue()


def inverted(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        made = BytesIO()
        Image.fromarray(255 - np.asarray(image.convert("RGB"))).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize("harm", [black, noise, inverted])
def test_a_copy_that_shows_something_else_is_measured_by_no_way_of_asking(world, harm):
    world.protect()
    for path in world.out.glob("*.png"):
        path.write_bytes(harm(path.read_bytes()))
    for against, reason in ((None, "not the copy that was written"), (world.album, "shows something else")):
        found = verify_files(world.out, against=against, surrogates=world.tower)
        assert [f.word for f in found] == ["not measured"] * PHOTOS and not any(f.figures for f in found)
        assert all(reason in f.verdict for f in found)


@pytest.mark.parametrize("other", ["out", "album"], ids=["swapped copies", "somebody else's original"])
def test_a_copy_in_the_place_of_another_is_not_measured(world, other):
    world.protect()
    folder = getattr(world, other)
    taken = {f"photo-{i}.png": (folder / f"photo-{(i + 1) % PHOTOS}.png").read_bytes() for i in range(PHOTOS)}
    for name, data in taken.items():
        (world.out / name).write_bytes(data)
    assert world.verify() == ["not measured"] * PHOTOS
    found = verify_files(world.out, against=world.album, surrogates=world.tower)
    assert [f.word for f in found] == ["not measured"] * PHOTOS


def by_messenger(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        made = BytesIO()
        image.resize((image.width // 2, image.height // 2)).save(made, "JPEG", quality=30)
    return made.getvalue()


def test_a_copy_that_went_through_a_messenger_is_measured_against_its_original(world, tmp_path):
    world.protect()
    sent = tmp_path / "sent"
    sent.mkdir()
    for path in world.out.glob("*.png"):
        (sent / f"{path.stem}.jpg").write_bytes(by_messenger(path.read_bytes()))
    found = verify_files(sent, against=world.album, surrogates=world.tower)
    assert all(f.word in ("strong", "weak", "none") for f in found) and len(found) == PHOTOS
    assert all(0.4 < f.figures["ssim"] < 0.99 for f in found)


class Inventing(LocalEngine):
    """Reports protection, and does nothing."""

    def run(self, work: job.AlbumJob, photos: Iterable[Photo]) -> Iterator[Outcome]:
        for one in photos:
            yield replace(
                work.open_outcome(one), status=Status.PROTECTED, verdict="strong: 9.99 of the way", sha256_out="0" * 64
            )


class Repeating(LocalEngine):
    """Gives the outcome of the first photo for all."""

    def run(self, work: job.AlbumJob, photos: Iterable[Photo]) -> Iterator[Outcome]:
        first, *others = photos
        (outcome,) = super().run(work, [first])
        yield from [outcome] * (1 + len(others))


class Forgetting(LocalEngine):
    """Leaves the last photo out."""

    def run(self, work: job.AlbumJob, photos: Iterable[Photo]) -> Iterator[Outcome]:
        yield from super().run(work, list(photos)[:-1])


def with_engine(engine: type[LocalEngine]) -> Callable[..., LocalEngine]:
    return lambda *arguments, **options: engine()


def test_an_engine_that_only_says_so_is_told_by_verify_and_the_next_run_does_the_work(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(run, "make_engine", with_engine(Inventing))
        world.protect()
    assert world.verify() == ["not measured"] * PHOTOS
    assert {o.status for o in world.protect().outcomes} == {Status.PROTECTED}
    assert len(digests(world.out)) == PHOTOS and "not measured" not in world.verify()


@pytest.mark.parametrize("engine", [Repeating, Forgetting])
def test_an_engine_that_gives_no_outcome_of_a_photo_is_an_error_that_names_it(world, monkeypatch, engine):
    with monkeypatch.context() as patch:
        patch.setattr(run, "make_engine", with_engine(engine))
        with pytest.raises(DP2VLError, match=r"no outcome for photo-\d\.png") as error:
            world.protect()
    assert "run the same command again" in error.value.hint
    assert {o.status for o in world.protect().outcomes} == {Status.PROTECTED}
    assert len(digests(world.out)) == PHOTOS


def test_a_copy_that_went_away_is_told_by_verify(world):
    world.protect()
    (world.out / "photo-1.png").unlink()
    found = {Path(f.path).name: f for f in verify_files(world.out, surrogates=world.tower)}
    assert found["photo-1.png"].verdict == "not measured: the copy is missing; hint: protect the album again"
    assert [f.word == "not measured" for f in found.values()].count(True) == 1
