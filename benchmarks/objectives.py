"""Ways to push a photo's features, side by side: the same photos, budget, search and towers, what readers still learn.

Usage: python benchmarks/objectives.py [--data FOLDER] [--photos 6] [--held-out MODEL] [--only NAME ...] [--out FILE]

Photos of the suite `protection`, `standard`, protected on the towers of two of its three models; the third is held
out. A reader is a ridge classifier on what a tower tells people apart by. It is taught on the changed photos and asked
who is on clean new ones (*leak*), and about each changed photo after all the others (*fit*). No model is fine-tuned:
this is a screen that ranks; rates come from suites. Albums pushed in part (`PARTS`) are measured where --only names
them, with --photos 8 and a file of their own: six photos have no three quarters. Without --data the suite's people are
drawn first. An hour on one core for `WAYS`; rows of earlier runs are kept.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dp2vl.bench.photos import choose_protected
from dp2vl.bench.stages import draw_people
from dp2vl.bench.suite import load_suite
from dp2vl.dataset.schema import DataSet, PhotoRow, read_dataset
from dp2vl.files import hash_file, write_json
from dp2vl.images import Picture, read_photo
from dp2vl.people import draw_portrait, make_person
from dp2vl.protect.budget import apply_change
from dp2vl.protect.config import EFFORTS
from dp2vl.protect.objective import OBJECTIVES, Objective, oppose
from dp2vl.protect.optimise import optimise_changes
from dp2vl.protect.quality import flip, ssim
from dp2vl.protect.reference import Reference
from dp2vl.protect.sample import album_references, group_of
from dp2vl.protect.usual import collect, mean_by_person
from dp2vl.protect.verify import to_tensor
from dp2vl.surrogates import Surrogate, load_surrogates
from dp2vl.surrogates.protocol import Features
from dp2vl.types import STRENGTHS

OUT = Path(__file__).parent / "results" / "objectives.json"
HELD_OUT = "mini-llava"
STRENGTH, EFFORT = "standard", EFFORTS["normal"]
FIRST_DECOY = 940_000
DECOY_PHOTOS = 4
COMMON = 0.5
"""Weight of the direction that all photos of an album share, beside `oppose`."""
RIDGE = 1.0
WAYS = {
    "untouched": "photos as they were",
    "away": "each photo away from its own features",
    "antipode": "all photos to one point, the naive reading of the abstract",
    "reflect": "each photo to its reflection, pooled feature and patch tokens",
    "alone": "as oppose, each photo from itself: nobody knows who is on it",
    "swap": "each person to the next member of the album",
    "decoy": "each person to somebody who does not exist, one for each",
    "oppose": "all photos of a person from that person, through people in general: what `protect` does",
    "keyed": "as oppose, and along a secret direction that all photos share",
    "aside": "as oppose, and across that towards somebody who does not exist, one for each person",
}
"""Name of a way -> what is pushed where."""
PARTS = {
    "oppose-75": "oppose, three quarters of each person's photos, the others as they were",
    "oppose-50": "oppose, half of each person's photos, the others as they were",
    "swap-75": "swap, three quarters of each person's photos, the others as they were",
    "swap-50": "swap, half of each person's photos, the others as they were",
    "without-75": "the quarter of each person's photos that these leave as they were, alone",
    "without-50": "the half of each person's photos that these leave as they were, alone",
    "shields": "photos as they were, and shield photos: strangers, said to be strangers, pushed to the person",
    "oppose-75-shields": "oppose-75, and shield photos",
    "oppose-50-shields": "oppose-50, and shield photos",
    "oppose-shields": "oppose, and shield photos",
}
"""As `WAYS`: albums pushed in part, what their other photos do alone, and shield photos beside them."""
SHIELDS = 0.3
"""Shield photos for each photo of a person."""
FIRST_SHIELD = 950_000


def main() -> None:
    run_screen(str(__doc__), (*WAYS, *PARTS), OUT, Screen.measure, usual=tuple(WAYS))


def run_screen(
    usage: str, names: Sequence[str], out: Path, measure: "Measure", *, usual: Sequence[str] | None = None
) -> None:
    """Measure what the command line asks for, one name at a time; rows of earlier runs of the same screen are kept.

    Args:
        usage: shown as help. names: of what can be measured, in the order of the rows. out: file of the rows, unless
            the command line has another. measure: (screen, name) -> row. usual: what is measured where the command line
            names nothing, all if None.
    """
    suite = load_suite("protection")
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the suite's people, as `bench run` draws them")
    parser.add_argument("--photos", type=int, default=6, help="of each person")
    parser.add_argument("--held-out", choices=suite.families, default=HELD_OUT, help="model whose tower is not known")
    parser.add_argument("--only", nargs="+", choices=names, default=usual or names)
    parser.add_argument("--out", type=Path, default=out)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = read_dataset(args.data or draw_people(suite, Path(folder), print, processes=2))
        screen = Screen(data, suite.families, args.photos, args.held_out)
        for name in args.only:
            rows = [row for row in read_rows(args.out, screen.about) if row["way"] != name]
            rows.append(measure(screen, name))
            print(rows[-1], flush=True)
            rows.sort(key=lambda row: names.index(row["way"]))
            write_json(args.out, screen.about | {"rows": rows})


def read_rows(path: Path, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a file, none if it is not there; rows of another screen must not stand beside these."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else dict(about)
    rows: list[dict[str, Any]] = found.pop("rows", [])
    if found != about:
        raise SystemExit(f"{path} has rows of {found}, not of {dict(about)}: name another file with --out")
    return rows


class Screen:
    """Photos of some people, the towers that are known and the one that is not, and readers of all of them.

    Args:
        data: the people. families: towers; all but `held_out` are known. photos: training photos of each person.
    """

    def __init__(self, data: DataSet, families: Sequence[str], photos: int, held_out: str) -> None:
        self.towers, self.held_out = [*load_surrogates(",".join(families))], held_out
        self.known = [i for i, tower in enumerate(self.towers) if tower.name != held_out]
        everybody = {hash_file(path): path for path in map(data.path, data.rows["train"])}
        self.references = album_references(everybody, self.towers, max_megapixels=100)
        self.rows = _choose(data, "train", photos)
        self.taught, self.asked = _read(data, self.rows), _read(data, _choose(data, "probe", None))
        self.people = sorted({person for person, _ in self.taught})
        self.groups = {row.person_id: group_of(data.path(row)) for row in data.rows["train"]}
        self.clean, self.new = self._look(self.taught), self._look(self.asked)
        names = [person for person, _ in self.taught]
        self.members = [
            dict(zip(dict.fromkeys(names), mean_by_person(seen, names), strict=True)) for seen in self.clean
        ]
        self._decoys: dict[tuple[str, int], Tensor] = {}

    @property
    def about(self) -> dict[str, Any]:
        """What rows must share to stand in one table."""
        return {
            "photos": len(self.taught),
            "probes": len(self.asked),
            "held_out": self.held_out,
            "strength": STRENGTH,
        }

    def measure(self, way: str) -> dict[str, Any]:
        """Return what is left of people, and what readers learn, after all photos, or a part, went one way."""
        push, *percent = way.removesuffix("-shields").split("-")
        share = int(percent[0]) / 100 if percent else 1.0
        each = len(self.rows) // len(self.people)
        if share * each % 1:
            raise SystemExit(f"{way}: {each} photos of each person have no such part, take --photos 8")
        pushed = choose_protected(self.rows, share)
        changed: list[Picture | None] = []
        for row, (person, picture) in zip(self.rows, self.taught, strict=True):
            if row.photo_id not in pushed or push == "shields":
                changed.append(picture)
            else:
                changed.append(None if push == "without" else self._change(push, person, picture))
        strangers = self._shield() if "shields" in way else ()
        return {"way": way, "what": (WAYS | PARTS)[way]} | self.judge(changed, strangers)

    def judge(self, changed: Sequence[Picture | None], strangers: Sequence[tuple[str, Picture]] = ()) -> dict[str, Any]:
        """Return what is left of people and what readers learn, by tower, and how much is seen.

        Args:
            changed: each photo of `taught` as it is now, or None where nobody has it.
            strangers: photos that readers are taught as well, each of the stranger that belongs to a person.
        """
        kept = [i for i, picture in enumerate(changed) if picture is not None]
        shown = [(self.taught[i][0], picture) for i, picture in enumerate(changed) if picture is not None]
        pairs = [(self.taught[i][1].pixels, picture.pixels) for i, (_, picture) in zip(kept, shown, strict=True)]
        row: dict[str, Any] = {"towers": {}}
        row |= {"ssim": _mean(ssim(*pair) for pair in pairs), "flip": _mean(flip(*pair) for pair in pairs)}
        own, truth = (np.array([self.people.index(who) for who, _ in group]) for group in (shown, self.asked))
        others = [len(self.people) + self.people.index(who) for who, _ in strangers]
        labels = np.array([*own, *others])
        after = self._look([*shown, *strangers])
        seen = zip(self.towers, self.references, self.members, self.clean, after, self.new, strict=True)
        for tower, reference, members, clean, now, new in seen:
            persons = torch.stack([members[person] for person, _ in shown])
            persons = persons - reference.middle
            left = 1 + ((now[: len(kept)] - clean[kept]) * persons).sum(1) / persons.square().sum(1)
            row["towers"][tower.name] = {
                "left": round(float(left.mean()), 3),
                "leak": round(float((read(now, labels, new) == truth).mean()), 3),
                "fit": round(_fit(now, labels), 3),
            }
        return row

    def _shield(self) -> list[tuple[str, Picture]]:
        """Return photos of strangers, one stranger for each person, pushed to where that person's photos are."""
        names = [person for person, _ in self.taught]
        shields = []
        for number, person in enumerate(self.people):
            stranger = make_person(FIRST_SHIELD + number)
            for i in range(round(SHIELDS * names.count(person))):
                drawn = draw_portrait(stranger, seed=FIRST_SHIELD + i, size=192).pixels
                picture = self.taught[names.index(person)][1].with_pixels(drawn)
                shields.append((person, self._change("into", person, picture)))
        return shields

    def _look(self, shown: Sequence[tuple[str, Picture]]) -> list[Tensor]:
        """Return where photos lie along the axes of each tower, (n, k)."""
        photos = [to_tensor(picture) for _, picture in shown]
        return [
            reference.along_axes(collect(tower, photos).who)
            for tower, reference in zip(self.towers, self.references, strict=True)
        ]

    def _change(self, way: str, person: str, picture: Picture) -> Picture:
        if way == "untouched":
            return picture
        budget, image = STRENGTHS[STRENGTH], to_tensor(picture)
        (change,) = optimise_changes(
            image, [self.towers[i] for i in self.known], [self.references[i] for i in self.known], budget=budget,
            effort=EFFORT, generator=Generator().manual_seed(0), groups=[self.groups[person]],
            objective=self._objective(way, person),
        )  # fmt: skip
        return picture.with_pixels(apply_change(picture.pixels, change.numpy(), levels=budget.levels))

    def _objective(self, way: str, person: str) -> Objective:
        if way == "alone":
            return _alone
        if way == "keyed":
            return _keyed
        if way in OBJECTIVES:
            return OBJECTIVES[way]
        number = self.people.index(person)
        real = {"swap": self.people[(number + 1) % len(self.people)], "into": person}
        goals = {
            id(reference): members[real[way]] if way in real else self._decoy(number, tower, reference)
            for tower, reference, members in zip(self.towers, self.references, self.members, strict=True)
            if tower.name != self.held_out
        }
        return _aside(goals) if way == "aside" else _towards(goals)

    def _decoy(self, number: int, tower: Surrogate, reference: Reference) -> Tensor:
        """Return where somebody who does not exist is along the axes of a tower; drawn once."""
        key = (tower.name, number)
        if key not in self._decoys:
            person = make_person(FIRST_DECOY + number)
            photos = [draw_portrait(person, seed=FIRST_DECOY + i, size=192).pixels for i in range(DECOY_PHOTOS)]
            shown = [torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 for pixels in photos]
            self._decoys[key] = reference.along_axes(collect(tower, shown).who).mean(0)
        return self._decoys[key]


