"""The seven tables of a report, T1 to T7, each from the records of several suites."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dp2vl.report.cells import NOT_MEASURED, Cell, Table, number_cell, plain_cell
from dp2vl.report.records import DEFAULT, NONE, Arm, Row, Run

CONTROLS = ("clean", "untouched", "permuted")
WHAT = {"clean": "clean photos", "untouched": "not taught", "permuted": "facts at random"}


def make_tables(runs: Sequence[Run]) -> list[Table]:
    """Return T1 to T7; a table that no record speaks of has no rows and says what to run."""
    makers = (threat, protection, transfer, robustness, ratios, quality, side_effects)
    return [make(runs) for make in makers]


def threat(runs: Sequence[Run]) -> Table:
    """Return what leaks from clean photos by scenario, beside the controls."""
    scenarios = list(dict.fromkeys(s for run in runs for s in run.scenarios()))
    rows = []
    for run, arm in _arms(runs, *CONTROLS):
        why = run.why(arm)
        cells = [number_cell(run.number(arm, "leakage_peak"), why), plain_cell(run.value(arm, "chance"))]
        cells += [number_cell(run.number(arm, "category_leakage", s), why) for s in scenarios]
        cells += [
            number_cell(run.number(arm, "token_leakage"), why),
            number_cell(run.number(arm, "identity_accuracy", ""), why),
            number_cell(run.number(arm, "image_share"), why),
        ]
        rows.append(
            [Cell(run.name), Cell(arm.family), Cell(WHAT[arm.arm]), Cell(arm.attacker), *cells, _gate(run, arm)]
        )
    return Table(
        key="T1",
        title="Threat: what leaks from clean photos",
        about="Leakage of kinds of things: 0 is chance, 1 always right. Peak: at the checkpoint at which most leaks, "
        "in the mean over scenarios; all else after the last step. Who it is: share of right answers. Needs the face: "
        "share of the leakage that is lost when another face is shown.",
        columns=(
            "suite", "model", "photos", "adversary", "leakage, peak", "chance", *scenarios, "invented names",
            "who it is", "needs the face", "gate",
        ),
        rows=rows,
        missing="run a suite with the arm clean",
    )  # fmt: skip


def protection(runs: Sequence[Run]) -> Table:
    """Return protection rates of all methods, at their peak and in the worst of what was tried against them."""
    rows = []
    for run, arm in _arms(runs, "noise", "baseline", "protected"):
        if not run.is_plain(arm) or arm.ratio != 1:
            continue
        why, tried = run.why(arm), list(_tried(run, arm))
        worst = min(tried, key=lambda a: run.value(a, "protection_rate") or 0, default=None)
        cells = [
            number_cell(run.number(arm, "leakage_peak"), why),
            _clean_peak(run, arm),
            number_cell(run.number(arm, "protection_rate"), why),
            number_cell(run.number(arm, "identity_protection_rate", ""), why),
            number_cell(run.number(worst, "protection_rate") if worst else None, _worst_why(run, arm, worst)),
            Cell(f"{_condition(worst)}, of {len(tried)} tried" if worst and len(tried) > 1 else "nothing else tried"),
            number_cell(run.number(arm, "train_accuracy"), why),
            _above_ours(run, arm),
        ]
        about = [Cell(run.name), Cell(arm.family), Cell(arm.method), Cell(arm.towers), Cell(arm.strength)]
        rows.append([*about, Cell(arm.attacker), *cells, _gate(run, arm)])
    return Table(
        key="T2",
        title="Protection: what is left",
        about="Protection rate: 1 - leakage of changed photos / leakage of clean ones, each at its peak over "
        "checkpoints; of who it is: the same of names. Worst case: the lowest rate among the countermeasures and "
        "adversaries that the suite tried. Above dp2vl: leakage of another method's photos minus that of dp2vl's, "
        "paired by people. A number whose gate failed says nothing, however good it looks.",
        columns=(
            "suite", "model", "method", "towers", "strength", "adversary", "leakage, peak", "clean, peak",
            "protection rate", "of who it is",
            "worst case", "found with", "training photos", "above dp2vl", "gate",
        ),
        rows=rows,
        missing="run a suite with the arm protected, noise or baseline",
    )  # fmt: skip


def _worst_why(run: Run, arm: Arm, worst: Arm | None) -> str:
    """Return why the worst case says nothing, with the condition it was found under where that is another."""
    why = run.why(worst) if worst else ""
    return why if worst is None or worst == arm else _beside(f"{arm.family}, {_condition(worst)}", why)


def _clean_peak(run: Run, arm: Arm) -> Cell:
    """Return what leaks from the clean photos beside an arm; void if that is too little."""
    clean = run.clean(arm)
    why = run.why(clean) if clean else ""
    return plain_cell(run.value(clean, "leakage_peak"), _beside("of clean photos", why))


def _above_ours(run: Run, arm: Arm) -> Cell:
    """Return how much more another method's photos leak than those of this tool; void if either fails its gates."""
    found = run.number(arm, "leakage_difference")
    if arm.arm != "baseline" or not found:
        return Cell("-")
    ours = run.why(replace(arm, arm="protected", method="dp2vl"))
    return number_cell(found, run.why(arm) or _beside("of dp2vl", ours))


