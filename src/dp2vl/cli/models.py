"""`dp2vl models`: which models and towers there are, fetching published ones, trying one out."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

app = typer.Typer(help="List, fetch, try and train models and their towers.", no_args_is_help=True)

LOOK_PX = 256
DTYPES = ("float32", "bfloat16", "float16")


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List models that can be attacked, and towers that photos can be moved away on: size, and whether it is here."""
    rows = _rows()
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        size = _gb(row["size_bytes"]) if row["size_bytes"] > 1e8 else "bundled"
        print(f"{row['name']}\n    {row['what']}, {'here' if row['here'] else 'not here'}, {size}, {row['licence']}")
        print(f"    needs {_gb(row['memory_bytes'])} of memory in {row['memory_dtype']}; {row['about']}")
    print("fetch a model, a tower or a set of towers: dp2vl models pull standard", file=sys.stderr)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count > 1e8 else f"{count / 1e9:.3f} GB"


def _rows() -> list[dict[str, Any]]:
    from dp2vl.surrogates.sets import KNOWN, SETS, is_here
    from dp2vl.vlm.known import KNOWN_MODELS, MINIGPT_V2, model_is_here
    from dp2vl.vlm.loading import bundled_names, find_family, find_source
    from dp2vl.vlm.memory import count_bytes

    rows = []
    for name in bundled_names():
        folder = find_source(name)
        size, memory = (count_bytes(folder, itemsize) for itemsize in (2, 4))
        about = f"{find_family(name, folder)}; stands for no published model; also a tower, set mini"
        rows.append(_row(name, "model", True, about, size, "Apache-2.0", memory=memory, dtype="float32"))
    for name, model in KNOWN_MODELS.items():
        size = model.size_bytes
        about = f"{model.family}{'; the hub asks for a login' if model.gated else ''}"
        rows.append(_row(name, "model", model_is_here(name), about, size, model.licence, memory=size, dtype="bfloat16"))
    about = "three downloads put into one folder, one of them behind a login: see the guide on models"
    size, memory = MINIGPT_V2.size_bytes, MINIGPT_V2.memory_bytes
    rows.append(_row("MiniGPT-v2", "model", False, about, size, MINIGPT_V2.licence, memory=memory, dtype="bfloat16"))
    for spec, tower in KNOWN.items():
        size = tower.size_bytes
        sets = ", ".join(name for name, towers in SETS.items() if tower in towers)
        about = f"{tower.stands_for}; sets: {sets}"
        rows.append(
            _row(spec, "tower", is_here(spec), about, size, tower.licence, memory=tower.memory_bytes, dtype="float32")
        )
    return rows