Measure = Callable[[Screen, str], dict[str, Any]]


def _choose(data: DataSet, split: str, count: int | None) -> list[PhotoRow]:
    """Return photos of a split: so many of each person, evenly over their photos."""
    rows: dict[str, list[PhotoRow]] = {}
    for row in data.rows[split]:
        rows.setdefault(row.person_id, []).append(row)
    return [row for own in rows.values() for row in (own[:: max(1, len(own) // count)][:count] if count else own)]


def _read(data: DataSet, rows: Sequence[PhotoRow]) -> list[tuple[str, Picture]]:
    """Return photos with who is on them."""
    return [(row.person_id, read_photo(data.path(row))) for row in rows]


def _alone(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    own = reference.along_axes(clean.who) - reference.middle
    return oppose(now, clean, own, reference)


def _keyed(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
    key = torch.randn(reference.axes.shape[1], generator=Generator().manual_seed(7))
    along = ((now.who - clean.who) @ reference.axes) @ (key / key.norm())
    return oppose(now, clean, person, reference) - COMMON * along / person.norm(dim=-1)


def _towards(goals: Mapping[int, Tensor]) -> Objective:
    """Return the objective of going to a place: 1 untouched, 0 arrived."""

    def objective(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
        goal = goals[id(reference)]
        near, far = ((reference.along_axes(f.who) - goal).square().sum(-1) for f in (now, clean))
        return near / far.clamp_min(1e-12)

    return objective


def _aside(goals: Mapping[int, Tensor]) -> Objective:
    """Return the objective of leaving a person and going as far towards a place, across the way out."""

    def objective(now: Features, clean: Features, person: Tensor, reference: Reference) -> Tensor:
        goal = goals[id(reference)] - reference.middle
        across = goal - person * (person @ goal / person.square().sum(-1))[:, None]
        moved = (now.who - clean.who) @ reference.axes
        gone = (moved * across).sum(-1) / across.norm(dim=-1)
        return oppose(now, clean, person, reference) - gone / person.norm(dim=-1)

    return objective


def read(taught: Tensor, labels: NDArray[np.int64], asked: Tensor) -> NDArray[np.int64]:
    """Return what a ridge classifier that was taught on features (n, k) and labels (n,) says of others (m, k)."""
    x, new = (np.hstack([f.numpy(), np.ones((len(f), 1), np.float32)]).astype(float) for f in (taught, asked))
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ np.eye(labels.max() + 1)[labels])
    said: NDArray[np.int64] = (new @ weights).argmax(1)
    return said


def _fit(features: Tensor, labels: NDArray[np.int64]) -> float:
    """Return how often a reader tells a photo that it was taught all others of."""
    everyone = np.arange(len(labels))
    told = [read(features[everyone != i], labels[everyone != i], features[i : i + 1])[0] for i in everyone]
    return float((np.array(told) == labels).mean())


def _mean(values: Any) -> float:
    return round(float(np.mean(list(values))), 4)


if __name__ == "__main__":
    main()