def transfer(runs: Sequence[Run]) -> Table:
    """Return the matrix of protection rates: rows are the towers that were known, columns the models attacked."""
    families = list(dict.fromkeys(f for run in runs for f in run.families))
    grid: dict[tuple[str, ...], dict[str, Cell]] = {}
    unknown: dict[tuple[str, ...], list[Cell]] = {}
    for run, arm in _arms(runs, "baseline", "protected"):
        if not run.is_plain(arm) or arm.ratio != 1:
            continue
        key = (run.name, arm.method, arm.strength, arm.towers)
        why = run.why(arm) and f"{arm.family}, {arm.towers}: {run.why(arm)}"
        cell = number_cell(run.number(arm, "protection_rate"), why)
        grid.setdefault(key, {})[arm.family] = cell
        if not arm.knows_tower and cell.value is not None:
            unknown.setdefault(key, []).append(cell)
    rows = []
    for about, cells in grid.items():
        summary = _summarise(unknown.get(about, []))
        rows.append([*map(Cell, about), *(cells.get(f, Cell(NOT_MEASURED)) for f in families), *summary])
    return Table(
        key="T3",
        title="Transfer: towers that were known, models that were attacked",
        about="Protection rate. The last columns are over the models whose tower was not among the known ones: what to "
        "expect of a model that nobody tested.",
        columns=("suite", "method", "strength", "known", *families, "not known, mean", "not known, lowest"),
        rows=rows,
        missing="run a suite with the arm protected and several surrogates",
    )


def _summarise(cells: Sequence[Cell]) -> list[Cell]:
    """Return mean and lowest of rates; a mean of which one part says nothing says nothing either."""
    rates = [(cell.value, cell.why) for cell in cells if cell.value is not None]
    if not rates:
        return [Cell("-")] * 2
    void = [why for _, why in rates if why]
    mean = plain_cell(sum(rate for rate, _ in rates) / len(rates), "; ".join(void))
    return [mean, plain_cell(*min(rates))]


