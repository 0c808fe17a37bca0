"""The report beside an output: `negatives.meta.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from ahnpl_cli.files import write_atomic
from ahnpl_cli.records import NegativesReport


def meta_path(output: Path) -> Path:
    """Where the report on an output file is: `negatives.jsonl` has `negatives.meta.json`."""
    name = output.name.removesuffix(".gz").removesuffix(".jsonl")
    return output.with_name(f"{name}.meta.json")


def write_report(path: Path, report: NegativesReport) -> None:
    """Write a `negatives.meta.json`."""
    content = TypeAdapter(NegativesReport).dump_json(report, indent=2)
    write_atomic(path, content + b"\n")


def read_report(path: Path) -> NegativesReport | None:
    """Return a `negatives.meta.json`, or None if there is none that we wrote."""
    try:
        return TypeAdapter(NegativesReport).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
