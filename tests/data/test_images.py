"""Images are opened as the benchmarks' scripts open them, and broken ones are named."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from ahnpl_cli.data.images import (
    SUFFIXES,
    ImageRef,
    file_sha256,
    find_images,
    header_problem,
    image_key,
    text_key,
)
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
        ref.load()
    return str(caught.value)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (5, 3)).save(path)
    opened = ImageRef(path).load()
    assert (opened.mode, opened.size) == ("RGB", (5, 3))


def test_a_crop_is_x_y_width_height(picture: Path) -> None:
    crop = ImageRef(picture, (2, 1, 3, 2)).load()
    assert crop.size == (3, 2)
    assert crop.getpixel((0, 0)) == (255, 0, 0)


def test_a_crop_over_the_edge_is_filled_with_black_as_in_aro(picture: Path) -> None:
    assert ImageRef(picture, (4, 2, 10, 10)).load().size == (10, 10)


@pytest.mark.parametrize("crop", [(6, 0, 2, 2), (-3, 0, 3, 3), (10**12, -(10**12), 2, 2)])
def test_a_crop_outside_the_picture_is_black(
    picture: Path, crop: tuple[int, int, int, int]
) -> None:
    pixels = ImageRef(picture, crop).load()
    assert pixels.size == crop[2:]
    assert pixels.getcolors() == [(crop[2] * crop[3], (0, 0, 0))]


def test_a_crop_without_a_pixel_is_named(picture: Path) -> None:
    assert message(ImageRef(picture, (0, 0, 0, 2))) == f"{picture}: crop (0, 0, 0, 2) has no pixel"


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
    assert "cannot be read (is a folder)" in message(ImageRef(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        file_sha256(tmp_path)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32 to 1", "float32 to 255"])
def test_gray_of_more_bits_keeps_its_gray(tmp_path: Path, dtype: str) -> None:
    gray = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)
    scales = {"float32 to 1": 1 / 255, "float32 to 255": 1.0}
    values = gray.astype(dtype.split()[0]) * scales.get(dtype, 257)
    Image.fromarray(values.astype(dtype.split()[0])).save(tmp_path / "a.tif")
    opened = np.asarray(ImageRef(tmp_path / "a.tif").load())
    assert (opened == gray[..., None]).all()


def test_a_png_of_16_bits_shows_what_that_of_8_bits_shows(tmp_path: Path) -> None:
    gray = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert (np.asarray(ImageRef(tmp_path / "a.png").load())[..., 0] == gray).all()


@pytest.mark.parametrize("value", [-1.0, 256.0, float("nan")])
def test_gray_without_a_known_white_is_refused(tmp_path: Path, value: float) -> None:
    Image.fromarray(np.array([[0.5, value]], np.float32)).save(tmp_path / "a.tif")
    assert "floats go from 0 to 1, or to 255" in message(ImageRef(tmp_path / "a.tif"))


@pytest.mark.parametrize("suffix", [".jpg", ".eps"])
def test_postscript_never_reaches_ghostscript(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    )
    assert "cannot be decoded (not an image)" in message(ImageRef(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".wmf", ".emf", ".pdf", ".h5"])
def test_formats_that_others_decode_are_no_images(suffix: str) -> None:
    assert suffix not in SUFFIXES


def test_every_ending_has_a_decoder_and_jfif_is_one(tmp_path: Path) -> None:
    assert {".jfif", ".avif", ".jpe"} <= SUFFIXES
    for suffix in (".jfif", *([".avif"] if features.check("avif") else [])):
        path = tmp_path / f"a{suffix}"
        Image.new("RGB", (8, 6), "red").save(path)
        assert ImageRef(path).load().size == (8, 6)


def test_a_fifo_or_a_device_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", Path("/dev/zero")):
        assert message(ImageRef(path)) == f"{path}: not a regular file. Check --image-root."
        assert header_problem(path) == "not a regular file"
        with pytest.raises(DataError, match="not a regular file"):
            file_sha256(path)


def test_a_name_with_a_nul_is_no_image() -> None:
    assert message(ImageRef(Path("a\0b.png"))) == "a\0b.png: no such image. Check --image-root."


@pytest.mark.parametrize("size", [(60000, 60000), (12000, 11000)])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 %d %d 255\n" % size)
    assert "cannot be decoded" in message(ImageRef(path))
    assert "pixels" in message(ImageRef(path))
    assert "pixels" in (header_problem(path) or "")


def test_a_crop_cannot_be_a_bomb_either(picture: Path) -> None:
    assert "more than 120,000,000 pixels" in message(ImageRef(picture, (0, 0, 10**5, 10**5)))


def test_what_systems_leave_in_folders_is_no_image(tmp_path: Path) -> None:
    for name in ("a.png", "b/c.jpg", "b/._c.jpg", "__MACOSX/a.png", ".ipynb_checkpoints/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find_images(tmp_path)]
    assert found == ["a.png", "b/c.jpg"]


def test_keys_are_sums_that_anyone_can_check(picture: Path) -> None:
    assert image_key(ImageRef(picture)) == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert text_key("a café") == hashlib.sha256("a café".encode()).hexdigest()


def test_a_lone_surrogate_has_a_key_too() -> None:
    assert text_key("\ud800") != text_key("")


def test_a_strip_that_scaling_would_blow_up_is_refused(tmp_path: Path, picture: Path) -> None:
    Image.new("L", (1, 2000)).save(tmp_path / "strip.png")
    assert "a strip of more than 1,000 to 1" in message(ImageRef(tmp_path / "strip.png"))
    assert "is a strip of more than 1,000 to 1" in message(ImageRef(picture, (0, 0, 1, 2000)))
    assert ImageRef(picture, (0, 0, 1, 900)).load().size == (1, 900)
