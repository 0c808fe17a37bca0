"""A painted picture is packed as its original was, and says in its metadata what it is."""

import io

import numpy as np
import pytest
from photos import RED, draw_photo
from PIL import Image, JpegImagePlugin

from ahnpl_cli.errors import DataError
from ahnpl_cli.imaging.pictures import encode, provenance_of, read_original

NOTE = {"painter": "recolor", "caption": "ein blaues Auto, größer"}


@pytest.fixture
def photo():
    return draw_photo([((20, 30, 110, 90), RED)])


def packed(photo, tmp_path, name, **options):
    """Write a photo, paint it and write the painting beside it; return both files."""
    first, second = tmp_path / name, tmp_path / f"new-{name}"
    photo.save(first, **options)
    original = read_original(first)
    painted = Image.fromarray(255 - np.asarray(original.image))
    second.write_bytes(encode(painted, original, NOTE))
    return first, second


@pytest.mark.parametrize("quality", [60, 88, 97])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_its_tables_and_subsampling(photo, tmp_path, quality, subsampling, progressive):
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
    first, second = packed(photo, tmp_path, "a.jpg", **options)
    with Image.open(first) as old, Image.open(second) as new:
        assert (old.size, old.mode, old.quantization) == (new.size, new.mode, new.quantization)
        assert JpegImagePlugin.get_sampling(old) == JpegImagePlugin.get_sampling(new) == subsampling
        assert bool(new.info.get("progressive")) == progressive


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.png", "RGB"),
        ("a.png", "RGBA"),
        ("a.png", "L"),
        ("a.png", "P"),
        ("a.jpg", "L"),
        ("a.jpg", "CMYK"),
        ("a.webp", "RGB"),
        ("a.tif", "RGB"),
        ("a.gif", "P"),
        ("a.bmp", "RGB"),
    ],
)
def test_format_and_mode_stay_and_the_metadata_tell(photo, tmp_path, name, mode):
    first, second = packed(photo.convert(mode), tmp_path, name)
    with Image.open(first) as old, Image.open(second) as new:
        assert (old.format, old.mode, old.size) == (new.format, new.mode, new.size)
    told = None if name.endswith("bmp") else {"edited": True, **NOTE}
    assert provenance_of(second) == told
    assert provenance_of(first) is None


def test_transparency_and_the_color_profile_stay(photo, tmp_path):
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    first, second = packed(photo, tmp_path, "a.png", icc_profile=b"profile")
    with Image.open(first) as old, Image.open(second) as new:
        assert np.array_equal(np.asarray(old)[..., 3], np.asarray(new)[..., 3])
        assert new.info["icc_profile"] == b"profile"


def test_lossless_webp_stays_lossless(photo, tmp_path):
    _, second = packed(photo, tmp_path, "a.webp", lossless=True)
    with Image.open(second) as new:
        assert np.array_equal(255 - np.asarray(photo), np.asarray(new))


def test_the_orientation_tag_stays(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    _, second = packed(photo, tmp_path, "a.jpg", exif=exif)
    with Image.open(second) as new:
        assert new.getexif()[0x0112] == 6


def test_equal_pictures_are_equal_files(photo, tmp_path):
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    original = read_original(tmp_path / "a.jpg")
    assert encode(photo, original, NOTE) == encode(photo, original, NOTE)


def test_gray_of_sixteen_bits_is_written_as_gray(photo, tmp_path):
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 256).save(tmp_path / "a.png")
    original = read_original(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(encode(photo, original, NOTE))
    with Image.open(tmp_path / "b.png") as new:
        assert (original.mode, new.mode) == ("I;16", "L")


def test_a_phones_joined_jpegs_become_one(photo, tmp_path):
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo])
    original = read_original(tmp_path / "a.jpg")
    assert original.format == "JPEG"
    (tmp_path / "b.jpg").write_bytes(encode(photo, original, NOTE))
    with Image.open(tmp_path / "b.jpg") as new:
        assert new.format == "JPEG"


def test_a_broken_photo_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    with pytest.raises(DataError, match="cannot be decoded"):
        read_original(tmp_path / "a.jpg")
