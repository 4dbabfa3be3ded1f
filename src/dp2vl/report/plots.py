"""The plots of a report, from the records of several suites; hollow and grey is what a gate says nothing about."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dp2vl.report.figures import GREY, INK, STYLE, Look, Plot, finish, look_of, make_panels, put_legend, words_in
from dp2vl.report.records import DEFAULT, MEAN, NONE, Arm, Run, arm_of
from dp2vl.report.tables import has_parts, subset_of

HOLLOW = "Hollow and grey: a gate failed, so the number says nothing."
LOW, HIGH = -0.25, 1.05


def make_plots(runs: Sequence[Run]) -> list[Plot]:
    """Return all plots, of each kind one per suite that was measured for it, or one without a picture if none was."""
    from matplotlib import rc_context  # on use: it takes a second to import

    plots = []
    with rc_context(STYLE):
        plots.append(plot_overview(runs))
        for kind, title, missing in KINDS:
            drawn = [plot for run in runs for plot in kind(run)]
            name = kind.__name__.removeprefix("plot_")
            plots += drawn or [Plot(name=name, title=title, caption="", missing=missing)]
    return plots


def plot_overview(runs: Sequence[Run]) -> Plot:
    """Return the peak of leakage of every arm with its interval, a panel per model."""
    families = sorted({f for run in runs for f in run.families})
    entries = list(dict.fromkeys(f"{run.name}: {run.label(arm)}" for run in runs for arm in run.arms))
    height = {entry: len(entries) - i for i, entry in enumerate(entries)}
    tall, beside = 0.9 + 0.21 * len(entries), words_in(entries)
    figure, axes = make_panels(len(families), height=tall, width=1.9, beside=beside)
    for axis, family in zip(axes, families, strict=True):
        for run in runs:
            for arm in run.arms:
                row = run.number(arm, "leakage_peak")
                if arm.family == family and row and row["value"] is not None:
                    _dot(axis, row, height[f"{run.name}: {run.label(arm)}"], look_of(arm), failed=bool(run.why(arm)))
        axis.set(title=family, xlim=(LOW, HIGH), xlabel="leakage")
        axis.axvline(0, color=INK, linewidth=0.8)
    axes[0].set_yticks(list(height.values()), list(height))
    axes[0].set_ylim(0.4, len(entries) + 0.6)
    return finish(
        figure,
        name="overview",
        title="Leakage of every arm, at its peak",
        caption=f"0 is chance, 1 always right; lines are 95 % over people. {HOLLOW}",
    )


def plot_curves(run: Run) -> Iterator[Plot]:
    """Yield leakage over checkpoints: one line per arm, one panel per model."""
    kinds = ("clean", "protected", "permuted", "subset", "noise")
    parts = {arm.ratio for arm in run.arms} - {0, 1}
    shares = {0, 1, min(parts, key=lambda ratio: abs(ratio - 0.5), default=1)}  # one ratio is enough to see
    lines: dict[Arm, list[tuple[int, float]]] = {}
    for row in run.curves:
        arm = arm_of(row)
        chosen = (row["metric"], row["scenario"]) == ("leakage", MEAN) and row["value"] is not None
        if (
            chosen
            and arm.arm in kinds
            and arm.ratio in shares
            and (arm.countermeasure, arm.attacker) == (NONE, DEFAULT)
        ):
            lines.setdefault(arm, []).append((row["step"], row["value"]))
    if not lines:
        return
    families = [f for f in run.families if any(arm.family == f for arm in lines)]
    figure, axes = make_panels(len(families), height=3.2)
    for axis, family in zip(axes, families, strict=True):
        for arm, points in lines.items():
            if arm.family == family:
                look = look_of(arm)
                face = "none" if run.why(arm) else look.color
                axis.plot(
                    *zip(*sorted(points), strict=True), color=look.color, marker=look.marker, linestyle=look.line,
                    markersize=5, markerfacecolor=face, label=run.label(arm),
                )  # fmt: skip
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="steps of fine-tuning", ylim=(LOW, HIGH))
        axis.set_xticks(sorted({step for arm, points in lines.items() if arm.family == family for step, _ in points}))
    axes[0].set_ylabel("leakage")
    put_legend(figure, axes)
    caption = "0 is chance, 1 always right. Hollow: a gate failed, so the number says nothing."
    yield finish(
        figure, name=f"curves-{_file(run)}", title=f"Leakage over checkpoints, suite {run.name}", caption=caption
    )


def plot_transfer(run: Run) -> Iterator[Plot]:
    """Yield protection by known towers and attacked model: a heat map."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    cells: dict[tuple[str, str], Arm] = {
        (f"{arm.towers}\n{arm.strength}", arm.family): arm
        for arm in run.arms
        if arm.arm == "protected" and arm.plain and arm.ratio == 1
    }
    if not cells:
        return
    rows = list(dict.fromkeys(row for row, _ in cells))
    figure, (axis,) = make_panels(1, height=1.1 + 0.55 * len(rows), width=2 + 1.3 * len(run.families))
    colours = colormaps["Blues"]
    for y, name in enumerate(rows):
        for x, family in enumerate(run.families):
            arm = cells.get((name, family))
            value = run.value(arm, "protection_rate")
            why = run.why(arm) if arm else ""
            fill = "none" if value is None or why else colours(min(max(value, 0.0), 1.0) * 0.8)
            axis.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor=GREY, linewidth=0.8))
            text = "not measured" if value is None else f"{value:.2f}" + ("\ngate failed" if why else "")
            ink = GREY if fill == "none" else "#ffffff" if (value or 0) > 0.85 else "#000000"
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink)
    axis.set(xlim=(0, len(run.families)), ylim=(len(rows), 0), xlabel="model that was attacked", ylabel="towers")
    axis.set_xticks([x + 0.5 for x in range(len(run.families))], run.families)
    axis.set_yticks([y + 0.5 for y in range(len(rows))], rows)
    axis.grid(False)
    axis.tick_params(length=0)
    caption = "Protection rate: 0 none, 1 all. No colour: a gate failed, so the number says nothing."
    yield finish(figure, name=f"transfer-{_file(run)}", title=f"Transfer, suite {run.name}", caption=caption)


