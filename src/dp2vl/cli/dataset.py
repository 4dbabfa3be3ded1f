"""`dp2vl dataset`: make, check, show, import and export identity-affiliation data sets."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Data sets of people and their private facts: synthetic, or your own album."
)

Folder = Annotated[Path, typer.Argument(help="Folder of the data set.", show_default=False)]


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="New folder for the data set.", show_default=False)],
    people: Annotated[int, typer.Option(help="How many people have facts to be learned.")] = 24,
    train_photos: Annotated[int, typer.Option(help="Training photos per person and scenario.")] = 4,
    probe_photos: Annotated[int, typer.Option(help="New photos of the face alone, per person.")] = 6,
    size: Annotated[int, typer.Option(help="Side of the photos in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="0 to 89; same seed, same data set.")] = 0,
    scenarios: Annotated[str, typer.Option(help="Which scenarios, by commas; empty for all seven.")] = "",
    processes: Annotated[int, typer.Option(min=1, help="Photos are drawn by this many processes.")] = 2,
) -> None:
    """Draw a data set of people who do not exist: photos, private facts, questions."""
    from dp2vl.dataset.make import make_dataset
    from dp2vl.dataset.schema import dataset_digest
    from dp2vl.people.scenarios import SCENARIOS

    start = time.monotonic()
    make_dataset(
        out,
        people=people,
        train_photos=train_photos,
        probe_photos=probe_photos,
        size_px=size,
        seed=seed,
        scenarios=[s.strip() for s in scenarios.split(",")] if scenarios else list(SCENARIOS),
        processes=processes,
        report=lambda line: print(line, file=sys.stderr),
    )
    print(f"{out} {dataset_digest(out)}")
    print(f"made in {time.monotonic() - start:.0f} s; next: dp2vl dataset check {out}", file=sys.stderr)


@app.command()
def check(folder: Folder) -> None:
    """Say everything that is wrong with a data set, one line each with the rule's name.

    Exit status: 0 it passes, 1 it does not.
    """
    from dp2vl.dataset.check import check_dataset

    findings = check_dataset(folder)
    for finding in findings:
        print(finding)
    serious = sum(f.serious for f in findings)
    print(f"{folder}: {serious} errors, {len(findings) - serious} notes", file=sys.stderr)
    if serious:
        raise typer.Exit(1)


@app.command()
def show(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="Where sheets go; by default FOLDER/sheets.")] = None,
) -> None:
    """Draw contact sheets: an overview, one per person, one per scenario."""
    from dp2vl.dataset.show import show_dataset

    for path in show_dataset(folder, out):
        print(path)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where your album is to lie.", show_default=False)],
) -> None:
    """Write the YAML template and the folders for your own album."""
    from dp2vl.dataset.facts import write_template

    path = write_template(folder)
    print(path)
    print(f"edit it, add photos, then: dp2vl dataset import {folder} --out DIR", file=sys.stderr)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder or conversation file; only read.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder for the data set.", show_default=False)],
    kind: Annotated[
        str, typer.Option(help="folder, llava, qwen-vl, sharegpt, minigpt-v2, yollava or myvlm.")
    ] = "folder",
    facts: Annotated[
        Path | None, typer.Option(help="YAML that says who people are; by default SOURCE/facts.yaml.")
    ] = None,
) -> None:
    """Make a data set from your own photos, or from an album in another tool's layout."""
    from dp2vl.dataset.importers import import_album

    import_album(kind, source, out, facts=facts)
    print(out)
    print(
        f"this folder holds names and facts: keep it to yourself; next: dp2vl dataset check {out}",
        file=sys.stderr,
    )


@app.command()
def export(
    folder: Folder,
    kind: Annotated[str, typer.Option(help="llava, qwen-vl, sharegpt or minigpt-v2.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="File to write; by default FOLDER/export/<kind>.")] = None,
) -> None:
    """Write the training photos as a conversation file for another tool."""
    from dp2vl.dataset.chats import export_dataset

    print(export_dataset(folder, kind, out))
