"""`python -m dp2vl.ui.work`: the process that does one job for the app and says how far it is.

One JSON object on standard input says what to do; every line on standard output is a JSON object about progress. The
job ends when standard input does: nothing goes on after the app is gone. Same functions, same bytes as the commands.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dp2vl.errors import DP2VLError
from dp2vl.types import Outcome, Status

Say = Callable[[dict[str, Any]], None]
"""Takes one event: `total` and `outcome` of photos, `line` about progress, `found` at the end, `error` and `hint`."""
GETTING_READY = "loading the towers and reading the album"


def main() -> None:
    """Do the job of standard input."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no event
    job = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves `with` blocks: nothing half-written stays
    threading.Thread(target=_stop_with_the_app, daemon=True).start()

    def say(event: dict[str, Any]) -> None:
        print(json.dumps(event, allow_nan=False), file=out, flush=True)

    try:
        say({"found": JOBS[job["kind"]](job["options"], Path(job["folder"]), say)})
    except DP2VLError as error:
        say({"error": error.message, "hint": error.hint})
        sys.exit(error.exit_code)


def protect(options: Mapping[str, str], folder: Path, say: Say) -> dict[str, Any]:
    """Protect an album and write the report on it; see `dp2vl.protect_album`."""
    from dp2vl.preview import write_previews
    from dp2vl.report.album import write_album_report

    out = Path(options["out"]) if options["out"] else folder / "copies"
    result = _protect(options, Path(options["source"]), out, say)
    say({"line": "drawing the comparison pictures"})
    report = folder / "report"
    pictures = write_previews(result.outcomes, out, report / "pictures")
    write_album_report(result.outcomes, result.summary, pictures, report)
    outcomes = [_as_told(o, options) for o in result.outcomes]
    return {"outcomes": outcomes, "summary": result.summary, "out": options["out"]}


def verify(options: Mapping[str, str], folder: Path, say: Say) -> dict[str, Any]:
    """Measure protected files; see `dp2vl.protect.check.verify_files`."""
    from dp2vl.protect.check import Verified, verify_files
    from dp2vl.protect.photo import choose_device
    from dp2vl.surrogates.sets import tower_names

    target, against = Path(options["target"]), Path(options["against"]) if options["against"] else None
    top = target if target.is_dir() else target.parent

    def tell(v: Verified) -> dict[str, Any]:
        rel = Path(v.path).relative_to(top).as_posix()
        outcome = Outcome(path=v.path, rel=rel, status=Status.PROTECTED, verdict=v.verdict, figures=v.figures)
        return asdict(v) | {"rel": rel, "advice": _advise(outcome)}

    found = verify_files(
        target, against=against, surrogates=options["surrogates"], device=choose_device("auto"),
        on_start=lambda count: say({"total": count, "line": GETTING_READY}),
        on_file=lambda v: say({"outcome": tell(v), "line": "measuring"}),
    )  # fmt: skip
    towers = {"towers": tower_names(options["surrogates"]), "recorded": bool(options["recorded"])}
    return towers | {"photos": [tell(v) for v in found]}


def simulate(options: Mapping[str, str], folder: Path, say: Say) -> dict[str, Any]:
    """Teach the smallest bundled model an album, clean and protected; see `dp2vl.bench.simulate`."""
    from dp2vl.bench.simulate import simulate as run
    from dp2vl.protect.photo import choose_device
    from dp2vl.ui.madeup import draw_album

    work = folder / "work"
    album = Path(options["album"]) if options["album"] else draw_album(work / "album")
    against = Path(options["against"]) if options["against"] else work / "copies"
    if not options["against"]:
        say({"line": "protecting the album"})
        _protect(options, album, against, say)
    say({"line": "reading the photos"})
    found = run(
        album, against=against, short=options["taught"] == "short", device=choose_device("auto"),
        report=lambda line: say({"line": line}),
    )  # fmt: skip
    return _as_answers(found, folder / "faces")


def _protect(options: Mapping[str, str], source: Path, out: Path, say: Say) -> Any:
    from dp2vl.protect.run import protect_album

    return protect_album(
        source, out, strength=options["strength"], effort=options["effort"], surrogates=options["surrogates"],
        on_start=lambda count: say({"total": count, "line": GETTING_READY}),
        on_photo=lambda photo: say({"line": f"working on {photo.rel}"}),
        on_outcome=lambda outcome: say({"outcome": _as_told(outcome, options)}),
    )  # fmt: skip


def _as_told(outcome: Outcome, settings: Mapping[str, str]) -> dict[str, Any]:
    return asdict(outcome) | {"advice": _advise(outcome, settings)}


def _advise(outcome: Outcome, settings: Mapping[str, str] | None = None) -> str:
    """Return the reports' advice in the words of the page, which has no options to type."""
    from dp2vl.report.album import advise

    return advise(outcome, settings).replace("name more with --surrogates", "choose more of them").replace("--", "")


def _as_answers(found: list[Any], folder: Path) -> dict[str, Any]:
    """Return numbers and replies of all arms, and write the faces that were asked about into `folder`."""
    from PIL import Image

    from dp2vl.bench.simulate import Simulated

    one: Simulated
    arms = {}
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        for name, pixels in one.faces.items():
            Image.fromarray(pixels).save(folder / f"{name}.png")
        arms[one.arm] = {
            "step": one.numbers[0].step,
            "numbers": [_as_number(n) for n in one.numbers],
            "replies": [asdict(r) for r in one.replies],
        }
    return {"vlm": found[0].vlm, "short": found[0].short, "arms": arms}


def _as_number(number: Any) -> dict[str, Any]:
    from math import isfinite

    interval = number.interval
    bounds = {k: getattr(interval, k) for k in ("value", "low", "high")}
    shown = {k: round(v, 4) if isfinite(v) else None for k, v in bounds.items()}
    return {"metric": number.metric, "scenario": number.scenario, "people": interval.people, **shown}


def _stop_with_the_app() -> None:
    while os.read(0, 1):  # not `sys.stdin`, whose lock the end of the process would wait for
        pass
    os.kill(os.getpid(), signal.SIGTERM)


JOBS: Mapping[str, Callable[[Mapping[str, str], Path, Say], dict[str, Any]]] = {
    "protect": protect,
    "verify": verify,
    "simulate": simulate,
}
"""What can be done, by name."""

if __name__ == "__main__":
    main()
