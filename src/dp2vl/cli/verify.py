"""`dp2vl verify`: re-read protected files and say whether the change is there, and whether it shows."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def verify(
    target: Annotated[Path, typer.Argument(help="A protected photo, or a folder of them.", show_default=False)],
    against: Annotated[
        Path | None,
        typer.Option(help="The original, or the folder of originals; else found through the records."),
    ] = None,
    surrogates: Annotated[str, typer.Option(help="Towers that count as used; bundled ones are measured too.")] = "mini",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure written files: change in grey levels, similarity, and shift of features, also after post-processing.

    Exit status: 0 all strong or weak, 3 some not, 1 error, 2 wrong usage.
    """
    from dp2vl.protect.check import verify_files
    from dp2vl.protect.config import DEVICES, check_choice
    from dp2vl.protect.photo import choose_device

    check_choice("device", device, DEVICES)
    found = verify_files(target, against=against, surrogates=surrogates, device=choose_device(device))
    words = [v.word for v in found]
    summary = {word: words.count(word) for word in ("strong", "weak", "none", "not measured")}
    if as_json:
        print(json.dumps({"photos": [asdict(v) for v in found], "summary": summary}, indent=2))
    else:
        for v in found:
            change = (
                f"  {v.figures['change_levels']:.0f} levels, SSIM {v.figures['ssim']:.3f}, FLIP {v.figures['flip']:.3f}"
                if v.figures
                else ""
            )
            print(f"{v.path}{change}  {v.verdict}")
    print(f"{len(found)} photos: " + ", ".join(f"{n} {word}" for word, n in summary.items()), file=sys.stderr)
    if summary["none"] or summary["not measured"]:
        raise typer.Exit(3)
