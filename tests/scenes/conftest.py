"""One small world for the tests of what is drawn and written."""

from pathlib import Path

import pytest
from drawn import SEED, TEST, TRAIN

from ahnpl_cli.scenes.generate import generate


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "world"
    generate(folder, train=TRAIN, test=TEST, seed=SEED, workers=1)
    return folder
