"""What people install: the same bytes from the same source, a wheel that runs, an audit that is never silent."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EPOCH = "1700000000"
PIP = (sys.executable, "-m", "pip")
_MADE = shutil.ignore_patterns("*.egg-info", "__pycache__")


def build_wheel(folder: Path) -> Path:
    """Build a wheel from a copy of the source whose files are as new as now; building writes into it."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=_MADE, copy_function=shutil.copy)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(
        [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder / "dist", folder],
        check=True, env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
    )  # fmt: skip
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def check_content(wheel: Path) -> None:
    files = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src" / "dp2vl").rglob("*") if p.is_file()}
    packed = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert packed == {name for name in files if "__pycache__" not in name}, "a file is left out, or one too many"


def test_the_wheel_holds_every_file_of_the_package_and_no_other(tmp_path: Path):
    check_content(build_wheel(tmp_path))


@pytest.mark.slow
def test_the_wheel_has_the_same_bytes_each_time_and_runs_where_nothing_else_of_ours_is(tmp_path: Path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    wheel, again = build_wheel(tmp_path / "one"), build_wheel(tmp_path / "other")
    assert hashlib.sha256(wheel.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()
    check_content(wheel)

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python, site = tmp_path / "venv" / "bin" / "python", next((tmp_path / "venv" / "lib").glob("*/site-packages"))
    subprocess.run([*PIP, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    # Dependencies are those of this environment; its own dp2vl, if installed for editing, is not found this way.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*command: str) -> str:
        done = subprocess.run(
            [tmp_path / "venv" / "bin" / command[0], *command[1:]], cwd=tmp_path, capture_output=True, text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("python", "-c", "import dp2vl; print(dp2vl.__file__)").startswith(str(site))
    assert run("dp2vl", "--version").split()[-1] == wheel.name.split("-")[1]
    assert "protect" in run("dp2vl", "--help")
    assert "mini-llava" in run("dp2vl", "models", "list")


def audit(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a stand-in for pip-audit, which is told where the packages are and where to report."""
    stand_in = tmp_path / "pip-audit"
    stand_in.write_text(f"#!{sys.executable}\nimport json, sys\nfrom pathlib import Path\n{script}")
    stand_in.chmod(0o755)
    return subprocess.run([sys.executable, ROOT / "tools" / "audit.py", stand_in], capture_output=True, text=True)


REPORT = """
wanted = [line.split("==") for line in Path(sys.argv[2]).read_text().split()]
found = [{"name": name, "version": version, "vulns": []} for name, version in wanted]
CHANGE
Path(sys.argv[-1]).write_text(json.dumps({"dependencies": found, "fixes": []}))
"""


def test_an_audit_that_finds_nothing_names_how_many_it_asked_about(tmp_path: Path):
    done = audit(tmp_path, REPORT.replace("CHANGE", ""))
    assert done.returncode == 0, done.stderr
    count = int(done.stdout.split()[0])
    assert count > 20 and done.stdout.endswith("0 known vulnerabilities, 0 packages not audited\n")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ('found[3]["vulns"] = [{"id": "CVE-1", "fix_versions": ["9.9"]}]', 1, "CVE-1, mended in 9.9"),
        ('found[3] = {"name": wanted[3][0], "skip_reason": "not found"}', 2, "the database does not know them"),
        ("found.pop()", 2, "the database does not know them"),
    ],
)
def test_a_package_that_is_vulnerable_or_not_asked_about_ends_the_audit_badly(tmp_path: Path, change, code, said):
    done = audit(tmp_path, REPORT.replace("CHANGE", change))
    assert done.returncode == code and said in done.stdout, done.stderr


def test_an_audit_without_a_network_says_so(tmp_path: Path):
    done = audit(tmp_path, 'sys.exit("ConnectionError: no route to the database")')
    assert done.returncode == 2
    assert done.stdout == (
        "not audited: the database did not answer. Is there a network? ConnectionError: no route to the database\n"
    )
