"""`results.json` and the file of every score beside it."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.evaluation.scoring.statistics import is_average
from ahnpl_cli.files import atomic_path, read_jsonl, read_object, to_json, write_json
from ahnpl_cli.outputs import foreign, settle
from ahnpl_cli.records import SCHEMA

Scores = Mapping[str, Mapping[str, list[Verdict]]]
DEFAULT = "results.json"
KIND = "ahnpl eval"
CHANGED = "The file was changed by hand, or cut: evaluate again."
# A suite without a verdict has no headline, a mAP without a positive no value, and so on.
_NAN = ("headline_value", "values", "averages", "intervals", "base", "other", "difference")
HINT = "Name a results.json that `ahnpl eval` wrote."
ROWS = 50_000  # of one Parquet row group
NEEDS_PYARROW = "pip install pyarrow, or leave --scores-format at jsonl."
KEEP = "Keep the file of scores beside its results.json."


def output_path(config: EvalConfig) -> Path:
    """Return where the report goes.

    Raises:
        ConfigError: `--output` names no file.
    """
    if config.output is None:
        return Path(DEFAULT)
    path = Path(config.output)
    if not path.name or path.is_dir():
        what = f"--output {config.output!r} is not the name of a file"
        raise ConfigError(what, hint=f"Write {path / DEFAULT}.")
    return path


def scores_path(output: Path, scores_format: str = "jsonl") -> Path:
    """Return where the scores of a report lie: `results.items.jsonl` beside `results.json`."""
    return output.with_name(f"{output.stem}.items.{scores_format}")


def check_overwrite(config: EvalConfig, settings: Mapping[str, Any]) -> None:
    """Refuse to overwrite a report of other settings, or files that are not ours.

    Args:
        config: says where the report goes.
        settings: what decides the numbers, as it will stand in the report.

    Raises:
        ConfigError: the report was made with other options, or a file is none of ours.
    """
    path = output_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)  # Rather refused now than after an hour.
    if config.force:
        return
    kept = None
    if path.exists():
        try:
            kept = read_report(path).get("settings")
        except DataError:
            raise foreign(path, KIND) from None
    if kept is not None and not isinstance(kept, dict):
        raise foreign(path, KIND)
    settle(path, to_json(settings), kept)
    scores = scores_path(path, config.scores_format)
    if scores.exists() and not is_score_file(scores):
        raise foreign(scores, KIND)


def check_inputs(config: EvalConfig, inputs: Iterable[Path]) -> None:
    """Refuse to write over a file that is read, even with `--force`.

    Args:
        config: says where the report goes.
        inputs: files that are read.

    Raises:
        ConfigError: the report or its scores would replace one of them.
    """
    path = output_path(config)
    outputs = {path.resolve(), scores_path(path, config.scores_format).resolve()}
    for source in inputs:
        if source.resolve() in outputs:
            hint = "Choose another --output."
            raise ConfigError("is read, and would be overwritten", where=str(source), hint=hint)


def check_weights(config: EvalConfig, model: str, sha256: str) -> None:
    """Refuse to overwrite a report whose model had other weights at the same path.

    Args:
        config: says where the report goes.
        model: its name in the report.
        sha256: of the weights that were loaded now.

    Raises:
        ConfigError: the report holds numbers of other weights, and `--force` is off.
    """
    path = output_path(config)
    if config.force or not path.exists():
        return
    for kept in read_report(path).get("models") or ():
        if isinstance(kept, dict) and kept.get("name") == model:
            info = kept.get("info")
            weights = info.get("weights_sha256") if isinstance(info, dict) else None
            settle(path, {f"weights of {model}": sha256}, {f"weights of {model}": weights})


def checksum(report: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a report as JSON, but for the checksum itself."""
    content = {key: value for key, value in report.items() if key != "checksum"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_report(report: EvalReport, scores: Scores, config: EvalConfig) -> EvalReport:
    """Write a report and every score, and return the report with its checksum."""
    path = output_path(config)
    scores_file = scores_path(path, config.scores_format)
    # Scores first: a report without them would look complete after a kill.
    write_scores(scores_file, scores)
    complete = replace(report, items_sha256=file_sha256(scores_file))
    signed = replace(complete, checksum=checksum(to_json(complete)))
    write_json(path, signed)
    return signed


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that `write_report` wrote, as it stands in the file.

    Raises:
        DataError: the file is missing, not JSON, or not a report of ours.
    """
    tree = read_object(path, hint=HINT)
    if tree.get("kind") != KIND:
        raise DataError(f"not a report of `{KIND}`", where=str(path), hint=HINT)
    return tree


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(EvalReport)


def load_report(path: Path) -> EvalReport:
    """Return a saved report, checked field by field.

    Raises:
        DataError: the file is not one, was changed by hand, or was written by a newer version.
    """
    return parse_report(read_report(path), path)


def parse_report(tree: dict[str, Any], path: Path) -> EvalReport:
    """Return the report in a JSON tree; see `load_report`."""
    from pydantic import ValidationError

    schema = tree.get("schema", 0)
    if not isinstance(schema, int) or schema > SCHEMA:
        hint = "Update ahnpl, or look at it with the version that wrote it."
        raise DataError("written by a newer version", where=str(path), hint=hint)
    try:
        report: EvalReport = _adapter().validate_python(_with_nan(tree))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(first["msg"].lower(), where=f"{path}: {field}", hint=CHANGED) from error
    if not report.models:
        raise DataError("no model", where=f"{path}: models", hint=CHANGED)
    for model in report.models:
        if model.suites.keys() != report.suites.keys():
            where = f"{path}: models: {model.name}"
            raise DataError("not the suites of the report", where=where, hint=CHANGED)
    for suite, info in report.suites.items():
        for name, definition in info.definitions.items():
            if not is_average(definition):
                where = f"{path}: suites.{suite}.definitions.{name}"
                raise DataError("not an average", where=where, hint=CHANGED)
    return report


def _with_nan(tree: Any, inside: str = "") -> Any:
    """Return the tree with NaN for null where a number may be none; JSON knows no NaN.

    Args:
        tree: of a report.
        inside: the key that it stands under.
    """
    if isinstance(tree, list):
        return [math.nan if x is None and inside in _NAN else _with_nan(x, inside) for x in tree]
    if not isinstance(tree, dict):
        return tree
    filled = {}
    for key, value in tree.items():
        # Names of subsets and averages are keys too, so that of these what they stand under counts.
        is_name = inside in ("values", "averages", "intervals")
        place = inside if is_name else key
        may_be_nan = place in _NAN or (inside == "differences" and key in ("low", "high"))
        filled[key] = math.nan if value is None and may_be_nan else _with_nan(value, place)
    return filled


def scores_of(items: str | None, path: Path) -> Path:
    """Return the file of scores of a report.

    Args:
        items: its name, as the report says it.
        path: of the report.
    """
    # Only the name counts: a report must not lead to a file elsewhere.
    return path.with_name(Path(items or scores_path(path).name).name or scores_path(path).name)


def read_scores(items: str | None, path: Path) -> dict[str, dict[str, list[Verdict]]]:
    """Return the verdicts of a report by model and suite; see `scores_of`.

    Raises:
        DataError: the file of scores is not beside the report, or broken.
    """
    scores: dict[str, dict[str, list[Verdict]]] = {}
    for line in read_lines(scores_of(items, path)):
        of_model = scores.setdefault(line.model, {})
        of_model.setdefault(line.suite, []).append(line.verdict())
    return scores


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
        raise ConfigError("--scores-format parquet needs pyarrow", hint=NEEDS_PYARROW) from error
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
def _line_adapter() -> Any:
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
            yield _line_adapter().validate_python(row)
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
