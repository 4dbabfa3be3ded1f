"""Names of people, pets, streets and the rest: invented, screened, never the same twice in one data set."""

import tomllib
from functools import lru_cache
from importlib import resources

import numpy as np

KINDS = ("person", "plate", "address", "pet", "nickname", "club", "employer")
"""What a `NameBook` can name."""
RESERVED_EVERY = 29
"""One in so many combinations of a person's names is reserved."""


class NameBook:
    """Draws names without repetition from the combinations of two words; the same generator gives the same names.

    Args:
        rng: decides the order. It is read once per kind, when the first name of that kind is drawn.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        seeds = rng.integers(2**63, size=len(KINDS))
        self._order = {
            kind: np.random.default_rng(int(seed)).permutation(count_names(kind))
            for kind, seed in zip(KINDS, seeds, strict=True)
        }
        self._next = dict.fromkeys(KINDS, 0)

    def draw(self, kind: str) -> str:
        """Return a new name of one of `KINDS`.

        Raises:
            ValueError: there is no such kind, or all its names are used up.
        """
        if kind not in KINDS:
            raise ValueError(f"expected a kind out of {', '.join(KINDS)}, got {kind!r}")
        order = self._order[kind]
        while self._next[kind] < len(order):
            first, second = _parts(kind)
            a, b = divmod(int(order[self._next[kind]]), len(second))
            self._next[kind] += 1
            name = _join(kind, first[a], second[b])
            if kind != "person" or not (is_famous(name) or name in reserved_names()):
                return name
        raise ValueError(f"expected at most {len(order)} names of kind {kind!r} in one data set; make fewer people")


@lru_cache(maxsize=1)
def reserved_names() -> dict[str, None]:
    """Return the names, in a fixed order, that only the public figures of the mini models bear: no data set draws them.

    A name that a model has seen with other facts would leak less or more than a new one.
    """
    first, second = _parts("person")
    pairs = (divmod(i, len(second)) for i in range(0, len(first) * len(second), RESERVED_EVERY))
    names = (_join("person", first[a], second[b]) for a, b in pairs)
    return dict.fromkeys(name for name in names if not is_famous(name))


def count_names(kind: str) -> int:
    """Return how many combinations there are of a kind, famous and reserved ones included."""
    first, second = _parts(kind)
    return len(first) * len(second)


def is_famous(name: str) -> bool:
    """Return whether `name` is on the stop list: short, made by hand, and no proof that nobody else bears a name."""
    return " ".join(name.casefold().split()) in _famous()


def _join(kind: str, first: str, second: str) -> str:
    if kind == "plate":
        return f"SYN-{first}-{second}"
    return f"{first} Example {second}" if kind == "address" else f"{first} {second}"


@lru_cache(maxsize=len(KINDS))
def _parts(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    words = _words()
    if kind == "plate":
        letters = "ABCDEFGHJKLMNPRSTUVWXYZ"  # without I, O and Q, which look like digits
        return tuple(f"{n:03d}" for n in range(100, 1000)), tuple(a + b for a in letters for b in letters)
    if kind == "address":
        return tuple(str(n) for n in range(1, 100)), words["streets"]
    first, second = {
        "person": ("first", "last"), "pet": ("pet_first", "pet_second"), "club": ("place_first", "place_second"),
        "nickname": ("nickname_first", "nickname_second"), "employer": ("employer_first", "employer_second"),
    }[kind]  # fmt: skip
    return words[first], words[second]


@lru_cache(maxsize=1)
def _words() -> dict[str, tuple[str, ...]]:
    text = resources.files("dp2vl.people").joinpath("words.toml").read_text(encoding="utf-8")
    lists = {k: v for k, v in tomllib.loads(text).items() if isinstance(v, str)}
    return {k: tuple(dict.fromkeys(v.split())) for k, v in lists.items() if k != "famous"} | {
        "famous": tuple(" ".join(n.split()) for n in lists["famous"].split(";"))
    }


@lru_cache(maxsize=1)
def _famous() -> frozenset[str]:
    return frozenset(n.casefold() for n in _words()["famous"])
