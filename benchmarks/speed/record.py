"""What all speed measurements share: warm-up and medians of things timed in turn, and a record that says where."""

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from dp2vl.files import write_json

RESULTS = Path(__file__).parents[1] / "results" / "speed"


def time_in_turn(works: Mapping[str, Callable[[], Any]], *, repeats: int = 5, warmup: int = 1) -> dict[str, Any]:
    """Return median seconds of each, wall clock (`wall_s`) and processor (`cpu_s`); all of them once per round.

    In turn, so that a machine that gets slower meanwhile is slower for all; ratios are of one round, then the median.
    """
    wall: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, list[float]] = {name: [] for name in works}
    for number in range(repeats + warmup):
        for name, work in works.items():
            wait_for_gpu()
            start, used = time.perf_counter(), time.process_time()
            work()
            wait_for_gpu()
            if number >= warmup:
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - used)
    first = next(iter(works))
    return {
        name: {
            "wall_s": round(statistics.median(wall[name]), 5),
            "cpu_s": round(statistics.median(cpu[name]), 5),
            "wall_ratio": round(statistics.median(a / b for a, b in zip(wall[name], wall[first], strict=True)), 3),
            "cpu_ratio": round(statistics.median(a / b for a, b in zip(cpu[name], cpu[first], strict=True)), 3),
        }
        for name in works
    }


def wait_for_gpu() -> None:
    """Return once what was sent to a GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def write(name: str, **values: Any) -> None:
    """Write `benchmarks/results/speed/<name>.json`: values, commit, versions, processor, load.

    The commit ends in `-dirty` where files differ from it, an earlier record among them: commit each before the next.
    """
    record = {
        **when(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cores": psutil.cpu_count(),
        "processor": torch.cuda.get_device_name() if torch.cuda.is_available() else processor_name(),
        "load_after": round(psutil.getloadavg()[0], 1),
        **values,
    }
    write_json(RESULTS / f"{name}.json", record)
    print(json.dumps(record, indent=1))


def when() -> dict[str, str]:
    """Return the commit and today's date."""
    return {"commit": find_commit(), "date": time.strftime("%Y-%m-%d")}


def find_commit() -> str:
    """Return the commit, with `-dirty` behind it where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def read_rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a record, none if it is not there; each with the commit and date that it was measured at."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    record = json.loads(path.read_text())
    return [{key: record[key] for key in ("commit", "date")} | row for row in record["rows"]]


def processor_name() -> str:
    """Return what the system calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
