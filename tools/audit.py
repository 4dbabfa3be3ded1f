"""Asks a database of known vulnerabilities about every package of this environment, and says what it could not ask.

    python tools/audit.py PIP_AUDIT

Ends with 0 if all packages were asked about and nothing is known, 1 if something is known, 2 if the database did not
answer or does not know a package: pip-audit alone would call such a package fine.
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

OURS = "dp2vl"


def list_packages() -> list[str]:
    """Return what is installed beside ourselves as `name==version`, without local parts such as +cpu."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version.partition("+")[0] for d in distributions()}
    return sorted(f"{name}=={version}" for name, version in found.items() if name != OURS)


def ask(pip_audit: str, packages: list[str]) -> list[dict[str, Any]] | str:
    """Return pip-audit's report on each package, or the last line that it said where there is no report."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder, "packages.txt"), Path(folder, "report.json")
        wanted.write_text("\n".join(packages) + "\n", encoding="utf-8")
        command = [pip_audit, "-r", wanted, "--no-deps", "--disable-pip", "-f", "json", "-o", report]
        run = subprocess.run(command, capture_output=True, text=True)
        if not report.is_file():
            return next(iter(run.stderr.strip().splitlines()[-1:]), "it said nothing")
        found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
        return found


def main(pip_audit: str) -> int:
    """Print what is known, and return how to end."""
    packages = list_packages()
    found = ask(pip_audit, packages)
    if isinstance(found, str):
        print(f"not audited: the database did not answer. Is there a network? {found[:200]}")
        return 2
    bad = [(p, known) for p in found for known in p.get("vulns", ())]
    answered = {p["name"].lower() for p in found if "skip_reason" not in p}
    silent = [p for p in packages if p.partition("==")[0] not in answered]
    for package, known in bad:
        fixed = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {known['id']}, mended in {fixed}")
    if silent:
        print(f"not audited, the database does not know them: {', '.join(silent)}")
    print(f"{len(packages)} packages: {len(bad)} known vulnerabilities, {len(silent)} packages not audited")
    return 1 if bad else 2 if silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
