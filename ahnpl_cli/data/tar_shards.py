"""Webdataset tar shards, read at random: each shard is indexed once, then members are seeked to.

A sample is what shares a key: an image (`.jpg`, `.png`, ...) and a `.json` with a caption record,
or a `.txt` with the caption. The picture of a negative is the member of its sample that the record
names, such as `7.n0.png`, or else a file beside the shard. Random access costs one pass over the
tar headers and buys an exact shuffle and an exact resume; shards must be plain tar files, here or
at an address that fsspec knows, of which each image is fetched alone. The webdataset library reads
shards in one direction only, so it is not used here.
"""

from __future__ import annotations

import io
import json
import logging
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from PIL import Image

from ahnpl_cli.data.images import (
    SUFFIXES,
    ImageRef,
    decode,
    header_problem,
    is_clutter,
)
from ahnpl_cli.data.jsonl import parse_record
from ahnpl_cli.data.sources import Place, expand, open_place, place_of, read_stretch, size_of
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import not_utf8, parse_json
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)

_BLOCK = tarfile.BLOCKSIZE
_TEXTS = (".json", ".txt")
_LARGEST_TEXT = 1 << 24  # bytes of a caption or its JSON
_OWN_FIELDS = ("id", "image", "negatives", "meta")


@dataclass(frozen=True, slots=True)
class TarMember:
    """Bytes of an image inside a shard.

    Attributes:
        place: the shard.
        name: the member's name, for messages.
        offset: first byte in the shard.
        size: how many bytes.
    """

    place: Place
    name: str
    offset: int
    size: int

    @property
    def where(self) -> str:
        """The shard and the member, for messages."""
        return f"{self.place}: {self.name}"

    def open(self) -> IO[bytes]:
        """Open the member's bytes for reading, without reading the rest of the shard."""
        if isinstance(self.place, str):
            return read_stretch(self.place, self.offset, self.size)
        return io.BufferedReader(_Window(self))

    def load(self) -> Image.Image:
        """Return the image as RGB.

        Raises:
            DataError: the bytes are no image.
        """
        with self.open() as file:
            return decode(file, self.where)

    def problem(self) -> str | None:
        """Return what is wrong with the image by its header; None if nothing is."""
        if not self.size:
            return "an empty image"
        with self.open() as file:
            return header_problem(file)


Picture = ImageRef | TarMember
# A record, the place of its image, and the place of each negative's picture, if it has one.
PlacedRecord = tuple[CaptionRecord, Picture, Sequence[Picture | None]]


class _Window(io.RawIOBase):
    """The part of a shard that one member takes."""

    def __init__(self, member: TarMember) -> None:
        path = Path(member.place)
        self._file = path.open("rb", buffering=0)
        self._member, self._at = member, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._member.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), max(0, self._member.size - self._at))
        self._file.seek(self._member.offset + self._at)
        content = self._file.read(length) or b""
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def shard_places(pattern: str) -> Iterator[Place]:
    """Yield the shards that a pattern with braces or `*` names, in its order.

    Raises:
        DataError: one is missing or compressed.
    """
    for name in expand(pattern):
        place = place_of(name)
        if size_of(place) is None:
            raise DataError("no such shard", where=name, hint="Check the braces of --data.")
        if not name.endswith(".tar"):
            what = "compressed shards do not support random access"
            raise DataError(what, where=name, hint="Unpack it.")
        yield place


def read_shards(patterns: Sequence[str], *, on_error: OnError = "stop") -> Iterator[PlacedRecord]:
    """Yield the caption records of shards with the place of their images and painted pictures.

    Args:
        patterns: paths with braces, such as `shards/{000..099}.tar`.
        on_error: stop at a sample without image or caption, or leave it out.

    Raises:
        DataError: a shard or a sample is broken; the message names it.
    """
    for pattern in patterns:
        for place in shard_places(pattern):
            samples = _Shard(place).samples()
            while True:
                try:
                    sample = next(samples, None)
                    if sample is None:
                        break
                    yield _record(place, sample)
                except DataError as error:
                    if on_error == "stop":
                        raise
                    logger.warning("Skipped %s", error)


