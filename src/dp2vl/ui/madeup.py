"""A small album of people who do not exist, for a first look at the simulation without photos of one's own."""

from pathlib import Path

import yaml
from PIL import Image

from dp2vl.dataset.facts import FACTS_FILE
from dp2vl.people import draw_portrait, draw_scene, make_person
from dp2vl.people.scenarios import SCENARIOS

NAMES = ("Ada Alder", "Bruno Birch", "Clara Cedar", "Dario Dogwood", "Edda Elm", "Fabio Fir")
SHOWN = {"pet": ("Biscuit", "Comet", "Dash", "Ember", "Fig", "Gizmo"),
         "possession": ("Old Faithful", "Nightjar", "Papillon", "Quicksilver", "Rosalind", "Thunder")}  # fmt: skip
TRAIN_PHOTOS, PROBE_PHOTOS, SIZE_PX = 2, 2, 192
FIRST_SEED = 930_000


def draw_album(folder: Path) -> Path:
    """Draw the album into `folder`, laid out for `simulate`, and return `folder`; always the same photos.

    Six people with two facts each: two photos with each of their things, two new photos of the face alone.
    """
    entries = []
    for number, name in enumerate(NAMES):
        person, who = make_person(FIRST_SEED + number), name.split()[0].lower()
        facts = {s: {"category": SCENARIOS[s].values[number], "token": tokens[number]} for s, tokens in SHOWN.items()}
        for scenario, fact in facts.items():
            for i in range(TRAIN_PHOTOS):
                drawn = draw_scene(
                    person, scenario, fact["category"], seed=FIRST_SEED + 100 * number + i, size=SIZE_PX, closeness=1.0
                )
                _save(drawn.pixels, folder / who / "train" / scenario / f"{i + 1}.png")
        for i in range(PROBE_PHOTOS):
            drawn = draw_portrait(person, seed=FIRST_SEED + 100 * number + 50 + i, size=SIZE_PX)
            _save(drawn.pixels, folder / who / "probe" / f"{i + 1}.png")
        entries.append({"id": who, "name": name, "consent": "synthetic", "facts": facts})
    (folder / FACTS_FILE).write_text(yaml.safe_dump({"people": entries}), encoding="utf-8")
    return folder


def _save(pixels: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)  # type: ignore[arg-type]
