"""Plots over something that grows: leakage over checkpoints, and over the share of photos that is protected."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dp2vl.report.figures import (
    GREY,
    HIGH,
    INK,
    LOW,
    Look,
    Plot,
    draw_dot,
    explain_failed,
    finish,
    look_of,
    make_panels,
    put_legend,
)
from dp2vl.report.records import MEAN, NONE, Arm, Run, arm_of
from dp2vl.report.tables import has_parts, subset_of


def plot_curves(run: Run) -> Iterator[Plot]:
    """Yield leakage over checkpoints: one line per arm, one panel per model."""
    kinds = ("clean", "protected", "permuted", "subset", "noise")
    parts = {arm.ratio for arm in run.arms} - {0, 1}
    shares = {0, 1, min(parts, key=lambda ratio: abs(ratio - 0.5), default=1)}  # one ratio is enough to see
    lines: dict[Arm, list[tuple[int, float]]] = {}
    for row in (row for row in run.curves if row["value"] is not None):
        arm = arm_of(row)
        asked = (row["metric"], row["scenario"], arm.countermeasure, arm.attacker)
        if asked == ("leakage", MEAN, NONE, run.attacker) and arm.arm in kinds and arm.ratio in shares:
            lines.setdefault(arm, []).append((row["step"], row["value"]))
    if not lines:
        return
    families = [f for f in run.families if any(arm.family == f for arm in lines)]
    figure, axes = make_panels(len(families), height=3.2)
    for axis, family in zip(axes, families, strict=True):
        for arm, points in lines.items():
            if arm.family == family:
                look = look_of(arm)
                failed = bool(run.why(arm))
                color, face = (GREY, "none") if failed else (look.color, look.color)
                axis.plot(
                    *zip(*sorted(points), strict=True), color=color, marker=look.marker, linestyle=look.line,
                    markersize=5, markerfacecolor=face, label=run.label(arm),
                )  # fmt: skip
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="steps of fine-tuning", ylim=(LOW, HIGH))
        axis.set_xticks(sorted({step for arm, points in lines.items() if arm.family == family for step, _ in points}))
    axes[0].set_ylabel("leakage")
    put_legend(figure, axes)
    caption = "0 is chance, 1 always right." + explain_failed(run, lines)
    yield finish(
        figure, name=f"curves-{run.file_name}", title=f"Leakage over checkpoints, suite {run.name}", caption=caption
    )


def plot_ratios(run: Run) -> Iterator[Plot]:
    """Yield leakage over the share of photos that is protected: with them, and without them."""
    mixed = [a for a in run.arms if a.arm == "protected" and (a.countermeasure, a.attacker) == (NONE, run.attacker)]
    mixed = [arm for arm in mixed if has_parts(run, arm)]
    if not mixed:
        return
    families = [f for f in run.families if any(arm.family == f for arm in mixed)]
    figure, axes = make_panels(len(families), height=3.2)
    for axis, family in zip(axes, families, strict=True):
        own = [arm for arm in mixed if arm.family == family]
        clean = run.clean(own[0])
        start = [clean] if clean else []
        for whole in dict.fromkeys(replace(arm, ratio=1.0) for arm in own):
            arms = [arm for arm in own if replace(arm, ratio=1.0) == whole]
            _line(axis, run, [*start, *arms], look_of(whole), run.label(whole))
        others = list(dict.fromkeys(one for arm in own if (one := subset_of(run, arm))))
        if others:
            _line(axis, run, [*start, *others], look_of(others[0]), "the other photos alone", shift=0.01)
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="share of photos that is protected", ylim=(LOW, HIGH))
        axis.margins(x=0.08)  # ends where the data do
    axes[0].set_ylabel("leakage, peak")
    put_legend(figure, axes)
    caption = "Where the lines meet, protected photos add nothing for the adversary." + explain_failed(run, mixed)
    yield finish(figure, name=f"ratios-{run.file_name}", title=f"Leakage over ratio, suite {run.name}", caption=caption)


def _line(axis: Any, run: Run, arms: Sequence[Arm], look: Look, label: str, *, shift: float = 0.0) -> None:
    """Draw leakage over ratio through arms that differ by their ratio alone, `shift` to the right to be seen."""
    points = [
        (arm.ratio + shift, row, bool(run.why(arm)))
        for arm in sorted(arms, key=lambda arm: arm.ratio)
        if (row := run.number(arm, "leakage_peak")) and row["value"] is not None
    ]
    x, y = [place for place, _, _ in points], [row["value"] for _, row, _ in points]
    axis.plot(x, y, color=look.color, linestyle=look.line, linewidth=1.4)
    for place, row, failed in points:
        draw_dot(axis, row, place, look, failed=failed, upright=True)
    axis.plot([], [], color=look.color, marker=look.marker, linestyle=look.line, label=label)
