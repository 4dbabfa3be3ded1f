"""What is usual for a tower: synthetic people as it sees them, and what tells them apart.

Measured once per tower and remembered. For the bundled towers the figures come with the package: drawing the people
takes longer than protecting a photo.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

import dp2vl
from dp2vl.files import hash_file, write_atomic
from dp2vl.people import draw_portrait, draw_scene, make_person
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.storage import state_home
from dp2vl.surrogates.protocol import Features, Surrogate

USUAL_FILE = "usual.safetensors"
PEOPLE = 48
"""Synthetic people whose photos say what is usual; their seeds are outside every data set and training set."""
PHOTOS = 4
"""Of each of them: portraits and scenes in turn, so that what differs between two photos of a person is seen."""
FIRST_SEED = 900_000
PHOTO_PX = 192
ALONE = ("vehicle", "home", "pet", "possession")
"""Scenarios that show nobody but the person."""
AXES = 32
"""Discriminants kept, at most."""
SHRINK = 0.1
"""Share of the mean variance that is added to every direction's variance within people: few photos say little of it."""


@dataclass(frozen=True)
class Usual:
    """Statistics of one tower over the synthetic people.

    Args:
        pooled_centre, pooled_variance: (d,): mean over people, and variance between them.
        token_centre, token_variance: (d2,): over all patch tokens; None for towers without.
        who_centre: (d3,): mean over people of what they are told apart by (`Features.who`).
        axes: (d3, k), k <= `AXES`: linear discriminants (Fisher 1936) between them, scaled so that the variance between
            photos of one person is 1 along each.
        spread: scalar: mean squared distance along the axes between two photos of one person.
    """

    pooled_centre: Tensor
    pooled_variance: Tensor
    token_centre: Tensor | None
    token_variance: Tensor | None
    who_centre: Tensor
    axes: Tensor
    spread: Tensor


def find_usual(surrogate: Surrogate, *, device: str | torch.device = "cpu") -> Usual:
    """Return what comes with a tower or was measured on this machine before, or else what is measured now.

    For a tower from a folder or file that is remembered, in the user's state folder: a large one takes minutes.
    """
    folder, program = getattr(surrogate, "folder", None), getattr(surrogate, "program", None)
    if folder is None and program is None:
        return measure_usual(surrogate, device=device)
    recipe = _recipe(surrogate)
    remembered = state_home() / "usual" / f"{_reading(surrogate, recipe)}.safetensors"
    for path in (folder / USUAL_FILE, remembered) if folder else (remembered,):
        found = _read_usual(path, recipe, device)
        if found is not None:
            return found
    measured = measure_usual(surrogate, device=device)
    with suppress(OSError):  # it only saves time
        write_atomic(remembered, _to_bytes(measured, recipe))
    return measured


def write_usual(surrogate: Surrogate, path: Path) -> None:
    """Measure a tower and write the result for `find_usual`."""
    write_atomic(path, _to_bytes(measure_usual(surrogate), _recipe(surrogate)))


