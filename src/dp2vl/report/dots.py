"""Plots of dots: every arm, every method beside how visible it is, every person."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

from dp2vl.report.figures import (
    GREY,
    HIGH,
    INK,
    LOW,
    Plot,
    draw_dot,
    explain_failed,
    finish,
    look_of,
    make_panels,
    put_legend,
    words_in,
)
from dp2vl.report.records import Arm, Row, Run, arm_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEAST = 1e-4
"""Records are rounded to this; a scale of powers has no place for 0."""
VISIBILITY: dict[str, Callable[[Row], float]] = {
    "1 - SSIM": lambda row: max(1 - row["ssim"], LEAST),
    "FLIP": lambda row: max(row["flip"], LEAST),
}
MARKERS = ("d", "^", "o", "*", "<", "X", "h", ">", "p", "8")
"""Of other methods, one each."""
SPLITS = {True: "tower known", False: "tower not known"}


def plot_overview(run: Run) -> Iterator[Plot]:
    """Yield the peak of leakage of every arm with its interval, a panel per model."""
    peaks = {arm: row for arm in run.arms if (row := run.number(arm, "leakage_peak")) and row["value"] is not None}
    labels = list(dict.fromkeys(map(run.label, peaks)))
    if not labels:
        return
    height = {label: len(labels) - i for i, label in enumerate(labels)}
    figure, axes = make_panels(len(run.families), height=0.9 + 0.21 * len(labels), width=1.9, beside=words_in(labels))
    for axis, family in zip(axes, run.families, strict=True):
        for arm, row in peaks.items():
            if arm.family == family:
                draw_dot(axis, row, height[run.label(arm)], look_of(arm), failed=bool(run.why(arm)))
        axis.set(title=family, xlim=(LOW, HIGH), xlabel="leakage")
        axis.axvline(0, color=INK, linewidth=0.8)
    axes[0].set_yticks(list(height.values()), list(height))
    axes[0].set_ylim(0.4, len(labels) + 0.6)
    yield finish(
        figure,
        name=f"overview-{run.file_name}",
        title=f"Leakage of every arm, at its peak, suite {run.name}",
        caption="0 is chance, 1 always right; lines are 95 % over people." + explain_failed(run, peaks),
    )


def plot_pareto(run: Run) -> Iterator[Plot]:
    """Yield protection over visibility by two figures, which rank methods differently; a dot per method.

    Where the towers of the attacked models were known, and where they were not; of two methods or strengths at least.
    """
    shown = {arm_of(row): row for row in run.visibility}
    found = {
        arm: shown[same]
        for arm in run.arms
        if run.is_plain(arm)
        and (same := replace(arm, ratio=0.0)) in shown
        and run.value(arm, "protection_rate") is not None
    }
    for (known, words), (figure, show) in product(SPLITS.items(), VISIBILITY.items()):
        chosen = {arm: show(row) for arm, row in found.items() if not arm.surrogates or arm.knows_tower == known}
        if any(arm.surrogates for arm in chosen) and len({(arm.method, arm.strength) for arm in chosen}) > 1:
            drawn, joined = _draw_pareto(run, chosen, figure)
            yield finish(
                drawn,
                name=f"pareto-{figure.lower()[-4:]}-{words.replace(' ', '-')}-{run.file_name}",
                title=f"Protection over visibility by {figure[-4:]}, {words}, suite {run.name}",
                caption=f"Up is better protected, left is less visible (a scale of powers){joined}."
                + explain_failed(run, chosen),
            )


def _draw_pareto(run: Run, found: dict[Arm, float], measure: str) -> tuple["Figure", str]:
    """Return the figure, and what its caption says of the line, "" where there is none."""
    names = {arm: run.label(replace(arm, surrogates="")) for arm in found}
    if len({(arm.family, name) for arm, name in names.items()}) < len(names):
        names = {arm: run.label(arm) for arm in found}  # several sets of towers
    legend = {name: look_of(arm) for arm, name in names.items()}
    others = [name for arm, name in names.items() if arm.arm == "baseline"]
    legend |= {n: replace(legend[n], marker=m) for n, m in zip(dict.fromkeys(others), cycle(MARKERS), strict=False)}
    joined = ""
    bounds = [bound for arm in found for bound in _bounds(run.number(arm, "protection_rate") or {})]
    families = [f for f in run.families if any(arm.family == f for arm in found)]
    tall = max(4.0, 1 + 0.2 * len(legend))
    figure, axes = make_panels(len(families), height=tall, beside=1 + words_in(legend))
    for axis, family in zip(axes, families, strict=True):
        own = {arm: at for arm, at in found.items() if arm.family == family}
        rates = {arm: run.number(arm, "protection_rate") or {} for arm in own}
        for arm, x in own.items():
            draw_dot(axis, rates[arm], x, legend[names[arm]], failed=bool(run.why(arm)), upright=True)
            number, side = list(legend).index(names[arm]) + 1, 1 if len(axis.texts) % 2 else -1
            axis.annotate(
                str(number), (x, rates[arm]["value"]), (5 * side, 2), textcoords="offset points", fontsize=8,
                ha="left" if side > 0 else "right",
            )  # fmt: skip
        if _front(axis, [(x, rates[arm]["value"]) for arm, x in own.items() if not run.why(arm)]):
            joined = "; the line joins what nothing beats in both"
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel=f"visibility: {measure}", ylim=(min(0, *bounds) - 0.1, max(bounds) + 0.1))
        places = list(own.values())
        low, high = min(places) / 1.5, max(places) * 1.5
        axis.set_xscale("log")
        axis.set_xticks(*_ticks(low, high))
        axis.minorticks_off()
        axis.set_xlim(low, high)
    axes[0].set_ylabel("protection rate")
    for number, (name, look) in enumerate(legend.items(), 1):
        axes[0].plot([], [], color=look.color, marker=look.marker, linestyle="none", label=f"{number}  {name}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    return figure, joined


def _bounds(row: Row) -> list[float]:
    """Return a number and the ends of its interval, what there is of them."""
    return [row[key] for key in ("value", "ci_low", "ci_high") if row.get(key) is not None]


def _ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return at least three places on a scale of powers, and their labels: round numbers where they are enough."""
    round_ones = [f * 10.0**power for power in range(-4, 2) for f in (1, 2, 3, 5, 7)]
    places = [place for place in round_ones if low < place < high]
    few = [place for place in places if f"{place:e}"[0] in "125"]
    if len(few) >= 3:
        places = few
    elif len(places) < 3:
        places = [low * (high / low) ** share for share in (0.1, 0.5, 0.9)]
    return places, [f"{place:.2g}" for place in places]


