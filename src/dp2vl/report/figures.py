"""How figures look and how they are written: colours that colour-blind people tell apart, always with another cue."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from dp2vl.leakage.gates import FAILINGS
from dp2vl.report.records import Arm, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_IN = 3.4
INK, GREY = "#1b1b1d", "#8a8a8a"
"""What is black on paper and white on a dark page; numbers whose gate failed."""
BLUE, SKY, GREEN, ORANGE, RED, PINK = "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7"
"""From the palette of Okabe and Ito, told apart with any kind of colour vision."""
LOW, HIGH = -0.25, 1.05
"""Ends of axes of leakage."""
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "text.parse_math": False,  # names of suites and methods are no formulas
    "svg.fonttype": "none",  # text stays text: small, searchable
    "svg.hashsalt": "dp2vl",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


_GROUND = re.compile(r'<g id="patch_1">.*?</g>', re.DOTALL)
"""The white behind a figure, which every picture but the one in a page has."""
_LONG = re.compile(r"\d+\.\d{3,}")


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one kind of arm."""

    color: str
    marker: str
    line: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One plot of a report.

    Args:
        name: of its files. title: what it shows. caption: how to read it, also for those who cannot see it.
        svg: the picture; "" where nothing was measured. png: the same.
        missing: what to do to get it.
    """

    name: str
    title: str
    caption: str
    svg: str = ""
    png: bytes = b""
    missing: str = ""

    @property
    def inline(self) -> str:
        """The picture as an element of a page: ids of its own, no ground, ink as dark or light as the page's text."""
        svg = _GROUND.sub("", self.svg[self.svg.index("<svg") :])
        svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{self.name}-", svg)
        svg = svg.replace(INK, "currentColor")
        return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(self.title)}" ', 1)


def look_of(arm: Arm) -> Look:
    """Return how an arm is drawn; arms of one kind look alike in all plots."""
    if arm.arm == "protected":
        if arm.ratio < 1:
            return Look(BLUE, "D", "-.")
        return Look(BLUE, "s", "-") if arm.knows_tower else Look(SKY, "P", "--")
    looks = {
        "clean": Look(RED, "o", "-"),
        "permuted": Look(GREEN, "^", ":"),
        "subset": Look(ORANGE, "D", "-."),
        "noise": Look(PINK, "v", "--"),
        "untouched": Look(INK, "x", ":"),
    }
    return looks.get(arm.arm, Look(PINK, "d", ":"))


def make_panels(
    count: int, *, height: float = 3.0, width: float = PANEL_IN, beside: float = 0.5, shared: bool = True
) -> tuple[Any, Any]:
    """Return a figure with panels side by side, and its axes; sizes in inches, `beside` is for what is not a panel."""
    from matplotlib.figure import Figure  # on use: it takes a second to import

    figure = Figure(figsize=(width * count + beside, height), layout="constrained")
    return figure, figure.subplots(1, count, sharey=shared, squeeze=False)[0]


def finish(figure: "Figure", **about: str) -> Plot:
    """Return a figure as a plot; the same figure gives the same text.

    Args:
        about: `name`, `title`, `caption` of the plot.
    """
    text, pixels = io.StringIO(), io.BytesIO()
    about_nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", facecolor="white", metadata=about_nothing)
    figure.savefig(pixels, format="png", facecolor="white", dpi=160, metadata={"Software": None})
    svg = _LONG.sub(lambda found: f"{float(found[0]):.2f}", text.getvalue())  # a hundredth of a point is enough
    return Plot(**about, svg=svg, png=pixels.getvalue())


def explain_failed(run: Run, arms: Iterable[Arm], *, look: str = "Hollow and grey") -> str:
    """Return the end of a caption: how numbers look whose gate failed, and which gate how often; "" if none failed."""
    every = list(arms)
    if not any(map(run.why, every)):
        return ""
    counts = Counter(FAILINGS[gate.name] for arm in every for gate in run.failed(arm))
    times = "; ".join(f"{count} of {len(every)} arms: {failing}" for failing, count in counts.items())
    return f" {look}: a gate failed, so the number says nothing{' (' + times + ')' if times else ''}."


def words_in(labels: Iterable[str]) -> float:
    """Return about how wide the longest of some labels is, in inches."""
    return 0.075 * max(map(len, labels), default=0)


def put_legend(figure: "Figure", axes: Any) -> None:
    """Put one legend below all panels, each label once, in as many columns as fit."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        columns = max(1, int(figure.get_figwidth() / (words_in(found) + 0.5)))
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=min(columns, len(found)))


def draw_dot(axis: Any, row: dict[str, Any], place: float, look: Look, *, failed: bool, upright: bool = False) -> None:
    """Draw a number with its interval, along x at height `place`, or upright at x = `place`."""
    color, value = GREY if failed else look.color, row["value"]
    low, high = (value if bound is None else bound for bound in (row["ci_low"], row["ci_high"]))
    error = [[max(0.0, value - low)], [max(0.0, high - value)]]
    spot = {"x": place, "y": value, "yerr": error} if upright else {"x": value, "y": place, "xerr": error}
    axis.errorbar(
        **spot, color=color, marker=look.marker, markersize=5, markerfacecolor="none" if failed else color,
        linestyle="none",
        elinewidth=1.2, ecolor=(color, 0.6),
    )  # fmt: skip
