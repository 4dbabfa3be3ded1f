"""Which state of the repository a record comes from."""

import subprocess


def find_commit() -> str:
    """Return the commit, with `-dirty` behind it where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
