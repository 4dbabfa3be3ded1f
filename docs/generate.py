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
from dp2vl.protect.config import EFFORTS
from dp2vl.report.cells import NOT_MEASURED, Cell, make_markdown, show_cell
from dp2vl.report.figures import Plot
from dp2vl.report.plots import make_plots
from dp2vl.report.records import KNOWN, Run, read_runs
from dp2vl.report.tables import make_tables
from dp2vl.types import STRENGTHS

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "reference" / "cli.md"
README = ROOT / "README.md"
BENCH = ROOT / "docs" / "guides" / "bench.md"
MODELS = ROOT / "docs" / "guides" / "models.md"
PROTECT = ROOT / "docs" / "guides" / "protect.md"
METHODS = ROOT / "docs" / "guides" / "methods.md"
FIGURES = ROOT / "docs" / "concepts" / "figures.md"
MEANING = ROOT / "docs" / "concepts" / "protection.md"
EXAMPLE = ROOT / "examples" / "sharpen.py"
REPORT = ROOT / "docs" / "guides" / "report.md"
IMAGES = ROOT / "docs" / "images"
LEADERBOARD = ROOT / "docs" / "reference" / "leaderboard.md"
RESULTS_PAGE = ROOT / "docs" / "reference" / "results.md"
RESULT_TABLES = ("T2", "T3", "T4", "T5", "T6", "T7")
ENTRIES = ROOT / "benchmarks" / "leaderboard"
MACHINES = ROOT / "docs" / "guides" / "many-machines.md"
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
        return lambda r: f"≥ {r[key]:.3g} s, computed" if key in r.get("computed", ()) else f"{r[key]:.3g} s"

    def number(count: int) -> str:
        return f"{count / 1e9:.2f} G" if count > 1e8 else f"{count / 1e6:.2f} M"

    lines: list[tuple[str, Callable[[dict], str]]] = [
        ("photo, px", lambda r: str(r["side_px"])),
        ("tower", lambda r: r["tower"]),
        ("its parameters", lambda r: number(r["tower_parameters"])),
        ("its numbers per token", lambda r: str(r["token_dim"])),
        ("connector", lambda r: r["connector"]),
        ("its parameters", lambda r: number(r["connector_parameters"])),
        ("tokens for the language model", lambda r: str(r["image_tokens"])),
        ("language model", lambda r: r["language"]),
        ("its parameters", lambda r: number(r["language_parameters"])),
        ("its width", lambda r: str(r["width"])),
        ("trained in the attack", lambda r: r["trained"]),
        ("parameters of that", lambda r: number(r["trained_parameters"])),
        ("memory of the weights", lambda r: f"{r['memory_bytes'] / 1e9:.3g} GB"),
        ("tower, one photo", seconds("forward_s")),
        ("the same with its gradient", seconds("backward_s")),
        ("one answer", seconds("answer_s")),
    ]
    table = ["| | " + " | ".join(r["name"] for r in rows) + " |", "|---" * (len(rows) + 1) + "|"]
    table += [f"| {name} | " + " | ".join(cell(r) for r in rows) + " |" for name, cell in lines]
    about = (
        "\nParameters and memory are counted (full models in bfloat16, mini models in float32), seconds are measured "
        f"on {record['threads']} threads of a CPU in float32, full towers with random weights. Computed: two "
        "operations per weight and token at the rate at which this CPU multiplies matrices, so the time is never less; "
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
    return choose(read_all(suite), seed="all")


def read_all(suite: str) -> list[dict]:
    """Return the published rows of a suite, those of single seeds too."""
    path = RESULTS / suite / "scores.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def find(rows: list[dict], metric: str, scenario: str = "", **about: str) -> dict:
    """Return the one row of a metric."""
    (row,) = choose(rows, metric=metric, scenario=scenario, **about)
    return row


def choose(rows: list[dict], **about: str) -> list[dict]:
    """Return the rows of which all that holds."""
    return [row for row in rows if about.items() <= row.items()]


def count_seeds(rows: list[dict]) -> str:
    """Return how many seeds stand behind the rows of a suite, in words."""
    count = len({row["seed"] for row in read_all(rows[0]["suite"])} - {"all"})
    return "one seed" if count == 1 else f"{count} seeds"


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
        f"\n{people} people, 7 scenarios, {count_seeds(rows)}; 95 % intervals over people; chance is {1 / people:.3f} "
        "for who it is and 0.125 for kinds."
    )
    return "\n".join([*lines, about])


