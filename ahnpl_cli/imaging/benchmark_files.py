"""Writes painted pictures as test files, in GNM's layout and in BiVLC's."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.data.images import is_below
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import atomic_path
from ahnpl_cli.outputs import check_new
from ahnpl_cli.records import BenchmarkExport, CaptionRecord, Negative

MOST_OF_GROUP = 4  # pictures, the original among them, as in GNM's test set
# BiVLC's columns, and its type and subtype of each of our kinds.
COLUMNS = ("image", "caption", "negative_caption", "negative_image", "type", "subtype")
TYPES = {
    "swap": ("swap", "obj"),
    "attribute_swap": ("swap", "att"),
    "object": ("replace", "obj"),
    "attribute": ("replace", "att"),
    "quantity": ("replace", "att"),
    "addition": ("add", "obj"),
}
OTHER = ("replace", "rel")


def write_benchmark(
    records: Path, image_root: Path, folder: Path, *, force: bool = False
) -> BenchmarkExport:
    """Write `gnm/test.jsonl` and `bivlc/BiVLC.csv` with their pictures.

    Args:
        records: an `images.jsonl`.
        image_root: folder that the originals' paths are relative to.
        folder: where to.
        force: whether test files that are there are replaced.

    Raises:
        ConfigError: there are test files, and `force` is off.
        DataError: a picture is missing, or there is none.
    """
    gnm, bivlc = folder / "gnm", folder / "bivlc"
    groups = pairs = 0
    for path in (gnm / "test.jsonl", bivlc / "BiVLC.csv"):
        check_new(path, force=force)
    with (
        atomic_path(gnm / "test.jsonl") as group_part,
        atomic_path(bivlc / "BiVLC.csv") as pair_part,
        group_part.open("w", encoding="utf-8") as group_file,
        pair_part.open("w", encoding="utf-8", newline="") as pair_file,
    ):
        rows = csv.writer(pair_file)
        rows.writerow(COLUMNS)
        for record in read_records(records):
            painted = [negative for negative in record.negatives if negative.image is not None]
            if not painted:
                continue
            files = [_inside(image_root, record.image)]
            files += [_inside(records.parent, str(negative.image)) for negative in painted]
            group_names = _copy(files[:MOST_OF_GROUP], gnm / "test", groups)
            group = _group(record, painted[: MOST_OF_GROUP - 1], group_names)
            group_file.write(f"{json.dumps(group, ensure_ascii=False)}\n")
            pair_names = _copy(files, bivlc / "images", groups)
            for row in _pairs(record, painted, pair_names):
                rows.writerow(row)
                pairs += 1
            groups += 1
        if not groups:
            raise DataError("no negative has a picture", where=str(records))
    return BenchmarkExport(str(folder), groups, pairs)


def _inside(root: Path, name: str) -> Path:
    """A file that may be copied for others to see: one below its folder."""
    path = root / name
    if not is_below(path, root):
        hint = "If it is to be shared, name a folder above it with --image-root."
        raise DataError(f"lies outside of {root}", where=name, hint=hint)
    return path


def _copy(files: list[Path], folder: Path, number: int) -> list[str]:
    """Copy a group's pictures under names of their own, and return these."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:06d}_{k}{file.suffix.lower()}" for k, file in enumerate(files)]
    for file, name in zip(files, names, strict=True):
        try:
            shutil.copyfile(file, folder / name)
        except FileNotFoundError as error:
            hint = "Say where the photos are with --image-root."
            raise DataError("no such image", where=str(file), hint=hint) from error
    return names


def _group(record: CaptionRecord, painted: list[Negative], names: list[str]) -> dict[str, object]:
    group: dict[str, object] = {"num_sample": len(names)}
    captions = [record.caption, *(negative.caption for negative in painted)]
    for index, (caption, name) in enumerate(zip(captions, names, strict=True)):
        group |= {f"caption_{index}": caption, f"image_{index}": name}
    return group


def _pairs(
    record: CaptionRecord, painted: list[Negative], names: list[str]
) -> Iterator[tuple[str, ...]]:
    for negative, name in zip(painted, names[1:], strict=True):
        kind = TYPES.get(negative.kind, OTHER)
        yield (names[0], record.caption, negative.caption, name, *kind)
