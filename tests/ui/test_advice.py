"""One set of advice: the reports', in the page's words, without what was tried already."""

import pytest

from dp2vl.report.album import advise
from dp2vl.types import Outcome, Status
from dp2vl.ui.work import _advise


def made(verdict: str, tower: str = "t") -> Outcome:
    figures = {f"shift[{tower}] after jpeg75": 0.1}
    return Outcome(path="a", rel="a", status=Status.PROTECTED, verdict=verdict, figures=figures)


@pytest.mark.parametrize("verdict", ["weak: 0.1 (t)", "none: 0.1 (t)", "none: 0.1 (t, a tower not optimised against)"])
def test_the_page_says_what_the_report_says(verdict):
    told = _advise(made(verdict), {"strength": "standard", "effort": "normal"})
    assert told[:14] == advise(made(verdict))[:14] and "--" not in told


def test_nothing_is_advised_that_was_done():
    told = {
        (strength, effort): _advise(made("weak: 0.1 (t)"), {"strength": strength, "effort": effort})
        for strength in ("light", "strong") for effort in ("quick", "thorough")
    }  # fmt: skip
    assert "a longer effort, or with a higher strength" in told["light", "quick"]
    assert "a longer effort" in told["strong", "quick"] and "strength" not in told["strong", "quick"]
    assert "a higher strength" in told["light", "thorough"] and "effort" not in told["light", "thorough"]
    assert told["strong", "thorough"].startswith("No effort or strength is left to try")


def test_a_strong_photo_needs_no_advice():
    assert _advise(made("strong: 1.4 (t)")) == ""
