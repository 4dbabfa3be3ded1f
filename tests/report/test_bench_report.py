"""The report of suites: every table and plot from records alone, in one page that needs no other file and no script."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from record_tools import FAMILIES, add_photos, make_arms, make_records

from dp2vl.bench.suite import Trial
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.leakage.gates import FAILINGS
from dp2vl.report.bench import count_rates, find_rates, write_bench_report
from dp2vl.report.cells import Cell, Table, make_csv, make_markdown, show_cell
from dp2vl.report.dots import _draw_pareto, _ticks, plot_overview, plot_people
from dp2vl.report.figures import BLUE, explain_failed
from dp2vl.report.lines import plot_curves
from dp2vl.report.plots import make_plots
from dp2vl.report.records import Arm, arm_of, read_runs
from dp2vl.report.tables import make_tables, protection, side_effects, transfer

ROOT = Path(__file__).parents[2]
PLOTS = (
    "overview-made", "curves-made", "transfer-made", "ratios-made", "people-made",
    *(f"pareto-{figure}-tower-{known}-made" for figure in ("ssim", "flip") for known in ("known", "not-known")),
)  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(tmp_path_factory.mktemp("records") / "made")


@pytest.fixture(scope="module")
def report(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bench_report([records], tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a suite's whole folder, with photos and answers."""
    folder = tmp_path_factory.mktemp("whole")
    return write_bench_report([add_photos(make_records(folder / "made"))], folder / "out").read_text(encoding="utf-8")


