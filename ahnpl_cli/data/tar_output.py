"""Tar shards with their records replaced: the images of the input, the negatives of the output."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.data.jsonl import dump, read_records
from ahnpl_cli.data.tar_shards import TarMember, read_shards
from ahnpl_cli.errors import OnError
from ahnpl_cli.files import atomic_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import CaptionRecord


def pack(
    shards: Sequence[Path],
    records: Path,
    folder: Path,
    *,
    on_error: OnError = "stop",
    track: Track = silent,
) -> list[Path]:
    """Write each shard again, a sample being the image and a `.json` with its record.

    Names and order of the samples are kept, and so are the bytes of the images. A shard is written
    whole or not at all; one that is there already is kept.

    Args:
        shards: tar files that `records` was made of, in its order.
        records: negatives of all their samples.
        folder: where the new ones go, under the same names.
        on_error: as it was when `records` was made.
        track: shows progress.

    Returns:
        The new shards.

    Raises:
        DataError: a shard is broken.
    """
    stream = read_records(records)
    written = []
    for shard in track(shards, description="Packing shards", unit="shards"):
        target = folder / shard.name
        samples = _joined(shard, stream, on_error)
        if target.exists():
            for _ in samples:
                pass  # its records are used up all the same
        else:
            _write(target, samples)
        written.append(target)
    return written


def _joined(
    shard: Path, records: Iterator[CaptionRecord], on_error: OnError
) -> Iterator[tuple[CaptionRecord, TarMember]]:
    """Yield the samples of a shard with their new records; both are in one order."""
    for old, image, _ in read_shards([str(shard)], on_error=on_error):
        record = next(records, None)
        # `--limit` ends the records before the samples.
        if record is None or record.id != old.id:
            return
        assert isinstance(image, TarMember)
        yield record, image


def _write(target: Path, samples: Iterator[tuple[CaptionRecord, TarMember]]) -> None:
    with atomic_path(target) as temporary, tarfile.open(temporary, "w") as tar:
        for record, image in samples:
            info = tarfile.TarInfo(image.name)
            info.size = image.size
            with image.open() as file:
                tar.addfile(info, file)
            # Its path beside the shards means nothing inside of them.
            text = dump(replace(record, image=image.name)).encode()
            stem = image.name.rpartition(".")[0]
            info = tarfile.TarInfo(f"{stem}.json")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
