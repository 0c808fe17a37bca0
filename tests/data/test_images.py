"""Images are opened as the benchmarks' scripts open them, and broken ones are named."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.data.images import ImageRef, file_sha256, image_key, open_image, text_key
from ahnpl_cli.errors import DataError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    image = Image.new("RGB", (6, 4), "black")
    image.putpixel((2, 1), (255, 0, 0))
    image.save(path)
    return path


def message(ref: ImageRef) -> str:
    with pytest.raises(DataError) as caught:
        open_image(ref)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (5, 3)).save(path)
    opened = open_image(ImageRef(path))
    assert (opened.mode, opened.size) == ("RGB", (5, 3))


def test_a_crop_is_x_y_width_height(picture: Path) -> None:
    crop = open_image(ImageRef(picture, (2, 1, 3, 2)))
    assert crop.size == (3, 2)
    assert crop.getpixel((0, 0)) == (255, 0, 0)


def test_a_crop_over_the_edge_is_filled_with_black_as_in_aro(picture: Path) -> None:
    assert open_image(ImageRef(picture, (4, 2, 10, 10))).size == (10, 10)


@pytest.mark.parametrize("crop", [(6, 0, 2, 2), (0, 0, 0, 2), (-3, 0, 3, 3)])
def test_a_crop_that_holds_nothing_is_named(picture: Path, crop: tuple[int, int, int, int]) -> None:
    assert message(ImageRef(picture, crop)) == f"{picture}: crop {crop} holds nothing of 6x4 pixels"


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.jpg"
    assert message(ImageRef(path)) == f"{path}: no such image. Check --image-root."
    with pytest.raises(DataError, match=r"none\.jpg: no such image\. Check --image-root\.$"):
        file_sha256(path)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"<html>not found</html>")
    assert message(ImageRef(path)) == (
        f"{path}: cannot be decoded (not an image). Replace the file, or pass --on-error skip."
    )


def test_an_image_cut_short_is_named(tmp_path: Path, picture: Path) -> None:
    path = tmp_path / "b.jpg"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert message(ImageRef(path)).startswith(f"{path}: cannot be decoded (image file is truncated")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    assert "cannot be decoded" in message(ImageRef(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        file_sha256(tmp_path)


def test_keys_are_sums_that_anyone_can_check(picture: Path) -> None:
    assert image_key(ImageRef(picture)) == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert text_key("a café") == hashlib.sha256("a café".encode()).hexdigest()


def test_a_lone_surrogate_has_a_key_too() -> None:
    assert text_key("\ud800") != text_key("")
