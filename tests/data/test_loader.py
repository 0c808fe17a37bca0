"""Images batch by batch, from files or from memory."""

import os
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.loader import ImageLoader, Loaded
from ahnpl_cli.errors import AhnplError

PLAN = [[0, 1], [2, 2, 0], [1, 3], [0, 1, 2]]


def preprocess(image: Image.Image) -> torch.Tensor:
    return torch.tensor(image.getpixel((0, 0)), dtype=torch.float32).view(3, 1, 1)


@pytest.fixture
def pictures(tmp_path: Path) -> list[ImageRef]:
    for number in range(3):
        Image.new("RGB", (4, 4), (number, 10, 20)).save(tmp_path / f"{number}.png")
    return [ImageRef(tmp_path / f"{number}.png") for number in range(4)]


def shown(batches: list[Loaded]) -> list[list[int]]:
    return [batch.pixels[:, 0].flatten().int().tolist() for batch in batches]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("cache", [0.0, 1.0])
def test_batches_come_in_order_whoever_decodes(
    pictures: list[ImageRef], workers: int, cache: float
) -> None:
    loader = ImageLoader(pictures, preprocess, workers=workers, cache_gigabytes=cache)
    batches = list(loader.batches(PLAN))
    assert shown(batches) == [[0, 1], [2, 2, 0], [1], [0, 1, 2]]
    assert batches[2].kept.tolist() == [0]
    assert list(batches[2].problems) == [1]
    assert batches[2].problems[1].startswith(f"{pictures[3].path}: no such image")


def test_a_cached_image_is_not_opened_again(pictures: list[ImageRef]) -> None:
    loader = ImageLoader(pictures, preprocess, cache_gigabytes=1.0)
    list(loader.batches([[0, 1]]))
    pictures[0].path.unlink()
    assert shown(list(loader.batches([[0], [1]]))) == [[0], [1]]


def test_the_cache_holds_no_more_than_it_may(pictures: list[ImageRef]) -> None:
    # An image takes 12 bytes here: two fit.
    loader = ImageLoader(pictures, preprocess, cache_gigabytes=24e-9)
    list(loader.batches([[0, 1, 2]]))
    for picture in pictures[:3]:
        picture.path.unlink()
    (batch,) = loader.batches([[0, 1, 2]])
    assert batch.kept.tolist() == [0, 1]


def test_a_batch_without_any_image_is_empty(pictures: list[ImageRef]) -> None:
    (batch,) = ImageLoader(pictures, preprocess).batches([[3]])
    assert len(batch.pixels) == len(batch.kept) == 0


def test_loading_leaves_the_generator_of_dropout_alone(pictures: list[ImageRef]) -> None:
    before = torch.get_rng_state()
    list(ImageLoader(pictures, preprocess).batches(PLAN))
    assert torch.equal(before, torch.get_rng_state())


def test_a_killed_worker_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")

    def die(image: Image.Image) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(3, 4, 4)

    loader = ImageLoader([ImageRef(tmp_path / "a.png")], die, workers=1)
    with pytest.raises(AhnplError) as caught:
        list(loader.batches([[0]]))
    assert caught.value.what == "a process that decodes images died"


def test_more_memory_than_can_be_counted_is_no_error(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    refs = [ImageRef(tmp_path / "a.png")]
    loader = ImageLoader(refs, lambda image: torch.zeros(3, 4, 4), cache_gigabytes=float("inf"))
    assert len(list(loader.batches([[0], [0]]))) == 2
