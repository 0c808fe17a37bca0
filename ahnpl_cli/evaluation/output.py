"""`results.json` and the file of every score beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.score_files import read_rows, write_rows
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.files import write_atomic

DEFAULT = "results.json"
Scores = Mapping[str, Mapping[str, list[Verdict]]]


def plain(value: Any) -> Any:
    """Return records as what JSON knows; NaN becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def output_path(config: EvalConfig) -> Path:
    """Return where the report goes."""
    return Path(config.output or DEFAULT)


def items_path(output: Path, items: str = "jsonl") -> Path:
    """Return where the scores of a report lie: `results.items.jsonl` beside `results.json`."""
    return output.with_name(f"{output.stem}.items.{items}")


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a file all or nothing."""
    write_atomic(path, "".join(lines))


def write_json(path: Path, report: Any) -> None:
    """Write a report as JSON."""
    text = json.dumps(plain(report), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(path, [text, "\n"])


def write_items(path: Path, scores: Scores) -> None:
    """Write one row per model, suite and item."""
    write_rows(
        path,
        (
            {"model": model, "suite": suite, **plain(verdict)}
            for model, suites in scores.items()
            for suite, verdicts in suites.items()
            for verdict in verdicts
        ),
    )


def check_overwrite(path: Path, asked: Mapping[str, Any], *, force: bool) -> None:
    """Refuse to overwrite a report that was asked for otherwise.

    Args:
        path: where the report goes.
        asked: what decides the numbers, as it will stand in the report.
        force: overwrite all the same.

    Raises:
        ConfigError: the file is a report made with other options, or no report at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)  # Rather refused now than after an hour.
    if force or not path.exists():
        return
    hint = "Choose another --output, or overwrite it with --force."
    try:
        kept = read_report(path).get("settings")
    except DataError:
        raise ConfigError(
            "exists, and is no report of `ahnpl eval`", where=str(path), hint=hint
        ) from None
    asked = plain(asked)
    if kept != asked:
        other = [
            name for name in asked if not isinstance(kept, dict) or kept.get(name) != asked[name]
        ]
        raise ConfigError(
            f"made with other options ({', '.join(other)})", where=str(path), hint=hint
        )


def check_new(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file.

    Raises:
        ConfigError: it exists.
    """
    if path.exists() and not force:
        hint = "Choose another --output, or overwrite it with --force."
        raise ConfigError("exists", where=str(path), hint=hint)


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that `write_json` wrote.

    Raises:
        DataError: the file is missing, not JSON, or not a report of ours.
    """
    hint = "Name a results.json that `ahnpl eval` wrote."
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DataError(f"cannot be read: {why}", where=str(path), hint=hint) from error
    except ValueError as error:
        raise DataError("not JSON", where=str(path), hint=hint) from error
    if not isinstance(tree, dict) or tree.get("kind") != "ahnpl eval":
        raise DataError("not a report of `ahnpl eval`", where=str(path), hint=hint)
    return tree


def read_items(report: Mapping[str, Any], path: Path) -> dict[str, dict[str, list[Verdict]]]:
    """Return the scores of a report by model and suite.

    Raises:
        DataError: the file of scores is not beside the report, or broken.
    """
    source = path.with_name(str(report.get("items") or items_path(path).name))
    made: dict[str, dict[str, list[Verdict]]] = {}
    for where, row in read_rows(source):
        try:
            model, suite, verdict = _verdict(row)
        except (LookupError, TypeError) as error:
            raise DataError("not a line of scores", where=where) from error
        made.setdefault(model, {}).setdefault(suite, []).append(verdict)
    return made


def _verdict(line: Mapping[str, Any]) -> tuple[str, str, Verdict]:
    ties, scores = tuple(line["ties"]), tuple(line["scores"])
    targets = tuple(line.get("targets") or ())
    verdict = Verdict(line["id"], line["image"], line["correct"], ties, scores, targets)
    return line["model"], line["suite"], verdict
