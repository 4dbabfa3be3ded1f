"""The plots of a report, from the records of several suites; numbers that say nothing are hollow or in brackets."""

from collections.abc import Iterator, Sequence
from typing import Any

from dp2vl.report.dots import plot_overview, plot_pareto, plot_people
from dp2vl.report.figures import GREY, INK, STYLE, Plot, explain_failed, finish, make_panels, words_in
from dp2vl.report.lines import plot_curves, plot_ratios
from dp2vl.report.records import Run


def make_plots(runs: Sequence[Run]) -> list[Plot]:
    """Return all plots, of each kind one per suite that was measured for it, or one without a picture if none was."""
    from matplotlib import rc_context  # on use: it takes a second to import

    plots = []
    with rc_context(STYLE):
        for kind, title, missing in KINDS:
            drawn = [plot for run in runs for plot in kind(run)]
            name = kind.__name__.removeprefix("plot_")
            plots += drawn or [Plot(name=name, title=title, caption="", missing=missing)]
    return plots


def plot_transfer(run: Run) -> Iterator[Plot]:
    """Yield protection by towers that were known, method, adversary and attacked model: a heat map."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    cells = {(run.label(arm), arm.family): arm for arm in run.arms if arm.surrogates and arm.ratio == 1}
    if not cells:
        return
    rows = list(dict.fromkeys(row for row, _ in cells))
    figure, (axis,) = make_panels(
        1, height=1.1 + 0.36 * len(rows), width=1.3 * len(run.families), beside=0.5 + words_in(rows)
    )
    colours = colormaps["Blues"]
    for y, name in enumerate(rows):
        for x, family in enumerate(run.families):
            arm = cells.get((name, family))
            value = run.value(arm, "protection_rate")
            why = run.why(arm) if arm else ""
            fill: Any
            if value is None:
                fill, text, ink = "none", "not measured", GREY
            elif why:
                fill, text, ink = (GREY, 0.25), f"({value:.2f})", INK
            else:
                fill, text = colours(min(max(value, 0.0), 1.0) * 0.8), f"{value:.2f}"
                ink = "#ffffff" if value > 0.85 else "#000000"
            axis.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor=GREY, linewidth=0.8))
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink)
    axis.set(xlim=(0, len(run.families)), ylim=(len(rows), 0), xlabel="model that was attacked")
    axis.set_xticks([x + 0.5 for x in range(len(run.families))], run.families)
    axis.set_yticks([y + 0.5 for y in range(len(rows))], rows)
    axis.grid(False)
    axis.tick_params(length=0)
    failed = explain_failed(run, cells.values(), look="Grey, in brackets")
    caption = "Protection rate, 0 none, 1 all, by what was done to the photos and which towers were known." + failed
    yield finish(figure, name=f"transfer-{run.file_name}", title=f"Transfer, suite {run.name}", caption=caption)


KINDS = (
    (plot_overview, "Leakage of every arm, at its peak", "a suite with an arm that was asked"),
    (plot_curves, "Leakage over checkpoints", "curves.jsonl of a suite"),
    (plot_transfer, "Transfer", "a suite with the arm protected"),
    (plot_ratios, "Leakage over ratio", "a suite with ratios below 1 and the arms protected and subset"),
    (
        plot_pareto,
        "Protection over visibility",
        "two methods or strengths, and visibility.jsonl, which dp2vl bench score writes where the changed photos lie",
    ),
    (plot_people, "Leakage of every person", "people.jsonl, which dp2vl bench score writes"),
)
"""Every kind of plot with its title, and what it needs."""
