"""Webdataset tar shards, read at random: each shard is indexed once, then members are seeked to.

A sample is what shares a key: an image (`.jpg`, `.png`, ...) and a `.json` with a caption record,
or a `.txt` with the caption. Random access costs one pass over the tar headers and buys an exact
shuffle and an exact resume; shards must be plain local tar files.
"""

from __future__ import annotations

import io
import json
import logging
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from webdataset.shardlists import expand_urls
from webdataset.tariterators import base_plus_ext

from ahnpl_cli.config import OnError
from ahnpl_cli.data.images import SUFFIXES
from ahnpl_cli.data.jsonl import parse_record
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TarMember:
    """Bytes of an image inside a shard.

    Attributes:
        path: the shard.
        name: the member's name, for messages.
        offset: first byte in the shard.
        size: how many bytes.
    """

    path: Path
    name: str
    offset: int
    size: int


def is_shards(pattern: str) -> bool:
    """Whether a `--data` value names tar shards."""
    return pattern.endswith((".tar", ".tar.gz", ".tgz"))


def shard_paths(pattern: str) -> list[Path]:
    """Return the shards that a pattern with braces names, in its order.

    Raises:
        DataError: one is missing or compressed.
    """
    paths = [Path(url) for url in expand_urls(pattern)]
    for path in paths:
        if not path.is_file():
            raise DataError("no such shard", where=str(path), hint="Check the braces of --data.")
        if path.suffix != ".tar":
            raise DataError(
                "compressed shards cannot be seeked in", where=str(path), hint="Unpack it."
            )
    return paths


def open_member(member: TarMember) -> Image.Image:
    """Return an image of a shard as RGB.

    Raises:
        DataError: the bytes are no image.
    """
    with member.path.open("rb") as file:
        file.seek(member.offset)
        content = file.read(member.size)
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        where = f"{member.path}: {member.name}"
        raise DataError("cannot be decoded", where=where, hint="Pass --on-error skip.") from error


def read_shards(
    patterns: Sequence[str], *, on_error: OnError = "stop"
) -> Iterator[tuple[CaptionRecord, TarMember]]:
    """Yield the caption records of shards with the place of their images.

    Args:
        patterns: paths with braces, such as `shards/{000..099}.tar`.
        on_error: stop at a sample without image or caption, or leave it out.

    Raises:
        DataError: a shard or a sample is broken; the message names it.
    """
    for pattern in patterns:
        for path in shard_paths(pattern):
            for key, parts in _samples(path):
                try:
                    yield _record(path, key, parts)
                except DataError as error:
                    if on_error == "stop":
                        raise
                    log.warning("Skipped %s", error)


def _samples(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (key, {extension: member or bytes}) of a shard, whose samples stand together."""
    current = ""
    parts: dict[str, Any] = {}
    try:
        with tarfile.open(path) as tar:
            for info in tar:
                key, extension = base_plus_ext(info.name)
                if not info.isfile() or key is None:
                    continue
                if key != current and parts:
                    yield current, parts
                    parts = {}
                current = key
                extension = extension.rpartition(".")[2].lower()
                parts[extension] = _part(tar, info, extension, path)
    except tarfile.TarError as error:
        raise DataError(f"not a tar file: {error}", where=str(path)) from error
    if parts:
        yield current, parts


def _part(tar: tarfile.TarFile, info: tarfile.TarInfo, extension: str, path: Path) -> Any:
    if extension in ("json", "txt"):
        file = tar.extractfile(info)
        return file.read() if file else b""
    return TarMember(path, info.name, info.offset_data, info.size)


def _record(path: Path, key: str, parts: dict[str, Any]) -> tuple[CaptionRecord, TarMember]:
    where = f"{path}: {key}"
    image = next((part for name, part in parts.items() if f".{name}" in SUFFIXES), None)
    if image is None:
        raise DataError("no image in this sample", where=where)
    if "json" in parts:
        return parse_record(_with_defaults(parts, key, where), where), image
    if "txt" in parts:
        return CaptionRecord(key, image.name, parts["txt"].decode("utf-8").strip()), image
    raise DataError("neither .json nor .txt in this sample", where=where)


def _with_defaults(parts: dict[str, Any], key: str, where: str) -> bytes:
    """A sample's JSON as a caption record; foreign keys go under `meta`."""
    try:
        content = json.loads(parts["json"])
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=where) from error
    if not isinstance(content, dict):
        raise DataError("not a JSON object", where=where)
    known = {k: v for k, v in content.items() if k in ("id", "image", "negatives", "meta")}
    caption = content.get("caption") or parts.get("txt", b"").decode("utf-8").strip()
    record = {"id": key, "image": key, **known, "caption": caption}
    return json.dumps(record).encode()
