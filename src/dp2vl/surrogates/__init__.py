"""The encoders ("towers") that photos are moved away from, by name. Importing this room does not import torch."""

from collections.abc import Iterable, Sequence
from importlib import import_module

from dp2vl.surrogates.protocol import Features, Surrogate
from dp2vl.surrogates.sets import KINDS, bundled_names, check_name, require_here

__all__ = ["KINDS", "Features", "Surrogate", "find_towers", "held_out_towers", "load_surrogate", "load_surrogates"]


def load_surrogate(spec: str, *, device: str = "cpu") -> Surrogate:
    """Return the tower that `spec` names; never downloads.

    Args:
        spec: `clip:`, `siglip:`, `eva:` or `vlm:` and a hub id or folder; `torchscript:<path>?px=N`; a bundled
            `mini-...`.
        device: where its weights go.

    Raises:
        ModelError: the tower is unknown, not on this machine, incomplete or of another family.
    """
    check_name(spec)
    kind = spec.partition(":")[0] if ":" in spec else "vlm"
    module, _, function = KINDS[kind].partition(":")
    tower: Surrogate = getattr(import_module(module), function)(spec)
    return tower.to(device)


def find_towers(surrogates: str | Surrogate | Sequence[str | Surrogate]) -> list[str | Surrogate]:
    """Return the towers that `surrogates` stands for, each once; sets are expanded, names are not loaded yet.

    Args:
        surrogates: a set (`mini`, `standard`, `thorough`), towers separated by commas, or a sequence of names and
            `Surrogate` objects.

    Raises:
        ModelError: a tower is unknown or not on this machine.
        ValueError: there is none, one is neither a name nor a `Surrogate`, or two objects share a name.
    """
    asked = [surrogates] if isinstance(surrogates, str | Surrogate) else list(surrogates)
    found: dict[str, str | Surrogate] = {}
    for one in asked:
        if isinstance(one, str):
            found |= {name: name for name in require_here(one)}
        elif not isinstance(one, Surrogate):
            raise ValueError(f"expected names and Surrogate objects, got {type(one).__name__}")
        elif one.name in found:
            raise ValueError(f"expected towers of different names, got {one.name!r} twice")
        else:
            found[one.name] = one
    if not found:
        raise ValueError("expected at least one tower, got none")
    return list(found.values())


def load_surrogates(surrogates: str | Surrogate | Sequence[str | Surrogate], *, device: str = "cpu") -> list[Surrogate]:
    """Return the towers of `find_towers`, their weights on `device`; nothing is loaded if one of them is not here."""
    found = find_towers(surrogates)
    return [load_surrogate(t, device=device) if isinstance(t, str) else t.to(device) for t in found]


def held_out_towers(towers: Iterable[Surrogate], *, device: str = "cpu") -> list[Surrogate]:
    """Return the bundled towers of families that `towers` do not belong to: measured, but not optimised against."""
    families = {tower.family for tower in towers}
    bundled = (load_surrogate(name, device=device) for name in bundled_names())
    return [tower for tower in bundled if tower.family not in families]
