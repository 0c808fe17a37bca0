"""Images batch by batch, from files or from memory."""

import os
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.loader import ImageLoader, Loaded, RandomCrop
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


def gradient(width: int, height: int) -> Image.Image:
    """An image whose red and green say where a pixel is."""
    image = Image.new("RGB", (width, height))
    for x in range(width):
        for y in range(height):
            image.putpixel((x, y), (x, y, 0))
    return image


def shown_box(crop: Image.Image) -> tuple[float, float]:
    """Width and height of what a crop of `gradient` shows."""
    red, green = (channel.getextrema() for channel in crop.split()[:2])
    return red[1] - red[0], green[1] - green[0]


def test_a_crop_is_a_square_of_the_part_of_the_area_that_was_asked_for() -> None:
    image = gradient(200, 160)
    boxes = []
    for step in range(200):
        crop = RandomCrop(smallest=0.5, side=64, seed=0)(image, step, number=7)
        assert crop.size == (64, 64)
        boxes.append(shown_box(crop))
    areas = [wide * high / (200 * 160) for wide, high in boxes]
    # Resizing leaves out up to a pixel or two at each edge.
    assert 0.46 < min(areas) < 0.56
    assert max(areas) > 0.9
    shapes = [wide / high for wide, high in boxes]
    assert min(shapes) > 0.74 and max(shapes) < 1.36
    assert max(shapes) - min(shapes) > 0.3


def test_an_image_too_narrow_for_any_crop_is_cut_in_its_middle() -> None:
    wide, high = shown_box(RandomCrop(smallest=0.9, side=32, seed=0)(gradient(200, 20), 0, 0))
    assert high >= 17
    assert 20 < wide < 28  # 4/3 of the height


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_crops_depend_on_seed_step_and_image_alone(tmp_path: Path) -> None:
    for number in range(2):
        gradient(60, 60).save(tmp_path / f"{number}.png")
    refs = [ImageRef(tmp_path / f"{number}.png") for number in range(2)]

    def pixels(plan: list[list[int]], *, seed: int = 0, **options: int) -> list[torch.Tensor]:
        crop = RandomCrop(smallest=0.3, side=8, seed=seed)
        first = options.pop("first", 0)
        loader = ImageLoader(refs, to_tensor, cache_gigabytes=1.0, crop=crop, **options)
        return [batch.pixels for batch in loader.batches(plan, first=first)]

    whole = pixels([[0, 1], [1, 0], [0, 1]])
    assert not torch.equal(whole[0][0], whole[0][1])  # of two images
    assert not torch.equal(whole[0], whole[2])  # of two steps
    assert torch.equal(pixels([[0], [0], [1, 1]], workers=1)[2][0], whole[2][1])
    (resumed,) = pixels([[0, 1]], first=2)
    assert torch.equal(resumed, whole[2])
    assert not torch.equal(pixels([[0, 1]], seed=1)[0], whole[0])


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.tensor(list(image.tobytes()), dtype=torch.float32).view(3, 8, 8)
