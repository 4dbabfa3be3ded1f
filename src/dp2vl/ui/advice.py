"""What to do about a photo, as the reports say it, in the words of the page."""

from collections.abc import Mapping

from dp2vl.report.album import advise
from dp2vl.types import Outcome

_LONGER, _HIGHER = "with --effort thorough, or ", ", or with a higher --strength"


def advise_on_page(outcome: Outcome, settings: Mapping[str, str] | None = None) -> str:
    """Return the advice of `dp2vl.report.album.advise`, without what the run has tried already.

    Args:
        settings: `strength` and `effort` of the run, where they are known.
    """
    advice, settings = advise(outcome), settings or {}
    strongest, longest = settings.get("strength") == "strong", settings.get("effort") == "thorough"
    if strongest and longest and _HIGHER in advice:
        return "No strength or effort is left to try: if this is too little for you, keep the photo to yourself."
    advice = advice.replace(_HIGHER, "") if strongest else advice.replace(_LONGER, "") if longest else advice
    return advice.replace("name more with --surrogates", "choose more of them").replace("--", "")
