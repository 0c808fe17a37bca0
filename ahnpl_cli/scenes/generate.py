"""Workflow: a seed -> images, `captions.jsonl` and test files in the benchmarks' layouts.

Ranges of indices are written by several processes, each index from a generator of its own, and put
together in order, so that the bytes depend on the seed and the numbers asked for and on nothing
else.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ahnpl_cli import outputs
from ahnpl_cli.engines import ProcessMap
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_object, write_atomic, write_json
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import SCENES_MANIFEST, ScenesManifest, ScenesReport
from ahnpl_cli.scenes import render, sketches
from ahnpl_cli.scenes.layouts import Record
from ahnpl_cli.scenes.parts import PARTS, TRAIN, IndexRange, Row, write_range
from ahnpl_cli.version import __version__
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)

COMMAND = "ahnpl scenes"
RANGE_SIZE = 125  # indices that a process is given at a time: half a second of work
LONGEST_GAP = 10_000  # more images than all processes together work on at a time
DAMAGED_HINT = "Choose another --output, or make the scenes again with --force."
DIED_HINT = "If memory ran out, use fewer --workers; then run the same command again."


def generate(
    out: Path,
    *,
    train: int,
    test: int,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
    track: Track = silent,
) -> ScenesReport:
    """Make a folder of scenes.

    Args:
        out: folder to write; made if it does not exist.
        train: training images, each with three captions.
        test: items of each test file, and pairs of exact image negatives.
        seed: of everything random.
        workers: processes; None for one per core, at most 8; 0 or 1 for this process alone.
        force: whether to replace scenes that were made with other numbers, and files of others.
        track: shows progress.

    Raises:
        ConfigError: `out` holds scenes made with other numbers, or files that are not ours in the
            place of ours, and `force` is off.
        DataError: `scenes.json` is damaged, and `force` is off.
        BusyError: another process is writing `out`.
        AhnplError: a worker process died.
    """
    wanted = ScenesManifest(train, test, seed, __version__)
    kept = _read_manifest(out, force=force)
    # Finished scenes are only looked at, which needs no lock and no folder that can be written.
    if kept and _settle(out, wanted, kept, force=force) == "done":
        logger.info("%s exists already, made with the same options.", out)
        return ScenesReport(str(out), kept.files, is_new=False)
    if kept is None and not force:
        _refuse_foreign(out, wanted)
    out.mkdir(parents=True, exist_ok=True)
    with outputs.lock(out / SCENES_MANIFEST):
        if kept is not None:
            _clear(out, kept, wanted)
        # Without files for now: that is how an interrupted run is known.
        write_json(out / SCENES_MANIFEST, wanted)
        files = _write_all(out, wanted, worker_count(workers), track)
        write_json(out / SCENES_MANIFEST, replace(wanted, files=files))
    return ScenesReport(str(out), files, is_new=True)


# What the folder holds


def _settle(
    out: Path, wanted: ScenesManifest, kept: ScenesManifest, *, force: bool
) -> outputs.State:
    return outputs.settle(
        out / SCENES_MANIFEST,
        wanted.options(),
        kept.options(),
        complete=bool(kept.files),
        force=force,
    )


def _read_manifest(out: Path, *, force: bool) -> ScenesManifest | None:
    """Return what the scenes in a folder were made with; None where there are none.

    Raises:
        DataError: the file is damaged or not ours, and `force` is off.
    """
    path = out / SCENES_MANIFEST
    if not path.exists():
        return None
    try:
        return _as_manifest(read_object(path, hint=DAMAGED_HINT), path)
    except DataError:
        if force:
            return None
        raise


def _as_manifest(content: dict[str, Any], path: Path) -> ScenesManifest:
    """Return a manifest as it was read.

    Raises:
        DataError: it is something else.
    """
    version = content.get("version")
    files = content.get("files")
    numbers = [content.get(name) for name in ("train", "test", "seed")]
    if isinstance(files, dict):
        numbers += files.values()
    # Not isinstance: true is an int, and no number of ours.
    are_numbers = all(type(number) is int for number in numbers)
    if not (isinstance(version, str) and isinstance(files, dict) and are_numbers):
        raise DataError(f"not written by `{COMMAND}`", where=str(path), hint=DAMAGED_HINT)
    return ScenesManifest(content["train"], content["test"], content["seed"], version, files)


def _refuse_foreign(out: Path, wanted: ScenesManifest) -> None:
    """Refuse a folder with a file in the place of one that we would write.

    Raises:
        ConfigError: there is such a file.
    """
    for path in _written_paths(wanted):
        if (out / path).exists():
            raise outputs.foreign(out / path, COMMAND)


def _clear(out: Path, kept: ScenesManifest, wanted: ScenesManifest) -> None:
    """Delete images of earlier scenes that would not be replaced, and temporary files."""
    # First of all not complete any more: a kill in here must not leave what looks finished.
    write_json(out / SCENES_MANIFEST, replace(kept, files={}))
    totals = _totals(wanted)
    for part, kept_total in _totals(kept).items():
        _delete_images(out, part, totals[part], kept_total)
    for folder in _folders():
        # What a killed process had not yet put in place, see `files.atomic_path`.
        for temporary in (out / folder).glob(".*.tmp"):
            temporary.unlink(missing_ok=True)


def _delete_images(out: Path, part: str, start: int, stop: int) -> None:
    """Delete the images of a range of indices, as far as there are any."""
    missing = 0
    for index in range(start, stop):
        for image in PARTS[part].images(index):
            try:
                (out / image).unlink()
                missing = 0
            except FileNotFoundError:
                missing += 1
        # Images are written nearly in order. A manifest that was edited may claim any number.
        if missing > LONGEST_GAP:
            return


# Writing


def _totals(manifest: ScenesManifest) -> dict[str, int]:
    """Return how many indices each part has."""
    totals = dict.fromkeys(PARTS, manifest.test)
    totals[TRAIN] = manifest.train
    return totals


def _write_all(out: Path, wanted: ScenesManifest, workers: int, track: Track) -> dict[str, int]:
    """Write every image and file, and return how many records each file holds."""
    totals = _totals(wanted)
    for folder in _folders():
        (out / folder).mkdir(parents=True, exist_ok=True)
    ranges = list(_index_ranges(totals))
    rows: list[Row] = []
    write = functools.partial(write_range, out, wanted.seed)
    with ProcessMap(workers, _prepare_process, hint=DIED_HINT) as processes:
        written = processes.map(write, ranges)
        for new in track(written, total=len(ranges), description="Drawing scenes", unit="ranges"):
            rows += new
    return _write_files(out, rows)


def _prepare_process() -> None:
    # Takes a moment, and once a process is enough.
    render.textures()


def _index_ranges(totals: dict[str, int]) -> Iterator[IndexRange]:
    for part, total in totals.items():
        for start in range(0, total, RANGE_SIZE):
            yield IndexRange(part, start, min(start + RANGE_SIZE, total), total)


def _record_files() -> list[str]:
    """Return every file of records, relative to the output folder."""
    files = itertools.chain.from_iterable(part.files for part in PARTS.values())
    return list(dict.fromkeys(files))


def _written_paths(manifest: ScenesManifest) -> Iterator[str]:
    """Yield every file of records and every image, relative to the output folder."""
    yield from _record_files()
    yield from sketches.PROMPTS
    for part, total in _totals(manifest).items():
        for index in range(total):
            yield from PARTS[part].images(index)


def _folders() -> list[str]:
    """Return every folder that is written to, relative to the output folder."""
    paths = _record_files()
    for part in PARTS.values():
        paths += part.images(0)
    return sorted({str(PurePosixPath(path).parent) for path in paths})


def _write_files(out: Path, rows: list[Row]) -> dict[str, int]:
    """Write every file of records, and return how many each holds."""
    by_file: dict[str, list[Row]] = {file: [] for file in _record_files()}
    for row in rows:
        by_file[row.file].append(row)
    for file, rows_of_file in by_file.items():
        _write_file(out / file, rows_of_file)
    for file, prompts in sketches.PROMPTS.items():
        write_atomic(out / file, "".join(f"{prompt}\n" for prompt in prompts))
    return {file: len(rows_of_file) for file, rows_of_file in by_file.items()}


def _write_file(path: Path, rows: list[Row]) -> None:
    """Write records as the file's suffix says; as an object of JSON where they have keys."""
    records = [row.record for row in rows]
    if path.suffix == ".jsonl":
        write_atomic(path, "".join(f"{json.dumps(record)}\n" for record in records))
    elif path.suffix == ".csv":
        _write_csv(path, records)
    elif rows and rows[0].key is not None:
        write_json(path, {row.key: row.record for row in rows})
    else:
        write_json(path, records)


def _write_csv(path: Path, records: list[Record]) -> None:
    text = io.StringIO(newline="")
    columns = list(records[0]) if records else []
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(records)
    write_atomic(path, text.getvalue())
