"""Loaded by every Python process that has this folder on its path: writes down whom the process tries to reach."""

import os
import sys


def _note(event: str, arguments: tuple) -> None:
    if event == "socket.connect":
        place = arguments[1]
    elif event == "socket.getaddrinfo":
        place = arguments[:2]
    else:
        return
    with open(os.environ["DP2VL_TEST_REACHED"], "a") as file:  # noqa: PTH123
        file.write(f"{place!r}\n")


if os.environ.get("DP2VL_TEST_REACHED"):
    sys.addaudithook(_note)