def make_protection_table(default: list[dict], patient: list[dict]) -> str:
    """Return what is left of the leakage of clean photos: by the default adversary, and by one who fits all photos."""
    columns = ["who it is", "kinds, mean", "training photos", "protection rate", "of who it is", "gates"]
    metrics = [("identity_accuracy", ""), ("category_accuracy", "mean"), ("train_accuracy", "mean")]
    adversaries, seeds = [(default, metrics)], count_seeds(default)
    if choose(patient, arm="protected"):
        columns += [f"`patient`: {name}" for name in columns[2:]]
        adversaries, seeds = [*adversaries, (patient, metrics[2:])], f"{seeds}; `patient`: {count_seeds(patient)}"
    lines = ["| model | photos | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    shown = {"clean": "as they were", "noise": "noise of the same budget", "all": "protected, all towers known",
             "leave-one-out": "protected, its tower not known"}  # fmt: skip
    arms = dict.fromkeys((r["family"], r["arm"], r["method"], r["surrogates"]) for r in default)
    for family, arm, method, surrogates in arms:
        key = {"family": family, "arm": arm, "method": method, "surrogates": surrogates}
        cells = [family, shown.get(surrogates or arm, f"{method}, {surrogates}")]
        for rows, wanted in adversaries:
            run = choose(rows, **key)
            found = [find(rows, metric, scenario, **key) for metric, scenario in wanted] if run else []
            cells += [*map(show_cell, found)] if run else [""] * len(wanted)
            rates = [("protection_rate", "mean"), ("identity_protection_rate", "")]
            shown_rates = run and arm != "clean"
            cells += [show_cell(find(rows, *rate, **key)) if shown_rates else "" for rate in rates]
            cells.append(run[0]["gate"] if run else "")
        lines.append("| " + " | ".join(cells) + " |")
    budget = STRENGTHS["standard"]
    about = (
        f"\n{default[0]['n_people']} people, 7 scenarios, {seeds}; 95 % intervals over people; "
        f"`--strength standard`: at most {budget.levels} levels, similarity (SSIM) at least {budget.ssim}."
    )
    return "\n".join([*lines, about])


def make_strengths_table() -> str:
    """Return what each `--strength` allows."""
    lines = ["| `--strength` | largest change, of 255 grey levels | floor of similarity (SSIM) |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {b.levels} | {b.ssim} |" for name, b in STRENGTHS.items())])


def make_verdict_table(record: dict) -> str:
    """Return how far protected photos went, as verdicts are given for, beside the measured rate."""
    lines = ["| photos | attacked model | shift, mean | of four in five photos | protection rate |", "|---" * 5 + "|"]
    for r in sorted(record["rows"], key=lambda r: -r["shift"]):
        photos = f"`{r['strength']}`, {KNOWN[r['surrogates']]}"
        spread = f"{r['shift_low']:.2f} to {r['shift_high']:.2f}"
        lines.append(f"| {photos} | {r['family']} | {r['shift']:.2f} | {spread} | {r['protection_rate']:.2f} |")
    about = f"\n{record['photos']} training photos each, lowest of the file as it is and after what is tried on it."
    return "\n".join([*lines, about])


def make_objectives_table(record: dict) -> str:
    """Return what readers learn from photos that went each way, known towers apart from the one that was not."""
    lines = ["| photos | SSIM | left, known / not known | leak, known / not known | fit, known / not known |"]
    lines.append("|---" * 5 + "|")
    for r in record["rows"]:
        known = [found for name, found in r["towers"].items() if name != record["held_out"]]
        unknown = r["towers"][record["held_out"]]
        cells = [
            f"{sum(found[key] for found in known) / len(known):.2f} / {unknown[key]:.2f}"
            for key in ("left", "leak", "fit")
        ]
        lines.append(f"| `{r['way']}`: {r['what']} | {r['ssim']:.3f} | " + " | ".join(cells) + " |")
    about = f"\n{record['photos']} photos, {record['probes']} clean new ones; towers of two models known (mean), of "
    return "\n".join([*lines, about + f"{record['held_out']} not; strength {record['strength']}; chance 0.08."])


