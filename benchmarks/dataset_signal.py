"""Whether a data set holds what its labels say: people told apart by their faces, values told by the picture.

Usage: python benchmarks/dataset_signal.py DATASET OTHER [--tower mini-llava] [--out FILE]

Identity: each probe photo of DATASET goes to the person of its nearest other probe photo, by the cosine of the tower's
features, as they are and in the space of the linear discriminants between the people of OTHER.

Values: a small convolutional network learns from the train photos of OTHER (made with another seed, so other people;
the more the better) and is asked which of the scenario's eight values the train photos of DATASET show.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor, nn

import dp2vl
from dp2vl.dataset.schema import DataSet, PhotoRow, read_dataset
from dp2vl.dataset.store import read_pixels
from dp2vl.files import write_json
from dp2vl.people.scenarios import SCENARIOS

SIDE_PX = 96
WIDTHS = (32, 64, 128, 192)
STEPS, BATCH, PEAK_LR = 3000, 48, 2e-3
PHOTOS, AXES, SHRINK = 800, 32, 0.1
VALUES = [(scenario.id, value) for scenario in SCENARIOS.values() for value in scenario.values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--tower", default="mini-llava")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "dataset_signal.json")
    options = parser.parse_args()
    tower = dp2vl.load_surrogate(options.tower)
    data, other = read_dataset(options.dataset), read_dataset(options.other)
    if {p.seed for p in data.members()} & {p.seed for p in other.members()}:
        sys.exit("expected two data sets of different people; make the second with another --seed")
    record = {
        "tower": options.tower,
        "identity": score_identity(tower, data, other),
        "values": score_values(data, other),
    }
    print(json.dumps(record, indent=1))
    write_json(options.out, record)


def score_identity(tower: dp2vl.Surrogate, data: DataSet, other: DataSet) -> dict[str, float]:
    """Return the share of probe photos whose nearest neighbour among all other probe photos shows the same person."""
    rows = data.rows["probe"]
    features, learned = embed(tower, data, rows), other.rows["train"][:: max(1, len(other.rows["train"]) // PHOTOS)]
    axes = find_discriminants(embed(tower, other, learned), [row.person_id for row in learned])
    owner = np.array([row.person_id for row in rows])
    return {
        "photos": len(rows),
        "people": len(set(owner)),
        "top1": share_right(features, owner),
        "top1_discriminants": share_right(features @ axes, owner),
    }


def embed(tower: dp2vl.Surrogate, data: DataSet, rows: Sequence[PhotoRow]) -> NDArray[np.float64]:
    with torch.no_grad():
        found = [tower.features(read_photo(data, row)).pooled for row in rows]
    return torch.cat(found).double().numpy()


def share_right(features: NDArray[np.float64], owner: NDArray[np.str_]) -> float:
    features = features - features.mean(0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    near = features @ features.T
    np.fill_diagonal(near, -np.inf)
    return float((owner[near.argmax(1)] == owner).mean())


def find_discriminants(features: NDArray[np.float64], owner: Sequence[str]) -> NDArray[np.float64]:
    """Return the axes (d, AXES) along which people differ most in units of how photos of one person differ."""
    people = sorted(set(owner))
    means = np.stack([features[[name == o for o in owner]].mean(0) for name in people])
    within = np.cov(features - means[[people.index(o) for o in owner]], rowvar=False)
    within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    return eigh(np.cov(means, rowvar=False), within)[1][:, ::-1][:, :AXES]


def score_values(data: DataSet, other: DataSet) -> dict[str, float]:
    """Return the accuracy of each scenario's value on photos of people that the network did not learn from."""
    torch.manual_seed(0)
    net = train(*collect(other)).eval()
    photos, labels = collect(data)
    with torch.no_grad():
        guess = torch.cat([net(part.float() / 255) for part in photos.split(64)])
    scores = {}
    for first, scenario in zip(range(0, len(VALUES), 8), SCENARIOS, strict=True):
        own = (labels >= first) & (labels < first + 8)
        scores[scenario] = round(
            float((guess[own, first : first + 8].argmax(1) + first == labels[own]).float().mean()), 4
        )
    return scores


def train(photos: Tensor, labels: Tensor) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    net = nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(WIDTHS[-1] * (SIDE_PX // 16) ** 2, len(VALUES))
    )
    optimiser = torch.optim.AdamW(net.parameters(), PEAK_LR, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LR, total_steps=STEPS)
    for step in range(STEPS):
        chosen = torch.randint(len(photos), (BATCH,))
        batch = photos[chosen].float() / 255
        batch = batch.flip(-1) if step % 2 else batch
        batch = torch.roll(batch, tuple(torch.randint(-6, 7, (2,)).tolist()), (-2, -1))
        batch = (batch * (0.7 + 0.6 * torch.rand(BATCH, 3, 1, 1))).clamp(0, 1)
        loss = nn.functional.cross_entropy(net(batch), labels[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.3f}", file=sys.stderr)
    return net


def collect(data: DataSet) -> tuple[Tensor, Tensor]:
    """Return train photos (n, 3, SIDE_PX, SIDE_PX) as bytes, and indices into VALUES (n,)."""
    rows = data.rows["train"]
    small = [cv2.resize(read_pixels(data.path(r)), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for r in rows]
    labels = torch.tensor([VALUES.index((row.scenario, row.category)) for row in rows])
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous(), labels


def read_photo(data: DataSet, row: PhotoRow) -> Tensor:
    return torch.from_numpy(read_pixels(data.path(row))).permute(2, 0, 1)[None].float() / 255


if __name__ == "__main__":
    main()
