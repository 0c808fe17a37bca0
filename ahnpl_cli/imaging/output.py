"""The files that `ahnpl images` writes: where they are, and what becomes of those that exist."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ahnpl_cli.config import parse_shard
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.engines.journal import JOURNAL, PART, PARTS
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_object, write_json
from ahnpl_cli.outputs import foreign, meta_path, settle
from ahnpl_cli.records import ImagesReport

COMMAND = "ahnpl images"
PICTURES = "pictures"  # folder below the output's
ANSWERS = "answers.sqlite"  # of a language model, beside the records


def records_path(output: Path, shard: str | None) -> Path:
    """Return the file of records of a shard, or of the whole."""
    if shard is None:
        return output / "images.jsonl"
    index, count = parse_shard(shard)
    return output / f"images-{index:05d}-of-{count:05d}.jsonl"


def read_report(path: Path) -> ImagesReport | None:
    """Return an `images.meta.json`, or None if there is none that we wrote."""
    try:
        return TypeAdapter(ImagesReport).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def prepare(
    records: Path, folder: Path, options: dict[str, Any], *, force: bool, resume: bool
) -> ImagesReport | None:
    """Return the report of a finished output; else make the working folder ready.

    Args:
        records: file of the output.
        folder: of work in progress.
        options: all that decides the output.
        force: whether an output made with others is replaced.
        resume: whether work of the same options is continued.

    Raises:
        ConfigError: see `outputs.settle`, or somebody else wrote the file.
    """
    report = read_report(meta_path(records))
    complete = report is not None and records.is_file()
    if records.exists() and report is None and not force:
        raise foreign(records, COMMAND)
    state = folder / "options.json"
    kept = report.options if report is not None and complete else _read_state(state)
    decision = settle(records, options, kept, complete=complete, force=force, resume=resume)
    if decision == "done":
        return report
    if decision == "fresh":
        # All of it, or an interruption would leave records that name removed pictures.
        _remove_pictures(records)
        records.unlink(missing_ok=True)
        meta_path(records).unlink(missing_ok=True)
        for entry in folder.iterdir():
            if entry.name in (JOURNAL, PART):
                entry.unlink()
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    write_json(state, options)
    return None


def _read_state(path: Path) -> dict[str, Any] | None:
    try:
        return read_object(path)
    except DataError:
        return None


def _remove_pictures(records: Path) -> None:
    """Remove the pictures that an output about to be replaced names, and no other file."""
    pictures = (records.parent / PICTURES).resolve()
    try:
        for record in read_records(records):
            for negative in record.negatives:
                repainted = negative.painter.repainted if negative.painter else None
                for name in (negative.image, repainted):
                    path = (records.parent / (name or "")).resolve()
                    if pictures in path.parents:
                        path.unlink(missing_ok=True)
    except DataError:
        return  # there is none, or nothing of ours
