"""Is a data set what it claims to be? Every rule can fail, and a test plants the defect for each."""

from pathlib import Path

from dp2vl.dataset import rules_photos, rules_tables
from dp2vl.dataset.finding import Finding
from dp2vl.dataset.schema import read_dataset, read_people

RULES = (
    rules_tables.check_people,
    rules_tables.check_questions,
    rules_tables.check_turns,
    rules_tables.check_balance,
    rules_tables.check_looks,
    rules_photos.check_listed_twice,
    rules_photos.check_metadata,
    rules_photos.check_file_names,
    rules_photos.check_probe_rows,
    rules_photos.check_conditions,
    rules_photos.check_shots,
)


def check_dataset(folder: Path) -> list[Finding]:
    """Return everything that is wrong with a data set; an empty list (or notes only) means that it passes.

    Damaged rows and absent photos end the check early, since nothing else can then be judged.
    Cost: every photo is read twice, train and probe photos three times; about 5 ms per 256-pixel photo.

    Raises:
        DP2VLError: `folder` is no data set, or a line in it is no JSON.
    """
    read_people(folder)
    broken = list(rules_tables.check_columns(folder))
    if broken:
        return broken
    data = read_dataset(folder)
    files = list(rules_photos.check_files(data))
    if any(finding.rule == "row-without-file" for finding in files):
        return files
    return [*files, *(finding for rule in RULES for finding in rule(data))]