def plot_people(run: Run) -> Iterator[Plot]:
    """Yield leakage of every person: a dot per arm."""
    found: dict[Arm, dict[str, float]] = {}
    for row in run.people:
        arm = arm_of(row)
        measured = row["metric"] == "leakage" and row["value"] is not None
        if measured and run.is_plain(arm) and arm.arm in ("clean", "protected", "noise"):
            found.setdefault(arm, {})[row["person_id"]] = row["value"]
    if not found:
        return
    families = [f for f in run.families if any(arm.family == f for arm in found)]
    people = len(next(iter(found.values())))
    figure, axes = make_panels(len(families), height=1.3 + 0.19 * people, shared=False)
    for axis, family in zip(axes, families, strict=True):
        arms = [arm for arm in found if arm.family == family]
        order = sorted(found[arms[0]], key=lambda person: found[arms[0]][person])
        for y, person in enumerate(order):
            ends = [found[arm][person] for arm in arms if person in found[arm]]
            axis.plot([min(ends), max(ends)], [y, y], color=GREY, linewidth=1, zorder=1)
        for arm in arms:
            look, values = look_of(arm), [found[arm].get(person) for person in order]
            color, face = (GREY, "none") if run.why(arm) else (look.color, look.color)
            axis.plot(
                values, range(len(order)), color=color, marker=look.marker, markerfacecolor=face, linestyle="none",
                markersize=5, label=run.label(arm),
            )  # fmt: skip
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="leakage")
        axis.set_yticks(range(len(order)), order, fontsize=7)
    put_legend(figure, axes)
    caption = "A row per person, those who leak most from clean photos on top." + explain_failed(run, found)
    yield finish(
        figure, name=f"people-{run.file_name}", title=f"Leakage of every person, suite {run.name}", caption=caption
    )


def _front(axis: Any, points: Sequence[tuple[float, float]]) -> bool:
    """Draw the line through the points that no other beats in both directions, and return whether there is one."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (p[0], -p[1])):
        if not best or y > best[-1][1]:
            best.append((x, y))
    if len(best) > 1:
        axis.step(*zip(*best, strict=True), where="post", color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    return len(best) > 1
