"""Captions in the formats that people have them in, as one stream of `CaptionRecord`."""

from __future__ import annotations

import functools
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ahnpl_cli.data.json_stream import elements
from ahnpl_cli.data.jsonl import LINE_HINT
from ahnpl_cli.data.tabular import (
    Columns,
    TableFormat,
    columns_hint,
    decode_head,
    is_picture,
    picture_of,
    read_table,
)
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import STDIN, not_utf8, open_bytes, parse_json, read_lines
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)
InputFormat = Literal[
    "auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv", "visual-genome", "text"
]
HEAD = 1 << 16
# A reader yields an error in the place of a broken record: whoever asked decides what to do.
Items = Iterator[tuple[str, CaptionRecord | DataError]]
KARPATHY_TRAIN = ("train", "restval")
SPOOLED = "standard-input"  # the copy of standard input


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read.

    Attributes:
        format: the format, or `auto` to look into the file.
        id_column: column or field of the id; None takes `id`, and without one records have the
            number of their line.
        image_column: column or field of the image; None takes the first name that is usual.
        caption_column: column or field of the caption, or of a list of captions; None likewise.
        splits: Karpathy splits to read.
        command: what a message says to read other columns with.
    """

    format: InputFormat = "auto"
    id_column: str | None = None
    image_column: str | None = None
    caption_column: str | None = None
    splits: tuple[str, ...] = KARPATHY_TRAIN
    command: str = "ahnpl negatives"

    @property
    def columns(self) -> Columns:
        """The columns of image and caption."""
        return Columns(self.image_column, self.caption_column, self.command)


def detect_format(path: Path) -> InputFormat:
    """Return the format of a captions file, by its first bytes.

    Raises:
        DataError: nothing that we know; the message says how to force a format.
    """
    with open_bytes(path) as stream:
        head = decode_head(stream.read(HEAD)).lstrip()
    if not head:
        raise DataError("an empty file", where=str(path), hint="Name a file of captions.")
    first = head.splitlines()[0]
    if head.startswith("["):
        return "visual-genome" if '"regions"' in head and '"phrase"' in head else "blip"
    if head.startswith("{"):
        return "jsonl" if _is_record(first) else _document(path, head)
    # A list of sentences has commas too; a table in a .txt has a picture in its first row.
    is_text = path.name.removesuffix(".gz").endswith(".txt")
    if is_text and not any(map(is_picture, re.split("[\t,;]", first))):
        return "text"
    if "\t" in first:
        return "tsv"
    if "," in first or ";" in first:
        return "csv"
    hint = "Set --input-format, such as --input-format text for a caption a line."
    raise DataError("unrecognized format", where=str(path), hint=hint)


def _is_record(line: str) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        # A broken first line is still JSONL if it starts like a record.
        return '"caption"' in line and '"images"' not in line
    return isinstance(record, dict) and not {"images", "annotations"} & record.keys()


def _document(path: Path, head: str) -> InputFormat:
    if '"sentences"' in head:
        return "karpathy"
    if '"annotations"' in head or '"images"' in head:
        return "coco"
    hint = "Set --input-format."
    raise DataError("JSON of an unknown layout", where=str(path), hint=hint)


def read_captions(
    path: Path,
    layout: Layout | None = None,
    *,
    on_error: OnError = "stop",
) -> Iterator[CaptionRecord]:
    """Stream the captions of a file in any format we know, gzip or not; `-` is standard input.

    Fields of a JSONL record or CSV row beyond id, image and caption are kept under `meta`;
    negatives that a record brings along are left out. Ids are not checked for being unique here,
    since that takes the whole file.

    Args:
        path: the file.
        layout: how to read it.
        on_error: stop at a broken record, or skip it with a warning.

    Raises:
        DataError: file, line or element, and field of what is wrong.
    """
    if path == STDIN:
        with tempfile.TemporaryDirectory() as folder:
            yield from read_captions(spool(Path(folder)), layout, on_error=on_error)
        return
    for _, item in read_located(path, layout):
        if isinstance(item, CaptionRecord):
            yield item
        elif on_error == "stop":
            raise item
        else:
            logger.warning("Skipped %s", item)


def read_located(path: Path, layout: Layout | None = None) -> Items:
    """Stream captions with the place each stands at, and errors in the place of broken ones.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    layout = layout or Layout()
    kind = detect_format(path) if layout.format == "auto" else layout.format
    return _READERS[kind](path, layout)


