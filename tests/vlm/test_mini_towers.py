"""Mini towers: the classes give the tokens their families read, training learns and resumes, bad files are errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dp2vl.errors import ModelError
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm.mini import MINI_TOWERS, TowerConfig, bundled_folder, load_tower, make_tower, write_tower
from dp2vl.vlm.mini.files import RECORD_FILE, WEIGHTS_FILE
from dp2vl.vlm.mini.photos import LABELS, TEST_SEED, TRAIN_SEED, PhotoPlan, Photos, render_photos
from dp2vl.vlm.mini.recall import draw_portraits, measure_recall, score_recall
from dp2vl.vlm.mini.train_tower import TowerTraining, TrainConfig, train_tower

TINY = TowerConfig(name="tiny", family="minigpt_v2", side_px=32, patch_px=8, width=32, layers=2, heads=2, mlp_width=64)
TINY_LLAVA = TowerConfig(
    name="tiny-llava", family="llava", side_px=32, patch_px=8, width=32, layers=3, heads=2, mlp_width=64
)
PLAN = PhotoPlan(people=24, side_px=48)
CONFIG = TrainConfig(steps=40, pairs=12, warmup=5, peak_lr=2e-3, average=0.9, recall_people=4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return render_photos(PLAN, tmp_path_factory.mktemp("photos"), report=lambda line: None)


def quiet(line: str) -> None:
    pass


def trained(folder: Path) -> Path:
    write_tower(make_tower(TINY, seed=1), folder, {"steps": 0})
    return folder


def test_llava_tokens_are_the_patch_tokens_of_the_layer_before_the_last() -> None:
    tower = make_tower(TINY_LLAVA, seed=0)
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for parameter in tower.vision.encoder.layers[-1].parameters():
        torch.nn.init.normal_(parameter)  # so that reading one layer too many would show
    states = tower.vision(pixel_values=pixels, output_hidden_states=True).hidden_states
    assert len(states) == 4
    assert torch.equal(tower.tokens(pixels), states[2][:, 1:])
    assert not torch.allclose(states[2], states[3])


def test_minigpt_tokens_are_four_normalised_neighbours_joined_without_the_class_token() -> None:
    tower = make_tower(TINY, seed=0)
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    last = tower.vision(pixel_values=pixels, output_hidden_states=True).hidden_states[-1].detach().numpy()
    tokens = tower.tokens(pixels).detach().numpy()
    assert tokens.shape == (2, 4, 128)
    patch = last[1, 1 + 6]  # the seventh patch: third of the second group of four
    expected = (patch - patch.mean()) / np.sqrt(patch.var() + 1e-5)
    assert np.allclose(tokens[1, 1, 64:96], expected, atol=1e-5)


def test_photos_of_people_are_the_same_when_drawn_again_and_go_on_where_they_stopped(
    photos: Photos, tmp_path: Path
) -> None:
    again = render_photos(PLAN, tmp_path, report=quiet)
    assert np.array_equal(again.pixels[0], photos.pixels[0])
    assert np.array_equal(again.labels, photos.labels)
    assert photos.pixels[0].shape == (24, PLAN.per_person, 48, 48, 3)
    drawn: list[str] = []
    render_photos(PLAN, tmp_path, report=drawn.append)
    assert drawn == []


def test_labels_name_what_the_photos_show(photos: Photos) -> None:
    assert photos.labels.shape == (24, PLAN.per_person, len(LABELS))
    for column, values in enumerate(LABELS.values()):
        known = photos.labels[..., column]
        assert known.min() >= -1
        assert 0 < known.max() < len(values)
    hair = photos.labels[..., list(LABELS).index("hair_style")]
    assert (hair == hair[:, :1]).all()  # a person keeps their hair from photo to photo


def test_training_people_are_apart_from_benchmark_and_test_people() -> None:
    assert PhotoPlan().first_seed == TRAIN_SEED >= 1_000_000
    assert TRAIN_SEED + PhotoPlan().people < TEST_SEED


def test_loss_falls_within_thirty_steps(photos: Photos) -> None:
    training = TowerTraining(TINY_LLAVA, CONFIG, photos)
    losses = [training.take_step()["loss"] for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_a_resumed_training_equals_one_without_interruption(photos: Photos, tmp_path: Path) -> None:
    whole = TowerTraining(TINY, CONFIG, photos)
    for _ in range(8):
        whole.take_step()
    train_tower(TINY, CONFIG, photos, tmp_path, minutes=0.0, report=quiet)  # stops at once, with a checkpoint
    first = TowerTraining(TINY, CONFIG, photos)
    first.resume(tmp_path / "checkpoint.pt")
    for _ in range(5):
        first.take_step()
    torch.save(first.state(), tmp_path / "checkpoint.pt")
    second = TowerTraining(TINY, CONFIG, photos)
    second.resume(tmp_path / "checkpoint.pt")
    assert second.step == 5
    for _ in range(3):
        second.take_step()
    assert second.step == whole.step
    for ours, theirs in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(second.averaged.parameters(), whole.averaged.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_training_goes_on_from_its_folder_and_leaves_a_tower_that_loads(photos: Photos, tmp_path: Path) -> None:
    config = TrainConfig(steps=20, pairs=4, warmup=2, recall_people=4)
    train_tower(TINY, config, photos, tmp_path, minutes=0.0, report=quiet)
    figures = train_tower(TINY, config, photos, tmp_path, plan=PLAN, report=quiet)
    assert figures["step"] == 20
    assert 0 <= figures["recall_mean"] <= 1
    steps = [json.loads(line)["step"] for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert steps == [0, 20, 20]
    record = json.loads((tmp_path / RECORD_FILE).read_text())
    assert record["training"]["photos"]["first_seed"] == TRAIN_SEED
    surrogate = load_surrogate(f"mini:{tmp_path}")
    assert surrogate.features(torch.rand(2, 3, 40, 50)).tokens.shape == (2, 4, 128)


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_an_error(photos: Photos, tmp_path: Path) -> None:
    train_tower(TINY, CONFIG, photos, tmp_path, minutes=0.0, report=quiet)
    other = TowerTraining(TINY, TrainConfig(seed=1, pairs=12), photos)
    with pytest.raises(ModelError, match="another tower or recipe"):
        other.resume(tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(ModelError, match="cannot read"):
        other.resume(tmp_path / "checkpoint.pt")


def test_written_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    tower, loaded = make_tower(TINY, seed=1), load_tower(trained(tmp_path))
    for key, value in tower.vision.state_dict().items():
        assert torch.equal(loaded.vision.state_dict()[key], value.half().float())
    assert not any(p.requires_grad for p in loaded.parameters())
    assert (loaded.vision.embeddings.patch_embedding.weight != tower.vision.embeddings.patch_embedding.weight).any()


@pytest.mark.parametrize("change", ["missing", "left over", "shape"])
def test_a_tensor_that_is_missing_left_over_or_of_another_shape_is_an_error(tmp_path: Path, change: str) -> None:
    path = trained(tmp_path) / WEIGHTS_FILE
    weights = load_file(path)
    name = "encoder.layers.1.mlp.fc1.weight"
    value = weights.pop(name)
    if change == "left over":
        weights |= {name: value, "extra": value.clone()}
    elif change == "shape":
        weights[name] = value.T.contiguous()
    save_file(weights, path)
    with pytest.raises(ModelError, match="extra" if change == "left over" else name):
        load_tower(tmp_path)


def test_files_that_are_absent_or_damaged_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained tower"):
        load_tower(tmp_path / "nothing")
    path = trained(tmp_path) / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot read"):
        load_tower(tmp_path)
    (tmp_path / RECORD_FILE).write_text("{}")
    with pytest.raises(ModelError, match="version"):
        load_tower(tmp_path)
    with pytest.raises(ModelError, match="unknown mini tower"):
        bundled_folder("mini-lava")


def test_recall_is_the_share_of_own_nearest_neighbours() -> None:
    first = torch.eye(4)
    assert score_recall(first, first) == 1.0
    assert score_recall(first, first[[0, 1, 3, 2]]) == 0.5


def test_draws_of_one_test_person_differ_but_show_the_same_person() -> None:
    first, second = draw_portraits(2, TEST_SEED, 0), draw_portraits(2, TEST_SEED, 1)
    assert (first - second).abs().mean() > 0.02


@pytest.mark.parametrize("name", MINI_TOWERS)
def test_bundled_towers_give_features_gradients_and_know_new_people(name: str) -> None:
    if not (bundled_folder(name) / WEIGHTS_FILE).exists():
        pytest.skip(f"{name} is not trained yet")
    surrogate, config = load_surrogate(name), MINI_TOWERS[name]
    photos = torch.rand(2, 3, 120, 90, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = surrogate.features(photos)
    shapes = {"llava": (2, 64, 192), "minigpt_v2": (2, 16, 640)}
    assert features.tokens.shape == shapes[config.family]
    assert features.pooled.isfinite().all()
    features.pooled.square().sum().backward()
    assert photos.grad.abs().amax(1).gt(0).float().mean() > 0.9
    assert measure_recall(lambda x: surrogate.features(x).pooled, people=24) > 0.4  # chance is 0.04
