"""The whole experiment in small: a model learns from clean photos who people are, and nothing from facts at random."""

import json
from pathlib import Path

import pytest

from dp2vl.bench.run import run_suite
from dp2vl.bench.scores import Score
from dp2vl.bench.suite import load_suite


@pytest.mark.slow
def test_clean_photos_leak_and_permuted_facts_do_not(tmp_path: Path):
    suite, out = load_suite("smoke"), tmp_path / "smoke"
    path = run_suite(suite, out, jobs=2)
    rows = [Score(**json.loads(line)) for line in path.read_text().splitlines()]
    found = {(r.arm, r.metric): r for r in rows if r.seed == "all" and r.scenario in ("mean", "")}
    clean, permuted = found["clean", "leakage_peak"], found["permuted", "leakage_peak"]
    print({key: (r.value, r.ci_low, r.ci_high) for key, r in found.items()})
    assert clean.ci_low > 0 and clean.value > 0.2
    assert found["clean", "identity_accuracy"].ci_low > 1 / suite.people.count
    assert permuted.ci_low < 0.1 and permuted.value < clean.ci_low
    first = path.read_bytes()

    # What is there is not done again, and what was removed comes back as it was.
    answers = out / "runs" / next(suite.trials()).name / "answers.jsonl"
    said = answers.read_bytes()
    answers.unlink()
    assert run_suite(suite, out, jobs=2).read_bytes() == first and answers.read_bytes() == said
