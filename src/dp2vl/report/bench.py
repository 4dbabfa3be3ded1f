"""The report of suites: tables, plots and examples as one page that needs no other file, and as files for a paper."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from dp2vl.report.cells import escape_markdown, make_csv, make_markdown, plain_text
from dp2vl.report.examples import make_examples
from dp2vl.report.plots import KINDS, make_plots
from dp2vl.report.records import DEFAULT, Run, read_runs
from dp2vl.report.tables import make_tables


def write_bench_report(runs: Sequence[Path], folder: Path) -> Path:
    """Write `index.html`, `report.md`, a CSV file per table and SVG and PNG plots; return the page's path.

    The page holds everything itself and runs no script. Reads records only; needs no torch.

    Args:
        runs: folders of suites, or folders that hold some. folder: where the report goes; made if absent.

    Raises:
        UsageError: a folder does not exist.
        DP2VLError: there are no scores, or a record is damaged.
    """
    records = read_runs(runs)
    tables, plots = make_tables(records), make_plots(records)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tables", "plots"):
        (folder / name).mkdir(exist_ok=True)
    _remove_earlier(folder)
    for table in tables:
        if table.rows:
            text = plain_text(make_csv(table.columns, table.rows))
            (folder / "tables" / table.file_name).write_text(text, encoding="utf-8")
    for plot in plots:
        if plot.svg:
            (folder / "plots" / f"{plot.name}.svg").write_text(plot.svg, encoding="utf-8")
            (folder / "plots" / f"{plot.name}.png").write_bytes(plot.png)
    shown = {
        "runs": records,
        "finding": find_rates(records),
        "rates": count_rates(records),
        "tables": tables,
        "plots": plots,
        "examples": [example for run in records for example in make_examples(run)],
        "make_markdown": make_markdown,
    }
    environment = make_environment()
    for name, template in (("report.md", "bench.md"), ("index.html", "bench.html")):
        text = plain_text(environment.get_template(template).render(**shown))
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "index.html"


def _remove_earlier(folder: Path) -> None:
    """Remove tables and plots of an earlier report here: those that this one lacks would be taken for its own."""
    names = [f"plots/{kind.__name__.removeprefix('plot_')}*.{form}" for kind, *_ in KINDS for form in ("svg", "png")]
    for pattern in ("tables/t[0-9].csv", *names):
        for path in folder.glob(pattern):
            path.unlink()


def make_environment() -> Environment:
    """Return what templates are filled with: HTML is escaped, markdown where `text` is named."""
    environment = Environment(
        loader=PackageLoader("dp2vl.report"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["text"] = escape_markdown
    return environment


def count_rates(runs: Sequence[Run]) -> tuple[int, int]:
    """Return how many protection rates there are, and how many of them are inconclusive because a gate failed."""
    arms = [
        (run, arm) for run in runs for arm in run.arms if arm.method and run.value(arm, "protection_rate") is not None
    ]
    return len(arms), sum(bool(run.why(arm)) for run, arm in arms)


def find_rates(runs: Sequence[Run]) -> str:
    """Return what was found in a sentence: lowest and highest conclusive rate, and who got the most."""
    ours = [
        (value, run, arm)
        for run in runs
        for arm in run.arms
        if arm.arm == "protected" and arm.ratio == 1 and (value := run.value(arm, "protection_rate")) is not None
    ]
    if not ours:
        return "No protection was measured."
    sound = [(value, run, arm) for value, run, arm in ours if not run.why(arm)]
    if not sound:
        return "Nothing is known of protection yet: a gate failed for every rate."
    (low, run, arm), high = min(sound, key=lambda found: found[0]), max(value for value, _, _ in sound)
    where = f"{arm.family}, {run.label(replace(arm, attacker=DEFAULT))}, suite {run.name}"
    if len(sound) == 1:
        return f"The one conclusive protection rate is {low:.2f}: {where}."
    return (
        f"Conclusive protection rates go from {low:.2f} to {high:.2f} (1: nothing leaks beyond chance). "
        f"The most was got out of protected photos by adversary {arm.attacker}: {where}."
    )