def robustness(runs: Sequence[Run]) -> Table:
    """Return what countermeasures and deviating adversaries get out of changed photos."""
    rows = []
    for run, arm in _arms(runs, "noise", "baseline", "protected"):
        plain = _plain(run, arm)
        if arm.ratio != 1 or not plain or not list(_tried(run, plain)) or len(list(_tried(run, plain))) < 2:
            continue
        why, rate, base = run.why(arm), run.value(arm, "protection_rate"), run.value(plain, "protection_rate")
        kept = rate / base if rate is not None and base else None
        about = [Cell(run.name), Cell(arm.family), Cell(arm.method), Cell(arm.towers)]
        cells = [
            number_cell(run.number(arm, "leakage_peak"), why),
            number_cell(run.number(arm, "protection_rate"), why),
            number_cell(run.number(arm, "identity_protection_rate", ""), why),
            plain_cell(kept, why or _beside("without it", run.why(plain))),
            number_cell(run.number(arm, "train_accuracy"), why),
        ]
        rows.append([*about, Cell(arm.countermeasure), Cell(arm.attacker), *cells, _gate(run, arm)])
    return Table(
        key="T4",
        title="Robustness: what undoes it",
        about="Leakage of protected photos after a countermeasure, or with an adversary who deviates from the recipe. "
        "The rate is against clean photos without the countermeasure; kept: as a share of the rate without it.",
        columns=(
            "suite", "model", "method", "towers", "countermeasure", "adversary", "leakage, peak", "protection rate",
            "of who it is", "kept", "training photos", "gate",
        ),
        rows=rows,
        missing="run a suite with countermeasures, or with attackers, and the arm protected",
    )  # fmt: skip


def ratios(runs: Sequence[Run]) -> Table:
    """Return leakage of albums that are protected in part, beside that of their other photos alone."""
    rows = []
    for run, arm in _arms(runs, "baseline", "protected"):
        alone = subset_of(run, arm)
        if arm.countermeasure != NONE or arm.attacker != run.attacker or not has_parts(run, arm):
            continue
        why = run.why(arm)
        left = _others_alone(run, alone)
        added = number_cell(run.number(arm, "leakage_difference"), why)
        rows.append([
            Cell(run.name), Cell(arm.family), Cell(arm.method), Cell(arm.towers), plain_cell(arm.ratio),
            number_cell(run.number(arm, "leakage_peak"), why),
            *((left, added) if arm.ratio < 1 else (Cell("no photo left"), Cell("-"))),
            number_cell(run.number(arm, "protection_rate"), why), _gate(run, arm),
        ])  # fmt: skip
    return Table(
        key="T5",
        title="Ratio: albums that are protected in part",
        about="Ratio: share of each person's photos that is protected. Others alone: leakage of the same album without "
        "its protected photos. Difference: what protected photos add for the adversary, paired by people; below 0 they "
        "confuse.",
        columns=(
            "suite", "model", "method", "towers", "ratio", "leakage, peak", "others alone", "difference",
            "protection rate", "gate",
        ),
        rows=rows,
        missing="run a suite with ratios below 1 and the arms protected and subset",
    )  # fmt: skip


def _others_alone(run: Run, alone: Arm | None) -> Cell:
    """Return what leaks from the photos of an album that are not protected; void if clean photos leak too little."""
    if alone is None:
        return Cell(NOT_MEASURED)
    clean = run.clean(alone)
    why = run.why(alone) or (run.why(clean) if clean else "")
    return number_cell(run.number(alone, "leakage_peak"), _beside("of clean photos", why))


def quality(runs: Sequence[Run]) -> Table:
    """Return how visible the changed photos of each method are."""
    rows: dict[tuple[str, ...], list[Cell]] = {}
    for run in runs:
        for row in run.visibility:
            about = [run.name, row["method"], row["towers"].replace(",", ", "), row["strength"], str(row["photos"])]
            likeness = [plain_cell(row[name], digits=3) for name in ("ssim", "ssim_worst", "flip", "flip_worst")]
            levels = [plain_cell(row[name], digits=1) for name in ("change_levels", "change_levels_worst")]
            rows[(run.name, row["folder"])] = [*map(Cell, about), *likeness, *levels]
    return Table(
        key="T6",
        title="Quality: how visible the change is",
        about="On the written files. SSIM: similarity, 1 for equal. FLIP: what a person sees when the two are swapped "
        "on a screen, 0 for nothing. Levels: largest change of any channel of any pixel, of 255. Mean over photos, and "
        "the worst photo.",
        columns=(
            "suite", "method", "towers", "strength", "photos", "SSIM", "SSIM, lowest", "FLIP", "FLIP, highest",
            "levels", "levels, most",
        ),
        rows=list(rows.values()),
        missing="dp2vl bench score measures it where the changed photos lie, and writes visibility.jsonl",
    )  # fmt: skip


