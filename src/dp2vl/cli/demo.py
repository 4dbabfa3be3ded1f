"""`dp2vl demo`: the main job on an album of people who do not exist, from drawing it to the report."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

PEOPLE, PHOTOS_EACH, SIZE_PX = 4, 3, 384
FIRST_SEED = 910_000


def demo(
    out: Annotated[
        Path,
        typer.Option(help="Folder for album, copies and report; a folder of an earlier demo is replaced."),
    ] = Path("demo-out"),
    effort: Annotated[str, typer.Option(help="instant, quick, normal or thorough.")] = "normal",
    seed: Annotated[int, typer.Option(help="Same seed, same demo.")] = 0,
) -> None:
    """Draw an album of synthetic people, protect it, verify the written files, and write a report with pictures."""
    from dp2vl.errors import UsageError
    from dp2vl.preview import write_previews
    from dp2vl.protect.check import verify_files
    from dp2vl.protect.run import protect_album
    from dp2vl.report.album import write_album_report

    marker = out / ".dp2vl-demo"
    if out.exists() and not marker.exists() and any(out.iterdir()):
        raise UsageError(f"expected an empty folder or an earlier demo, got {out}", "choose another --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    marker.touch()
    album, copies, page = out / "album", out / "protected", out / "report"
    _draw_album(album, seed)
    print(f"drew {PEOPLE * PHOTOS_EACH} photos of {PEOPLE} people who do not exist", file=sys.stderr)
    result = protect_album(
        album,
        copies,
        effort=effort,
        seed=seed,
        on_outcome=lambda o: print(f"{o.status} {o.rel}", file=sys.stderr),
    )
    pictures = write_previews(result.outcomes, copies, page / "pictures")
    index = write_album_report(result.outcomes, result.summary, pictures, page)
    found = verify_files(copies, against=album)
    for v in found:
        print(f"{Path(v.path).relative_to(copies)}  {v.verdict}")
    print(f"open {index} to see original, copy and difference of every photo", file=sys.stderr)
    if result.unprotected:
        raise typer.Exit(3)


def _draw_album(folder: Path, seed: int) -> None:
    from PIL import Image

    from dp2vl.people import draw_portrait, make_person

    for i in range(PEOPLE):
        person = make_person(FIRST_SEED + seed * PEOPLE + i)
        for j in range(PHOTOS_EACH):
            path = folder / f"person-{i + 1}" / f"photo-{j + 1}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = draw_portrait(person, seed=FIRST_SEED + j + 100 * i + 1000 * seed, size=SIZE_PX).pixels
            Image.fromarray(pixels).save(path, quality=95, subsampling=0)
