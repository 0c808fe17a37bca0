"""Workflow: a seed -> images, `captions.jsonl` and test files in the benchmarks' layouts.

Stretches of indices are drawn by several processes, each index from a generator of its own, and put
together in order, so that the bytes depend on the seed and the numbers asked for and on nothing
else.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli import __version__
from ahnpl_cli.config import worker_count
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import write_atomic
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.scenes import layouts
from ahnpl_cli.scenes.draw import Lines, Stretch, draw_stretch
from ahnpl_cli.scenes.layouts import SHEETS, Sheet

log = logging.getLogger(__name__)

REPORT = "scenes.json"
CAPTIONS = "captions.jsonl"
IMAGE_NEGATIVES = "image_negatives.jsonl"
STRETCH = 125  # indices drawn at a time: half a second of work


@dataclass(frozen=True, slots=True)
class Written:
    """What a world consists of.

    Attributes:
        folder: where it is.
        files: records per file, by path relative to `out`.
        made: whether it was drawn now; otherwise it was there already.
    """

    folder: str
    files: dict[str, int]
    made: bool


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
    """Draw a world into a folder.

    Args:
        out: folder to write; made if it is not there.
        train: training images, each with three captions.
        test: items of each test file, and pairs of exact image negatives.
        seed: of everything random.
        workers: processes; None for one per core, at most 8; 0 or 1 for this process alone.
        force: whether to replace a world that was made with other numbers.
        track: shows progress.

    Raises:
        ConfigError: `out` holds a world made with other numbers, and `force` is not given.
    """
    wanted = {"train": train, "test": test, "seed": seed, "version": __version__}
    done = _existing(out / REPORT, wanted, force)
    if done is not None:
        log.info("%s is already there, made with the same options", out)
        return Written(str(out), done, made=False)
    stretches = list(_stretches(train, test))
    for folder in sorted({(out / path).parent for path in _sample_paths()}):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = _draw(out, seed, stretches, worker_count(workers))
    parts: dict[str, Lines] = {}
    for stretch, lines in track(drawn, total=len(stretches), description="drawing scenes"):
        parts.setdefault(stretch.part, []).extend(lines)
    files = _write_files(out, parts)
    write_atomic(out / REPORT, _json({"schema": SCHEMA, **wanted, "files": files}))
    return Written(str(out), files, made=True)


def _existing(path: Path, wanted: dict[str, Any], force: bool) -> dict[str, int] | None:
    """Return the files of a world that is as wanted; None where it has to be drawn."""
    if force or not path.is_file():
        return None
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = {key: report.get(key) for key in wanted}
    if found == wanted:
        files: dict[str, int] = report["files"]
        return files
    text = ", ".join(f"{key} {value}" for key, value in found.items())
    raise ConfigError(
        f"holds a world made with {text}",
        where=str(path),
        hint="Choose another folder, or replace it with --force.",
    )


def _stretches(train: int, test: int) -> Iterator[Stretch]:
    parts = {"train": train, "image_negatives": test, "retrieval": test}
    parts |= {sheet.suite: test for sheet in SHEETS}
    for part, total in parts.items():
        starts = range(0, total, STRETCH)
        yield from (Stretch(part, start, min(start + STRETCH, total), total) for start in starts)


def _sample_paths() -> Iterator[str]:
    """One path of every folder that is written to."""
    yield from ("images/0", "image_negatives/0", layouts.retrieval_image(0))
    for sheet in SHEETS:
        yield from (sheet.file, sheet.image(0))


def _draw(
    out: Path, seed: int, stretches: list[Stretch], workers: int
) -> Iterator[tuple[Stretch, Lines]]:
    if workers <= 1:
        yield from ((stretch, draw_stretch(out, seed, stretch)) for stretch in stretches)
        return
    # Spawned, not forked: the caller may hold threads, which a fork would not survive.
    context = multiprocessing.get_context("spawn")
    count = len(stretches)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        lines = pool.map(draw_stretch, [out] * count, [seed] * count, stretches)
        yield from zip(stretches, lines, strict=True)


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
    for sheet in SHEETS:
        lines = parts.get(sheet.suite, [])
        write_atomic(out / sheet.file, _official(sheet, lines))
        counts[sheet.file] = len(lines)
    return counts


def _official(sheet: Sheet, lines: Lines) -> bytes:
    if sheet.file.endswith(".jsonl"):
        return _jsonl(lines)
    if sheet.key is None:
        return _json(lines)
    return _json({sheet.key(index): line for index, line in enumerate(lines)})


def _json(content: Any) -> bytes:
    return f"{json.dumps(content, indent=1)}\n".encode()


def _jsonl(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()
