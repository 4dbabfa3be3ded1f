"""From answers to numbers: what leaked, how much by chance, how sure that is. Pure arithmetic; no model, no torch."""

from dp2vl.leakage.answers import Answer, Verdict, judge, read_answers, write_answers
from dp2vl.leakage.gates import Gate, audit_gate, fit_gate, threat_gate
from dp2vl.leakage.people import Level, PersonTable, chance_level, tabulate
from dp2vl.leakage.score import (
    Number,
    find_peak,
    score_difference,
    score_identity_protection,
    score_people,
    score_protection,
    score_runs,
)
from dp2vl.leakage.uncertainty import Interval, Resample

__all__ = [
    "Answer",
    "Gate",
    "Interval",
    "Level",
    "Number",
    "PersonTable",
    "Resample",
    "Verdict",
    "audit_gate",
    "chance_level",
    "find_peak",
    "fit_gate",
    "judge",
    "read_answers",
    "score_difference",
    "score_identity_protection",
    "score_people",
    "score_protection",
    "score_runs",
    "tabulate",
    "threat_gate",
    "write_answers",
]