@dataclass(slots=True)
class _Sample:
    """Members with one key: images by their extension, and the bytes of texts."""

    key: str
    images: dict[str, TarMember]
    texts: dict[str, bytes]
    twice: str = ""  # an extension that occurs twice


class _Shard:
    """One pass over the headers of a tar file."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def samples(self) -> Iterator[_Sample]:
        """Yield the samples, whose members stand together.

        Raises:
            DataError: the file is no tar, or cut off; what stands before that is yielded first.
        """
        group: list[tuple[str, TarMember | bytes]] = []
        current = ""
        damage: DataError | None = None
        members = self._members()
        while True:
            try:
                member = next(members, None)
            except DataError as error:
                damage, member = error, None
            # The library's own rule: a key ends at the first dot of the name.
            key = _key(member[0]) if member else ""
            # The last sample before the damage may lack a part.
            if group and key != current and damage is None:
                yield from _split(current, group)
                group = []
            if member is None:
                break
            current = key
            group.append(member)
        if damage is not None:
            raise damage

    def _members(self) -> Iterator[tuple[str, TarMember | bytes]]:
        """Yield (name, place of the image, or content of the text) of the members that count.

        Raises:
            DataError: the file is no tar, or cut off.
        """
        try:
            with open_place(self.place) as file:
                start: int | None = 0
                # Shards may have been joined by `cat`: behind the end of one the next begins.
                while start is not None:
                    file.seek(start)
                    with tarfile.open(fileobj=file, mode="r:") as tar:
                        yield from self._members_of(tar)
                        end = tar.offset
                    start = self._next_archive(file, end)
        except tarfile.TarError as error:
            what = f"not a tar file, or cut off: {error}"
            raise DataError(what, where=str(self.place)) from error
        except OSError as error:
            raise DataError(f"cannot be read: {error}", where=str(self.place)) from error

    def _members_of(self, tar: tarfile.TarFile) -> Iterator[tuple[str, TarMember | bytes]]:
        for info in tar:
            name = PurePosixPath(info.name)
            suffix = name.suffix.lower()
            if not info.isfile() or is_clutter(name) or not _key(info.name):
                continue
            if suffix in _TEXTS:
                yield info.name, self._text(tar, info)
            elif suffix in SUFFIXES:
                yield info.name, TarMember(self.place, info.name, info.offset_data, info.size)

    def _text(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
        if info.size > _LARGEST_TEXT:
            where = f"{self.place}: {info.name}"
            raise DataError(f"a text of {info.size:,} bytes", where=where)
        file = tar.extractfile(info)
        return file.read() if file else b""

    def _next_archive(self, file: IO[bytes], end: int) -> int | None:
        """Return where another archive begins behind the end of one; None at the end of the file.

        Raises:
            DataError: what stands there is not the empty block that ends an archive.
        """
        file.seek(end)
        block = file.read(_BLOCK)
        if len(block) < _BLOCK or block.strip(b"\0"):
            what = "cut off" if len(block) < _BLOCK else f"damaged at byte {end}"
            hint = "Copy or download it again."
            raise DataError(
                f"{what}: a tar file ends with an empty block", where=str(self.place), hint=hint
            )
        while block:
            if block.strip(b"\0"):
                return file.tell() - len(block)
            block = file.read(_BLOCK)
        return None


def _key(name: str) -> str:
    """Return a member's key, with its folder; empty for a name that begins with a dot."""
    folder, _, base = name.rpartition("/")
    stem = base.partition(".")[0]
    return f"{folder}/{stem}" if folder and stem else stem


def _split(key: str, group: list[tuple[str, TarMember | bytes]]) -> Iterator[_Sample]:
    """Yield the samples of members with one key.

    Usually that is one: beside `7.png` and `7.txt` a `7.mask.png` is left alone. But names with
    dots in them, `cam.07.001.png`, all begin with one key; these are told apart by their stems.
    """
    if any(PurePosixPath(name).suffix == name[len(key) :] for name, _ in group):
        yield _sample(key, group)
        return
    by_stem: dict[str, list[tuple[str, TarMember | bytes]]] = {}
    for name, part in group:
        by_stem.setdefault(name.removesuffix(PurePosixPath(name).suffix), []).append((name, part))
    for stem, members in by_stem.items():
        yield _sample(stem, members)