def spool(folder: Path) -> Path:
    """Copy standard input into `folder`, since captions are read more than once."""
    copy = folder / SPOOLED
    with open_bytes(STDIN) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target)
    return copy


def _text(fields: Any, name: str, where: str) -> str:
    """The string field `name`, an id may be a whole number.

    Raises:
        DataError: it is missing, empty or something else.
    """
    if isinstance(fields, DataError):
        raise fields
    if not isinstance(fields, dict):
        raise DataError("not a JSON object", where=where)
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith("id"):
        return str(value)
    if value is None:
        hint = "Every record has an id, an image and a caption."
        raise DataError("missing", where=f"{where}: {name}", hint=hint)
    if not isinstance(value, str):
        raise DataError("not a string", where=f"{where}: {name}")
    if not value.strip():
        raise DataError("empty", where=f"{where}: {name}")
    return value


def _records(fields: Any, number: int, where: str, path: Path, layout: Layout) -> Items:
    """Yield the records of one object, whatever its fields are called: one for each caption.

    Raises:
        DataError: a field is missing or wrong.
    """
    if not isinstance(fields, dict):
        raise DataError("not a JSON object", where=where)
    image_column, caption_column = _columns(fields, where, path, layout)
    id_column = layout.id_column or "id"
    identity = str(number)
    if layout.id_column or id_column in fields:
        identity = _text(fields, id_column, where)
    image = picture_of(_text(fields, image_column, where))
    meta = fields.get("meta") or {}
    if not isinstance(meta, dict):
        raise DataError("not a JSON object", where=f"{where}: meta")
    used = (id_column, image_column, caption_column, "meta", "negatives")
    meta = {**{name: value for name, value in fields.items() if name not in used}, **meta}
    captions = fields[caption_column]
    if not isinstance(captions, list):
        caption = _text(fields, caption_column, where)
        yield where, CaptionRecord(identity, image, caption, meta=meta)
        return
    for k, caption in enumerate(captions):
        # Karpathy's and Hugging Face's lists hold objects with the text under `raw`.
        raw = caption if isinstance(caption, dict) else {"raw": caption}
        place = f"{where}: {caption_column}[{k}]"
        try:
            text = _text(raw, "raw", place)
        except DataError as error:
            yield place, error
            continue
        yield place, CaptionRecord(f"{identity}-{k}", image, text, meta=meta)


def _columns(fields: dict[str, Any], where: str, path: Path, layout: Layout) -> tuple[str, str]:
    """Return the names of image and caption in an object.

    Raises:
        DataError: one is not there.
    """
    image, caption = layout.columns.find(fields)
    if image is not None and caption is not None:
        return image, caption
    name = (layout.caption_column or "caption") if image else (layout.image_column or "image")
    known = {image, caption, layout.id_column or "id", "meta", "negatives"}
    others = [key for key, value in fields.items() if key not in known and isinstance(value, str)]
    hint = "Every record has an image and a caption."
    if others:
        hint = columns_hint(fields, path, layout.command)
    raise DataError("missing", where=f"{where}: {name}", hint=hint)


def _jsonl(path: Path, layout: Layout) -> Items:
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        try:
            fields = parse_json(line, where, hint=LINE_HINT)
            yield from _records(fields, number, where, path, layout)
        except DataError as error:
            yield where, error


def _table(path: Path, layout: Layout, kind: TableFormat) -> Items:
    for number, row in read_table(path, kind, layout.columns):
        where = f"{path}:{number}"
        if isinstance(row, DataError):
            yield where, row
            continue
        image_column, caption_column = layout.columns.find(row)
        assert image_column is not None and caption_column is not None  # as `read_table` saw to
        try:
            image = picture_of(_text(row, image_column, where))
            caption = _text(row, caption_column, where)
        except DataError as error:
            yield where, error
            continue
        id_column = layout.id_column or "id"
        used = (image_column, caption_column, id_column)
        meta = {name: cell for name, cell in row.items() if name not in used and cell}
        identity = row.get(id_column) or str(number)
        yield where, CaptionRecord(identity, image, caption, meta=meta)


def _blip(path: Path, layout: Layout) -> Items:
    """Lists of objects, as BLIP's `{"image", "caption"}`: one caption each, or a list of them."""
    for index, (_, entry) in enumerate(elements(path)):
        where = f"{path}: [{index}]"
        try:
            if isinstance(entry, DataError):
                raise entry
            yield from _records(entry, index, where, path, layout)
        except DataError as error:
            yield where, error


