"""A suite from people to scores, several trials at a time."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from dp2vl.bench.scores import score_trials
from dp2vl.bench.suite import Suite, Trial, claim_folder
from dp2vl.bench.visibility import measure_set


def run_suite(
    suite: Suite,
    out: Path,
    *,
    arms: Sequence[str] = (),
    jobs: int = 1,
    device: str = "cpu",
    report: Callable[[str], None] = print,
) -> Path:
    """Run the stages of a suite that are not done yet and return `scores.jsonl`.

    Args:
        out: folder of this suite.
        arms: only these; all of the suite if none is given.
        jobs: trials at the same time, each on one thread; their number changes no number.
        device: `auto`, `cpu`, `cuda` or `mps`, of models and of the towers that photos are protected against.
        report: takes lines about progress.

    Raises:
        UsageError: `out` is the folder of another suite, or an arm is not in this one.
    """
    from dp2vl.bench.stages import draw_people, photo_sets
    from dp2vl.protect.photo import choose_device

    trials = list(suite.trials(tuple(arms)))
    claim_folder(suite, out)
    data = draw_people(suite, out, report, processes=jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_one_thread) as pool:
        shared: dict[str, Any] = {"data": data, "out": out, "device": choose_device(device)}
        for work, tasks in ((_make_photos, photo_sets(suite, trials)), (_run_trial, trials)):
            for lines in pool.map(partial(work, suite, **shared), tasks):
                for line in lines:
                    report(line)
    return score_trials(suite, out)


def _make_photos(suite: Suite, wanted: tuple[Trial, str], *, data: Path, out: Path, device: str) -> list[str]:
    from dp2vl.bench.stages import make_photos

    lines: list[str] = []
    trial, split = wanted
    make_photos(suite, trial, split, data, out, lines.append, device=device)
    if split == "train":
        measure_set(suite, trial, out)  # here, where several run at a time
    return lines


def _run_trial(suite: Suite, trial: Trial, *, data: Path, out: Path, device: str) -> list[str]:
    from dp2vl.bench.stages import question, teach

    lines: list[str] = []
    if trial.arm != "untouched":
        teach(suite, trial, data, out, lines.append, device=device)
    question(suite, trial, data, out, lines.append, device=device)
    return lines


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
