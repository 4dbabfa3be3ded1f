"""`dp2vl simulate`: what a model would learn from your own album."""

import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dp2vl.bench.simulate import Simulated
    from dp2vl.leakage import Number

SHOWN = (
    ("identity_accuracy", ""),
    ("category_accuracy", "mean"),
    ("token_accuracy", "mean"),
    ("chance", "mean"),
    ("leakage", "mean"),
    ("protection_rate", "mean"),
)


def simulate(
    album: Annotated[Path, typer.Argument(help="A folder per person; `dp2vl dataset init` writes one.")],
    facts: Annotated[Path | None, typer.Option(help="Who is in it; by default ALBUM/facts.yaml.")] = None,
    vlm: Annotated[list[str] | None, typer.Option(help="Model to teach; may be given again.")] = None,
    against: Annotated[Path | None, typer.Option(help="Folder with protected copies of the album.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each model is taught.")] = 1,
    short: Annotated[bool, typer.Option("--short", help="Teach a quarter as long: a first look, in minutes.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for consent again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Teach models who is in an album, on this machine, and measure what they give away on other photos.

    Photos and what was learned are deleted afterwards.
    """
    from dp2vl.bench.simulate import simulate as run
    from dp2vl.dataset.facts import FACTS_FILE, read_facts
    from dp2vl.protect.photo import choose_device

    names = [person.name for person in read_facts(facts or album / FACTS_FILE)]
    if not yes:
        asked = f"Teach models on this machine who {', '.join(names)} are, and forget it afterwards?"
        typer.confirm(asked, abort=True, err=True)
    found = run(
        album, facts=facts, vlms=vlm or ["mini-llava"], against=against, seeds=range(seeds),
        short=short, device=choose_device(device), report=partial(print, file=sys.stderr),
    )  # fmt: skip
    if as_json:
        print(json.dumps([as_record(one) for one in found], indent=1))
        return
    for one in found:
        how = "taught a quarter as long as an adversary would, " if one.short else ""
        people = one.numbers[0].interval.people
        print(f"{one.vlm}, {one.arm} photos, {how}after {one.numbers[0].step} steps ({people} people)")
        numbers = {(n.metric, n.scenario): n for n in one.numbers}
        for key in SHOWN:
            if key in numbers:
                print(f"  {key[0].replace('_', ' '):18} {_show(numbers[key])}")


def _show(number: "Number") -> str:
    bounds = (number.interval.low, number.interval.high)
    value = "undefined: nothing leaks" if math.isnan(number.interval.value) else f"{number.interval.value:.2f}"
    return value + (f"  [{bounds[0]:.2f}, {bounds[1]:.2f}]" if all(map(math.isfinite, bounds)) else "")


def as_record(one: "Simulated") -> dict[str, object]:
    """Return what JSON can hold of it."""

    def finite(value: float) -> float | None:
        return round(value, 4) if math.isfinite(value) else None

    rows = [
        {
            "metric": n.metric,
            "scenario": n.scenario,
            "value": finite(n.interval.value),
            "ci_low": finite(n.interval.low),
            "ci_high": finite(n.interval.high),
            "n_people": n.interval.people,
        }
        for n in one.numbers
    ]
    return {"vlm": one.vlm, "arm": one.arm, "short": one.short, "step": one.numbers[0].step, "numbers": rows}