def _read_usual(path: Path, recipe: str, device: str | torch.device) -> Usual | None:
    """Return what a file says is usual under a recipe; None where it says nothing of it, is damaged or absent."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            if (file.metadata() or {}).get("recipe") != recipe:
                return None
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return Usual(**{"token_centre": None, "token_variance": None} | found)
    except (OSError, SafetensorError, TypeError):
        return None


def _to_bytes(found: Usual, recipe: str) -> bytes:
    tensors = {key: value.contiguous() for key, value in vars(found).items() if value is not None}
    return save(tensors, metadata={"recipe": recipe})


def _reading(surrogate: Surrogate, recipe: str) -> str:
    """Return a digest of the weights and of how they are read: one folder can be loaded as several kinds of tower."""
    how = (recipe, surrogate.family, surrogate.side_px, surrogate.name.partition(":")[0], dp2vl.__version__)
    return hashlib.sha256(repr(how).encode()).hexdigest()[:32]


def _recipe(surrogate: Surrogate) -> str:
    """Return a digest of the tower's weights or program and of who the synthetic people are."""
    digest = hashlib.sha256(repr([PEOPLE, PHOTOS, FIRST_SEED, PHOTO_PX, ALONE, AXES, SHRINK]).encode())
    if program := getattr(surrogate, "program", None):
        digest.update(hash_file(program).encode())
    model = getattr(surrogate, "model", None)
    for key, value in model.state_dict().items() if isinstance(model, nn.Module) else ():
        digest.update(key.encode() + value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def measure_usual(surrogate: Surrogate, *, device: str | torch.device = "cpu") -> Usual:
    """Return the statistics of a tower; it runs once per photo of the synthetic people."""
    found = collect(surrogate, usual_photos(), device)
    index = torch.arange(PEOPLE).repeat_interleave(PHOTOS)
    axes, spread = find_axes(found.who, index)
    pooled, who = mean_by_person(found.pooled, index.tolist()), mean_by_person(found.who, index.tolist())
    tokens = None if found.tokens is None else found.tokens.flatten(0, 1)
    return Usual(
        pooled_centre=pooled.mean(0),
        pooled_variance=pooled.var(0, unbiased=False),
        token_centre=None if tokens is None else tokens.mean(0),
        token_variance=None if tokens is None else tokens.var(0, unbiased=False),
        who_centre=who.mean(0),
        axes=axes,
        spread=torch.tensor(spread, device=axes.device),
    )


def find_axes(features: Tensor, people: Tensor) -> tuple[Tensor, float]:
    """Return linear discriminants between people, (d, k), and the mean squared distance of two photos of one person.

    Args:
        features: (n, d); people: (n,) whose they are, each at least twice.
    """
    features, people = features.double(), people.to(features.device)
    centre = features.mean(0)
    # More dimensions than photos hold nothing but what the photos' span holds.
    _, size, span = torch.linalg.svd(features - centre, full_matrices=False)
    span = span[size > size[0] * 1e-6].T
    inside = (features - centre) @ span
    names, index = people.unique(return_inverse=True)
    means = torch.stack([inside[index == i].mean(0) for i in range(len(names))])
    rest = inside - means[index]
    within = rest.T @ rest / (len(inside) - len(names))
    within += SHRINK * within.diagonal().mean() * torch.eye(len(within), dtype=within.dtype, device=within.device)
    root = torch.linalg.inv(torch.linalg.cholesky(within))
    between = root @ means.T
    strength, directions = torch.linalg.eigh(between @ between.T / len(names))
    kept = strength.argsort(descending=True)[: min(AXES, len(names) - 1)]
    inner = root.T @ directions[:, kept]
    spread = 2 * float((rest @ inner).square().sum() / (len(inside) - len(names)))
    return (span @ inner).float(), spread


@cache
def usual_photos() -> list[Tensor]:
    """Return photos of the synthetic people, each (1, 3, h, w) in [0, 1], person by person; drawn once per process."""
    photos = []
    for i in range(PEOPLE * PHOTOS):
        person, seed = make_person(FIRST_SEED + i // PHOTOS), FIRST_SEED + i
        if i % 2:
            scenario = SCENARIOS[ALONE[i // 2 % len(ALONE)]]
            value = scenario.values[i // PHOTOS % len(scenario.values)]
            drawn = draw_scene(person, scenario.id, value, seed=seed, size=PHOTO_PX)
        else:
            drawn = draw_portrait(person, seed=seed, size=PHOTO_PX)
        pixels = torch.from_numpy(drawn.pixels.astype(np.float32) / 255)
        photos.append(pixels.permute(2, 0, 1)[None].contiguous())
    return photos


@torch.no_grad()
def collect(surrogate: Surrogate, photos: Sequence[Tensor], device: str | torch.device = "cpu") -> Features:
    """Return the features of photos of any sizes, one forward pass each, stacked."""
    found = [surrogate.features(p.to(device)) for p in photos]
    tokens = [f.tokens for f in found if f.tokens is not None]
    identity = [f.identity for f in found if f.identity is not None]
    return Features(
        torch.cat([f.pooled for f in found]),
        torch.cat(tokens) if tokens else None,
        torch.cat(identity) if identity else None,
    )


def mean_by_person(features: Tensor, people: Sequence[object]) -> Tensor:
    """Return one row per person, in order of appearance: the mean of their photos' rows."""
    rows = [features[[i for i, p in enumerate(people) if p == name]].mean(0) for name in dict.fromkeys(people)]
    return torch.stack(rows)
