"""A small data set and a tiny model of each family, shared by the tests of this folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dp2vl.dataset.make import make_dataset
from dp2vl.dataset.schema import DataSet, read_dataset
from dp2vl.vlm.base import VLM
from dp2vl.vlm.mini.figures import make_figures
from dp2vl.vlm.mini.lessons import all_texts
from dp2vl.vlm.mini.models import LanguageShape, MiniModel, TowerShape, make_vlm

SHAPE = TowerShape(side_px=32, patch_px=8, width=32, layers=2, heads=2, mlp_width=64)
WORDS = LanguageShape(width=32, layers=2, heads=2, mlp_width=64, vocabulary=700)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = tmp_path_factory.mktemp("learn") / "data"
    make_dataset(folder, people=8, train_photos=1, probe_photos=1, size_px=96, seed=3)
    return read_dataset(folder)


@pytest.fixture(params=["llava", "minigpt_v2", "qwen_vl"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], VLM]:
    """A function that makes the same untrained model of a family anew."""
    texts = all_texts(make_figures(12, 0), 0)

    def tiny(family: str) -> VLM:
        model = MiniModel(name=f"tiny-{family}", family=family, tower=SHAPE, language=WORDS, seed=3)
        return make_vlm(model, texts, tmp_path)

    return tiny
