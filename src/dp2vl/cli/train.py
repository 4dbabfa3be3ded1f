"""`dp2vl models train NAME`: train a mini tower from nothing on synthetic people."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    name: Annotated[str, typer.Argument(help="Which tower: mini-llava or mini-minigpt-v2.")],
    out: Annotated[Path, typer.Option(help="Gets the tower, its checkpoint and its log; run again to go on.")],
    steps: Annotated[int, typer.Option(min=1, help="Length of the schedule.")] = 3_000,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time; run again to go on.")] = None,
    people: Annotated[int, typer.Option(min=2, help="How many people to draw, four photos each.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and batches.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="Where drawn photos are kept (200 KB per person).")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Photos are drawn by this many processes.")] = 2,
    bf16: Annotated[bool, typer.Option(help="Multiply in bfloat16; faster where the processor has it.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a mini tower from nothing on synthetic people."""
    from math import inf

    from platformdirs import user_cache_path

    from dp2vl.errors import UsageError
    from dp2vl.vlm.mini import MINI_TOWERS
    from dp2vl.vlm.mini.photos import PhotoPlan, render_photos
    from dp2vl.vlm.mini.train_tower import TrainConfig, train_tower

    if name not in MINI_TOWERS:
        raise UsageError(f"unknown mini tower {name!r}", f"choose one of {', '.join(MINI_TOWERS)}")
    config, plan = TrainConfig(steps=steps, seed=seed, bf16=bf16), PhotoPlan(people=people)
    if people < config.pairs:
        raise UsageError(f"expected at least {config.pairs} people, got {people}", "a step shows that many")
    say = lambda line: typer.echo(line, err=True)  # noqa: E731
    photos = render_photos(plan, cache or user_cache_path("dp2vl"), processes=processes, report=say)
    limit = inf if minutes is None else minutes
    figures = train_tower(MINI_TOWERS[name], config, photos, out, minutes=limit, device=device, plan=plan, report=say)
    typer.echo(f"{out}: {int(figures['step'])} of {steps} steps, recall {figures['recall_mean']:.2f}")
