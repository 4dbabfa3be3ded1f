"""Answers beside the main ones, on new faces: in the model's own words, by choice, by yes or no."""

from collections.abc import Iterator, Sequence

from dp2vl.leakage.answers import Answer, judge
from dp2vl.leakage.people import PersonTable, average, tabulate

MEAN = "mean"
FACTS = ("category", "token")
"""Slots that are reported by scenario; `identity` has none."""
Runs = list[list[Answer]]
Row = tuple[str, str, PersonTable]
"""Metric, scenario, and its table."""


def table_replies(runs: Sequence[Sequence[Answer]], people: Sequence[str]) -> Iterator[Row]:
    """Yield the tables of what was asked of these people at one checkpoint; see `score_runs` for the metrics.

    Raises:
        DP2VLError: some people were asked in the model's own words or by choice, and others were not.
    """
    seen = [[a for a in run if a.view == "probe"] for run in runs]
    written = [[a for a in run if a.format == "open" and not a.scores] for run in seen]
    if any(written):
        yield from _table_written(written, people)
        unread = tabulate(written, what="own words", right=lambda a: not judge(a).valid, people=people)
        yield "invalid_rate", "", unread
    chosen = [[a for a in run if a.format == "mcq"] for run in seen]
    if any(chosen):
        yield "mcq_accuracy", "", tabulate(chosen, what="multiple choice", people=people)
    yes, no = ([[a for a in run if a.format == "yesno" and a.answer == said] for run in seen] for said in ("yes", "no"))
    if all({a.person_id for a in run} == set(people) for run in (*yes, *no)):
        both = [tabulate(some, what="yes or no", people=people) for some in (yes, no)]
        yield "yesno_balanced_accuracy", "", average(both)


def _table_written(written: Runs, people: Sequence[str]) -> Iterator[Row]:
    for slot in ("identity", *FACTS):
        about = [[a for a in run if a.slot == slot] for run in written]
        metric, tables = f"{slot}_text_accuracy", []
        for scenario in dict.fromkeys(a.scenario for run in about for a in run):
            some = [[a for a in run if a.scenario == scenario] for run in about]
            tables.append(tabulate(some, what=f"{slot} {scenario} (own words)", people=people))
            yield metric, scenario, tables[-1]
        if tables and slot in FACTS:
            yield metric, MEAN, average(tables)