def plot_ratios(run: Run) -> Iterator[Plot]:
    """Yield leakage over the share of photos that is protected: with them, and without them."""
    mixed = [a for a in run.arms if a.arm == "protected" and (a.countermeasure, a.attacker) == (NONE, DEFAULT)]
    mixed = [arm for arm in mixed if has_parts(run, arm)]
    if not mixed:
        return
    families = [f for f in run.families if any(arm.family == f for arm in mixed)]
    figure, axes = make_panels(len(families), height=3.2)
    for axis, family in zip(axes, families, strict=True):
        own = [arm for arm in mixed if arm.family == family]
        clean = run.clean(own[0])
        for towers in dict.fromkeys(arm.towers for arm in own):
            arms = sorted((arm for arm in own if arm.towers == towers), key=lambda arm: arm.ratio)
            _line(axis, run, [*([clean] if clean else []), *arms], look_of(arms[-1]), f"protected, {towers}")
        others = [one for arm in own if (one := subset_of(run, arm))]
        if others:
            _line(
                axis,
                run,
                [*([clean] if clean else []), *others],
                look_of(others[0]),
                "the other photos alone",
                shift=0.01,
            )
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="share of photos that is protected", xlim=(-0.05, 1.05), ylim=(LOW, HIGH))
    axes[0].set_ylabel("leakage, peak")
    put_legend(figure, axes)
    caption = f"Where the lines meet, protected photos add nothing for the adversary. {HOLLOW}"
    yield finish(figure, name=f"ratios-{_file(run)}", title=f"Leakage over ratio, suite {run.name}", caption=caption)


