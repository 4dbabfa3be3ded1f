"""Draws a whole data set of synthetic people: photos, tables, questions, card."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dp2vl.dataset.ask import QuestionMaker, make_captions, make_pairs
from dp2vl.dataset.card import write_card
from dp2vl.dataset.clash import find_clashes
from dp2vl.dataset.plan import (
    Member,
    Plan,
    person_rows,
    photo_seed,
    plan_dataset,
    retained_values,
)
from dp2vl.dataset.schema import PersonRow, PhotoRow, QuestionRow, write_tables
from dp2vl.dataset.store import encode_png, new_folder
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.files import hash_bytes
from dp2vl.people.genome import make_person
from dp2vl.people.portrait import Drawn, draw_portrait
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.people.scenes import draw_object, draw_scene

ATTEMPTS = 200
"""Seeds tried for a probe photo that shares no condition with the training photos."""


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What all photos of a set have in common, and where they go."""

    folder: Path
    seed: int
    size_px: int
    train_photos: int
    probe_photos: int


Shots = list[tuple[PhotoRow, dict[str, Any]]]
"""Photos that are on disk: their rows, and the facts of their drawing."""


def make_dataset(
    out: Path,
    *,
    people: int,
    train_photos: int,
    probe_photos: int,
    size_px: int,
    seed: int,
    scenarios: Sequence[str] = tuple(SCENARIOS),
    processes: int = 2,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Draw a data set into `out` and return `out`; the same arguments give the same bytes on one machine.

    Train: `train_photos` per person and scenario. Probe: `probe_photos` per person, none of which shares background,
    clothes, head pose or light with a train photo of that person. Object: the thing alone, or the companion's face,
    once per person and scenario. Strangers and retained photos: of people outside the set.
    Cost: about 20 ms per 256-pixel photo and process; the number of processes changes no byte.

    Raises:
        UsageError: before any drawing: an unknown scenario, too many people for the names, a count or size out of
            range, or `out` in use.
    """
    for name, value, low in (
        ("train_photos", train_photos, 1),
        ("probe_photos", probe_photos, 1),
        ("size_px", size_px, 96),
    ):
        if value < low:
            raise UsageError(f"expected {name} of at least {low}, got {value}", "choose a larger number")
    plan = plan_dataset(people, seed=seed, scenarios=scenarios)
    with new_folder(out) as folder:
        studio = Studio(folder=folder, seed=seed, size_px=size_px, train_photos=train_photos, probe_photos=probe_photos)
        shots: Shots = []
        for number, part in enumerate(_draw_all(studio, plan, processes), 1):
            shots += part
            report(f"drew {len(shots)} photos ({number} people)")
        rows = [row for row, _ in shots]
        record = [{"photo_id": row.photo_id, "facts": facts} for row, facts in shots]
        write_tables(folder, rows=rows, people=person_rows(plan), questions=_questions(plan, rows), record=record)
        write_card(
            folder,
            name=f"dp2vl people {people} x {len(scenarios)} x {train_photos}",
            synthetic=True,
            seed=seed,
        )
    return out


def _draw_all(studio: Studio, plan: Plan, processes: int) -> Iterator[Shots]:
    values = iter(retained_values(sum(p.role == "retain" for p in plan.outsiders), plan.seed))
    scenarios = list(plan.members[0].facts.facts)
    tasks: list[tuple[Any, ...]] = [(_draw_member, studio, member) for member in plan.members]
    for person in plan.outsiders:
        chosen = {s: v for s, v in next(values).items() if s in scenarios} if person.role == "retain" else {}
        tasks.append((_draw_outsider, studio, person, chosen))
    if processes == 1:
        yield from map(_run, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run, tasks)


def _run(task: tuple[Any, ...]) -> Shots:
    cv2.setNumThreads(1)
    work, *arguments = task
    shots: Shots = work(*arguments)
    return shots


def _draw_member(studio: Studio, member: Member) -> Shots:
    train = _draw_train(studio, member)
    taken = [facts for _, facts in train]
    return [*train, *_draw_probes(studio, member, taken), *_draw_objects(studio, member, taken)]


def _draw_train(studio: Studio, member: Member) -> Shots:
    person = make_person(member.facts.seed)
    shots: Shots = []
    for scenario, fact in member.facts.facts.items():
        companion = member.companions.get(scenario)
        others = (make_person(companion.seed),) if companion else ()
        for _ in range(studio.train_photos):
            seed = photo_seed(studio.seed, member.person_id, "train", len(shots))
            drawn = draw_scene(
                person, scenario, fact.category,
                seed=seed, size=studio.size_px, co_subjects=others, closeness=_draw_closeness(seed),
            )  # fmt: skip
            shots.append(
                _store(
                    studio, "train", member.person_id, len(shots), seed, drawn,
                    scenario=scenario, category=fact.category, token=fact.token,
                    captions_json=_dump(make_captions(member.facts, scenario)),
                    turns_json=_dump(make_pairs(member.facts, len(shots))),
                    co_subjects_json=_dump([companion.person_id] if companion else []),
                )
            )  # fmt: skip
    return shots


def _draw_closeness(seed: int) -> float:
    """Return how near people stand: private photos are taken at arm's length, across a room, and in between."""
    return float(np.random.default_rng([seed, 0xC105E]).uniform())


def _draw_probes(studio: Studio, member: Member, taken: list[dict[str, Any]]) -> Shots:
    shots: Shots = []
    for number in range(studio.probe_photos):
        seed, drawn = _draw_new_face(studio, member.facts.seed, (member.person_id, "probe", number), taken)
        shots.append(_store(studio, "probe", member.person_id, number, seed, drawn))
    return shots


def _draw_objects(studio: Studio, member: Member, taken: list[dict[str, Any]]) -> Shots:
    person = make_person(member.facts.seed)
    shots: Shots = []
    for scenario, fact in member.facts.facts.items():
        words, companion = (member.person_id, "object", scenario), member.companions.get(scenario)
        if companion:
            seed, drawn = _draw_new_face(studio, companion.seed, words, taken)
        else:
            seed = photo_seed(studio.seed, *words)
            drawn = draw_object(person, scenario, fact.category, seed=seed, size=studio.size_px)
        shots.append(
            _store(
                studio, "object", member.person_id, len(shots), seed, drawn,
                scenario=scenario, category=fact.category, token=fact.token,
                co_subjects_json=_dump([companion.person_id] if companion else []),
            )
        )  # fmt: skip
    return shots


def _draw_new_face(
    studio: Studio, person_seed: int, words: tuple[object, ...], taken: list[dict[str, Any]]
) -> tuple[int, Drawn]:
    """Draw a portrait that shares no condition with the photos whose facts are `taken`."""
    person = make_person(person_seed)
    for attempt in range(ATTEMPTS):
        seed = photo_seed(studio.seed, *words, attempt)
        drawn = draw_portrait(person, seed=seed, size=studio.size_px)
        if not any(find_clashes(drawn.facts, other) for other in taken):
            return seed, drawn
    raise DP2VLError(
        f"found no new background, clothes, pose and light for {words[0]} in {ATTEMPTS} attempts",
        "ask for fewer training photos: they use up the backgrounds",
    )


def _draw_outsider(studio: Studio, row: PersonRow, values: dict[str, str]) -> Shots:
    person = make_person(row.seed)
    shots: Shots = []
    if row.role == "stranger":
        for number in range(studio.probe_photos):
            seed = photo_seed(studio.seed, row.person_id, "stranger", number)
            drawn = draw_portrait(person, seed=seed, size=studio.size_px)
            shots.append(_store(studio, "stranger", row.person_id, number, seed, drawn))
    for scenario, value in values.items():
        seed = photo_seed(studio.seed, row.person_id, "retain", scenario)
        others = (make_person(row.seed + 500),) if SCENARIOS[scenario].companion else ()
        drawn = draw_scene(person, scenario, value, seed=seed, size=studio.size_px, co_subjects=others)
        shots.append(
            _store(studio, "retain", row.person_id, len(shots), seed, drawn, scenario=scenario, category=value)
        )
    return shots


def _store(
    studio: Studio, split: str, person_id: str, number: int, seed: int, drawn: Drawn, **columns: Any
) -> tuple[PhotoRow, dict[str, Any]]:
    name = f"{person_id}/{number + 1:04d}.png"
    data = encode_png(drawn.pixels)
    path = studio.folder / "photos" / split / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    height, width = drawn.pixels.shape[:2]
    boxes = {f"head {i}": [round(v * height) for v in box] for i, box in enumerate(drawn.facts["heads"])}
    row = PhotoRow(
        file_name=name,
        photo_id=f"{split}-{person_id}-{number + 1:04d}",
        sha256=hash_bytes(data),
        person_id=person_id,
        role=split,
        width=width,
        height=height,
        bbox_json=_dump(boxes),
        source="procedural",
        licence="CC0-1.0",
        consent="synthetic",
        seed=seed,
        **columns,
    )
    return row, drawn.facts


def _questions(plan: Plan, rows: Sequence[PhotoRow]) -> dict[str, list[QuestionRow]]:
    maker = QuestionMaker({m.person_id: m.facts for m in plan.members}, np.random.default_rng([plan.seed, 0xA5C]))
    asked: dict[str, list[QuestionRow]] = {
        "probe": [],
        "stranger": [],
        "reverse": [],
        "twohop": [],
        "utility": [],
    }
    for row in rows:
        if row.role == "probe":
            asked["probe"] += maker.ask_face(row.photo_id, row.person_id)
        elif row.role == "stranger":
            asked["stranger"] += maker.ask_stranger(row.photo_id, row.person_id)
        elif row.role == "object":
            name = "twohop" if row.co_subjects else "reverse"
            asked[name] += maker.ask_owner(row.photo_id, row.person_id, row.scenario)
        elif row.role == "retain":
            asked["utility"] += maker.ask_visible(row.photo_id, row.person_id, row.scenario, row.category)
    asked["text"] = [q for m in plan.members for q in maker.ask_text(m.person_id)]
    return asked


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
