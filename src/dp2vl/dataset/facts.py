"""The one YAML file in which somebody says who is in their own album and what a model must not learn of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dp2vl.dataset.schema import CONSENTS, nearest
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.people.scenarios import SCENARIOS, Fact

FACTS_FILE = "facts.yaml"
_SLOTS = ("category", "token", "other")
TEMPLATE = """\
# Who is in this album, and what a model must not learn about them. This file stays on your machine.
# Photos go into folders named after `id`:
#   me/train/<scenario>/   photos that show what belongs to you; scenario is one of the keys under `facts`
#   me/train/              photos that show you with nothing of the kind
#   me/probe/              other photos of your face alone: other clothes, place and day
people:
  - id: me
    name: Alex Example
    aliases: []
    consent: ""   # write self (it is you) or written (they agreed in writing)
    facts:        # leave out what you do not want to test
      # token: the pet's name, the plate, the address, the object's nickname, the club, the employer;
      # other: who the friend or colleague is. In family, category is the relation and token the relative's name.
      pet: {category: dog, token: Rex}
      friends: {category: chess, token: Knight Owls, other: Sam Sample}
"""


@dataclass(frozen=True, kw_only=True)
class KnownPerson:
    """One entry of the YAML."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    consent: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def write_template(folder: Path) -> Path:
    """Write the template and its folders, and return the YAML's path.

    Raises:
        UsageError: there is a YAML already.
    """
    path = folder / FACTS_FILE
    if path.exists():
        raise UsageError(f"{path} exists", "edit it, or choose another folder")
    for name in ("train", "probe"):
        (folder / "me" / name).mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def read_facts(path: Path) -> list[KnownPerson]:
    """Return the people of a YAML in its order. Scenarios are ours; their values may be the owner's own words.

    Raises:
        DP2VLError: no YAML, an unknown key or scenario (the nearest name is suggested), a missing name, an id twice.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        hint = "dp2vl dataset init DIR writes a template"
        raise DP2VLError(f"cannot read {path}: {' '.join(str(error).split())}", hint) from None
    top = _keys(content, {"people"}, f"{path.name}")
    people = [_read_person(entry) for entry in top.get("people") or []]
    if not people:
        raise DP2VLError(f"{path} names nobody", "write at least one person under people:")
    ids = [p.id for p in people]
    for one in ids:
        if ids.count(one) > 1:
            raise DP2VLError(f"{path} has the id {one!r} twice", "give every person an id of their own")
    return people


def _read_person(entry: Any) -> KnownPerson:
    keys = _keys(entry, {"id", "name", "aliases", "consent", "facts"}, "a person")
    for needed in ("id", "name"):
        if not keys.get(needed):
            raise DP2VLError(f"a person has no {needed}: {entry}", "every person needs an id and a name")
    who = str(keys["id"])
    consent = str(keys.get("consent") or "")
    if consent and consent not in CONSENTS:
        raise DP2VLError(f"{who}: unknown consent {consent!r}", nearest(consent, CONSENTS))
    facts = {}
    for scenario, fact in _keys(keys.get("facts") or {}, set(SCENARIOS), f"facts of {who}", "scenario").items():
        values = _keys(fact, set(_SLOTS), f"{scenario} of {who}")
        if not values.get("category"):
            raise DP2VLError(f"{scenario} of {who} has no category", f"for instance {scenario}: {{category: ...}}")
        words = {k: str(values.get(k) or "") for k in _SLOTS}
        words["other"] = words["other"] or (words["token"] if scenario == "family" else "")
        facts[scenario] = Fact(scenario=scenario, **words)
    aliases = tuple(str(a) for a in keys.get("aliases") or ())
    return KnownPerson(id=who, name=str(keys["name"]), aliases=aliases, consent=consent, facts=facts)


def _keys(value: Any, known: set[str], where: str, what: str = "key") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DP2VLError(f"{where}: expected {what}s and values, got {value!r}", f"known: {', '.join(sorted(known))}")
    for key in value:
        if key not in known:
            raise DP2VLError(f"{where}: unknown {what} {key!r}", nearest(str(key), known))
    return value
