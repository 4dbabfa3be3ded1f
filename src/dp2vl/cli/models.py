"""`dp2vl models`: which towers there are, fetching published ones, trying one out."""

import json
import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

app = typer.Typer(help="List, fetch and try the towers that photos are moved away from.", no_args_is_help=True)

LOOK_PX = 256


@app.command("list")
def list_towers(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List bundled and published towers: what each stands for, its download, and whether it is here."""
    rows = _rows()
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        size = f"{row['size_bytes'] / 1e9:.1f} GB" if row["size_bytes"] else "bundled"
        print(
            f"{row['spec']}\n    {'here' if row['here'] else 'not here'}, {size}, {row['licence']}, sets: {row['sets']}"
        )
        print(f"    {row['stands_for']}")
    print("fetch one or a set: dp2vl models pull standard", file=sys.stderr)


def _rows() -> list[dict]:
    from dp2vl.surrogates.sets import KNOWN, SETS, bundled_names, is_here

    bundled = {
        "stands_for": "no published model: the mini models that this project trains and attacks",
        "size_bytes": 0,
        "licence": "Apache-2.0",
        "here": True,
        "sets": "mini",
    }
    published = [
        asdict(tower)
        | {"here": is_here(spec), "sets": ", ".join(name for name, towers in SETS.items() if tower in towers)}
        for spec, tower in KNOWN.items()
    ]
    return [{"spec": name} | bundled for name in bundled_names()] + published


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help="standard, thorough, or a tower such as clip:openai/...", show_default=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Fetch published towers from the Hugging Face hub into its cache; nothing is sent but the request."""
    from dp2vl.errors import UsageError
    from dp2vl.surrogates.hub import download, plan_download
    from dp2vl.surrogates.sets import HUB_KINDS, is_here, tower_names

    specs = tower_names(name)
    foreign = [spec for spec in specs if spec.partition(":")[0] not in HUB_KINDS]
    if foreign:
        raise UsageError(f"{foreign[0]} is not on the hub, so there is nothing to pull", "see `dp2vl models list`")
    absent = [spec for spec in specs if not is_here(spec)]
    plans = [plan_download(spec.partition(":")[2]) for spec in absent]
    for spec, plan in zip(absent, plans, strict=True):
        print(f"{spec}: {plan.size_bytes / 1e9:.2f} GB in {len(plan.files)} files", file=sys.stderr)
    total = sum(plan.size_bytes for plan in plans)
    if plans and not yes:
        typer.confirm(f"Fetch {total / 1e9:.2f} GB?", abort=True, err=True)
    for plan in plans:
        download(plan)
    for spec in specs:
        print(spec)
    print(f"{len(plans)} fetched, {len(specs) - len(plans)} were here already", file=sys.stderr)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A tower, as for `protect --surrogates`.", show_default=False)],
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Load a tower, run it forwards and backwards on a made-up picture, and print what came out."""
    import torch

    from dp2vl.surrogates import load_surrogate

    start = time.perf_counter()
    tower = load_surrogate(name, device=device)
    loaded_s = time.perf_counter() - start
    picture = torch.rand(1, 3, LOOK_PX, LOOK_PX, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    start = time.perf_counter()
    features = tower.features(picture)
    (slope,) = torch.autograd.grad(features.pooled.square().sum(), picture)
    ran_s = time.perf_counter() - start
    tokens = "none" if features.tokens is None else tuple(features.tokens.shape)
    print(f"{name}: family {tower.family}, looks at {tower.side_px} px")
    print(f"  pooled {tuple(features.pooled.shape)}, tokens {tokens}, gradient {'yes' if slope.any() else 'no'}")
    print(f"  loaded in {loaded_s:.1f} s, one forward and backward pass {ran_s:.2f} s on {device}")