def _sample(key: str, group: list[tuple[str, TarMember | bytes]]) -> _Sample:
    sample = _Sample(key, {}, {})
    for name, part in group:
        extension = name[len(key) :].lower()
        if extension in sample.images or extension in sample.texts:
            sample.twice = extension
        elif isinstance(part, TarMember):
            sample.images[extension] = part
        else:
            sample.texts[extension] = part
    return sample


def _record(place: Place, sample: _Sample) -> PlacedRecord:
    where = f"{place}: {sample.key}"
    if sample.twice:
        raise DataError(f"two members are called {sample.key}{sample.twice}", where=where)
    plain = [name for name in sample.images if name in SUFFIXES]
    if len(plain) > 1:
        raise DataError(f"two images in this sample: {' and '.join(plain)}", where=where)
    if not plain:
        raise DataError("no image in this sample", where=where)
    image = sample.images[plain[0]]
    if ".json" in sample.texts:
        record = _json_record(sample, image, where)
        return record, image, _painted(record, sample, place)
    if ".txt" in sample.texts:
        caption = _caption(sample.texts[".txt"], where)
        return CaptionRecord(sample.key, image.name, caption), image, []
    raise DataError("neither .json nor .txt in this sample", where=where)


def _painted(record: CaptionRecord, sample: _Sample, place: Place) -> list[Picture | None]:
    """Return the place of each negative's picture, None for one without.

    Raises:
        DataError: it is not in a shard that is elsewhere.
    """
    members: dict[str, TarMember] = {}
    for extension, member in sample.images.items():
        # The image of the sample itself is no negative's.
        if extension not in SUFFIXES:
            members[PurePosixPath(member.name).name] = member
    places: list[Picture | None] = []
    for negative in record.negatives:
        if negative.image is None:
            places.append(None)
        else:
            inside = members.get(PurePosixPath(negative.image).name)
            if inside is None and isinstance(place, str):
                what = f"{negative.image} is not in this sample"
                hint = "Pack the pictures of negatives with it, or use local shards."
                raise DataError(what, where=f"{place}: {sample.key}", hint=hint)
            # A shard packed without them may lie where `ahnpl images` wrote the pictures.
            places.append(inside or ImageRef(Path(place).parent / negative.image))
    return places


def _caption(text: bytes, where: str) -> str:
    try:
        caption = text.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise not_utf8(where, error, DataError) from error
    if not caption:
        raise DataError("empty", where=f"{where}: caption", hint="Pass --on-error skip.")
    return caption


def _json_record(sample: _Sample, image: TarMember, where: str) -> CaptionRecord:
    """Return a sample's JSON as a record, its caption perhaps from the text beside it."""
    content = parse_json(sample.texts[".json"], where)
    if not isinstance(content, dict):
        raise DataError("not a JSON object", where=where)
    caption = content.get("caption") or _caption(sample.texts.get(".txt", b""), where)
    fields = {name: value for name, value in content.items() if name in _OWN_FIELDS}
    record = {"id": sample.key, "image": sample.key, **fields, "caption": caption}
    return parse_record(json.dumps(record).encode(), where)


def resolve_files(
    records: Iterable[CaptionRecord], image_root: Path, folder: Path | None = None
) -> Iterator[PlacedRecord]:
    """Join records with the image files they name.

    Args:
        records: of one file.
        image_root: folder that their images are relative to.
        folder: of the file itself, which pictures of negatives are relative to; default:
            `image_root`.
    """
    beside = image_root if folder is None else folder
    for record in records:
        painted: list[Picture | None] = []
        for negative in record.negatives:
            painted.append(ImageRef(beside / negative.image) if negative.image else None)
        yield record, ImageRef(image_root / record.image), painted
