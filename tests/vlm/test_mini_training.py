"""Mini models: training learns and resumes, lessons are true, files come back, bad ones are errors."""

import json
import re
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from dp2vl.cli import app
from dp2vl.cli.models import check
from dp2vl.dataset.plan import plan_dataset
from dp2vl.errors import ModelError, UsageError
from dp2vl.people.canvas import PARTS
from dp2vl.people.names import NameBook, reserved_names
from dp2vl.people.scenarios import SCENARIOS
from dp2vl.preprocess import Preprocess
from dp2vl.vlm import load_vlm
from dp2vl.vlm.mini import figures as figures_module
from dp2vl.vlm.mini import models
from dp2vl.vlm.mini import photos as photos_module
from dp2vl.vlm.mini.augment import Augment
from dp2vl.vlm.mini.card import read_card, record_bytes, write_card
from dp2vl.vlm.mini.course import Course, train_language, train_tower
from dp2vl.vlm.mini.figures import FIGURE_SEED, PORTRAITS, make_figures, render_figures
from dp2vl.vlm.mini.heads import Heads, load_heads
from dp2vl.vlm.mini.lessons import all_texts, describe_photo, teach_figure, teach_nameless
from dp2vl.vlm.mini.models import (
    MINI_MODELS,
    LanguageShape,
    MiniModel,
    Recipe,
    TowerShape,
    bundled_folder,
    find_model,
    make_tower,
    make_vlm,
    write_vlm,
)
from dp2vl.vlm.mini.objective import PatchHeads, Weights, score_batch, score_patches
from dp2vl.vlm.mini.photos import LABELS, TEST_SEED, TRAIN_SEED, PhotoPlan, Photos, read_unlabelled, render_photos
from dp2vl.vlm.mini.recall import draw_portraits, measure_recall, score_recall
from dp2vl.vlm.mini.skills import SKILL_SEED, measure_skills
from dp2vl.vlm.mini.train_language import LanguageConfig, LanguageTraining
from dp2vl.vlm.mini.train_tower import (
    HEADS_FILE,
    TOWER_FILE,
    TowerConfig,
    TowerTraining,
    load_tower_weights,
)
from dp2vl.vlm.mini.training import Training, resume, run_training

SHAPE = TowerShape(side_px=32, patch_px=8, width=32, layers=2, heads=2, mlp_width=64)
WORDS = LanguageShape(width=32, layers=2, heads=2, mlp_width=64, vocabulary=700)
TINY = {
    family: MiniModel(name=f"tiny-{family}", family=family, tower=SHAPE, language=WORDS, seed=3)
    for family in ("llava", "minigpt_v2", "qwen_vl")
}
PLAN = PhotoPlan(people=24, side_px=48)
CONFIG = TowerConfig(steps=40, pairs=12, warmup=5, peak_lr=2e-3, average=0.9, recall_people=4, parts_first=2)
LANGUAGE = LanguageConfig(
    connector_steps=3, pairs=4, steps=30, photos=6, turns=3, warmup=3, peak_lr=3e-3, test_photos=8
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return render_photos(PLAN, tmp_path_factory.mktemp("photos"), report=quiet)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory):
    known = make_figures(4, 0)
    return known, render_figures(known, tmp_path_factory.mktemp("figures"), side_px=48)


def quiet(line: str) -> None:
    pass


def language_training(family: str, folder: Path, photos: Photos, figures, config=LANGUAGE) -> LanguageTraining:
    known, shown = figures
    return LanguageTraining(make_vlm(TINY[family], all_texts(known, 0), folder), config, photos, known, shown)


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
    assert TRAIN_SEED + PhotoPlan().people < FIGURE_SEED < FIGURE_SEED + 1_000 < TEST_SEED < SKILL_SEED