def _row(
    name: str, what: str, here: bool, about: str, size: int, licence: str, *, memory: int, dtype: str
) -> dict[str, Any]:
    return {
        "name": name,
        "what": what,
        "here": here,
        "about": about,
        "size_bytes": size,
        "licence": licence,
        "memory_bytes": memory,
        "memory_dtype": dtype,
    }


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help="standard, thorough, a tower such as clip:openai/..., or a model", show_default=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Fetch published models or towers from the Hugging Face hub into its cache; nothing is sent but the request."""
    from dp2vl.vlm.hub import download

    plans, here = _plans(name)
    for spec, plan in plans.items():
        size = f"{plan.size_bytes / 1e9:.2f} GB in {len(plan.files)} files"
        print(f"{spec}: {size}, revision {plan.revision[:12]}", file=sys.stderr)
    total = sum(plan.size_bytes for plan in plans.values())
    if plans and not yes:
        typer.confirm(f"Fetch {total / 1e9:.2f} GB?", abort=True, err=True)
    for plan in plans.values():
        download(plan)
    for spec in (*plans, *here):
        print(spec)
    print(f"{len(plans)} fetched, {len(here)} were here already", file=sys.stderr)


def _plans(name: str) -> tuple[dict[str, Any], list[str]]:
    """Return what is to be fetched, and what is here already."""
    from dp2vl.errors import UsageError
    from dp2vl.surrogates.sets import HUB_KINDS, SETS, find_prefix, is_here, tower_names
    from dp2vl.vlm.hub import HUB_ID, plan_download
    from dp2vl.vlm.known import model_is_here

    if HUB_ID.fullmatch(name) and name not in SETS:
        return ({}, [name]) if model_is_here(name) else ({name: plan_download(name, words=True)}, [])
    specs = tower_names(name)
    foreign = [spec for spec in specs if spec.partition(":")[0] not in HUB_KINDS]
    if foreign:
        raise UsageError(f"{foreign[0]} is not on the hub, so there is nothing to pull", "see `dp2vl models list`")
    plans = {}
    for spec in (s for s in specs if not is_here(s)):
        plans[spec] = plan_download(spec.partition(":")[2], prefix=find_prefix(spec))
    return plans, [spec for spec in specs if spec not in plans]


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A model, or a tower as for `protect --surrogates`.", show_default=False)],
    photo: Annotated[Path | None, typer.Option(help="Ask about this photo, not about a drawn one.")] = None,
    photos: Annotated[
        int, typer.Option(min=0, help="Drawn photos of new people of which a mini model's right answers are counted.")
    ] = 200,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    dtype: Annotated[
        str | None,
        typer.Option(help="Of a model's weights: float32, bfloat16 or float16. float32 on a cpu, else bfloat16."),
    ] = None,
) -> None:
    """Load a model or tower and run one photo: what a model says about it, whether a tower gives a gradient.

    Of a mini model, what share of its answers is right is counted on many new photos as well.
    """
    from dp2vl.errors import UsageError

    if dtype not in (None, *DTYPES):
        raise UsageError(f"expected a dtype out of {', '.join(DTYPES)}, got {dtype!r}")
    if ":" in name and dtype:
        raise UsageError("a tower is float32, so --dtype is for models", "leave --dtype out")
    if ":" in name:
        _check_tower(name, device)
    else:
        _check_model(name, photo, photos, device, dtype)


def _check_model(name: str, photo: Path | None, photos: int, device: str, dtype: str | None) -> None:
    import torch

    from dp2vl.vlm import load_vlm
    from dp2vl.vlm.mini.lessons import KIND
    from dp2vl.vlm.mini.skills import CHECK_SEED, ask_all, guess_skills, measure_skills

    start = time.perf_counter()
    vlm = load_vlm(name, device=device, dtype=getattr(torch, dtype) if dtype else None)
    count = sum(p.numel() for p in {id(p): p for part in vlm.parts for p in part.parameters()}.values())
    print(f"{name}: family {vlm.family}, {count / 1e6:.1f} M parameters, loaded in {time.perf_counter() - start:.1f} s")
    image, scenario, truth = _look(photo)
    print(f"  the photo: {truth}")
    questions = ask_all(scenario) if name.startswith("mini-") else ("Describe this photo.", KIND[0])
    start = time.perf_counter()
    answers = vlm.answer([image.to(device)] * len(questions), list(questions))
    for question, answer in zip(questions, answers, strict=True):
        print(f"  {question} {answer}")
    print(f"  {len(questions)} answers in {time.perf_counter() - start:.1f} s on {device}")
    if name.startswith("mini-") and photo is None and photos:
        print(f"  right answers on {photos} drawn photos, each of another person nobody trained on:")
        guessed = guess_skills(photos=photos, first_seed=CHECK_SEED)
        for skill, share in measure_skills(vlm, photos=photos, first_seed=CHECK_SEED).items():
            print(f"    {skill.replace('_', ' ')}: {share:.1%} (the commonest answer alone: {guessed[skill]:.1%})")


def _look(photo: Path | None) -> tuple["Tensor", str, str]:
    """Return a photo (3, h, w), the scenario it shows, and what is known about it."""
    import torch

    if photo is None:
        from dp2vl.vlm.mini.lessons import describe_photo
        from dp2vl.vlm.mini.skills import CHECK_SEED, draw_new_photos

        drawn = draw_new_photos(4, CHECK_SEED)[3]
        known = {"place": "plain", **drawn.looks} | ({"scenario": drawn.scenario, drawn.scenario: drawn.value})
        return drawn.pixels, drawn.scenario, f"drawn now, of a person nobody trained on. {describe_photo(known)}"
    from dp2vl.images import read_photo

    return torch.from_numpy(read_photo(photo).srgb()), "", str(photo)


def _check_tower(name: str, device: str) -> None:
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
