"""Files of every score, one line per model, suite and verdict: JSON Lines, or Parquet."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.files import atomic_path, read_jsonl

Scores = Mapping[str, Mapping[str, list[Verdict]]]
ROWS = 50_000  # of one Parquet row group
HINT = "pip install pyarrow, or leave --scores-format at jsonl."
KEEP = "Keep the file of scores beside its results.json."


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of a file of scores: a verdict, and whose it is; see `items.Verdict`."""

    model: str
    suite: str
    id: str
    image: str
    correct: dict[str, bool]
    ties: list[str]
    scores: list[float]
    targets: list[int]

    def verdict(self) -> Verdict:
        """Return the verdict alone."""
        return Verdict(
            self.id,
            self.image,
            self.correct,
            tuple(self.ties),
            tuple(self.scores),
            tuple(self.targets),
        )


def check_format(scores_format: str) -> None:
    """Refuse a format that cannot be written here, before anything is computed.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    if scores_format == "parquet":
        _pyarrow()


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError("--scores-format parquet needs pyarrow", hint=HINT) from error
    return pyarrow


def _lines(scores: Scores) -> Iterator[dict[str, Any]]:
    for model, suites in scores.items():
        for suite, verdicts in suites.items():
            for verdict in verdicts:
                yield {"model": model, "suite": suite, **asdict(verdict)}


def write_scores(path: Path, scores: Scores) -> None:
    """Write one line per model, suite and verdict, all or nothing, in the format of the name."""
    writer = _write_parquet if path.suffix == ".parquet" else _write_jsonl
    with atomic_path(path) as part:
        writer(part, _lines(scores))


def _write_jsonl(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    # A file name that is not UTF-8 stays readable, though not exact.
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _write_parquet(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    pa = _pyarrow()
    texts = [(name, pa.string()) for name in ("model", "suite", "id", "image")]
    schema = pa.schema(
        [
            *texts,
            ("correct", pa.map_(pa.string(), pa.bool_())),
            ("ties", pa.list_(pa.string())),
            ("scores", pa.list_(pa.float32())),
            ("targets", pa.list_(pa.int8())),
        ]
    )
    with pa.parquet.ParquetWriter(path, schema) as writer:
        rest = iter(lines)
        while some := list(islice(rest, ROWS)):
            plain = [{**line, "correct": list(line["correct"].items())} for line in some]
            writer.write_table(pa.Table.from_pylist(plain, schema=schema))


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(ScoreLine)


def read_lines(path: Path) -> Iterator[ScoreLine]:
    """Yield the lines of a file that `write_scores` wrote.

    Raises:
        DataError: the file cannot be read, or a line is none of scores.
        ConfigError: Parquet without pyarrow.
    """
    from pydantic import ValidationError

    if not path.is_file():
        raise DataError("no scores of single items", where=str(path), hint=KEEP)
    rows = _read_parquet(path) if path.suffix == ".parquet" else read_jsonl(path, hint=KEEP)
    for where, row in rows:
        if isinstance(row, dict):
            row.setdefault("targets", [])
        try:
            yield _adapter().validate_python(row)
        except ValidationError as error:
            raise DataError("not a line of scores", where=where) from error


def _read_parquet(path: Path) -> Iterator[tuple[str, Any]]:
    pa = _pyarrow()
    number = 0
    try:
        for batch in pa.parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", {**row, "correct": dict(row["correct"])}
    except (OSError, ValueError, LookupError, TypeError, NotImplementedError) as error:
        raise DataError("not a file of scores", where=str(path), hint=KEEP) from error


def is_score_file(path: Path) -> bool:
    """Whether a file begins as `write_scores` begins one."""
    try:
        return next(read_lines(path), None) is not None
    except (DataError, ConfigError):
        return False
