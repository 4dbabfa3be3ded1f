"""Write the parts of the documentation that code can write: the command line reference, tables and plots of records.

`--check` writes nothing and fails if anything is out of date.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dp2vl.bench.leaderboard import make_page, read_entries
from dp2vl.learn.recipe import ATTACKERS
from dp2vl.report.cells import show_cell
from dp2vl.report.figures import Plot
from dp2vl.report.plots import make_plots
from dp2vl.report.records import read_runs

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "reference" / "cli.md"
README = ROOT / "README.md"
BENCH = ROOT / "docs" / "guides" / "bench.md"
MODELS = ROOT / "docs" / "guides" / "models.md"
METHODS = ROOT / "docs" / "guides" / "methods.md"
EXAMPLE = ROOT / "examples" / "sharpen.py"
REPORT = ROOT / "docs" / "guides" / "report.md"
IMAGES = ROOT / "docs" / "images"
LEADERBOARD = ROOT / "docs" / "reference" / "leaderboard.md"
ENTRIES = ROOT / "benchmarks" / "leaderboard"
WEIGHTS = ROOT / "src" / "dp2vl" / "vlm" / "mini" / "weights"
RESULTS = ROOT / "benchmarks" / "results"


def make_cli_reference() -> str:
    """Return the reference of all commands and options as markdown."""
    command = [sys.executable, "-m", "typer", "dp2vl.cli", "utils", "docs", "--name", "dp2vl", "--title", "Commands"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() + "\n"


def make_families_table(record: dict) -> str:
    """Return full and mini models side by side, a column per model."""
    order = {"llava": 0, "qwen_vl": 1, "minigpt_v2": 2}
    rows = sorted(record["rows"], key=lambda r: (order[r["family"]], r["name"].startswith("mini")))

    def seconds(key: str) -> Callable[[dict], str]:
        return lambda r: "not measured" if r[key] is None else f"{r[key]:.3g} s"

    def number(count: int) -> str:
        return f"{count / 1e9:.2f} G" if count > 1e8 else f"{count / 1e6:.2f} M"

    lines: dict[str, Callable[[dict], str]] = {
        "photo, px": lambda r: str(r["side_px"]),
        "tokens for the language model": lambda r: str(r["image_tokens"]),
        "numbers per token of the tower": lambda r: str(r["token_dim"]),
        "width of the language model": lambda r: str(r["width"]),
        "tower": lambda r: number(r["tower_parameters"]),
        "connector": lambda r: number(r["connector_parameters"]),
        "language model": lambda r: number(r["language_parameters"]),
        "trained in the attack": lambda r: number(r["trained_parameters"]),
        "memory of the weights": lambda r: f"{r['memory_bytes'] / 1e9:.3g} GB",
        "tower, one photo": seconds("forward_s"),
        "the same with its gradient": seconds("backward_s"),
        "one answer": seconds("answer_s"),
    }
    table = ["| | " + " | ".join(r["name"] for r in rows) + " |", "|---" * (len(rows) + 1) + "|"]
    table += [f"| {name} | " + " | ".join(cell(r) for r in rows) + " |" for name, cell in lines.items()]
    about = (
        "\nParameters and memory are counted (full models in bfloat16, mini models in float32), seconds are measured "
        f"on {record['threads']} threads of a CPU in float32, full towers with random weights; "
        f"commit {record['commit']}."
    )
    return "\n".join([*table, about])


def make_gpu_table(record: dict) -> str:
    """Return time and memory of the full towers on a GPU, a row per tower, precision and batch."""
    lines = ["| tower | precision | photos | forward | with its gradient | memory |", "|---" * 6 + "|"]
    for r in record["rows"]:
        times = " | ".join(f"{1000 * r[key]:,.0f} ms" for key in ("forward_s", "backward_s"))
        lines.append(f"| {r['name']} | {r['precision']} | {r['batch']} | {times} | {r['peak_bytes'] / 1e9:.3g} GB |")
    about = f"\nOne {record['processor']}, torch {record['torch']}, random weights; commit {record['commit']}."
    return "\n".join([*lines, about])


def read_scores(suite: str) -> list[dict]:
    """Return the published rows of a suite, over all seeds; none if there are none yet."""
    path = RESULTS / suite / "scores.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [row for row in map(json.loads, lines) if row["seed"] == "all"]


def find(rows: list[dict], metric: str, scenario: str = "", **about: str) -> dict:
    """Return the one row of a metric."""
    wanted = {"metric": metric, "scenario": scenario, **about}
    (row,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return row


def make_threat_table(rows: list[dict]) -> str:
    """Return what leaks from clean photos beside the controls, a row per model."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    columns = (
        "who it is", "kinds, mean", "kinds, worst scenario", "invented names", "leakage, peak", "needs the face",
        "claims about strangers", "untouched: who", "untouched: kinds", "facts at random: kinds",
    )  # fmt: skip
    lines = ["| | " + " | ".join(columns) + " | gate |", "|---" * (len(columns) + 2) + "|"]
    for family in families:
        clean, untouched, permuted = ({"family": family, "arm": arm} for arm in ("clean", "untouched", "permuted"))
        kinds = [r for r in rows if (r["family"], r["arm"], r["metric"]) == (family, "clean", "category_accuracy")]
        worst = min((r for r in kinds if r["scenario"] != "mean"), key=lambda r: r["value"])
        cells = [
            find(rows, "identity_accuracy", **clean), find(rows, "category_accuracy", "mean", **clean), worst,
            find(rows, "token_accuracy", "mean", **clean), find(rows, "leakage_peak", "mean", **clean),
            find(rows, "image_share", "mean", **clean), find(rows, "false_claims", **clean),
            find(rows, "identity_accuracy", **untouched), find(rows, "category_accuracy", "mean", **untouched),
            find(rows, "category_accuracy", "mean", **permuted),
        ]  # fmt: skip
        lines.append(f"| {family} | " + " | ".join(map(show_cell, cells)) + f" | {cells[0]['gate']} |")
    people = rows[0]["n_people"]
    about = (
        f"\n{people} people, 7 scenarios, three seeds; 95 % intervals over people; chance is {1 / people:.3f} for who "
        "it is and 0.125 for kinds."
    )
    return "\n".join([*lines, about])


