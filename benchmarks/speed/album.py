"""What `protect` costs beyond its search: over an album, in megapixels, in memory.

python benchmarks/speed/album.py overhead [--photos 64 16 3]  wall time over that of the bare passes of the same towers:
                                                              the bundled ones, then two of CLIP with random weights,
                                                              ViT-B/32 and the ViT-L/14 at 336 px that LLaVA-1.5 has;
                                                              with fewer numbers only the first, the others' rows stay
python benchmarks/speed/album.py megapixels                   12 and 48 MP against 1 MP, without decoding and encoding
python benchmarks/speed/album.py memory [--photos 20 1000]    peak memory of the whole process

Photos are drawn people enlarged, with noise, JPEG 92.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig

import dp2vl
from dp2vl.images import Picture, read_photo
from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.budget import apply_change
from dp2vl.protect.config import EFFORTS, ProtectConfig
from dp2vl.protect.photo import Protector
from dp2vl.protect.reference import make_reference
from dp2vl.protect.verify import measure_quality, measure_shift, to_tensor
from dp2vl.surrogates import load_surrogates
from record import read_rows, time_in_turn, when, write
from towers import LLAVA_TOWER

SIZES = {1: (1152, 864), 12: (4000, 3000), 48: (8000, 6000)}
"""Megapixels -> width and height."""
TOWERS = {"bundled": None, "CLIP ViT-B/32": CLIPVisionConfig(), "CLIP ViT-L/14, 336 px": LLAVA_TOWER}
"""Of `overhead`: name -> vision tower of a CLIP with random weights, or none for the bundled towers."""
FIRST_PERSON = 931_000
TIMED_PASSES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("overhead", "megapixels", "memory"))
    parser.add_argument("--photos", type=int, nargs="+")
    parser.add_argument("--effort", default="normal")
    options = parser.parse_args()
    if options.what == "megapixels":
        write("megapixels", **compare_megapixels())
    elif options.what == "overhead":
        rows = {row["towers"]: row for row in read_rows("overhead")}
        for count, (name, vision) in zip(options.photos or [64, 16, 3], TOWERS.items(), strict=False):
            with tempfile.TemporaryDirectory() as place:
                tower = write_clip(Path(place), vision) if vision else "mini"
                rows[name] = {"towers": name} | measure_overhead(count, tower, options.effort) | when()
        write("overhead", effort=options.effort, rows=list(rows.values()))
    else:
        write("memory", rows=[measure_memory(count, options.effort) for count in options.photos or [20, 1000]])


def draw(megapixels: int, number: int) -> np.ndarray:
    pixels = draw_portrait(make_person(FIRST_PERSON + number), seed=FIRST_PERSON + number, size=512).pixels
    large = cv2.resize(pixels, SIZES[megapixels], interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(number).integers(-6, 7, (*large.shape[:2], 1), dtype=np.int16)
    return (large + noise).clip(0, 255).astype(np.uint8)


def write_album(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(draw(12, number)).save(folder / f"{number:04}.jpg", quality=92)


def write_clip(folder: Path, vision: CLIPVisionConfig) -> str:
    """Write a CLIP with random weights and return its name as a surrogate."""
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(vision_config=vision.to_dict())).save_pretrained(folder)
    return f"clip:{folder}"


def make_protector(effort: str, surrogates: str = "mini") -> Protector:
    towers = load_surrogates(surrogates)
    return Protector(ProtectConfig(effort=effort), towers, [], [make_reference(tower) for tower in towers])


def time_bare(protector: Protector, image: torch.Tensor, *, passes: int) -> dict[str, float]:
    """Return seconds of that many passes of each tower, from the median of rounds of `TIMED_PASSES`."""
    found = time_in_turn({"bare": partial(run_bare, protector, image, TIMED_PASSES)}, repeats=3)["bare"]
    return {key: found[key] * passes / TIMED_PASSES for key in ("wall_s", "cpu_s")}


def run_bare(protector: Protector, image: torch.Tensor, passes: int) -> None:
    """Run forward and backward passes of the towers alone, on the copy that the search works on."""
    for tower in protector.towers:
        for _ in range(passes):
            leaf = image.clone().requires_grad_()
            torch.autograd.grad(tower.features(leaf).who.sum(), leaf)


def measure_overhead(count: int, surrogates: str, effort: str) -> dict[str, Any]:
    """Return wall time per photo of an album, and of the bare passes, before and after it on the same machine.

    What is usual for the towers was measured before, as it is once per tower and machine.
    """
    protector, search = make_protector(effort, surrogates), EFFORTS[effort]
    passes = search.steps * search.views
    with tempfile.TemporaryDirectory() as place:
        album = Path(place) / "album"
        write_album(album, count)
        image = protector._working_copy(read_photo(next(album.iterdir())))
        before = time_bare(protector, image, passes=passes)
        start, used = time.perf_counter(), time.process_time()
        dp2vl.protect_album(album, Path(place) / "out", effort=effort, surrogates=surrogates)
        whole = {"wall_s": (time.perf_counter() - start) / count, "cpu_s": (time.process_time() - used) / count}
        after = time_bare(protector, image, passes=passes)
    found: dict[str, Any] = {"photos": count, "bare_before": before, "bare_after": after}
    for key in ("wall_s", "cpu_s"):
        found |= {f"photo_{key}": round(whole[key], 3)}
        found |= {f"{key[:-2]}_over_bare": round(2 * whole[key] / (before[key] + after[key]), 3)}
    print(found, flush=True)
    return found


def compare_megapixels() -> dict[str, Any]:
    """Return times for photos of three sizes in turn: the search, and all but decoding and encoding."""
    protector = make_protector("normal")
    pictures = {size: to_picture(size) for size in SIZES}
    search = {f"{mp} MP": partial(protector.find_changes, [picture]) for mp, picture in pictures.items()}
    whole = {f"{mp} MP": partial(protect_decoded, protector, picture) for mp, picture in pictures.items()}
    return {"search": time_in_turn(search, repeats=3), "without_codec": time_in_turn(whole, repeats=3)}


def to_picture(megapixels: int) -> Picture:
    Image.fromarray(draw(megapixels, 0)).save(path := Path(tempfile.gettempdir()) / f"{megapixels}.jpg", quality=92)
    picture = read_photo(path)
    path.unlink()
    return picture


def protect_decoded(protector: Protector, picture: Picture) -> None:
    """Do what `protect` does between decoding and encoding, at the first factor that is tried."""
    (change,) = protector.find_changes([picture])
    after = picture.with_pixels(apply_change(picture.pixels, change, levels=protector.config.budget.levels))
    measure_quality(picture.pixels, after.pixels)
    measure_shift(to_tensor(picture), to_tensor(after), protector.towers, protector.references)


def measure_memory(count: int, effort: str) -> dict[str, Any]:
    """Return the peak memory of `dp2vl protect` on an album of photos of 12 MP."""
    with tempfile.TemporaryDirectory() as place:
        album = Path(place) / "album"
        # In a process of its own: what draws the photos must not count among the children's peak.
        code = "import sys; sys.path.insert(0, sys.argv[1]); import album; from pathlib import Path\n"
        code += "album.write_album(Path(sys.argv[2]), int(sys.argv[3]))"
        subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(album), str(count)], check=True)
        watch = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
        )
        command = [
            sys.executable,
            "-m",
            "dp2vl.cli",
            "protect",
            str(album),
            "--out",
            f"{place}/out",
            "--effort",
            effort,
        ]
        run = subprocess.run([sys.executable, "-c", watch, *command], capture_output=True, text=True, check=True)
    return {"photos": count, "megapixels": 12, "effort": effort, "peak_bytes": int(run.stdout)}


if __name__ == "__main__":
    main()