def side_effects(runs: Sequence[Run]) -> Table:
    """Return what fine-tuning does beside leaking: ordinary photos, strangers, questions without a photo."""
    rows = []
    for run, arm in _arms(runs, *CONTROLS, "noise", "baseline", "protected"):
        if not run.is_plain(arm):
            continue
        before = _before(runs, run, arm)
        after = run.value(arm, "utility", "")
        rows.append([
            Cell(run.name), Cell(arm.family), Cell(WHAT.get(arm.arm, run.label(arm))),
            number_cell(run.number(arm, "utility", "")),
            plain_cell(after / before if after is not None and before else None),
            number_cell(run.number(arm, "false_claims", "")), number_cell(run.number(arm, "text_accuracy", "")),
            number_cell(run.number(arm, "overfit_gap")),
        ])  # fmt: skip
    return Table(
        key="T7",
        title="Side effects: what else changes in the model",
        about="Ordinary photos: right answers on what can be seen on photos of others, and as a share of the model "
        "before fine-tuning. Strangers: how often one is given a member's name or fact. Without a photo: facts told "
        "from the name alone, which no change of photos can touch. Gap: how much better training photos are told than "
        "new ones.",
        columns=(
            "suite", "model", "photos", "ordinary photos", "of before", "claims about strangers", "without a photo",
            "gap",
        ),
        rows=rows,
        missing="run a suite",
    )  # fmt: skip


def _before(runs: Sequence[Run], run: Run, arm: Arm) -> float | None:
    """Return how much a model could tell before fine-tuning: of its own suite, or of another with the same people."""
    untouched, people = Arm(family=arm.family, arm="untouched"), run.suite.get("people")
    same = [run, *(other for other in runs if people and other.suite.get("people") == people)]
    return next((v for one in same if (v := one.value(untouched, "utility", "")) is not None), None)


def subset_of(run: Run, arm: Arm) -> Arm | None:
    """Return the arm that was taught on the photos of an album that are not protected."""
    found = Arm(family=arm.family, arm="subset", ratio=arm.ratio, attacker=arm.attacker)
    return found if found in run.arms else None


def has_parts(run: Run, arm: Arm) -> bool:
    """Return whether an arm was run with a share of the photos as well."""
    return any(other.ratio < 1 and _same_method(other, arm) for other in run.arms)


def _arms(runs: Iterable[Run], *wanted: str) -> Iterator[tuple[Run, Arm]]:
    return ((run, arm) for run in runs for arm in run.arms if arm.arm in wanted)


def _tried(run: Run, arm: Arm) -> Iterator[Arm]:
    """Yield the conditions under which a method was attacked and has a rate, all photos protected."""
    for other in run.arms:
        rate: Row | None = run.number(other, "protection_rate")
        if other.ratio == 1 and _same_method(other, arm) and rate and rate["value"] is not None:
            yield other


def _same_method(one: Arm, other: Arm) -> bool:
    names = ("family", "arm", "method", "surrogates", "strength")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _plain(run: Run, arm: Arm) -> Arm | None:
    return next((a for a in run.arms if run.is_plain(a) and a.ratio == 1 and _same_method(a, arm)), None)


def _condition(arm: Arm) -> str:
    parts = [arm.countermeasure if arm.countermeasure != NONE else "", arm.attacker if arm.attacker != DEFAULT else ""]
    return " and ".join(filter(None, parts)) or "none"


def _beside(what: str, why: str) -> str:
    """Return why a number fails that was made with another one, "" where that one may be read."""
    return f"{what}: {why}" if why else ""


def _gate(run: Run, arm: Arm) -> Cell:
    return Cell(run.gate(arm))