def make_encoders_table(record: dict) -> str:
    """Return how far photos moved on real encoders, and what JPEG left of that."""
    lines = ["| at most | encoder | moved | kept after JPEG 75 | moved by JPEG alone | lowest SSIM |", "|---" * 6 + "|"]
    for r in record["rows"]:
        cells = (f"{r['moved']:.2f}", f"{r['kept']:.0%}", f"{r['jpeg_alone']:.2f}", f"{r['ssim']:.3f}")
        lines.append(f"| {r['budget']} | {r['tower']} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, f"\n{record['photos']} portraits, `--effort {record['effort']}`, medians."])


def make_attacker_table(rows: list[dict], elsewhere: list[dict]) -> str:
    """Return what each adversary learns, two columns per model: from clean photos and from protected ones.

    Args:
        rows: of suite `attackers`. elsewhere: of other suites of the same people, for adversaries that it lacks.
    """
    families = list(dict.fromkeys(row["family"] for row in rows))
    rows = rows + elsewhere
    kinds = {"clean": {"arm": "clean"}, "protected": {"arm": "protected", "surrogates": "leave-one-out"}}
    columns = [(family, kind) for family in families for kind in kinds]
    table = []
    for attacker, about in ATTACKERS.items():
        cells = [Cell(f"`{attacker}`: {about.what}")]
        for family, kind in columns:
            which = {"family": family, "attacker": attacker, **kinds[kind]}
            if choose(rows, **which):
                leak, who = find(rows, "leakage_peak", "mean", **which), find(rows, "identity_accuracy_peak", **which)
                unsure = kind == "protected" and leak["gate"] != "passed"
                cells.append(Cell(f"{show_cell(leak)}, {who['value']:.2f}", why="a gate failed" if unsure else ""))
            else:
                cells.append(Cell(NOT_MEASURED))
        table.append(cells)
    about = (
        "\nPeak of leakage with its interval over people, and of who it is; one seed. Protected: at `standard`, the "
        "attacked model's tower not known. In brackets with a question mark: not all gates passed (protected "
        "photos were fitted less than clean ones, or there is no clean run beside)."
    )
    return make_markdown(["adversary", *(f"{family}, {kind}" for family, kind in columns)], table) + "\n" + about


def make_results(runs: list[Run]) -> str:
    """Return the page of results: the tables of a report on all published records but those that guides have."""
    parts = [
        f"## {table.title}\n\n{table.about}\n\n{make_markdown(table.columns, table.rows, table.number_of)}"
        + "".join(f"\n{'' if i > 1 else chr(10)}- (...)? {i}: {note}" for i, note in enumerate(table.notes, 1))
        for table in make_tables(runs)
        if table.key in RESULT_TABLES
    ]
    about = (
        "# Results\n\nAll published records of the bundled models (`benchmarks/results`). In brackets with a question "
        "mark: a gate failed, so the number is inconclusive. Photos were searched before gradients leaned on what "
        "passes a tower's blocks by ([log](../log.md), 2026-11-28), those of `attackers`, `baselines` and `robustness` "
        "with 40 steps, half of what `normal` takes; other methods of `baselines` met the floor of similarity after "
        "their search, not in it as today. What suites are: [Benchmark a model](../guides/bench.md)."
    )
    return "\n\n".join([about, *parts]) + "\n"


def make_mini_table() -> str:
    """Return what the cards of the bundled models say."""
    lines = [
        "| | steps of the tower | recall, reader | recall, mean token | scenario | category | hair | glasses | beard "
        "| a new name |",
        "|---" * 10 + "|",
    ]
    for path in sorted(WEIGHTS.glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        tower, told = card["tower"]["figures"], card.get("language", {}).get("figures", {})
        cells = [str(tower["step"]), f"{tower['recall_head']:.2f}", f"{tower['recall_mean']:.3f}"]
        names = ("scenario", "category", "hair_colour", "glasses", "facial_hair", "name")
        cells += [f"{told[name]:.2f}" if told else "not trained" for name in names]
        lines.append(f"| `{path.parent.name}` | " + " | ".join(cells) + " |")
    about = (
        "\nAs measured when training ended. Recall: the share of 200 new people's portraits whose nearest among 200 "
        "others shows the same person (chance 0.005), through the reader the tower was trained with, and, far less, by "
        "the plain mean of its tokens, which nothing was trained to compare. The rest: exact greedy answers on 64 new "
        "photos; *a new name*: the share of right guesses among twelve (chance 0.083)."
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


def read_speed(name: str) -> dict:
    """Return a record of `benchmarks/speed`, empty if there is none yet."""
    path = RESULTS / "speed" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def make_speed_table() -> str:
    """Return what the records of `benchmarks/speed` say, a row per question."""
    records = {name: record for name in SPEED_ROWS if (record := read_speed(name))}
    lines = ["| with the bundled towers, on a CPU | |", "|---|---|"]
    lines += [f"| {what} | {cell} |" for name, record in records.items() for what, cell in SPEED_ROWS[name](record)]
    machines = {(r["processor"], r["cores"], r["torch"]) for r in records.values()}
    where = "; ".join(f"{processor}, {cores} cores, torch {torch}" for processor, cores, torch in sorted(machines))
    about = (
        f"\n{where}. What counts are ratios, medians over rounds in which things were timed in turn: at times "
        "the machine ran other work. `benchmarks/speed`."
    )
    return "\n".join([*lines, about])


SPEED_ROWS: dict[str, Callable[[dict], list[tuple[str, str]]]] = {
    "startup": lambda r: [
        ("`dp2vl --help`, against `import torch`", f"{r['rows']['dp2vl --help']['wall_ratio']:.2f}"),
        ("one photo at `quick`, start to end, against `import torch`", f"{r['rows']['protect']['wall_ratio']:.2f}"),
    ],
    "overhead": lambda r: [
        cell
        for row in r["rows"]
        for cell in (
            (
                f"{row['photos']} photos of 12 MP, `{r['effort']}`, towers: {row['towers']}",
                f"{row['photo_wall_s']:.1f} s each, {row['photo_cpu_s']:.1f} s of processor",
            ),
            ("the same, over the bare passes of its towers: wall time", f"{row['wall_over_bare']:.2f}"),
            ("the same, over the bare passes of its towers: processor time", f"{row['cpu_over_bare']:.2f}"),
        )
    ],
    "megapixels": lambda r: [
        ("12 MP against 1 MP: the search", f"{r['search']['12 MP']['cpu_ratio']:.2f}"),
        ("12 MP against 1 MP: all but decoding and encoding", f"{r['without_codec']['12 MP']['cpu_ratio']:.2f}"),
        ("48 MP against 1 MP: all but decoding and encoding", f"{r['without_codec']['48 MP']['cpu_ratio']:.2f}"),
    ],
    "memory": lambda r: [
        (f"peak memory, {row['photos']} photos of 12 MP", f"{row['peak_bytes'] / 1e9:.2f} GB") for row in r["rows"]
    ],
    "cluster": lambda r: [
        ("photos per second, two Ray workers of one thread against one", ", ".join(f"{x:.2f}" for x in r["ratios"])),
    ],
    "towers": lambda r: [
        (f"{r['tower']}, gradient to the pixels: share of a matrix product's rate", f"{r['rows'][0]['share']:.2f}"),
    ],
}  # fmt: skip
"""Record -> its rows in the table."""


def make_recipes_table(record: dict) -> str:
    """Return each rival's recipe beside the fewest of our steps that reach the same on the tower held out."""
    if not record:
        return "Not measured yet."
    lines = [
        "| recipe | reaches, tower held out | passes | processor | ours, same reach | passes | processor | less by |",
        "|---" * 8 + "|",
    ]
    ours = sorted((r for r in record["rows"] if r["method"] == "ours"), key=lambda r: r["steps"])
    for rival in (r for r in record["rows"] if r["method"] != "ours"):
        for key in ("displacement", "shift"):
            cells = f"{rival[key]:.2f} {key} | {rival['passes']:,} | {rival['cpu_s']:.1f} s"
            equal = next((r for r in ours if r[key] >= rival[key]), None)
            if equal is None:
                best = max(r[key] for r in ours)
                reached = f"not reached: {best:.2f} at most | | | "
            else:
                less = f"{rival['passes'] / equal['passes']:.0f} x, {rival['cpu_s'] / equal['cpu_s']:.0f} x"
                reached = f"{equal['steps']} steps | {equal['passes']} | {equal['cpu_s']:.2f} s | {less}"
            name = f"{rival['method']}, {rival['steps']} steps of {rival['views']} views"
            lines.append(f"| {name} | {cells} | {reached} |")
    about = (
        f"\n{record['photos']} photos, {' and '.join(record['used'])} attacked, {record['held_out']} held out. "
        "Displacement: distance moved over the median distance between two people. Shift: share of the way from the "
        "person to people in general. Passes and seconds per photo, medians over photos."
    )
    return "\n".join([*lines, about])


def make_sizing_table() -> str:
    """Return what a million and a billion photos take, from seconds per photo."""
    overhead = read_speed("overhead")
    gpu = json.loads((RESULTS / "families_gpu.json").read_text(encoding="utf-8"))
    passes = EFFORTS["normal"].steps * EFFORTS["normal"].views

    def seconds(precision: str, batch: int) -> float:
        rows = [r for r in gpu["rows"] if (r["precision"], r["batch"]) == (precision, batch)]
        return passes * sum(r["backward_s"] for r in rows) / batch

    rows = [
        *([("bundled towers, one CPU core", overhead["rows"][0]["photo_cpu_s"])] if overhead else []),
        ("three full towers, one GPU, passes in float32, one photo at a time", seconds("float32", 1)),
        ("three full towers, one GPU, passes in bfloat16, 16 photos at a time", seconds("bfloat16", 16)),
    ]
    lines = ["| | seconds per photo | a million in a day | a billion in 30 days |", "|---|---|---|---|"]
    for what, each in rows:
        day, month = each * 1e6 / 86400, each * 1e9 / 86400 / 30
        lines.append(f"| {what} | {each:.1f} | {day:,.0f} | {month:,.0f} |")
    about = (
        "\nCores or GPUs that are needed, if all go on all the time. Full towers: those of LLaVA-1.5, Qwen-VL and "
        f"MiniGPT-v2, {passes} passes of each as measured on one {gpu['processor']}, without what comes before and "
        "after the search."
    )
    return "\n".join([*lines, about])


def fill(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between the markers of `name` replaced by `content`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"expected the markers of {name!r}, found none")
    return pattern.sub(lambda m: m.group(1) + content + "\n" + m.group(2), text)


def make_all() -> dict[Path, str]:
    """Return every generated file with its text."""
    readme = README.read_text(encoding="utf-8")
    protection = make_protection_table(read_scores("protection"), read_scores("patient"))
    readme = fill(readme, "protection", protection)
    protect = fill(PROTECT.read_text(encoding="utf-8"), "strengths", make_strengths_table())
    models = fill(MODELS.read_text(encoding="utf-8"), "mini", make_mini_table())
    families = json.loads((RESULTS / "families.json").read_text(encoding="utf-8"))
    models = fill(models, "families", make_families_table(families))
    on_gpu = json.loads((RESULTS / "families_gpu.json").read_text(encoding="utf-8"))
    models = fill(models, "families-gpu", make_gpu_table(on_gpu))
    bench = BENCH.read_text(encoding="utf-8")
    bench = fill(bench, "threat", make_threat_table(read_scores("mini")))
    bench = fill(bench, "attackers", make_attacker_table(read_scores("attackers"), read_scores("patient")))
    verdicts = json.loads((RESULTS / "verdicts.json").read_text(encoding="utf-8"))
    figures = fill(FIGURES.read_text(encoding="utf-8"), "verdicts", make_verdict_table(verdicts))
    objectives = json.loads((RESULTS / "objectives.json").read_text(encoding="utf-8"))
    meaning = fill(MEANING.read_text(encoding="utf-8"), "objectives", make_objectives_table(objectives))
    encoders = json.loads((RESULTS / "encoders.json").read_text(encoding="utf-8"))
    meaning = fill(meaning, "encoders", make_encoders_table(encoders))
    runs = read_runs([RESULTS])
    plots = make_plots(runs)
    report = fill(REPORT.read_text(encoding="utf-8"), "plots", make_gallery(plots))
    example = f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```"
    methods = fill(METHODS.read_text(encoding="utf-8"), "example", example)
    machines = fill(MACHINES.read_text(encoding="utf-8"), "speed", make_speed_table())
    machines = fill(machines, "recipes", make_recipes_table(read_speed("recipes")))
    machines = fill(machines, "sizing", make_sizing_table())
    pages = {
        MACHINES: machines,
        BENCH: bench,
        COMMANDS: make_cli_reference(),
        README: readme,
        MODELS: models,
        PROTECT: protect,
        REPORT: report,
        METHODS: methods,
        FIGURES: figures,
        MEANING: meaning,
    }
    images = {IMAGES / f"report-{plot.name}.svg": plot.svg for plot in plots if plot.svg}
    return pages | images | {LEADERBOARD: make_leaderboard(), RESULTS_PAGE: make_results(runs)}


if __name__ == "__main__":
    for path, text in make_all().items():
        stale = not path.exists() or path.read_text(encoding="utf-8") != text
        if stale and "--check" in sys.argv:
            sys.exit(f"{path} is out of date; run `make docs`")
        path.write_text(text, encoding="utf-8")