def read_table(report: Path, key: str) -> list[dict[str, str]]:
    with (report / "tables" / f"{key}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_all_tables_and_plots_are_written_and_the_page_holds_them_all(report):
    assert sorted(p.name for p in (report / "tables").iterdir()) == [f"t{i}.csv" for i in range(1, 8)]
    made = {f"{name}.{form}" for name in PLOTS for form in ("svg", "png")}
    assert {p.name for p in (report / "plots").iterdir()} == made
    page = (report / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(PLOTS) and "Not measured" not in page
    for text in ("0.15", "[0.05, 0.97]", "its tower not known", "16 protection rates, 2 of them inconclusive"):
        assert text in page


def test_the_page_loads_nothing_and_runs_nothing(whole):
    page = Page()
    page.feed(whole)
    assert {"svg", "img", "table"} <= {tag for tag, _ in page.tags}
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/")), (tag, attributes[name])
    assert not re.search(r"url\((?!#)|@import|@font-face", whole)


def test_ids_of_the_page_are_used_once(report):
    page = Page()
    page.feed((report / "index.html").read_text(encoding="utf-8"))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) > 100 and len(set(ids)) == len(ids)


def test_a_number_whose_gate_failed_is_grey_and_the_row_says_why(report):
    rows = [row for row in read_table(report, "t2") if row["method"] == "lowkey"]
    assert len(rows) == 2
    for row in rows:
        assert (
            row["gate"] == "failed: accuracy on protected training photos is 0.70; needed is 0.9 of 0.95 on clean ones"
        )
    page = (report / "index.html").read_text(encoding="utf-8")
    failed = re.findall(r'<td class="failed">([0-9.]+)', page)
    assert "0.44" in failed and "0.81" not in failed  # LowKey's rate, and ours
    assert "(0.44 [0.34, 0.97])?" in (report / "report.md").read_text(encoding="utf-8")


def test_a_threat_that_is_too_weak_says_so(records):
    (run,) = read_runs([records])
    weak = Arm(family="mini-llava", arm="clean")
    for row in run.scores:
        if row["arm"] == "clean" and row["family"] == "mini-llava" and row["attacker"] == "default":
            row.update(gate="failed", ci_low=0.1)
    assert run.why(weak) == "the lower bound of clean leakage, 0.10, is not at least 0.3"
    assert run.why(Arm(family="mini-qwen-vl", arm="clean")) == ""


def test_a_suite_of_another_adversary_alone_has_its_rows_and_plots(records, tmp_path):
    other = tmp_path / "made"
    other.mkdir()
    for path in records.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        kept = [row | {"attacker": "patient"} for row in rows if row.get("attacker", "default") == "default"]
        (other / path.name).write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    report = write_bench_report([other], tmp_path / "report").parent
    assert {row["adversary"] for row in read_table(report, "t2")} == {"patient"}
    assert len(read_table(report, "t5")) > 0
    assert {f"{name}.svg" for name in PLOTS} <= {p.name for p in (report / "plots").iterdir()}


def test_the_worst_case_is_the_lowest_rate_of_what_was_tried(report):
    rows = {(row["method"], row["model"], row["towers"]): row for row in read_table(report, "t2")}
    row = rows["dp2vl", "mini-llava", "all towers known"]
    assert float(row["worst case"]) < float(row["protection rate"]) and row["found with"] == "jpeg75, of 3 tried"
    assert rows["lsp", "mini-llava", "all towers known"]["found with"] == "nothing else tried"


def test_other_methods_have_what_they_leak_above_ours_unless_a_gate_failed(report, records):
    rows = {(row["method"], row["model"]): row for row in read_table(report, "t2") if row["towers"]}
    assert rows["dp2vl", "mini-llava"]["above dp2vl"] == "-"
    assert rows["lsp", "mini-llava"]["above dp2vl"] == "0.3"
    (run,) = read_runs([records])
    for row in run.scores:
        if row["method"] == "dp2vl":
            row.update(gate="failed")
    (row,) = (r for r in protection([run]).rows if [r[1].text, r[2].text] == ["mini-llava", "lsp"])
    assert row[-2].why.startswith("of dp2vl: ") and not row[-3].why


def test_transfer_tells_known_towers_from_unknown_ones(report):
    rows = {row["known"]: row for row in read_table(report, "t3") if row["method"] == "dp2vl"}
    own, other = rows["all towers known"], rows["its tower not known"]
    assert own["not known, mean"] == "-"
    assert float(other["not known, lowest"]) == min(float(other[family]) for family in FAMILIES)
    assert all(float(other[family]) < float(own[family]) for family in FAMILIES)


def test_a_mean_of_rates_is_void_where_one_of_them_is_and_the_lowest_where_that_one_is(records):
    (run,) = read_runs([records])
    for row in run.scores:
        if row["surrogates"] == "leave-one-out" and row["family"] == "mini-llava":
            row.update(gate="failed")
    table = transfer([run])
    (row,) = (r for r in table.rows if r[1].text == "dp2vl" and r[3].text == "its tower not known")
    mean, lowest = row[-2:]
    own = row[4]
    assert own.why and mean.why == own.why
    assert bool(lowest.why) == (lowest.value == own.value)
    mark = table.notes.index(own.why) + 1
    assert make_markdown(table.columns, [row], table.number_of).count(f")? {mark} |") >= 2


def test_reasons_that_the_gate_of_the_row_does_not_say_are_numbered_notes(records, tmp_path):
    (run,) = read_runs([records])
    for row in run.scores:
        if (row["arm"], row["attacker"]) == ("clean", "default"):
            row.update(gate="failed", ci_low=0.1)
    table = protection([run])
    (cells,) = (r for r in table.rows if [r[1].text, r[2].text] == ["mini-llava", "noise"])
    clean = dict(zip(table.columns, cells, strict=True))["clean, peak"]
    reason = "of clean photos: the lower bound of clean leakage, 0.10, is not at least 0.3"
    assert clean.why == reason and table.notes[int(table.number_of(clean, cells)) - 1] == reason
    lowkey = next(r for r in protection(read_runs([records])).rows if r[2].text == "lowkey")
    assert protection(read_runs([records])).number_of(lowkey[8], lowkey) == ""  # its gate says it


def test_what_a_model_could_tell_before_comes_from_a_suite_of_the_same_people(records):
    (run,) = read_runs([records])
    without = replace(
        run, name="other", suite={"people": {"count": 6}}, scores=[r for r in run.scores if r["arm"] != "untouched"]
    )
    assert {row[4].text for row in side_effects([without]).rows} == {"not measured"}
    with_it = replace(run, suite={"people": {"count": 6}})
    assert all(row[4].value is not None for row in side_effects([without, with_it]).rows)
    others = replace(run, suite={"people": {"count": 7}})
    assert {row[4].text for row in side_effects([without, others]).rows if row[0].text == "other"} == {"not measured"}


def test_the_page_begins_with_what_was_found(report, records):
    (run,) = read_runs([records])
    found = find_rates([run])
    rates = [run.value(a, "protection_rate") for a in run.arms if a.arm == "protected" and a.ratio == 1]
    assert found.startswith(f"Conclusive protection rates go from {min(rates):.2f} to {max(rates):.2f} ")
    page = (report / "index.html").read_text(encoding="utf-8")
    assert page.index("<h1>") < page.index(found) < page.index("<p>") + 200 and "<summary>Plots</summary>" in page
    for row in run.scores:
        row.update(gate="failed")
    assert find_rates([run]) == "Nothing is known of protection yet: a gate failed for every rate."


def test_lines_and_dots_of_people_whose_gate_failed_have_no_colour(records):
    (run,) = read_runs([records])
    for kind in (plot_curves, plot_people):
        (plot,) = kind(run)
        assert BLUE in plot.svg
    (failed,) = read_runs([records])
    for row in failed.scores:
        row.update(gate="failed" if row["arm"] == "protected" else row["gate"])
    for kind in (plot_curves, plot_people):
        (plot,) = kind(failed)
        assert BLUE not in plot.svg and "Hollow and grey: a gate failed" in plot.caption


def test_captions_say_which_gate_failed_and_how_often_and_nothing_of_gates_that_passed(records):
    (run,) = read_runs([records])
    for row in run.scores:
        row["gate"] = row["gate"] and "passed"
    (plot,) = plot_overview(run)
    assert "gate" not in plot.caption and not explain_failed(run, run.arms)
    broken = next(arm for arm in run.arms if arm.arm == "protected")
    for row in run.scores:
        if arm_of(row) == broken:
            row["gate"] = "failed"
            row["value"] = 0.1 if row["metric"] == "train_accuracy" else row["value"]
    (plot,) = plot_overview(run)
    assert plot.caption.endswith(f"(1 of {len(run.arms)} arms: {FAILINGS['fit']}).")
    assert FAILINGS["threat"] not in plot.caption


def test_the_map_of_transfer_has_a_row_per_method_adversary_and_processing_and_brackets_what_failed(records):
    (run,) = read_runs([records])
    (plot,) = (plot for plot in make_plots([run]) if plot.name.startswith("transfer"))
    for row in ("all towers known", "its tower not known", "after jpeg75", "adversary purify", "lowkey"):
        assert row in plot.svg
    shown = [arm for arm in run.arms if arm.surrogates and arm.ratio == 1]
    assert plot.svg.count(">(0.") == sum(bool(run.why(arm)) for arm in shown)
    for row in run.scores:
        row["gate"] = row["gate"] and "failed"
    (plot,) = (plot for plot in make_plots([run]) if plot.name.startswith("transfer"))
    assert plot.svg.count(">(0.") == len(shown) and "Grey, in brackets: a gate failed" in plot.caption


def test_other_methods_have_a_marker_each_and_axes_have_three_labels(records):
    (run,) = read_runs([records])
    figure, joined = _draw_pareto(run, {a: 0.05 + 0.01 * i for i, a in enumerate(run.arms) if a.method}, "FLIP")
    markers = {h.get_label(): h.get_marker() for h in figure.axes[0].lines if str(h.get_label())[0].isdigit()}
    named = [m for label, m in markers.items() if "lsp" in label or "lowkey" in label]
    assert len(named) >= 2 and len(set(named)) == 2 and "joins" in joined
    for low, high in ((0.05, 0.09), (0.01, 0.4), (0.0601, 0.0699), (1e-4, 1)):
        places, labels = _ticks(low, high)
        assert len(places) >= 3 and len(set(labels)) == len(labels) and all(low <= p <= high for p in places)


def test_a_partly_protected_album_stands_beside_its_other_photos_alone(report):
    (half, whole) = sorted(
        (row for row in read_table(report, "t5") if row["model"] == "mini-llava"), key=lambda row: float(row["ratio"])
    )
    assert float(half["difference"]) == pytest.approx(float(half["leakage, peak"]) - float(half["others alone"]))
    assert half["difference, high"] == "0.97" and whole["others alone"] == "no photo left"


def test_what_no_record_speaks_of_is_said_to_be_not_measured(records, tmp_path):
    lines = (records / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "scores.jsonl").write_text("\n".join(line for line in lines if '"arm": "clean"' in line))
    page = write_bench_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert page.count("Not measured") == 5 + 5  # five plots and T2 to T6; T1, T7 and the overview are there
    assert "No protection was measured" in page and "visibility.jsonl" in page
    assert {p.name for p in (tmp_path / "out" / "tables").iterdir()} == {"t1.csv", "t7.csv"}


def test_examples_show_photos_and_what_both_models_said_as_text(whole):
    assert whole.count("data:image/jpeg;base64,") == 4 * 2 * len(FAMILIES)
    assert "cat&nbsp;✓" in whole and "a &lt;b&gt;dog&lt;/b&gt;" in whole and "<b>dog" not in whole


def test_several_runs_and_folders_of_runs_are_read_and_runs_of_one_name_told_apart(records, tmp_path):
    for name in ("a", "b"):
        make_records(tmp_path / "all" / name)
    runs = read_runs([tmp_path / "all", records])
    assert [run.name for run in runs] == ["made (a)", "made (b)", "made (made)"]
    assert len(read_runs([tmp_path / "all", tmp_path / "all" / "a"])) == 2
    assert count_rates(runs) == (48, 6)
    names = [plot.name for plot in make_plots(runs[:2])]
    assert len(set(names)) == len(names) > len(PLOTS)


def test_a_report_into_the_folder_of_an_earlier_one_keeps_nothing_of_it_but_what_others_put_there(records, tmp_path):
    write_bench_report([records], tmp_path)
    own = tmp_path / "plots" / "mine.png"
    own.write_bytes(b"mine")
    few = tmp_path / "few"
    few.mkdir()
    rows = (records / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    clean = [row for row in rows if json.loads(row)["arm"] == "clean"]
    (few / "scores.jsonl").write_text("\n".join(clean) + "\n", encoding="utf-8")
    write_bench_report([few], tmp_path)
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {"mine.png", "overview-made.svg", "overview-made.png"}
    assert "t2.csv" not in {p.name for p in (tmp_path / "tables").iterdir()} and own.read_bytes() == b"mine"


def test_names_are_text_wherever_they_stand(records, tmp_path):
    lines = (records / "scores.jsonl").read_text(encoding="utf-8").replace('"made"', '"$a\\"<i>_b$"')
    (tmp_path / "scores.jsonl").write_text("\n".join(x for x in lines.splitlines() if '"mini-llava"' in x))
    page = write_bench_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert "<i>" not in page and "$a&#34;&lt;i&gt;_b$" in page and "$a&quot;&lt;i&gt;_b$" in page


BAD = "<script>alert(1)</script>"


def test_people_captions_and_answers_called_like_a_script_are_text_in_page_and_markdown(tmp_path):
    folder = add_photos(make_records(tmp_path / "made"))
    for path in folder.glob("*.jsonl"):
        text = path.read_text(encoding="utf-8")
        for name in ("made", "lsp", "jpeg75", "pet", "p05"):
            text = text.replace(f'"{name}"', f'"{name}{BAD}"')
        path.write_text(text, encoding="utf-8")
    for path in folder.rglob("answers.jsonl"):
        text = path.read_text(encoding="utf-8").replace('"cat"', f'"{BAD}"').replace("<b>dog</b>", BAD)
        path.write_text(text, encoding="utf-8")
    report = write_bench_report([folder], tmp_path / "out").parent
    for name, most in (("index.html", 20), ("report.md", 10)):
        text = (report / name).read_text(encoding="utf-8")
        assert "<script" not in text and text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > most, name
    for path in (report / "plots").glob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8"), path.name


def test_the_same_records_give_the_same_bytes(records, report, tmp_path):
    again = write_bench_report([records], tmp_path).parent
    for path in (p for p in report.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(report)).read_bytes(), path.name


def test_arms_look_different_without_colour(records):
    from dp2vl.report.figures import look_of

    arms = [Arm(family="m", arm=a) for a in ("clean", "permuted", "noise", "untouched")]
    arms += [Arm(family="m", arm="subset", ratio=0.5)]
    arms += [Arm(family="m", arm="protected", surrogates=s, ratio=1.0) for s in ("all", "leave-one-out")]
    assert len({look_of(arm).marker for arm in arms}) == len(arms)


def test_an_arm_knows_where_its_runs_lie():
    for arm in make_arms("mini-llava"):
        assert f"runs/{Trial(**asdict(arm), seed=0).name}" == f"{arm.folder}/seed0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: folder.joinpath("scores.jsonl").write_text(""), "has no scores; hint: dp2vl bench run"),
        (lambda folder: folder.joinpath("scores.jsonl").unlink(), "has no scores; hint: dp2vl bench run"),
        (lambda folder: folder.joinpath("curves.jsonl").write_text("{"), r"curves.jsonl line 1 is no record"),
        (lambda folder: folder.joinpath("people.jsonl").write_text("{}"), "people.jsonl line 1 lacks arm, attacker"),
    ],
)
def test_damaged_records_are_errors_that_say_which(change, message, tmp_path):
    folder = make_records(tmp_path / "made")
    change(folder)
    with pytest.raises(DP2VLError, match=message):
        write_bench_report([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        read_runs([tmp_path / "nowhere"])


def test_the_published_records_make_a_report(tmp_path):
    runs = read_runs([ROOT / "benchmarks" / "results"])
    assert {run.name for run in runs} >= {"mini", "protection", "attackers"}
    tables = {table.key: table for table in make_tables(runs)}
    for key in ("T1", "T2", "T3", "T7"):
        assert tables[key].rows, key
    for table in tables.values():
        assert make_markdown(table.columns, table.rows).count("\n") == 1 + len(table.rows)


def test_the_command_needs_no_torch(records, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        f"sys.argv = ['dp2vl', 'report', {str(records)!r}, '--out', {str(tmp_path / 'out')!r}]\n"
        "from dp2vl.cli import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()) == tmp_path / "out" / "index.html" and (tmp_path / "out" / "report.md").is_file()


def test_a_table_is_one_line_a_row_whatever_a_cell_says():
    rows = [[Cell("a|b\nc"), Cell("", 0.5, 0.4, 0.6)], [Cell("x"), Cell("undefined")]]
    lines = make_markdown(["n|m", "v"], rows).splitlines()
    assert len(lines) == 4 and len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert make_csv(["n", "v"], rows) == 'n,v,"v, low","v, high"\n"a|b\nc",0.5,0.4,0.6\nx,undefined,,\n'
    with pytest.raises(ValueError, match="expected 1 cells"):
        Table(key="T", title="", about="", columns=("a",), rows=rows, missing="")


def test_what_a_cell_says_is_text_in_markdown_and_no_formula_in_csv():
    rows = [[Cell(f"<b>&[a](b)\\{sign}")] for sign in "|*_"]
    assert make_markdown(["<i>"], rows).splitlines()[2] == r"| &lt;b&gt;&amp;[a]\(b)\\\| |"
    texts = ["=1", "+1", "-1", "@a", "\t=1", "-", "a=1"]
    lines = make_csv(["=n"], [[Cell(text)] for text in texts] + [[Cell("", -1.0)]]).splitlines()
    assert lines == ["'=n", "'=1", "'+1", "'-1", "'@a", "'\t=1", "-", "a=1", "-1.0"]


def test_a_number_without_bounds_stands_alone():
    assert show_cell({"value": 0.5, "ci_low": None, "ci_high": 0.7}) == "0.50"
    assert show_cell({"value": None, "ci_low": None, "ci_high": None}) == "undefined"
    assert json.dumps(show_cell({"value": 0.5, "ci_low": 0.4, "ci_high": 0.7})) == '"0.50 [0.40, 0.70]"'