def make_protection_table(rows: list[dict]) -> str:
    """Return what is left of the leakage of clean photos, a row per model and kind of changed photos."""
    columns = ("who it is", "kinds, mean", "training photos", "leakage, peak", "protection rate")
    lines = ["| model | photos | " + " | ".join(columns) + " | gates |", "|---" * (len(columns) + 3) + "|"]
    shown = {"clean": "as they were", "noise": "noise of the same budget", "all": "protected, all towers known",
             "leave-one-out": "protected, its tower not known"}  # fmt: skip
    arms = dict.fromkeys((r["family"], r["arm"], r["method"], r["surrogates"]) for r in rows)
    for family, arm, method, surrogates in arms:
        key = {"family": family, "arm": arm, "method": method, "surrogates": surrogates}
        cells = [
            find(rows, "identity_accuracy", **key), find(rows, "category_accuracy", "mean", **key),
            find(rows, "train_accuracy", "mean", **key), find(rows, "leakage_peak", "mean", **key),
        ]  # fmt: skip
        rate = [show_cell(find(rows, "protection_rate", "mean", **key))] if arm != "clean" else [""]
        name = shown.get(surrogates or arm, f"{method}, {surrogates}")
        row = [family, name, *map(show_cell, cells), *rate, cells[0]["gate"]]
        lines.append("| " + " | ".join(row) + " |")
    people = rows[0]["n_people"]
    about = f"\n{people} people, 7 scenarios, one seed; 95 % intervals over people; `--strength standard`, six levels."
    return "\n".join([*lines, about])


