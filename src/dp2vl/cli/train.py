"""`dp2vl models train NAME`: train a mini model from nothing on synthetic people."""

from pathlib import Path
from typing import Annotated

import typer

PARTS = ("tower", "language", "all")


def train(
    name: Annotated[str, typer.Argument(help="mini-llava, mini-minigpt-v2 or mini-qwen-vl.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Gets checkpoints, logs and the model; run again to go on.")],
    part: Annotated[str, typer.Option(help="tower, language (needs the tower), or all: one after the other.")] = "all",
    tower_steps: Annotated[
        int | None, typer.Option(min=1, help="Length of the tower's schedule; the bundled model's if not given.")
    ] = None,
    language_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Length of the language model's schedule; the bundled model's if not given."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0, help="Stop after about this time, of which drawing takes a third at most; run again to go on."
        ),
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(min=2, help="How many people to draw, six photos each; as many as for the bundled model."),
    ] = None,
    figures: Annotated[
        int | None, typer.Option(min=1, help="How many public figures it gets to know; those of the bundled model.")
    ] = None,
    unlabelled: Annotated[
        Path | None, typer.Option(help="Folder of real photos that the tower sees, too; nothing is known of them.")
    ] = None,
    unlabelled_source: Annotated[
        str, typer.Option(help="Where the photos of --unlabelled are from and under which terms, for the model's card.")
    ] = "",
    start: Annotated[Path | None, typer.Option(help="Begin from the tower of this folder, not from nothing.")] = None,
    peak_lr: Annotated[float, typer.Option(min=0, help="Highest learning rate of the tower.")] = 1e-3,
    cache: Annotated[Path | None, typer.Option(help="Where drawn photos are kept (300 KB per person).")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Photos are drawn by this many processes.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a mini model from nothing on synthetic people: its tower, then connector and language model.

    Where nothing else is said, steps and people are those that the bundled model was made with.
    """
    from math import inf
    from time import monotonic

    until = monotonic() + (inf if minutes is None else minutes * 60)  # loading torch counts, too
    from platformdirs import user_cache_path

    from dp2vl.errors import UsageError
    from dp2vl.vlm.mini.course import Course, train_language, train_tower
    from dp2vl.vlm.mini.models import find_model
    from dp2vl.vlm.mini.photos import PhotoPlan
    from dp2vl.vlm.mini.train_language import LanguageConfig
    from dp2vl.vlm.mini.train_tower import TowerConfig

    if part not in PARTS:
        raise UsageError(f"expected a part out of {', '.join(PARTS)}, got {part!r}")
    model = find_model(name)
    recipe = model.recipe
    steps, people = tower_steps or recipe.tower_steps, people or recipe.people
    tower = TowerConfig(steps=steps, parts_first=recipe.parts_first, seed=model.seed, peak_lr=peak_lr)
    if unlabelled_source and not unlabelled:
        raise UsageError("--unlabelled-source tells of photos, but there is no --unlabelled", "name their folder")
    if people < tower.pairs:
        raise UsageError(f"expected at least {tower.pairs} people, got {people}", "a step shows that many")
    course = Course(
        model=model,
        out=out,
        plan=PhotoPlan(people=people, portraits=3, scenes=3),
        cache=cache or user_cache_path("dp2vl"),
        processes=processes,
        device=device,
        report=lambda line: typer.echo(line, err=True),
    )
    if part != "language":
        last = train_tower(
            course, tower, until=until, unlabelled=unlabelled, unlabelled_source=unlabelled_source, start=start
        )
        typer.echo(f"{out / 'tower'}: {int(last['step'])} of {steps} steps, recall {last['recall_head']:.2f}")
        if last["step"] < steps or (part == "all" and monotonic() > until):
            typer.echo("run the same command again to go on", err=True)
            return
    if part != "tower":
        language = LanguageConfig(steps=language_steps or recipe.language_steps, seed=model.seed)
        last = train_language(course, language, until=until, figures=figures or recipe.figures)
        typer.echo(
            f"{out / 'language' / 'model'}: {int(last['step'])} of {language.all_steps} steps, "
            f"scenario {last['scenario']:.2f}, category {last['category']:.2f}"
        )