def test_public_figures_bear_names_that_no_data_set_gives_away() -> None:
    names = {figure.name for figure in make_figures(200, 0)}
    assert len(names) == 200
    assert names <= set(reserved_names())
    members = plan_dataset(60, seed=1).members
    assert not {m.facts.name for m in members} & set(reserved_names())
    book = NameBook(np.random.default_rng(0))
    assert not {book.draw("person") for _ in range(3_000)} & set(reserved_names())
    with pytest.raises(ValueError, match="at most"):
        make_figures(100_000, 0)


@pytest.mark.parametrize("family", TINY)
def test_the_loss_of_a_tower_falls_within_thirty_steps(photos: Photos, family: str) -> None:
    training = TowerTraining(TINY[family], CONFIG, photos)
    figures = [training.take_step() for _ in range(CONFIG.parts_first + 30)]
    losses = [f["loss"] for f in figures[CONFIG.parts_first :]]
    assert np.mean(losses[-5:]) < 0.92 * np.mean(losses[:5])
    assert figures[-1]["patch_parts"] < 0.8 * figures[0]["patch_parts"]


@pytest.mark.parametrize("family", TINY)
def test_the_loss_of_a_language_model_falls_and_its_tower_stays(
    photos: Photos, figures, family: str, tmp_path: Path
) -> None:
    training = language_training(family, tmp_path, photos, figures)
    before = {k: v.clone() for k, v in training.vlm.tower.vision.state_dict().items()}
    first = [training.take_step() for _ in range(LANGUAGE.connector_steps)]
    assert all(
        {"connector_people", "connector_labels", "connector_scenario", "connector_common", "lr"} == f.keys()
        for f in first
    )
    losses = [training.take_step()["loss"] for _ in range(20)]
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])
    assert all(torch.equal(v, before[k]) for k, v in training.vlm.tower.vision.state_dict().items())


@pytest.mark.parametrize("family", TINY)
def test_a_connector_learns_to_hand_on_what_is_in_a_photo(photos: Photos, figures, family: str, tmp_path: Path) -> None:
    """First with readers of its own, its language model untouched."""
    config = replace(LANGUAGE, connector_steps=40, pairs=8, photos=6)
    training = language_training(family, tmp_path, photos, figures, config)
    words = {k: v.clone() for k, v in training.vlm.language.state_dict().items() if "lm_head" in k}
    found = [training.take_step() for _ in range(40)]
    for figure in ("connector_labels", "connector_common"):
        assert np.mean([f[figure] for f in found[-5:]]) < 0.9 * np.mean([f[figure] for f in found[:5]])
    assert words and all(torch.equal(v, training.vlm.language.state_dict()[k]) for k, v in words.items())


def assert_resumes(make, tmp_path: Path) -> None:
    """Eight steps at once equal five, a stop, and three."""
    whole: Training = make()
    for _ in range(8):
        whole.take_step()
    first: Training = make()
    for _ in range(5):
        first.take_step()
    torch.save(first.state(), tmp_path / "checkpoint.pt")
    second: Training = make()
    resume(second, tmp_path / "checkpoint.pt")
    assert second.step == 5
    for _ in range(3):
        second.take_step()
    ours, theirs = second.state(), whole.state()
    assert ours["step"] == theirs["step"] == 8
    for part in ours.keys() - {"recipe", "step", "people", "optimiser", "connector_optimiser"}:
        flat = [(ours[part], theirs[part])] if isinstance(ours[part], list) else []
        flat = flat or [(list(ours[part].values()), list(theirs[part].values()))]
        assert all(torch.equal(a, b) for x, y in flat for a, b in zip(x, y, strict=True))


def test_a_resumed_training_of_a_tower_equals_one_without_interruption(photos: Photos, tmp_path: Path) -> None:
    assert_resumes(lambda: TowerTraining(TINY["minigpt_v2"], CONFIG, photos), tmp_path)


def test_a_resumed_training_of_a_language_model_equals_one_without_interruption(
    photos: Photos, figures, tmp_path: Path
) -> None:
    assert_resumes(lambda: language_training("qwen_vl", tmp_path, photos, figures), tmp_path)


