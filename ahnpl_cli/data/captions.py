"""Captions in the formats that people have them in, as one stream of `CaptionRecord`."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ahnpl_cli.data.json_stream import elements
from ahnpl_cli.data.jsonl import LINE_HINT
from ahnpl_cli.data.tabular import TableFormat, decode_head, read_table
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import STDIN, open_bytes, parse_json, read_lines
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)
InputFormat = Literal["auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv"]
HEAD = 1 << 16
# A reader yields an error in the place of a broken record: whoever asked decides what to do.
Items = Iterator[tuple[str, CaptionRecord | DataError]]
KARPATHY_TRAIN = ("train", "restval")
_OWN = ("id", "image", "caption")
SPOOLED = "standard-input"  # the copy of standard input


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read.

    Attributes:
        format: the format, or `auto` to look into the file.
        id_column: CSV/TSV column or JSONL field of the id; rows of a table, and records whose
            other fields are renamed, are numbered where there is none.
        image_column: CSV/TSV column or JSONL field of the image.
        caption_column: CSV/TSV column or JSONL field of the caption.
        splits: Karpathy splits to read.
    """

    format: InputFormat = "auto"
    id_column: str = "id"
    image_column: str = "image"
    caption_column: str = "caption"
    splits: tuple[str, ...] = KARPATHY_TRAIN


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
        return "blip"
    if head.startswith("{"):
        return "jsonl" if _is_record(first) else _document(path, head)
    if "\t" in first:
        return "tsv"
    if "," in first or ";" in first:
        return "csv"
    raise DataError("unrecognized format", where=str(path), hint="Set --input-format.")


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


def _record(fields: Any, number: int, where: str, layout: Layout) -> CaptionRecord:
    """The record of one line of JSON Lines, whatever its fields are called.

    Raises:
        DataError: a field is missing or wrong.
    """
    used = (layout.id_column, layout.image_column, layout.caption_column)
    # Files of others, such as metadata.jsonl of an image folder, have names of their own and no id.
    numbered = used != _OWN and isinstance(fields, dict) and layout.id_column not in fields
    identity = str(number) if numbered else _text(fields, layout.id_column, where)
    image = _text(fields, layout.image_column, where)
    caption = _text(fields, layout.caption_column, where)
    meta = fields.get("meta") or {}
    if not isinstance(meta, dict):
        raise DataError("not a JSON object", where=f"{where}: meta")
    more = {k: v for k, v in fields.items() if k not in (*used, "meta", "negatives")}
    return CaptionRecord(identity, image, caption, meta={**more, **meta})


def _jsonl(path: Path, layout: Layout) -> Items:
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        try:
            yield where, _record(parse_json(line, where, hint=LINE_HINT), number, where, layout)
        except DataError as error:
            yield where, error


def _table(path: Path, layout: Layout, kind: TableFormat) -> Items:
    needed = (layout.image_column, layout.caption_column)
    for number, row in read_table(path, kind, needed):
        where = f"{path}:{number}"
        if isinstance(row, DataError):
            yield where, row
            continue
        try:
            image, caption = (_text(row, column, where) for column in needed)
        except DataError as error:
            yield where, error
            continue
        used = (*needed, layout.id_column)
        meta = {k: v for k, v in row.items() if k not in used and v}
        identity = row.get(layout.id_column) or str(number)
        yield where, CaptionRecord(identity, image, caption, meta=meta)


def _csv(path: Path, layout: Layout) -> Items:
    return _table(path, layout, "csv")


def _tsv(path: Path, layout: Layout) -> Items:
    return _table(path, layout, "tsv")


def _blip(path: Path, layout: Layout) -> Items:
    """BLIP's lists: `{"image", "caption"}` with one caption or a list of them."""
    for index, (_, entry) in enumerate(elements(path)):
        where = f"{path}: [{index}]"
        try:
            image = _text(entry, "image", where)
            captions = entry.get("caption")
            if not isinstance(captions, list):
                caption = _text(entry, "caption", where)
                yield where, CaptionRecord(str(index), image, caption)
                continue
        except DataError as error:
            yield where, error
            continue
        for k, caption in enumerate(captions):
            yield _sentence({"raw": caption}, f"{where}.caption[{k}]", f"{index}-{k}", image)


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
    "csv": _csv,
    "tsv": _tsv,
}
