"""Records that are made up, for tests of reports: a small suite with every arm, and nothing that was measured."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from dp2vl.leakage import Answer, write_answers
from dp2vl.report.records import Arm

FAMILIES, SCENARIOS = ("mini-llava", "mini-qwen-vl"), ("pet", "home")
PEOPLE = tuple(f"p{i:02}" for i in range(6))
LEVELS = {
    "clean": 0.8,
    "untouched": 0.0,
    "permuted": 0.02,
    "noise": 0.7,
    "baseline": 0.5,
    "protected": 0.2,
    "subset": 0.6,
}
VISIBLE = {"noise": 0.06, "lsp": 0.05, "lowkey": 0.09, "dp2vl": 0.04}


def make_arms(family: str) -> list[Arm]:
    """Return one arm of each kind, of protected photos also with half of them and after a countermeasure."""
    noise = Arm(family=family, arm="noise", method="noise", strength="standard", ratio=1.0)
    known = {"family": family, "strength": "standard", "surrogates": "all", "ratio": 1.0}
    ours = Arm(arm="protected", method="dp2vl", **known)
    more = [{"surrogates": "leave-one-out"}, {"ratio": 0.5}, {"countermeasure": "jpeg75"}, {"attacker": "purify"}]
    return [
        *(Arm(family=family, arm=arm) for arm in ("clean", "untouched", "permuted")),
        noise,
        *(Arm(arm="baseline", method=name, **known) for name in ("lsp", "lowkey")),
        ours,
        *(Arm(**asdict(ours) | change) for change in more),
        Arm(family=family, arm="clean", attacker="purify"),
        Arm(family=family, arm="subset", ratio=0.5),
    ]


def number(arm: Arm, metric: str, scenario: str, value: float | None, **more: object) -> dict:
    """Return a row of `scores.jsonl`."""
    bounds = {"ci_low": None if value is None else round(value - 0.1, 4), "ci_high": 0.97}
    about = {"suite": "made", **asdict(arm), "seed": "all", "scenario": scenario, "metric": metric, "value": value}
    return {**about, **bounds, "n_people": len(PEOPLE), "gate": "passed", **more}


def make_scores(arm: Arm) -> list[dict]:
    """Return the rows of an arm; LowKey is the one that fails the gate of fit."""
    level = LEVELS[arm.arm] + 0.15 * (arm.surrogates == "leave-one-out") + 0.3 * (arm.countermeasure != "none")
    level += 0.2 * (arm.ratio == 0.5 and arm.arm == "protected") - 0.05 * (arm.family == "mini-llava")
    fitted = 0.7 if arm.method == "lowkey" else 0.95
    gate = {"clean": "passed", "untouched": "", "permuted": "", "subset": ""}.get(
        arm.arm, "failed" if arm.method == "lowkey" else "passed"
    )
    values = {
        ("leakage_peak", "mean"): level,
        ("leakage", "mean"): level - 0.01,
        ("chance", "mean"): 0.12,
        **{("category_leakage", s): level for s in SCENARIOS},
        ("token_leakage", "mean"): level - 0.1,
        ("identity_accuracy", ""): level + 0.1,
        ("image_share", "mean"): 1.02,
        ("train_accuracy", "mean"): fitted,
        ("overfit_gap", "mean"): 0.3,
        ("utility", ""): 0.6 if arm.arm == "untouched" else 0.5,
        ("false_claims", ""): 0.4,
        ("text_accuracy", ""): 0.3,
    }
    if arm.ratio:
        values["protection_rate", "mean"] = round(1 - level / 0.8, 4)
    if arm.arm == "baseline":
        values["leakage_difference", "mean"] = 0.3
    if arm.ratio == 0.5 and arm.arm == "protected":
        values["leakage_difference", "mean"] = level - LEVELS["subset"] + 0.05 * (arm.family == "mini-llava")
    rows = [number(arm, metric, scenario, round(v, 4), gate=gate) for (metric, scenario), v in values.items()]
    return [*rows, dict(rows[0], seed="0", ci_low=None, ci_high=None)]


def make_records(folder: Path) -> Path:
    """Write the records of a suite into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    arms = [arm for family in FAMILIES for arm in make_arms(family)]
    curves, people, visible = [], [], []
    for arm in arms:
        peak = make_scores(arm)[0]["value"]
        for step in (100, 200, 300):
            point = {"step": step, "metric": "leakage", "scenario": "mean", "value": round(peak * step / 300, 4)}
            curves.append(asdict(arm) | point)
        for i, person in enumerate(PEOPLE):
            row = {"step": 300, "metric": "leakage", "person_id": person, "value": round(peak + 0.04 * (i - 2.5), 4)}
            people.append(asdict(arm) | row)
        if arm.method and arm.countermeasure == "none" and arm.attacker == "default":
            visible.append(_visible(arm))
    _write(folder / "scores.jsonl", [row for arm in arms for row in make_scores(arm)])
    _write(folder / "curves.jsonl", curves)
    _write(folder / "people.jsonl", people)
    _write(folder / "visibility.jsonl", visible)
    return folder


def _visible(arm: Arm) -> dict:
    dissimilar = VISIBLE[arm.method]
    about = {name: getattr(arm, name) for name in ("family", "arm", "method", "surrogates", "strength")}
    return about | {
        "suite": "made", "towers": ",".join(FAMILIES) if arm.surrogates else "", "photos": 12,
        "folder": f"photos/{arm.method}-{arm.surrogates or 'any'}/train", "ssim": 1 - dissimilar,
        "ssim_worst": 0.9 - dissimilar, "flip": dissimilar, "flip_worst": 0.1 + dissimilar, "change_levels": 5.9,
        "change_levels_worst": 6,
    }  # fmt: skip


def add_photos(folder: Path) -> Path:
    """Add photos, changed copies and answers to the records, as a suite's whole folder has them."""
    photos = folder / "data" / "photos"
    rng = np.random.default_rng(0)
    for person in PEOPLE[:2]:
        for place in (photos / "train", photos / "probe", folder / "photos/dp2vl-all/train"):
            path = place / person / "0001.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(100, 110, (96, 96, 3), np.uint8)).save(path)
    rows = [{"file_name": f"{person}/0001.png", "person_id": person} for person in PEOPLE[:2]]
    _write(photos / "train" / "metadata.jsonl", rows)
    for family in FAMILIES:
        for arm, said in ((make_arms(family)[0], "cat"), (make_arms(family)[6], "a <b>dog</b>")):
            answers = [
                Answer(step=300, view="probe", qid=f"q{person}", photo_id=f"probe-{person}-0001", person_id=person,
                       scenario="pet", slot="category", format="open", text=said, answer="cat")
                for person in PEOPLE[:2]
            ]  # fmt: skip
            path = folder / arm.folder / "seed0" / "answers.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_answers(path, answers)
    return folder


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
