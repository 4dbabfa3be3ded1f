"""`dp2vl protect`: protected copies of photos, one outcome per file."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dp2vl.errors import UsageError
from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.types import STRENGTHS, Outcome, Status

if TYPE_CHECKING:
    from dp2vl.protect.run import AlbumResult

SECONDS_PER_PASS = 0.02
"""Rough time of one forward and backward pass of one bundled tower on one core; only for the estimate of --dry-run."""
NAMED = 10
"""So many weak photos are named in the summary; `dp2vl report` shows them all."""
_STRENGTHS = "How much may change, at most: " + ", ".join(f"{s} {b.levels} grey levels" for s, b in STRENGTHS.items())


def protect(
    paths: Annotated[
        list[str],
        typer.Argument(help="Photos and folders of photos, or URLs (s3://...); never written to.", show_default=False),
    ],
    out: Annotated[str, typer.Option(help="Folder or URL for the protected copies.", show_default=False)],
    strength: Annotated[str, typer.Option(help=_STRENGTHS)] = "standard",
    effort: Annotated[str, typer.Option(help="instant, quick, normal or thorough: how long to search.")] = "normal",
    surrogates: Annotated[
        str, typer.Option(help="Set of towers (mini, standard, thorough) or towers, by commas.")
    ] = "mini",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    metadata: Annotated[
        str, typer.Option(help="minimal (no location, previews, serials), keep, or strip.")
    ] = "minimal",
    seed: Annotated[int, typer.Option(help="Same seed, same copies.")] = 0,
    max_megapixels: Annotated[float, typer.Option(help="Refuse larger photos.")] = 100.0,
    force: Annotated[bool, typer.Option("--force", help="Protect copies again that are protected already.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray for many processes, GPUs or machines.")] = "local",
    address: Annotated[
        str, typer.Option(help="Ray cluster, host:port or auto; without it, one on this machine for this run.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="Photos searched at once, at most, or Ray workers; 0 for what suits.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Write comparison pictures to OUT-preview.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with outcomes and summary.")] = False,
) -> None:
    """Write protected copies of photos into OUT, and say what became of every file.

    Exit status: 0 every photo has a copy, 3 some have none, 4 no copy protects, 1 error, 2 wrong usage.
    """
    config = ProtectConfig(
        strength=strength, effort=effort, surrogates=surrogates, seed=seed, metadata=metadata, device=device,
        max_megapixels=max_megapixels,
    )  # fmt: skip
    if dry_run:
        _list_plan(paths, out, config, as_json)
        return
    if preview and (urls := [place for place in (out, *paths) if "://" in place]):
        raise UsageError(f"expected folders with --preview, got {urls[0]}", "leave --preview out")
    where = {"engine": engine, "address": address, "workers": workers}
    result = _run(paths, out, config, force, where, quiet=as_json)
    if preview:
        from dp2vl.preview import write_previews

        write_previews(result.outcomes, Path(out), Path(f"{out}-preview"))
    if as_json:
        print(json.dumps({"outcomes": [asdict(o) for o in result.outcomes], "summary": result.summary}, indent=2))
    _say_summary(result, out)
    raise typer.Exit(exit_status(result))


def exit_status(result: "AlbumResult") -> int:
    """Return 4 if there are copies and none of them protects, 3 if a photo has no copy, else 0."""
    copies = [o for o in result.outcomes if o.status == Status.PROTECTED]
    if copies and len(result.copies("none")) == len(copies):
        return 4
    return 3 if result.unprotected else 0


def _run(
    paths: list[str], out: str, config: ProtectConfig, force: bool, where: dict[str, Any], *, quiet: bool
) -> "AlbumResult":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dp2vl.protect.run import protect_album

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("protecting", total=None)

        def show(outcome: Outcome) -> None:
            bar.advance(task)
            if not quiet:
                print(outcome_line(outcome))

        return protect_album(
            paths, out, strength=config.strength, effort=config.effort, surrogates=config.surrogates, seed=config.seed,
            metadata=config.metadata, device=config.device, max_megapixels=config.max_megapixels, force=force, **where,
            on_start=lambda count: bar.update(task, total=count), on_outcome=show,
        )  # fmt: skip


def outcome_line(outcome: Outcome) -> str:
    """Return one line about one file, readable without colour."""
    about = outcome.verdict if outcome.status == Status.PROTECTED else outcome.reason
    return f"{outcome.status:10} {_one_line(outcome.rel or outcome.path)}  {about}"


def _names(outcomes: Sequence[Outcome]) -> str:
    names = [_one_line(o.rel) for o in outcomes[:NAMED]]
    return ", ".join(names) + (f" and {len(outcomes) - NAMED} more" if len(outcomes) > NAMED else "")


def _one_line(name: str) -> str:
    return name.replace("\n", "\\n")


def _list_plan(paths: list[str], out: str, config: ProtectConfig, as_json: bool) -> None:
    from dp2vl.album import plan_album
    from dp2vl.storage import locate
    from dp2vl.surrogates.sets import tower_names

    plan = plan_album([locate(p) for p in paths], locate(out), max_megapixels=config.max_megapixels)
    search = EFFORTS[config.effort]
    passes = search.steps * search.views * len(tower_names(config.surrogates))
    seconds = round(len(plan.photos) * passes * SECONDS_PER_PASS)
    if as_json:
        photos = [{"path": str(p.path), "rel": p.rel, "bytes": p.size_bytes} for p in plan.photos]
        print(
            json.dumps(
                {"photos": photos, "outcomes": [asdict(o) for o in plan.settled], "passes_per_photo": passes},
                indent=2,
            )
        )
    else:
        for photo in plan.photos:
            print(f"would protect {photo.rel}")
        for outcome in plan.settled:
            print(outcome_line(outcome))
    basis = f"with bundled towers on one core; {passes} passes per photo, larger towers take longer"
    print(f"{len(plan.photos)} photos, about {seconds} s {basis}", file=sys.stderr)


def _say_summary(result: "AlbumResult", out: str) -> None:
    summary = result.summary
    counts = ", ".join(f"{summary[s]} {s}" for s in Status)
    verdicts = ", ".join(f"{n} {word}" for word, n in summary["verdicts"].items())  # type: ignore[attr-defined]
    print(f"{summary['files']} files: {counts}; verdicts: {verdicts}", file=sys.stderr)
    print(f"copies and records are in {out}", file=sys.stderr)
    print(f"{summary['worker_seconds']:.0f} s of work, all workers together", file=sys.stderr)
    print(f"optimised against: {', '.join(result.towers)}", file=sys.stderr)
    if all(name.startswith("mini-") for name in result.towers):
        print(
            "Bundled towers stand for no published model: expect little effect on real ones. For real photos use\n"
            "--surrogates standard (see `dp2vl models list`). No perturbation protects photos that are online already.",
            file=sys.stderr,
        )
    for word, means in (("weak", "protect in part"), ("none", "do not protect")):
        if some := result.copies(word):
            print(f"{len(some)} copies {means} (verdict {word}): {_names(some)}", file=sys.stderr)
    for outcome in result.unprotected:
        print(f"not protected: {outcome.path}: {outcome.reason}", file=sys.stderr)