def make_attacker_table(rows: list[dict]) -> str:
    """Return what each adversary gains from clean photos: peak of leakage, who it is; a column per model."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    attackers = list(dict.fromkeys(row["attacker"] for row in rows))
    lines = ["| adversary | " + " | ".join(families) + " |", "|---" * (len(families) + 1) + "|"]
    for attacker in attackers:
        cells = []
        for family in families:
            about = {"family": family, "attacker": attacker}
            leak, who = find(rows, "leakage_peak", "mean", **about), find(rows, "identity_accuracy_peak", **about)
            cells.append(f"{show_cell(leak)}, {who['value']:.2f}")
        lines.append(f"| `{attacker}`: {ATTACKERS[attacker].what} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "\nPeak of leakage with its interval over people, and of who it is; one seed."])


def make_mini_table() -> str:
    """Return what the cards of the bundled models say."""
    lines = [
        "| | steps of the tower | recall of 200 people | scenario | category | hair | glasses | beard | a new name |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(WEIGHTS.glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        tower, told = card["tower"]["figures"], card.get("language", {}).get("figures", {})
        cells = [str(tower["step"]), f"{tower['recall_head']:.2f}"]
        names = ("scenario", "category", "hair_colour", "glasses", "facial_hair", "name")
        cells += [f"{told[name]:.2f}" if told else "not trained" for name in names]
        lines.append(f"| `{path.parent.name}` | " + " | ".join(cells) + " |")
    about = (
        "\nAs measured when training ended. Recall: the share of 200 new people's portraits whose nearest among 200 "
        "others shows the same person (chance 0.005), through the reader the tower was trained with. The rest: exact "
        "greedy answers on 64 new photos; *a new name*: the share of right guesses among twelve (chance 0.083)."
    )
    return "\n".join([*lines, about])


def make_leaderboard() -> str:
    """Return the page of the leaderboard; says so where nobody has entered yet."""
    entries = read_entries(ENTRIES)
    about = "\nHow to enter, and how to lower a number: [Add a method](../guides/methods.md).\n"
    return make_page(entries) + ("" if entries else "\nThere are no entries yet.\n") + about


def make_gallery(plots: list[Plot]) -> str:
    """Return the plots of the published records with their captions, and what could not be drawn yet."""
    parts = [
        f"**{plot.title}.** {plot.caption}\n\n![{plot.title}](../images/report-{plot.name}.svg)"
        if plot.svg
        else f"**{plot.title}**: not measured yet; this needs {plot.missing}."
        for plot in plots
    ]
    return "\n\n".join(parts)


def fill(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between the markers of `name` replaced by `content`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"expected the markers of {name!r}, found none")
    return pattern.sub(lambda m: m.group(1) + content + "\n" + m.group(2), text)


def make_all() -> dict[Path, str]:
    """Return every generated file with its text."""
    readme = README.read_text(encoding="utf-8")
    protection = read_scores("protection")
    readme = fill(readme, "protection", make_protection_table(protection) if protection else "Not measured yet.")
    models = fill(MODELS.read_text(encoding="utf-8"), "mini", make_mini_table())
    families = json.loads((RESULTS / "families.json").read_text(encoding="utf-8"))
    models = fill(models, "families", make_families_table(families))
    on_gpu = json.loads((RESULTS / "families_gpu.json").read_text(encoding="utf-8"))
    models = fill(models, "families-gpu", make_gpu_table(on_gpu))
    bench = BENCH.read_text(encoding="utf-8")
    for suite, name, make in (("mini", "threat", make_threat_table), ("attackers", "attackers", make_attacker_table)):
        rows = read_scores(suite)
        bench = fill(bench, name, make(rows) if rows else "Not measured yet.")
    plots = make_plots(read_runs([RESULTS]))
    report = fill(REPORT.read_text(encoding="utf-8"), "plots", make_gallery(plots))
    example = f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```"
    methods = fill(METHODS.read_text(encoding="utf-8"), "example", example)
    pages = {
        BENCH: bench,
        COMMANDS: make_cli_reference(),
        README: readme,
        MODELS: models,
        REPORT: report,
        METHODS: methods,
    }
    images = {IMAGES / f"report-{plot.name}.svg": plot.svg for plot in plots if plot.svg}
    return pages | images | {LEADERBOARD: make_leaderboard()}


if __name__ == "__main__":
    for path, text in make_all().items():
        stale = not path.exists() or path.read_text(encoding="utf-8") != text
        if stale and "--check" in sys.argv:
            sys.exit(f"{path} is out of date; run `make docs`")
        path.write_text(text, encoding="utf-8")
