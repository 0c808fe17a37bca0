"""Webdataset shards, made here with the webdataset library itself."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import webdataset
from PIL import Image

from ahnpl_cli.data.shards import is_shards, open_member, read_shards
from ahnpl_cli.errors import DataError


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write(path: Path, samples: list[dict[str, Any]]) -> None:
    with webdataset.TarWriter(str(path)) as sink:
        for sample in samples:
            sink.write(sample)


@pytest.fixture
def shards(tmp_path: Path) -> str:
    negative = {"kind": "object", "caption": "a dog", "edits": [], "filler": "test"}
    write(
        tmp_path / "000.tar",
        [
            {
                "__key__": "0",
                "png": picture(1),
                "json": {"id": "a", "image": "x.png", "caption": "a cat", "negatives": [negative]},
            },
            {"__key__": "1", "png": picture(2), "txt": "a cow"},
        ],
    )
    write(
        tmp_path / "001.tar",
        [{"__key__": "2", "png": picture(3), "txt": "a pig", "json": {"width": 4}}],
    )
    return str(tmp_path / "{000..001}.tar")


def test_records_come_with_the_place_of_their_images(shards: str) -> None:
    found = list(read_shards([shards]))
    assert [(r.id, r.image, r.caption) for r, _ in found] == [
        ("a", "x.png", "a cat"),
        ("1", "1.png", "a cow"),
        ("2", "2", "a pig"),
    ]
    assert [n.caption for n in found[0][0].negatives] == ["a dog"]
    assert [open_member(member).getpixel((0, 0))[0] for _, member in found] == [1, 2, 3]


def test_data_with_the_ending_of_a_tar_is_shards() -> None:
    assert is_shards("shards/{000..099}.tar")
    assert not is_shards("negatives.jsonl")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list(read_shards([str(tmp_path / "{7..8}.tar")]))
    assert str(caught.value) == (
        f"{tmp_path / '7.tar'}: no such shard. Check the braces of --data."
    )


def test_a_compressed_shard_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0.tar.gz"
    path.touch()
    with pytest.raises(DataError) as caught:
        list(read_shards([str(path)]))
    assert str(caught.value) == f"{path}: compressed shards cannot be seeked in. Unpack it."


def test_a_file_that_is_no_tar_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    path.write_bytes(b"x" * 2000)
    with pytest.raises(DataError, match="0.tar: not a tar file"):
        list(read_shards([str(path)]))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"txt": "a cat"}, "no image in this sample"),
        ({"png": picture(0)}, "neither .json nor .txt in this sample"),
        ({"png": picture(0), "json": b"[]"}, "not a JSON object"),
    ],
)
def test_a_broken_sample_is_named_or_left_out(
    tmp_path: Path, sample: dict[str, Any], message: str
) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        for extension, content in sample.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(f"k.{extension}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(DataError) as caught:
        list(read_shards([str(path)]))
    assert str(caught.value) == f"{path}: k: {message}"
    assert list(read_shards([str(path)], on_error="skip")) == []


def test_bytes_that_are_no_image_are_named(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    write(path, [{"__key__": "k", "png": b"nothing", "txt": json.dumps("a")}])
    ((_, member),) = read_shards([str(path)])
    with pytest.raises(DataError) as caught:
        open_member(member)
    assert str(caught.value) == f"{path}: k.png: cannot be decoded. Pass --on-error skip."
