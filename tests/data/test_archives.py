"""Images inside zip and tar files are images."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.data.archives import exists
from ahnpl_cli.data.images import ImageRef, file_sha256, header_problem
from ahnpl_cli.errors import DataError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "in" / "a b.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (9, 7), "red").save(path)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(path, "in/a b.png")
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(path, "./in/a b.png")
    return path


@pytest.mark.parametrize("archive", ["photos.zip", "photos.tar"])
def test_a_member_of_an_archive_is_as_good_as_a_file(photo: Path, archive: str) -> None:
    inside = photo.parents[2] / archive / "in" / "a b.png"
    assert exists(inside) and not exists(inside.with_name("b.png"))
    assert ImageRef(inside).load().size == (9, 7)
    assert file_sha256(inside) == file_sha256(photo)
    assert header_problem(inside) is None
    assert header_problem(inside.with_name("b.png")) == f"no such image in {inside.parents[1]}"


def test_a_cut_archive_is_named(photo: Path) -> None:
    archive = photo.parents[2] / "photos.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"photos\.zip: not an archive that can be read"):
        exists(archive / "a.png")


def test_damaged_bytes_of_a_member_are_named(photo: Path) -> None:
    archive = photo.parents[2] / "photos.zip"
    content = bytearray(archive.read_bytes())
    start = content.index(b"in/a b.png") + len("in/a b.png")
    content[start : start + 8] = bytes(8)
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"a b\.png: (damaged|cannot)"):
        ImageRef(archive / "in" / "a b.png").load()


def test_a_folder_called_like_an_archive_stays_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.zip" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", (2, 2)).save(path)
    assert ImageRef(path).load().size == (2, 2)
    assert io.BytesIO(path.read_bytes()).read(4) == b"\x89PNG"