def plot_pareto(run: Run) -> Iterator[Plot]:
    """Yield protection over visibility: a dot per method."""
    shown = {arm_of(row): row for row in run.visibility}
    found = [
        (arm, shown[same])
        for arm in run.arms
        if arm.plain and (same := replace(arm, ratio=0.0)) in shown and run.value(arm, "protection_rate")
    ]
    if not found:
        return
    labels = list(dict.fromkeys(run.label(arm) for arm, _ in found))
    families = [f for f in run.families if any(arm.family == f for arm, _ in found)]
    beside = 1 + words_in(labels)
    figure, axes = make_panels(len(families), height=max(3.6, 1 + 0.18 * len(labels)), beside=beside)
    for axis, family in zip(axes, families, strict=True):
        points = [(arm, row) for arm, row in found if arm.family == family]
        for arm, row in points:
            rate, number, failed = (
                run.number(arm, "protection_rate"),
                labels.index(run.label(arm)) + 1,
                bool(run.why(arm)),
            )
            assert rate is not None
            _dot(axis, rate, 1 - row["ssim"], look_of(arm), failed=failed, upright=True)
            axis.annotate(str(number), (1 - row["ssim"], rate["value"]), (4, 4), textcoords="offset points", fontsize=8)
        _front(
            axis, [(1 - row["ssim"], run.value(arm, "protection_rate") or 0) for arm, row in points if not run.why(arm)]
        )
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="visibility: 1 - SSIM", xlim=(0, None), ylim=(-0.35, 1.2))
    axes[0].set_ylabel("protection rate")
    for number, label in enumerate(labels, 1):
        arm = next(arm for arm, _ in found if run.label(arm) == label)
        look = look_of(arm)
        axes[0].plot([], [], color=look.color, marker=look.marker, linestyle="none", label=f"{number}  {label}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    caption = f"Up is better protected, left is less visible; the line joins what nothing beats in both. {HOLLOW}"
    title = f"Protection over visibility, suite {run.name}"
    yield finish(figure, name=f"pareto-{_file(run)}", title=title, caption=caption)


def plot_people(run: Run) -> Iterator[Plot]:
    """Yield leakage of every person: a dot per arm."""
    found: dict[Arm, dict[str, float]] = {}
    for row in run.people:
        arm = arm_of(row)
        if row["metric"] == "leakage" and arm.plain and arm.arm in ("clean", "protected", "noise"):
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
            face = "none" if run.why(arm) else look.color
            axis.plot(
                values, range(len(order)), color=look.color, marker=look.marker, markerfacecolor=face, linestyle="none",
                markersize=5, label=run.label(arm),
            )  # fmt: skip
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set(title=family, xlabel="leakage")
        axis.set_yticks(range(len(order)), order, fontsize=7)
    put_legend(figure, axes)
    caption = "A row per person, those who leak most from clean photos on top. Hollow: a gate failed."
    yield finish(
        figure, name=f"people-{_file(run)}", title=f"Leakage of every person, suite {run.name}", caption=caption
    )


def _dot(axis: Any, row: dict[str, Any], place: float, look: Look, *, failed: bool, upright: bool = False) -> None:
    """Draw a number with its interval, along x at height `place`, or upright at x = `place`."""
    color, value = GREY if failed else look.color, row["value"]
    low, high = (value if bound is None else bound for bound in (row["ci_low"], row["ci_high"]))
    error = [[max(0.0, value - low)], [max(0.0, high - value)]]
    spot = {"x": place, "y": value, "yerr": error} if upright else {"x": value, "y": place, "xerr": error}
    axis.errorbar(
        **spot, color=color, marker=look.marker, markersize=5, markerfacecolor="none" if failed else color,
        linewidth=1.2, linestyle="none",
    )  # fmt: skip


def _line(axis: Any, run: Run, arms: Sequence[Arm], look: Look, label: str, *, shift: float = 0.0) -> None:
    """Draw leakage over ratio through arms that differ by their ratio alone, `shift` to the right to be seen."""
    rows = [(arm.ratio + shift, run.number(arm, "leakage_peak"), bool(run.why(arm))) for arm in arms]
    points = sorted((ratio, row["value"]) for ratio, row, _ in rows if row and row["value"] is not None)
    axis.plot(*zip(*points, strict=True), color=look.color, linestyle=look.line, linewidth=1.4)
    for ratio, row, failed in rows:
        if row and row["value"] is not None:
            _dot(axis, row, ratio, look, failed=failed, upright=True)
    axis.plot([], [], color=look.color, marker=look.marker, linestyle=look.line, label=label)


def _front(axis: Any, points: Sequence[tuple[float, float]]) -> None:
    """Draw the line through the points that no other beats in both directions."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (p[0], -p[1])):
        if not best or y > best[-1][1]:
            best.append((x, y))
    if len(best) > 1:
        axis.step(*zip(*best, strict=True), where="post", color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def _file(run: Run) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in run.name).strip("-")


KINDS = (
    (plot_curves, "Leakage over checkpoints", "curves.jsonl of a suite"),
    (plot_transfer, "Transfer", "a suite with the arm protected"),
    (plot_ratios, "Leakage over ratio", "a suite with ratios below 1 and the arms protected and subset"),
    (
        plot_pareto,
        "Protection over visibility",
        "visibility.jsonl, which dp2vl bench score writes where the changed photos lie",
    ),
    (plot_people, "Leakage of every person", "people.jsonl, which dp2vl bench score writes"),
)
"""Every kind of plot with its title, and what it needs."""
