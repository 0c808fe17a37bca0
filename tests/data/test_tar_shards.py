"""Webdataset shards, as its library writes them and as people make them by hand."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ahnpl_cli.data.archives import is_shards
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.sources import expand_braces
from ahnpl_cli.data.tar_shards import (
    read_shards,
    shard_places,
)
from ahnpl_cli.errors import DataError


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def write(path: Path, samples: list[dict[str, Any]]) -> None:
    """Write samples as webdataset's TarWriter does: a member `KEY.NAME` for each other entry."""
    with tarfile.open(path, "w") as tar:
        for sample in samples:
            for name, value in sample.items():
                if isinstance(value, dict):
                    value = json.dumps(value)
                if name != "__key__":
                    content = value if isinstance(value, bytes) else value.encode()
                    add(tar, f"{sample['__key__']}.{name}", content)


def pack(path: Path, members: list[tuple[str, bytes]]) -> str:
    """Write a tar with these members and return its path."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            add(tar, name, content)
    return str(path)


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
    assert [(r.id, r.image, r.caption) for r, *_ in found] == [
        ("a", "x.png", "a cat"),
        ("1", "1.png", "a cow"),
        ("2", "2", "a pig"),
    ]
    assert [n.caption for n in found[0][0].negatives] == ["a dog"]
    assert [member.load().getpixel((0, 0))[0] for _, member, _ in found] == [1, 2, 3]


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
    assert (
        str(caught.value) == f"{path}: compressed shards do not support random access. Unpack it."
    )


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
    ((_, member, _),) = read_shards([str(path)])
    with pytest.raises(DataError) as caught:
        member.load()
    assert str(caught.value) == (
        f"{path}: k.png: cannot be decoded (not an image). "
        "Replace the file, or pass --on-error skip."
    )


def read(path: str) -> list[tuple[str, str]]:
    return [(record.id, record.caption) for record, *_ in read_shards([path])]


def test_names_with_dots_are_samples_of_their_own(tmp_path: Path) -> None:
    members = []
    for number in range(3):
        members += [(f"cam.07.{number:03d}.png", picture(number))]
        members += [(f"cam.07.{number:03d}.txt", f"caption {number}".encode())]
    path = pack(tmp_path / "0.tar", members)
    assert read(path) == [(f"cam.07.{n:03d}", f"caption {n}") for n in range(3)]
    shades = [member.load().getpixel((0, 0))[0] for _, member, _ in read_shards([path])]
    assert shades == [0, 1, 2]


def test_a_mask_beside_an_image_is_left_alone(tmp_path: Path) -> None:
    members = [("7.mask.png", picture(1)), ("7.png", picture(2)), ("7.txt", b"a cat")]
    ((_, member, _),) = read_shards([pack(tmp_path / "0.tar", members)])
    assert member.name == "7.png"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("7.png", b"x"), ("7.png", b"y"), ("7.txt", b"a")], "two members are called 7.png"),
        ([("7.png", b"x"), ("7.txt", b"a"), ("7.txt", b"b")], "two members are called 7.txt"),
        ([("7.png", b"x"), ("7.jpg", b"y"), ("7.txt", b"a")], "two images in this sample"),
        ([("7.a.png", b"x"), ("7.b.png", b"y"), ("7.txt", b"a")], "no image in this sample"),
        ([("7.png", b"x"), ("7.txt", b" \n")], "caption: empty. Pass --on-error skip."),
        ([("7.png", b"x"), ("7.json", b'{"caption": null}')], "caption: empty"),
        ([("7.png", b"x"), ("7.json", b'{"caption": ""}'), ("7.txt", b"")], "caption: empty"),
        ([("7.png", b"x"), ("7.txt", b"caf\xe9")], r"not UTF-8 at byte 3 \(0xe9\)"),
        ([("7.png", b"x"), ("7.json", b"[" * 9999)], "nested too deeply"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named_and_skipped_on_request(
    tmp_path: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    good = [("8.png", picture(1)), ("8.txt", b"a cow")]
    path = pack(tmp_path / "0.tar", members + good)
    with pytest.raises(DataError, match=message) as caught:
        list(read_shards([path]))
    assert f"{path}: 7" in str(caught.value)
    assert [record.id for record, *_ in read_shards([path], on_error="skip")] == ["8"]


def test_what_a_mac_leaves_in_an_archive_is_no_data(tmp_path: Path) -> None:
    members = [
        ("._7.png", b"\0\5"),
        ("7.png", picture(1)),
        ("7.txt", b"a cat"),
        ("__MACOSX/7.png", b"\0\5"),
    ]
    assert read(pack(tmp_path / "0.tar", members)) == [("7", "a cat")]


def test_joined_archives_are_read_to_the_end(tmp_path: Path) -> None:
    parts = []
    for number in range(2):
        members = [(f"{number}.png", picture(number)), (f"{number}.txt", b"a cat")]
        parts.append(Path(pack(tmp_path / f"{number}.tar", members)).read_bytes())
    (tmp_path / "both.tar").write_bytes(b"".join(parts))
    pairs = list(read_shards([str(tmp_path / "both.tar")]))
    assert [record.id for record, *_ in pairs] == ["0", "1"]
    assert [member.load().getpixel((0, 0))[0] for _, member, _ in pairs] == [0, 1]


@pytest.mark.parametrize(("size", "whole"), [(3072, 1), (1600, 0), (700, 0)])
def test_an_archive_that_was_cut_off_is_named(tmp_path: Path, size: int, whole: int) -> None:
    members = []
    for number in range(3):
        members += [(f"{number}.png", picture(number)), (f"{number}.txt", b"a cat")]
    path = Path(pack(tmp_path / "0.tar", members))
    content = path.read_bytes()
    assert len(picture(0)) < 512  # So a sample takes four blocks.
    path.write_bytes(content[:size])
    with pytest.raises(DataError, match="cut off"):
        list(read_shards([str(path)]))
    assert len(list(read_shards([str(path)], on_error="skip"))) == whole


def test_damage_between_members_is_named(tmp_path: Path) -> None:
    members = [(f"{n}.{end}", b"x") for n in range(3) for end in ("png", "txt")]
    path = Path(pack(tmp_path / "0.tar", members))
    content = bytearray(path.read_bytes())
    content[2048:2560] = b"\xff" * 512
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged at byte 2048"):
        list(read_shards([str(path)]))


def test_a_header_says_what_is_wrong_with_an_image(tmp_path: Path) -> None:
    bomb = b"P5 60000 60000 255\n" + b"\0" * 64
    members = []
    for name, content in (("a", b""), ("b", b"no image"), ("c", bomb), ("d", picture(1))):
        members += [(f"{name}.png", content), (f"{name}.txt", b"a cat")]
    problems = {
        record.id: member.problem()
        for record, member, _ in read_shards([pack(tmp_path / "0.tar", members)])
    }
    assert problems == {
        "a": "an empty image",
        "b": "cannot be decoded (not an image)",
        "c": "cannot be decoded (more pixels than any camera takes)",
        "d": None,
    }


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("x{a,b}-{1..2}", ["xa-1", "xa-2", "xb-1", "xb-2"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a}", ["{a}"]),
        ("{a,{1..2}}", ["a", "1", "a", "2"]),
    ],
)
def test_braces_stand_for_names(pattern: str, names: list[str]) -> None:
    assert list(expand_braces(pattern)) == names


def test_braces_that_stand_for_billions_cost_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such shard"):
        list(shard_places(str(tmp_path / "x{0..99999999999}.tar")))


def test_pictures_of_negatives_are_members_of_their_sample_or_files_beside_the_shard(
    tmp_path: Path,
) -> None:
    negatives = [
        {"kind": "object", "caption": "a dog", "image": "0.n0.png"},
        {"kind": "object", "caption": "a cow"},
        {"kind": "object", "caption": "a pig", "image": "pictures/far.png"},
        # The image of the sample itself is none of a negative's.
        {"kind": "object", "caption": "a hen", "image": "pictures/0.png"},
    ]
    sample = {"__key__": "0", "png": picture(1), "n0.png": picture(2)}
    write(
        tmp_path / "0.tar",
        [{**sample, "json": {"caption": "a cat", "negatives": negatives}}],
    )
    ((_, own, painted),) = read_shards([str(tmp_path / "0.tar")])
    assert own.load().getpixel((0, 0))[0] == 1
    inside, none, beside, other = painted
    assert inside.load().getpixel((0, 0))[0] == 2
    assert none is None
    assert beside == ImageRef(tmp_path / "pictures" / "far.png")
    assert other == ImageRef(tmp_path / "pictures" / "0.png")
