"""Distances and similarities of examples, against a plain loop and values worked by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.source import ModelSource, models_to_compare
from ahnpl_cli.inspection.compare import compare, cosine_distances, quartet, view
from ahnpl_cli.inspection.examples import given_example
from ahnpl_cli.inspection.report import View


def test_distances_by_hand() -> None:
    # (1, 0), (0, 2), (1, 1): right angles are 1 apart, 45 degrees 1 - sqrt(1/2).
    found = cosine_distances(torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]))
    near = 1 - math.sqrt(0.5)
    expected = [[0, 1, near], [1, 0, near], [near, near, 0]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_distances_match_a_plain_loop() -> None:
    features = torch.randn(5, 4, 8, generator=torch.Generator().manual_seed(0))
    found = cosine_distances(features)
    for n, rows in enumerate(features.tolist()):
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                dot = sum(x * y for x, y in zip(a, b, strict=True))
                expected = 1 - dot / (math.hypot(*a) * math.hypot(*b))
                assert found[n, i, j].item() == pytest.approx(expected, abs=1e-6)


def test_the_image_negative_is_the_image_moved_as_the_text_moved() -> None:
    image, text = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])
    negative = torch.tensor([[0.0, 1.0]])
    # e_I + (e_Tneg - e_T) = (0, 1), so e_Ineg lies on e_Tneg.
    four = quartet(image, text, negative)
    assert four.shape == (1, 4, 2)
    torch.testing.assert_close(four[0, 3], torch.tensor([0.0, 1.0]))
    shown = view("m", image, torch.cat([text[None], negative]))
    assert shown.similarities == (1.0, 0.0)
    assert shown.distances[0][0] == (0.0, 0.0, 1.0, 1.0)
    assert shown.distances[0][2][3] == 0.0


@pytest.mark.parametrize(
    ("similarities", "winner"), [((0.3, 0.2), 0), ((0.1, 0.2, 0.3), 2), ((0.2, 0.2), None)]
)
def test_the_highest_similarity_wins_and_a_tie_has_no_winner(
    similarities: tuple[float, ...], winner: int | None
) -> None:
    assert View("m", similarities, ()).winner == winner


@pytest.fixture
def run(tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]) -> Path:
    """A run with a start, one kept checkpoint, and a `last` with the same weights."""
    save_checkpoint(tmp_path / "start", make_tiny(0), extra={})
    folder = tmp_path / "runs" / "r"
    for name in ("step-000002", "last"):
        save_checkpoint(folder / name, make_tiny(1), extra={})
    (folder / "start.json").write_text(f'{{"checkpoint": "{tmp_path / "start"}"}}')
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((40, 30)).save(path)
    return path


def test_a_run_is_shown_from_its_start_and_equal_weights_once(run: Path, photo: Path) -> None:
    models = models_to_compare(checkpoints=(), model=None, pretrained=None, run=run)
    assert [model.label for model in models] == ["start", "step-000002", "last"]
    example = given_example(photo, ["a dog", "a cat", "a cow"])
    report = compare([example], models, source="test", device="cpu")
    assert report.models == ("start", "step-000002")
    (item,) = report.examples
    assert [len(view.similarities) for view in item.views] == [3, 3]
    assert [len(view.distances) for view in item.views] == [2, 2]


def test_a_model_alone_gives_what_it_gives_beside_others(run: Path, photo: Path) -> None:
    example = given_example(photo, ["a dog", "a cat"])
    both = models_to_compare(checkpoints=(str(run),), model=None, pretrained=None, run=None)
    alone = [ModelSource("step-000002", {"checkpoint": run / "step-000002"})]
    first = compare([example], both, source="", device="cpu").examples[0].views[1]
    assert first == compare([example], alone, source="", device="cpu").examples[0].views[0]


def test_a_checkpoint_of_a_run_is_named_with_it(run: Path) -> None:
    models = models_to_compare(
        checkpoints=(str(run / "last"),), model=None, pretrained=None, run=None
    )
    assert [model.label for model in models] == ["r"]


def test_without_a_run_the_bundled_model_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="ahnpl_cli"):
        models = models_to_compare(checkpoints=(), model=None, pretrained=None, run=None)
    assert models == [ModelSource("scenes-tiny", {"model": "scenes-tiny"})]
    assert caplog.messages == [
        "Models: the bundled scenes-tiny, since there is no run under runs/."
    ]


def test_a_named_model_comes_before_named_checkpoints(run: Path) -> None:
    models = models_to_compare(
        checkpoints=(str(run / "last"),), model="scenes-tiny", pretrained=None, run=None
    )
    assert [model.label for model in models] == ["scenes-tiny", "r"]
