"""Readers of files that people bring raise one clear error or none, whatever the bytes.

Hypothesis prints the example that failed; `@seed` or its blob repeats a run.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ahnpl_cli.backbones.feature_cache import read_shard, write_shard
from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.data.images import ImageRef, header_problem
from ahnpl_cli.data.tar_shards import read_shards
from ahnpl_cli.errors import DataError

EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
# What breaks readers: depth, long numbers, halves of surrogate pairs, other types, cut text.
TOKENS = [
    *(b"[" * 3000, b"1" * 6000, b'"\\ud800"', b"null", b"[]", b"{}", b"-1e999", b"NaN", b"3.5"),
    *(b'"', b"\\", b"\0", b"\xff", b"\r", b"\n", b"\t", b",", b";", b":", b"\xef\xbb\xbf"),
    *(b"true", b'"\xc3"', b"{" * 50, b"\xff\xfe", b"..", b"/"),
]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[float, str, bytes]]:
    """A few places of a file, what is done there, and with what."""
    kinds = st.sampled_from(["insert", "replace", "delete", "cut", "repeat"])
    content = st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=4))
    one = st.tuples(st.floats(0, 1, exclude_max=True), kinds, content)
    return draw(st.lists(one, min_size=1, max_size=3))


def apply(content: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    for place, kind, new in edits:
        at = int(place * len(content))
        if kind == "insert":
            content = content[:at] + new + content[at:]
        elif kind == "replace":
            content = content[:at] + new + content[at + len(new) :]
        elif kind == "delete":
            content = content[:at] + content[at + 4 :]
        elif kind == "cut":
            content = content[:at]
        else:
            content = content[:at] + content[max(0, at - 40) :]
    return content


def picture(format: str) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((16, 12), 60).convert("RGB").save(buffer, format)
    return buffer.getvalue()


ROWS = [("1", "a.jpg", 'a cat, "asleep"'), ("2", "b.jpg", "two dogs"), ("3", "a.jpg", "café")]
RECORDS = [{"id": i, "image": image, "caption": caption} for i, image, caption in ROWS]
CAPTIONS = {
    "jsonl": "".join(json.dumps(record) + "\n" for record in RECORDS),
    "blip": json.dumps([{"image": "a.jpg", "caption": ["a cat", "x"]}, *RECORDS]),
    "coco": json.dumps(
        {
            "images": [{"id": 7, "file_name": "a.jpg"}],
            "annotations": [{"id": i, "image_id": 7, "caption": c} for i, _, c in ROWS],
        }
    ),
    "karpathy": json.dumps(
        {
            "images": [
                {
                    "filepath": "val2014",
                    "filename": "a.jpg",
                    "split": "train",
                    "sentences": [{"raw": c, "sentid": int(i)} for i, _, c in ROWS],
                }
            ]
        }
    ),
    "csv": 'id,image,caption\n1,a.jpg,"a cat, ""asleep"""\n2,b.jpg,two dogs\n',
    "tsv": "id\timage\tcaption\n1\ta.jpg\ta cat\n2\tb.jpg\ttwo dogs\n",
}


def read(content: bytes, name: str, reader: Callable[[Path], object]) -> None:
    """Read `content` as a file; only the error of data may come of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            reader(path)
        except DataError as error:
            assert "\n" not in error.what
            assert str(path) in (error.where or "")


@pytest.mark.parametrize("kind", CAPTIONS)
@EXAMPLES
@given(edits=changes())
def test_captions(kind: str, edits: list[tuple[float, str, bytes]]) -> None:
    content = apply(CAPTIONS[kind].encode(), edits)
    for on_error in ("stop", "skip"):
        read(content, "c", lambda path: list(read_captions(path, on_error=on_error)))  # type: ignore[arg-type]  # noqa: B023


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@EXAMPLES
@given(edits=changes())
def test_images(format: str, edits: list[tuple[float, str, bytes]]) -> None:
    content = apply(picture(format), edits)
    read(content, "a.png", lambda path: ImageRef(path).load())
    read(content, "a.png", header_problem)


def shard() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, record in enumerate(RECORDS):
            members = {"png": picture("PNG"), "json": json.dumps(record).encode(), "txt": b"a cat"}
            for suffix, content in members.items():
                info = tarfile.TarInfo(f"{number}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_whole_shard(path: Path) -> None:
    for _, member, _ in read_shards([str(path)], on_error="skip"):
        member.problem()
        try:
            member.load()
        except DataError:
            continue


@EXAMPLES
@given(edits=changes())
def test_tar_shards(edits: list[tuple[float, str, bytes]]) -> None:
    content = apply(shard(), edits)
    read(content, "0.tar", lambda path: list(read_shards([str(path)])))
    read(content, "0.tar", read_whole_shard)


@EXAMPLES
@given(edits=changes())
def test_feature_shards(edits: list[tuple[float, str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        write_shard(path, "f", np.eye(2, 4, dtype=np.float32), ["00" * 32, "11" * 32], "m")
        path.write_bytes(apply(path.read_bytes(), edits))
        found = read_shard(path, "m")
        if found is not None:
            features = found.features()
            # Either refused, or exactly what was written.
            assert features is None or (features == np.eye(2, 4)).all()