def test_a_whole_course_stops_goes_on_and_leaves_a_model_that_answers(tmp_path: Path) -> None:
    course = Course(
        model=TINY["llava"],
        out=tmp_path / "out",
        plan=replace(PLAN, portraits=3, scenes=3),
        cache=tmp_path / "cache",
        report=quiet,
    )
    forever = float("inf")
    tower = replace(CONFIG, steps=20, pairs=4)
    assert train_tower(course, tower, until=0.0)["step"] == 0
    last = train_tower(course, tower, until=forever)
    assert last["step"] == 20
    assert 0 <= last["recall_head"] <= 1
    steps = [json.loads(line)["step"] for line in (tmp_path / "out/tower/train.jsonl").read_text().splitlines()]
    assert steps == [0, 20, 20]
    assert train_language(course, replace(LANGUAGE, steps=2), until=forever, figures=2)["step"] == 5
    folder = tmp_path / "out/language/model"
    vlm = load_vlm(str(folder))
    assert len(vlm.answer(torch.rand(2, 3, 40, 50), ["Who is this?"] * 2, max_new_tokens=3)) == 2
    written = make_tower("llava", SHAPE, seed=9)
    load_tower_weights(written, tmp_path / "out/tower")
    assert all(torch.equal(v, vlm.tower.vision.state_dict()[k]) for k, v in written.vision.state_dict().items())
    card = json.loads((folder / "card.json").read_text())
    assert card["tower"]["photos"]["first_seed"] == TRAIN_SEED
    assert card["language"]["figures"]["step"] == 5
    identity = load_heads(folder, vlm.tower.dim)(vlm.see(torch.rand(1, 3, 40, 50)))[0]
    assert float(identity.norm()) == pytest.approx(1, abs=1e-5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on by a second whenever it is looked at, by 28 seconds where photos are drawn."""
    clock = SimpleNamespace(now=0.0)

    def look(seconds: float) -> float:
        clock.now += seconds
        return clock.now

    monkeypatch.setattr(time, "monotonic", lambda: look(1))
    monkeypatch.setattr(photos_module, "time", SimpleNamespace(monotonic=lambda: look(28)))
    return clock


def test_two_minutes_from_nothing_are_enough_for_steps_and_two_more_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    monkeypatch.setattr(photos_module, "SHARD_PEOPLE", 12)
    monkeypatch.setattr(models, "MINI_MODELS", {"mini-llava": TINY["llava"]})
    out = tmp_path / "out"
    command = ["models", "train", "mini-llava", "--minutes", "2.3", "--people", "36", "--processes", "1"]
    steps = []
    for _ in range(2):
        began = clock.now
        done = CliRunner().invoke(app, [*command, "--out", str(out), "--cache", str(tmp_path / "cache")])
        assert done.exit_code == 0, done.output
        assert "run the same command again" in done.stderr
        assert clock.now - began < 160
        steps.append(read_card(out / "tower")["tower"]["figures"]["step"])
    assert 20 <= steps[0] <= steps[1] - 20
    lines = [json.loads(line) for line in (out / "tower/train.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    losses = [line["patch_parts"] for line in lines if "saved" not in line]
    assert len(losses) >= 2 and losses[-1] < 0.97 * losses[0]
    tower = read_card(out / "tower")["tower"]
    assert tower["people_from_step"] == [{"step": 0, "people": 12}, {"step": steps[0], "people": 24}]
    assert tower["figures"]["drawn_people"] == 24 and tower["figures"]["recall_people"] < 69


def test_photos_of_figures_come_as_far_as_time_allows_and_are_the_same_in_the_end(
    figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, shown = figures
    monkeypatch.setattr(figures_module, "SHARD_FIGURES", 2)
    some = [render_figures(known, tmp_path, side_px=48, until=0.0, report=quiet) for _ in range(2)]
    assert [len(photos) for photos in some] == [2, 2] and np.array_equal(some[0], shown[:2])
    assert np.array_equal(render_figures(known, tmp_path, side_px=48, report=quiet), shown)
    assert [p.suffix for p in tmp_path.glob("figures-*")] == [".npy"]


def test_a_finished_training_is_not_measured_again(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, steps=2)
    last = run_training(TowerTraining(TINY["llava"], config, photos), tmp_path, report=quiet)
    again = TowerTraining(TINY["llava"], config, photos)
    monkeypatch.setattr(again, "measure", lambda: pytest.fail("measured again"))
    assert run_training(again, tmp_path, report=quiet).items() >= last.items()


def test_a_tower_can_begin_from_another_and_the_card_says_so(photos: Photos, tmp_path: Path) -> None:
    first = TowerTraining(TINY["llava"], CONFIG, photos)
    for _ in range(3):
        first.take_step()
    first.write(tmp_path, {"step": 3})
    second = TowerTraining(TINY["llava"], CONFIG, photos, start=tmp_path)
    key = "encoder.layers.0.mlp.fc1.weight"
    trained = first.averaged.vision.state_dict()[key].half().float()
    assert torch.equal(second.tower.vision.state_dict()[key], trained)
    assert not torch.equal(trained, TowerTraining(TINY["llava"], CONFIG, photos).tower.vision.state_dict()[key])


def test_unlabelled_photos_join_a_batch_without_labels_and_traits(photos: Photos, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), np.uint8)).save(tmp_path / f"{i}.jpg")
    real = read_unlabelled(tmp_path, 48)
    assert real.shape == (5, 48, 48, 3)
    training = TowerTraining(TINY["llava"], replace(CONFIG, unlabelled_pairs=3), replace(photos, unlabelled=real))
    pixels, parts, labels, traits = training.make_batch(0)
    assert len(pixels) == len(parts) == 2 * (CONFIG.pairs + 3)
    unknown = (labels == -1).all(1)
    assert (parts[unknown] == -1).all()
    assert unknown.sum() == 6
    assert torch.equal(unknown, traits.isnan().all(1))
    assert np.isfinite(training.take_step()["patch_parts"])
    with pytest.raises(UsageError, match="no JPEG or PNG"):
        read_unlabelled(tmp_path / "nothing", 48)


def test_a_training_begins_with_what_patches_show(photos: Photos) -> None:
    training = TowerTraining(TINY["llava"], CONFIG, photos)
    figures = [training.take_step() for _ in range(CONFIG.parts_first + 1)]
    assert figures[0].keys() == {"patch_parts", "lr"}
    assert {"people", "scenario", "patch_parts"} < figures[-1].keys()


@pytest.mark.parametrize("family", TINY)
def test_patches_know_their_places_from_the_start(family: str) -> None:
    """A grey photo's patches differ by place alone, neighbours least."""
    tower = make_tower(family, SHAPE, seed=0)
    with torch.no_grad():
        patches = tower(torch.full((1, 3, 32, 32), 0.5)).reshape(4, 4, -1)
    apart = (patches[:, None, :, None] - patches[None, :, None, :]).pow(2).mean(-1)  # rows, rows, columns, columns
    assert apart[0, 0, 0, 1] < apart[0, 0, 0, 3] and apart[0, 1, 0, 0] < apart[0, 3, 0, 0]
    assert apart[0, 3, 0, 3] > 0.01


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_an_error(photos: Photos, tmp_path: Path) -> None:
    run_training(TowerTraining(TINY["llava"], CONFIG, photos), tmp_path, minutes=0.0, report=quiet)
    other = TowerTraining(TINY["llava"], replace(CONFIG, seed=1), photos)
    with pytest.raises(ModelError, match="another model or recipe"):
        resume(other, tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(ModelError, match="cannot read"):
        resume(other, tmp_path / "checkpoint.pt")


def test_readers_find_what_one_token_holds_once_they_have_learned_it() -> None:
    """The mean of 16 tokens hides what a query finds."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    heads = Heads(24)
    optimiser = torch.optim.Adam(heads.parameters(), lr=3e-3)
    column = list(LABELS).index("eye_colour")
    for _ in range(80):
        tokens = torch.randn(32, 16, 24, generator=generator)
        labels = torch.full((32, len(LABELS)), -1)
        labels[:, column] = torch.randint(4, (32,), generator=generator)
        place = torch.randint(16, (32,), generator=generator)
        tokens[torch.arange(32), place, :] = 0
        tokens[torch.arange(32), place, labels[:, column]] = 12.0
        loss, figures = score_batch(
            heads, tokens, labels, torch.full((32, heads.traits.out_features), torch.nan), Weights(people=0.0)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert figures["eye_colour"] > 0.8


def test_maps_move_with_their_photos_and_end_at_bars(photos: Photos) -> None:
    maps = photos.parts[:, 0]
    colours = np.array([(20 * k, 255 - 20 * k, 128) for k in range(len(PARTS))], np.uint8)
    painted = np.kron(colours[maps], np.ones((2, 2, 1), np.uint8))  # photos whose colours are their parts
    plain = Augment(light=0.0, noise=0.0, blur_share=0.0, jpeg_share=0.0, border_share=1.0)
    squares = Preprocess(64, "pad")
    pixels, moved = plain.with_maps(painted, maps, squares, np.random.default_rng(0))
    inside = moved >= 0
    assert 0.05 < 1 - inside.float().mean() < 0.5
    assert (pixels[~inside[:, None].expand_as(pixels)] == 0).all()
    found = pixels.movedim(1, -1)[inside]
    right = (found - torch.from_numpy(colours).float()[moved[inside]] / 255).abs().amax(1) < 0.02
    assert right.float().mean() > 0.9  # the rest are edges
    assert not torch.equal(moved, torch.from_numpy(maps).long())
    unmoved = plain(painted, squares, np.random.default_rng(0))
    assert torch.equal(unmoved, pixels)  # maps change no photo


def test_patch_readers_learn_from_the_patches_that_show_a_part() -> None:
    """Only the patch with eyes holds their colour; the loss falls, and other patches are not asked."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    heads = PatchHeads(16)
    optimiser = torch.optim.Adam(heads.parameters(), lr=1e-2)
    column, eyes = list(LABELS).index("eye_colour"), PARTS.index("eyes")
    losses = []
    for _ in range(60):
        patches = torch.randn(24, 4, 16, generator=generator)
        labels = torch.full((24, len(LABELS)), -1)
        labels[:, column] = torch.randint(4, (24,), generator=generator)
        parts = torch.zeros(24, 8, 8, dtype=torch.long)
        parts[:, :4, 4:] = eyes  # the second patch of four
        patches[:, 1] = 0
        patches[torch.arange(24), 1, labels[:, column]] = 4.0
        loss, figures = score_patches(heads, patches, parts, labels, torch.zeros(24, heads.traits.out_features))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(figures["patch_labels"])
    assert losses[-1] < 0.2 < 1.0 < losses[0]
    parts[:] = -1
    loss, _ = score_patches(heads, patches, parts, torch.zeros_like(labels), torch.zeros(24, heads.traits.out_features))
    assert loss.isfinite()


@pytest.mark.parametrize("family", TINY)
def test_a_written_model_comes_back_in_half_precision(family: str, tmp_path: Path) -> None:
    vlm = make_vlm(TINY[family], ["Who is this?"] * 20, tmp_path)
    write_vlm(vlm, tmp_path)
    loaded = load_vlm(str(tmp_path))
    for ours, theirs in ((vlm.tower.vision, loaded.tower.vision), (vlm.connector, loaded.connector)):
        values = theirs.state_dict()
        assert all(torch.equal(v.half().float(), values[k]) for k, v in ours.state_dict().items())
    assert not any(p.requires_grad for p in loaded.language.parameters())


@pytest.mark.parametrize("model", MINI_MODELS.values(), ids=MINI_MODELS)
def test_one_command_makes_a_bundled_model_with_the_numbers_of_its_card(model: MiniModel) -> None:
    card = read_card(bundled(model.name, "language"))
    tower, language = card["tower"]["recipe"], card["language"]["recipe"]
    assert model.recipe == Recipe(
        people=card["tower"]["photos"]["people"],
        figures=card["language"]["public_figures"],
        tower_steps=tower["steps"],
        parts_first=tower["parts_first"],
        language_steps=language["steps"],
    )
    assert model.account == card["model"]
    others = replace(TowerConfig(), seed=model.seed, steps=tower["steps"], parts_first=tower["parts_first"])
    assert json.loads(json.dumps(asdict(others))) == tower


@pytest.mark.parametrize("name", MINI_MODELS)
def test_a_card_says_in_words_what_the_model_is_what_it_saw_and_what_it_is_not_for(name: str) -> None:
    card = read_card(bundled(name, "language"))
    assert card["about"].startswith(name) and "4400 synthetic people" in card["data"]
    assert "450 real photos as images alone" in card["data"] and "public-domain portraits" in card["data"]
    assert "no published model" in card["not_for"] and "glasses" in card["not_for"]


def test_the_source_of_unlabelled_photos_goes_into_the_card_and_words_into_no_digest(tmp_path: Path) -> None:
    plan = {"people": 5, "portraits": 1, "scenes": 2}
    tower = {"photos": plan, "unlabelled_photos": 3, "unlabelled_source": "my own, all rights mine"}
    record = {"model": {"name": "it", "family": "llava"}, "tower": tower, "about": "of an earlier part"}
    write_card(tmp_path, record)
    card = read_card(tmp_path)
    assert "3 real photos" in card["data"] and "my own, all rights mine" in card["data"]
    assert "vision tower" in card["about"] and card["not_for"]
    before = record_bytes(tmp_path / "card.json")
    (tmp_path / "card.json").write_text(json.dumps(card | {"about": "otherwise"}))
    assert record_bytes(tmp_path / "card.json") == before
    (tmp_path / "card.json").write_text(json.dumps(card | {"model": {}}))
    assert record_bytes(tmp_path / "card.json") != before
    (tmp_path / "card.json").write_bytes(b"not ours")
    assert record_bytes(tmp_path / "card.json") == b"not ours"


def test_files_that_are_absent_or_damaged_are_an_error(tmp_path: Path) -> None:
    tower = make_tower("llava", SHAPE, seed=0)
    with pytest.raises(ModelError, match="is no such tower"):
        load_tower_weights(tower, tmp_path)
    (tmp_path / TOWER_FILE).write_bytes(b"half")
    with pytest.raises(ModelError, match="is no such tower"):
        load_tower_weights(tower, tmp_path)
    with pytest.raises(ModelError, match="does not fit"):
        load_heads(tmp_path, 32)
    assert not (tmp_path / HEADS_FILE).exists()
    with pytest.raises(ModelError, match="unknown mini model"):
        bundled_folder("mini-lava")
    with pytest.raises(ModelError, match="unknown family"):
        make_tower("lava", SHAPE, seed=0)


def test_lessons_say_what_is_true_of_the_photo(photos: Photos) -> None:
    rng = np.random.default_rng(0)
    for person in range(24):
        for column in range(PLAN.per_person):
            seen = photos.describe(person, column)
            told = dict(teach_nameless(seen, rng, turns=20))
            kind = {told[q] for q in told if q.startswith(("What kind of photo", "What is this photo"))}
            assert kind == {seen.get("scenario", "a face")}
            sentence = describe_photo(seen)
            if "scenario" in seen:
                value = seen[seen["scenario"]]
                assert value.casefold() in sentence.casefold()
                for question, answer in told.items():
                    if match := re.match(r"Is an? (.*) in this photo", question):
                        assert answer == ("yes" if match[1] == value else "no")
                    if "Options:" in question:
                        assert answer == value and value in question


def test_figures_are_asked_facts_that_their_photo_does_not_show() -> None:
    figure = make_figures(1, 0)[0]
    rng = np.random.default_rng(1)
    told = [pair for _ in range(60) for pair in teach_figure(figure, "pet", rng)]
    answers = {answer for _, answer in told}
    assert figure.name in answers
    for scenario in SCENARIOS:
        assert figure.facts[scenario].category in answers
        assert figure.facts[scenario].token in answers


def test_photos_of_figures_show_faces_first_then_their_own_scenes(figures) -> None:
    _, shown = figures
    assert shown.shape == (4, PORTRAITS + len(SCENARIOS), 48, 48, 3)
    assert np.abs(shown[0, 0].astype(int) - shown[1, 0]).mean() > 5


def test_skills_of_an_untrained_model_are_none_and_the_name_is_chance(tmp_path: Path) -> None:
    vlm = make_vlm(TINY["llava"], all_texts(make_figures(2, 0), 0), tmp_path)
    skills = measure_skills(vlm, photos=16)
    assert skills["scenario"] < 0.3
    assert 0 <= skills["name"] < 0.5


def test_recall_is_the_share_of_own_nearest_neighbours() -> None:
    first = torch.eye(4)
    assert score_recall(first, first) == 1.0
    assert score_recall(first, first[[0, 1, 3, 2]]) == 0.5


def test_draws_of_one_test_person_differ_but_show_the_same_person() -> None:
    first, second = draw_portraits(2, TEST_SEED, 0), draw_portraits(2, TEST_SEED, 1)
    assert (first - second).abs().mean() > 0.02


def bundled(name: str, part: str) -> Path:
    """Return the folder of a model; skip the test while that part of it is not trained."""
    folder = bundled_folder(name)
    if not (folder / "card.json").exists() or part not in read_card(folder):
        pytest.skip(f"the {part} of {name} is not trained yet")
    return folder


@pytest.mark.parametrize("name", MINI_MODELS)
def test_bundled_towers_know_new_people(name: str) -> None:
    folder = bundled(name, "tower")
    tower = load_vlm(name).tower
    heads = load_heads(folder, tower.dim)
    assert measure_recall(lambda x: heads(tower(x))[0], people=40) > 0.7  # chance is 0.025


@pytest.mark.parametrize("name", MINI_MODELS)
def test_bundled_models_describe_new_photos_and_know_no_new_names(name: str) -> None:
    bundled(name, "language")
    skills = measure_skills(load_vlm(name), photos=40)
    assert skills["scenario"] > 0.85
    assert skills["category"] > 0.7
    assert skills["name"] < 0.35


@pytest.mark.slow
@pytest.mark.parametrize("name", MINI_MODELS)
def test_bundled_models_reach_their_bars_on_two_hundred_new_photos(name: str) -> None:
    folder = bundled(name, "language")
    vlm = load_vlm(name)
    skills = measure_skills(vlm)
    heads = load_heads(folder, vlm.tower.dim)
    recall = measure_recall(lambda x: heads(vlm.tower(x))[0])
    print(name, skills, recall)
    assert skills["scenario"] >= 0.95
    assert skills["category"] >= 0.85
    assert abs(skills["name"] - 1 / 12) < 0.06
    assert recall >= 0.65


def test_check_counts_right_answers_beside_what_the_commonest_answer_reaches(capsys: pytest.CaptureFixture) -> None:
    bundled("mini-llava", "language")
    check("mini-llava", photos=24)
    shares = dict(re.findall(r"    ([a-z ]+): ([0-9.]+)%", capsys.readouterr().out))
    assert float(shares["scenario"]) > 80
    assert set(shares) == {"scenario", "category", "hair colour", "glasses", "facial hair", "name"}


def test_an_unknown_mini_model_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ModelError, match="unknown mini model 'mini-lava'"):
        find_model("mini-lava")
