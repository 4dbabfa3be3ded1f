"""Whether a protection number may be reported at all: three gates, each with the reason in words."""

from dataclasses import dataclass

from dp2vl.leakage.uncertainty import Interval

THREAT, FIT = 0.3, 0.9
FAILINGS = {
    "threat": f"leakage from clean photos is not surely {THREAT} or more",
    "fit": f"training photos were learned less than {FIT} as well as clean ones",
}
"""What it means that a gate failed, by its name."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate. A number behind a gate that failed is `inconclusive`, however good it looks."""

    name: str
    passed: bool
    reason: str


def threat_gate(clean: Interval) -> Gate:
    """Return whether enough leaks from clean photos that its absence would mean something."""
    passed = clean.low >= THREAT
    verb = "is" if passed else "is not"
    reason = f"the lower bound of clean leakage, {clean.low:.2f}, {verb} at least {THREAT}"
    return Gate(name="threat", passed=passed, reason=reason)


def fit_gate(protected: float, clean: float) -> Gate:
    """Return whether the protected training set was learned as well as the clean one.

    Args:
        protected, clean: accuracy on the training photos as they were trained on. Where the protected set is not
            fitted, nothing was learned because training failed, which is not how this protection works.
    """
    passed = protected >= FIT * clean
    reason = f"accuracy on protected training photos is {protected:.2f}; needed is {FIT} of {clean:.2f} on clean ones"
    return Gate(name="fit", passed=passed, reason=reason)


def audit_gate(findings: int) -> Gate:
    """Return whether the data set is sound: `findings` of `dp2vl dataset check`."""
    reason = "the data set passed its check" if not findings else f"the data set has {findings} defects"
    return Gate(name="audit", passed=findings == 0, reason=reason)
