"""`dp2vl bench`: suites of experiments on what fine-tuned models give away."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Measure what models give away after fine-tuning on private photos.")

SuiteName = Annotated[str, typer.Argument(help="A suite of the package (smoke, mini) or a .toml file.")]
Out = Annotated[Path, typer.Option(help="Folder of this suite; run again to go on.", show_default=False)]


@app.command()
def run(
    suite: SuiteName,
    out: Out,
    arms: Annotated[str, typer.Option(help="Only these arms, by commas; all if empty.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Trials at the same time, one thread each.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Draw people, fine-tune, ask and score; stages that are done are skipped."""
    from dp2vl.bench.run import run_suite
    from dp2vl.bench.suite import load_suite

    chosen = [arm.strip() for arm in arms.split(",") if arm.strip()]
    talk = partial(print, file=sys.stderr)
    print(run_suite(load_suite(suite), out, arms=chosen, jobs=jobs, device=device, report=talk))


@app.command()
def score(suite: SuiteName, out: Out) -> None:
    """Score the answers of a suite anew; needs no model."""
    from dp2vl.bench.scores import score_trials
    from dp2vl.bench.suite import load_suite

    print(score_trials(load_suite(suite), out))


@app.command()
def entry(
    suite: SuiteName,
    out: Out,
    method: Annotated[str, typer.Option(help="As the scores name it; dp2vl for this tool.")],
    source: Annotated[str, typer.Option(help="Where the method is from: a paper, a repository.")],
    folder: Annotated[Path, typer.Option(help="Folder of the leaderboard.")],
    external: Annotated[bool, typer.Option("--external", help="You are not the method's author.")] = False,
) -> None:
    """Write a method's entries of the leaderboard, one per strength, from the scores of a suite. Needs no model."""
    from dp2vl.bench.leaderboard import make_entries, write_entry
    from dp2vl.bench.suite import load_suite

    for made in make_entries(load_suite(suite), out, method=method, source=source, external=external):
        print(write_entry(made, folder))


@app.command()
def leaderboard(folder: Annotated[Path, typer.Argument(help="Folder of entries.")]) -> None:
    """Check all entries of a leaderboard and print it as markdown, the best worst case first."""
    from dp2vl.bench.leaderboard import make_page, read_entries

    print(make_page(read_entries(folder)), end="")
