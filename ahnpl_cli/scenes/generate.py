"""Workflow: a seed -> images, `captions.jsonl` and test files in the benchmarks' layouts.

Ranges of indices go to several processes, each index with a generator of its own, and are put
together in order, so that the bytes depend on the seed and the numbers of scenes and on nothing
else.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli import __version__
from ahnpl_cli.config import worker_count
from ahnpl_cli.engines.local import ProcessMap
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_object, write_atomic, write_json
from ahnpl_cli.outputs import foreign, lock, settle
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.scenes import layouts
from ahnpl_cli.scenes.layouts import OFFICIAL_FILES, OfficialFile
from ahnpl_cli.scenes.parts import IndexRange, Lines, images_of, write_range

logger = logging.getLogger(__name__)

REPORT = "scenes.json"
UNFINISHED = ".scenes.json"  # what is being written, until `REPORT` takes its place
CAPTIONS = "captions.jsonl"
IMAGE_NEGATIVES = "image_negatives.jsonl"
RANGE_LENGTH = 125  # indices given to a process at once: half a second of work


@dataclass(frozen=True, slots=True)
class Written:
    """What a world consists of.

    Attributes:
        folder: where it is.
        files: records per file, by path relative to `out`.
        is_new: whether it was written now; otherwise it existed already.
    """

    folder: str
    files: dict[str, int]
    is_new: bool


def generate(
    out: Path,
    *,
    train: int,
    test: int,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
    track: Track = silent,
) -> Written:
    """Write a world into a folder.

    Args:
        out: folder to write; made if it does not exist.
        train: training images, each with three captions.
        test: items of each test file, and pairs of exact image negatives.
        seed: of everything random.
        workers: processes; None for one per core, at most 8; 0 or 1 for this process alone.
        force: whether to replace a world that was made with other numbers, and files of others.
        track: shows progress.

    Raises:
        ConfigError: `out` holds a world made with other numbers or files of others, and `force` is
            not given; or another process writes there.
        DataError: what says how the world in `out` was made is damaged.
    """
    options = {"train": train, "test": test, "seed": seed, "version": __version__}
    out.mkdir(parents=True, exist_ok=True)
    with lock(out / REPORT):
        kept = _kept_options(out, force)
        complete = (out / REPORT).is_file()
        state = settle(out / REPORT, options, kept, complete=complete, force=force)
        if state == "done":
            logger.info("%s exists already, made with the same options.", out)
            files = read_object(out / REPORT)["files"]
            return Written(str(out), files, is_new=False)
        if kept is None and not force:
            _check_foreign(out)
        return _write(out, options, kept or {}, worker_count(workers), track)


def _kept_options(out: Path, force: bool) -> dict[str, Any] | None:
    """Return the options of the world in a folder, finished or not; None where there is none."""
    for name in (REPORT, UNFINISHED):
        path = out / name
        if not path.is_file():
            continue
        try:
            report = read_object(path, hint="Write the world again with --force.")
            return {key: report[key] for key in ("train", "test", "seed", "version")}
        except (DataError, KeyError) as error:
            if force:
                return None
            if isinstance(error, DataError):
                raise
            raise DataError("not a world's report", where=str(path)) from error
    return None


def _check_foreign(out: Path) -> None:
    """Refuse to overwrite what `ahnpl scenes` did not write.

    Raises:
        ConfigError: a file stands where one of the world's would go.
    """
    for name in (CAPTIONS, IMAGE_NEGATIVES, layouts.RETRIEVAL_FILE, "images/000000.png"):
        if (out / name).exists():
            raise foreign(out / name, "ahnpl scenes")
    for official in OFFICIAL_FILES:
        for name in (official.file, official.image(0)):
            if (out / name).exists():
                raise foreign(out / name, "ahnpl scenes")


def _write(
    out: Path, options: dict[str, Any], kept: dict[str, Any], workers: int, track: Track
) -> Written:
    # From here on a kill leaves a folder that the same command finishes.
    (out / REPORT).unlink(missing_ok=True)
    write_json(out / UNFINISHED, {"schema": SCHEMA, **options})
    ranges = list(_ranges(options["train"], options["test"]))
    images = {name for span in ranges for name in images_of(span)}
    for span in _ranges(kept.get("train", 0), kept.get("test", 0)):
        for name in images_of(span):
            # Left by a larger world, whose records are gone.
            if name not in images:
                (out / name).unlink(missing_ok=True)
    for folder in sorted({(out / name).parent for name in _folders()}):
        folder.mkdir(parents=True, exist_ok=True)

    parts: dict[str, Lines] = {}
    with ProcessMap(workers, _prepare, hint="The same command starts over.") as processes:
        drawn = processes.map(functools.partial(write_range, out, options["seed"]), ranges)
        tracked = track(drawn, total=len(ranges), description="drawing scenes", unit="ranges")
        for span, lines in zip(ranges, tracked, strict=True):
            parts.setdefault(span.part, []).extend(lines)
    files = _write_files(out, parts)
    write_atomic(out / REPORT, _json({"schema": SCHEMA, **options, "files": files}))
    (out / UNFINISHED).unlink(missing_ok=True)
    return Written(str(out), files, is_new=True)


def _prepare() -> None:
    """Nothing: a range brings all that its process needs."""


def _ranges(train: int, test: int) -> Iterator[IndexRange]:
    parts = {"train": train, "image_negatives": test, "retrieval": test}
    parts |= {official.suite: test for official in OFFICIAL_FILES}
    for part, total in parts.items():
        for start in range(0, total, RANGE_LENGTH):
            yield IndexRange(part, start, min(start + RANGE_LENGTH, total), total)


def _folders() -> Iterator[str]:
    """One path in every folder that is written to."""
    yield from ("images/0", "image_negatives/0", layouts.retrieval_image(0))
    for official in OFFICIAL_FILES:
        yield from (official.file, official.image(0))


def _write_files(out: Path, parts: dict[str, Lines]) -> dict[str, int]:
    """Write every file of records and return how many records each holds."""
    contents = {
        CAPTIONS: (parts.get("train", []), _jsonl),
        IMAGE_NEGATIVES: (parts.get("image_negatives", []), _jsonl),
        layouts.RETRIEVAL_FILE: (parts.get("retrieval", []), _json),
    }
    counts = {}
    for file, (lines, encode) in contents.items():
        write_atomic(out / file, encode(lines))
        counts[file] = len(lines)
    for official in OFFICIAL_FILES:
        lines = parts.get(official.suite, [])
        write_atomic(out / official.file, _encode(official, lines))
        counts[official.file] = len(lines)
    return counts


def _encode(official: OfficialFile, lines: Lines) -> bytes:
    if official.file.endswith(".jsonl"):
        return _jsonl(lines)
    if official.key is None:
        return _json(lines)
    return _json({official.key(index): line for index, line in enumerate(lines)})


def _json(content: Any) -> bytes:
    return f"{json.dumps(content, indent=1)}\n".encode()


def _jsonl(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()