def _visual_genome(path: Path, layout: Layout) -> Items:
    """Visual Genome's region_descriptions.json: each region's phrase is a caption of the image."""
    for index, (_, entry) in enumerate(elements(path)):
        where = f"{path}: [{index}]"
        try:
            image = _genome_image(path.parent, _text(entry, "id", where))
            regions = entry.get("regions")
            if not isinstance(regions, list):
                raise DataError("not a list", where=f"{where}: regions")
        except DataError as error:
            yield where, error
            continue
        for k, region in enumerate(regions):
            place = f"{where}.regions[{k}]"
            try:
                identity, phrase = _text(region, "region_id", place), _text(region, "phrase", place)
            except DataError as error:
                yield place, error
                continue
            yield place, CaptionRecord(identity, image, phrase.strip())


def _genome_image(folder: Path, identity: str) -> str:
    """Return the path of an image, which its authors parted into two folders without a rule."""
    name = f"{identity}.jpg"
    second = f"VG_100K_2/{name}"
    return second if (folder / second).exists() else f"VG_100K/{name}"


def _plain_text(path: Path, layout: Layout) -> Items:
    """A caption a line, without images: each stands for a picture of its own."""
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        try:
            caption = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            yield where, not_utf8(where, error, DataError)
            continue
        yield where, CaptionRecord(str(number), f"line-{number}", caption)


def _sentence(
    sentence: Any, where: str, identity: str | None, image: str
) -> tuple[str, CaptionRecord | DataError]:
    """One caption of several of an image; without an identity it brings a `sentid`."""
    try:
        identity = identity or _text(sentence, "sentid", where)
        return where, CaptionRecord(identity, image, _text(sentence, "raw", where))
    except DataError as error:
        return where, error


def _coco(path: Path, layout: Layout) -> Items:
    """COCO's captions: `images` with `id`, `file_name`; `annotations` with `image_id`."""
    names: dict[str, str] = {}
    for index, (_, image) in enumerate(e for e in elements(path) if e[0] == "images"):
        where = f"{path}: images[{index}]"
        try:
            names[_text(image, "id", where)] = _text(image, "file_name", where)
        except DataError as error:
            yield where, error
    for index, (_, note) in enumerate(e for e in elements(path) if e[0] == "annotations"):
        where = f"{path}: annotations[{index}]"
        try:
            image = _text(note, "image_id", where)
            if image not in names:
                raise DataError(f"no image has the id {image}", where=f"{where}: image_id")
            identity, caption = _text(note, "id", where), _text(note, "caption", where)
            yield where, CaptionRecord(identity, names[image], caption)
        except DataError as error:
            yield where, error


def _karpathy(path: Path, layout: Layout) -> Items:
    """Karpathy's `dataset_*.json`: `images` with `filename`, `split`, `sentences`."""
    others: set[str] = set()
    any_of_split = False
    for index, (_, image) in enumerate(e for e in elements(path) if e[0] == "images"):
        where = f"{path}: images[{index}]"
        try:
            split, name = _text(image, "split", where), _text(image, "filename", where)
        except DataError as error:
            yield where, error
            continue
        if split not in layout.splits and "all" not in layout.splits:
            others.add(split)
            continue
        any_of_split = True
        sentences = image.get("sentences") or []
        folder = image.get("filepath") or ""
        if not isinstance(sentences, list):
            yield where, DataError("not a list", where=f"{where}: sentences")
            continue
        if not isinstance(folder, str):
            yield where, DataError("not a string", where=f"{where}: filepath")
            continue
        name = f"{folder}/{name}" if folder else name
        for k, sentence in enumerate(sentences):
            yield _sentence(sentence, f"{where}.sentences[{k}]", None, name)
    if not any_of_split and others:
        what = f"no image of split {', '.join(layout.splits)}"
        hint = f"Name with --split one of: {', '.join(sorted(others))}, all."
        raise DataError(what, where=str(path), hint=hint)


_READERS: dict[str, Callable[[Path, Layout], Items]] = {
    "jsonl": _jsonl,
    "coco": _coco,
    "karpathy": _karpathy,
    "blip": _blip,
    "csv": functools.partial(_table, kind="csv"),
    "tsv": functools.partial(_table, kind="tsv"),
    "visual-genome": _visual_genome,
    "text": _plain_text,
}
