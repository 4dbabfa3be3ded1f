"""The report of a suite: tables, plots and examples as a page that needs no other file, and tables as markdown."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from dp2vl.errors import DP2VLError

Row = dict[str, Any]
METRICS = {
    "identity_accuracy": "who it is",
    "category_accuracy": "kinds of things",
    "token_accuracy": "invented names",
    "leakage": "leakage",
    "leakage_peak": "leakage, peak",
    "protection_rate": "protection rate",
    "image_share": "share that needs the face",
    "train_accuracy": "training photos",
    "false_claims": "claims about strangers",
    "utility": "ordinary photos",
}
"""Columns of the main table: metric -> what it is called."""
GROUP = ("family", "arm", "method", "surrogates", "strength", "countermeasure", "ratio", "attacker")
EXAMPLE_PHOTOS, EXAMPLE_PX = 4, 96


def write_bench_report(out: Path) -> Path:
    """Write `report/index.html` and `report/report.md` below a suite's folder and return the page's path.

    The page holds every picture itself. Reads records only; needs no torch.

    Raises:
        DP2VLError: there are no scores yet.
    """
    scores = _read(out / "scores.jsonl")
    if not scores:
        raise DP2VLError(f"{out} has no scores", "dp2vl bench score first")
    suite = json.loads((out / "suite.json").read_text(encoding="utf-8"))
    groups = list(make_groups(scores))
    shown = {
        "suite": suite,
        "metrics": METRICS,
        "groups": groups,
        "scenarios": list(make_scenario_table(scores)),
        "plots": [_plot_scenarios(scores), _plot_curves(_read(out / "curves.jsonl"))],
        "examples": list(_examples(out, groups)),
    }
    environment = Environment(
        loader=PackageLoader("dp2vl.report"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = out / "report"
    folder.mkdir(exist_ok=True)
    for name, template in (("report.md", "bench.md"), ("index.html", "bench.html")):
        (folder / name).write_text(environment.get_template(template).render(**shown), encoding="utf-8")
    return folder / "index.html"


def make_groups(scores: Iterable[Row]) -> Iterator[Row]:
    """Yield a row per arm: what it is, and a cell per metric of `METRICS`, over all seeds."""
    rows: dict[tuple[Any, ...], Row] = {}
    for row in scores:
        if row["seed"] != "all" or row["metric"] not in METRICS or row["scenario"] not in ("mean", ""):
            continue
        key = tuple(row[name] for name in GROUP)
        group = rows.setdefault(key, {name: row[name] for name in GROUP} | {"gate": row["gate"], "cells": {}})
        group["label"] = _label(row)
        group["people"] = row["n_people"]
        group["cells"][row["metric"]] = show_cell(row)
    yield from rows.values()


def make_scenario_table(scores: Iterable[Row]) -> Iterator[Row]:
    """Yield category accuracy by scenario: a row per arm."""
    rows: dict[tuple[Any, ...], Row] = {}
    for row in scores:
        if (row["metric"], row["seed"]) != ("category_accuracy", "all") or row["scenario"] == "mean":
            continue
        key = tuple(row[name] for name in GROUP)
        found = rows.setdefault(key, {"family": row["family"], "label": _label(row), "cells": {}})
        found["cells"][row["scenario"]] = show_cell(row)
    yield from rows.values()


def show_cell(row: Row) -> str:
    """Return a number with its interval, such as "0.82 [0.71, 0.90]"; "undefined" where there is none."""
    if row["value"] is None:
        return "undefined"
    text = f"{row['value']:.2f}"
    if row["ci_low"] is None or row["ci_high"] is None:
        return text
    return f"{text} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"


def _label(row: Row) -> str:
    """Return what an arm is in a few words."""
    parts = [row["method"] if row["arm"] == "baseline" else row["arm"]]
    if row["surrogates"]:
        parts.append(f"against {row['surrogates']}")
    if row["strength"]:
        parts.append(row["strength"])
    if row["countermeasure"] != "none":
        parts.append(f"after {row['countermeasure']}")
    if row["ratio"] not in (0, 1):
        parts.append(f"{row['ratio']:.0%} of photos")
    if row["attacker"] != "default":
        parts.append(f"adversary {row['attacker']}")
    return ", ".join(parts)


def _plot_scenarios(scores: Sequence[Row]) -> str:
    """Return bars of leakage by scenario and arm, one panel per family, as SVG."""
    chosen = [r for r in scores if (r["metric"], r["seed"]) == ("category_leakage", "all") and r["value"] is not None]
    families = list(dict.fromkeys(r["family"] for r in chosen))
    scenarios = list(dict.fromkeys(r["scenario"] for r in chosen))
    labels = list(dict.fromkeys(_label(r) for r in chosen))
    figure, axes = _panels(len(families))
    width = 0.8 / max(1, len(labels))
    for axis, family in zip(axes, families, strict=True):
        for number, label in enumerate(labels):
            bars = {r["scenario"]: r for r in chosen if r["family"] == family and _label(r) == label}
            x = [i + (number - (len(labels) - 1) / 2) * width for i, s in enumerate(scenarios) if s in bars]
            values = [bars[s]["value"] for s in scenarios if s in bars]
            axis.bar(x, values, width, label=label)
        axis.set_xticks(range(len(scenarios)), scenarios, rotation=45, ha="right")
        axis.set_title(family)
        axis.axhline(0, color="grey", linewidth=0.6)
    axes[0].set_ylabel("leakage")
    axes[0].set_ylim(-0.2, 1.05)
    axes[-1].legend(fontsize="x-small")
    return _svg(figure)


def _plot_curves(curves: Sequence[Row]) -> str:
    """Return leakage over checkpoints, one panel per family, as SVG."""
    chosen = [r for r in curves if (r["metric"], r["scenario"]) == ("leakage", "mean") and r["value"] is not None]
    families = list(dict.fromkeys(r["family"] for r in chosen))
    figure, axes = _panels(len(families))
    for axis, family in zip(axes, families, strict=True):
        lines: dict[str, list[Row]] = {}
        for row in chosen:
            if row["family"] == family:
                lines.setdefault(_label(row), []).append(row)
        for label, rows in lines.items():
            axis.plot([r["step"] for r in rows], [r["value"] for r in rows], marker="o", markersize=3, label=label)
        axis.set_title(family)
        axis.set_xlabel("steps")
    axes[0].set_ylabel("leakage")
    axes[0].set_ylim(-0.2, 1.05)
    axes[-1].legend(fontsize="x-small")
    return _svg(figure)


def _panels(count: int) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure  # on use: it takes a second to import

    figure = Figure(figsize=(4.2 * max(1, count), 3.2), layout="constrained")
    axes = figure.subplots(1, max(1, count), sharey=True, squeeze=False)[0]
    return figure, axes


def _svg(figure: Any) -> str:
    """Return a figure as an SVG element; the same figure gives the same text."""
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.hashsalt": "dp2vl"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _examples(out: Path, groups: Sequence[Row]) -> Iterator[Row]:
    """Yield photos of the face alone with what models answered in their own words, one model at a time."""
    for group in groups:
        if group["attacker"] != "default" or group["arm"] not in ("clean", "protected"):
            continue
        for path in sorted((out / "runs" / group["family"]).glob(f"{group['arm']}*/default/seed*/answers.jsonl"))[:1]:
            said: dict[str, list[Row]] = {}
            for answer in _read(path):
                if answer["view"] == "probe" and answer["format"] == "open" and not answer["options"]:
                    said.setdefault(answer["photo_id"], []).append(answer)
            one_each = {i.rsplit("-", 1)[0]: i for i in reversed(said)}  # a photo per person
            for photo_id in sorted(one_each.values())[:EXAMPLE_PHOTOS]:
                yield {
                    "family": group["family"],
                    "label": group["label"],
                    "picture": _thumbnail(_find_photo(out, photo_id)),
                    "answers": [(a["slot"], a["scenario"], a["text"], a["answer"]) for a in said[photo_id]],
                }


def _find_photo(out: Path, photo_id: str) -> Path:
    split, person, number = photo_id.split("-")
    return out / "data" / "photos" / split / person / f"{number}.png"


def _thumbnail(path: Path) -> str:
    file = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize((EXAMPLE_PX, EXAMPLE_PX)).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
