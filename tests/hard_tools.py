"""How often a hard test tries: few times by default, many times where DP2VL_HARD is set."""

import os

LONG = os.environ.get("DP2VL_HARD", "") not in ("", "0")


def tries(few: int, many: int) -> int:
    """Return `many` where the long versions were asked for, else `few`."""
    return many if LONG else few
