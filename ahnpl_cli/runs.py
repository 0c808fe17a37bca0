"""Layout of a run folder, `runs/NAME/`, known in one place.

runs/ahnpl/config.toml       every option as it was resolved
runs/ahnpl/metrics.jsonl     one line per logged step
runs/ahnpl/start.json        the model it started from: `model`, `pretrained`, `sha256`
runs/ahnpl/images.txt        fingerprint and name of every image that it is trained on
runs/ahnpl/step-000450/      a kept checkpoint: a model's folder, with `ahnpl.json`
runs/ahnpl/last/             the newest checkpoint
runs/ahnpl/best/             the best by `--best-metric`, when asked for
runs/ahnpl/eval/             reports of `ahnpl eval`
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import parse_json, read_object
from ahnpl_cli.records import RunStart, StepReport

RUNS = Path("runs")
METRICS, START, CONFIG, LAST, BEST = "metrics.jsonl", "start.json", "config.toml", "last", "best"
_PLACES = ("model", "pretrained", "checkpoint")  # what may be a path in start.json
IMAGES = "images.txt"
NEIGHBORS = "neighbors.safetensors"
EVALUATIONS = "eval"
INFO_FILE = "ahnpl.json"  # what a checkpoint of ours holds beside its library's files


def is_run(folder: Path) -> bool:
    """Whether a folder was written by `ahnpl train`."""
    return (folder / START).is_file()


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint that `ahnpl train` wrote."""
    return (folder / INFO_FILE).is_file()


def label(folder: Path) -> str:
    """Return what tables call a model's folder: `ahnpl` for runs/ahnpl/last, else `ahnpl/best`."""
    folder = folder.resolve()
    run = folder.parent
    # The newest checkpoint is what a run is about, so it bears the run's name.
    if folder.name == LAST:
        return run.name
    return f"{run.name}/{folder.name}" if is_run(run) else folder.name


def newest_run(root: Path = RUNS) -> Path | None:
    """Return the run under `root` that wrote a checkpoint last, or None."""
    if not root.is_dir():
        return None
    runs = []
    for run in root.iterdir():
        if is_run(run) and is_checkpoint(run / LAST):
            runs.append(run)
    return max(runs, key=lambda run: (run / LAST / INFO_FILE).stat().st_mtime, default=None)


def check_runs(runs: Sequence[Path]) -> None:
    """Refuse what is no run with a checkpoint, before anything is loaded.

    Raises:
        ConfigError: a folder is none.
    """
    for run in runs:
        if not is_run(run):
            hint = "Name the folder of a run, such as runs/ahnpl."
            raise ConfigError("not a run of `ahnpl train`", where=str(run), hint=hint)
        if not is_checkpoint(run / LAST):
            hint = "Let its training reach a first checkpoint."
            raise ConfigError("the run has no checkpoint yet", where=str(run), hint=hint)


def step_folder(run: Path, step: int) -> Path:
    """Return where the checkpoint of a step is kept; names sort by step."""
    return run / f"step-{step:06d}"


def checkpoint_label(model: str) -> str:
    """Return `step 450` for `r/step-000450`; other names stay."""
    return re.sub(r"^(?:.*/)?step-0*(\d+)$", r"step \1", model)


def run_checkpoints(run: Path) -> list[Path]:
    """Return the kept checkpoints of a run, oldest first, `last` at the end."""
    kept = sorted(folder for folder in run.glob("step-*") if is_checkpoint(folder))
    return [*kept, run / LAST] if is_checkpoint(run / LAST) else kept


def read_start(run: Path, *, hint: str = "Name a folder that `ahnpl train` wrote.") -> RunStart:
    """Return what `start.json` says of the model a run started from.

    Raises:
        DataError: the file is missing or unreadable.
    """
    path = run / START
    if not path.is_file():
        raise DataError("not a training run", where=str(path), hint=hint)
    content = read_object(path, hint=hint)
    known = {field.name for field in fields(RunStart)}
    start = {name: value for name, value in content.items() if name in known}
    for name, value in start.items():
        if not _is_start_value(name, value):
            what = f"{name} cannot be {str(value)[:40]!r}"
            raise DataError(what, where=str(path), hint=hint)
        # A path is kept as seen from the run, so that both can move together.
        place = re.fullmatch(r"([a-z]+:)?(\./.*)", value) if isinstance(value, str) else None
        if name in _PLACES and place:
            # Behind the head of a matching model, if there is one.
            start[name] = (place[1] or "") + os.path.normpath(run / place[2])
    return RunStart(**start)


def _is_start_value(name: str, value: Any) -> bool:
    """Whether a value is of its field's type; leaves are read without pydantic."""
    if name == "data":
        return isinstance(value, list) and all(isinstance(path, str) for path in value)
    kind = bool if name == "force_quick_gelu" else str
    return value is None or isinstance(value, kind)


def read_metrics(
    run: Path, *, hint: str = "Train it again, or remove the line."
) -> list[StepReport]:
    """Return the steps in `metrics.jsonl`; empty when there is none.

    A kill can leave half a line at the end, which is left out.

    Raises:
        DataError: another line is not a step's report.
    """
    # Not at the top: finding runs needs none of it, and the command line starts light.
    from pydantic import TypeAdapter, ValidationError

    path = run / METRICS
    if not path.is_file():
        return []
    adapter = TypeAdapter(StepReport)
    whole_lines = path.read_bytes().split(b"\n")[:-1]
    steps = []
    for number, line in enumerate(whole_lines, start=1):
        where = f"{path}:{number}"
        # Runs of old wrote infinities, which JSON does not know.
        value = parse_json(line, where, hint=hint, constants=True)
        try:
            steps.append(adapter.validate_python(value))
        except ValidationError as error:
            reason = error.errors()[0]["msg"].lower()
            what = f"not a step's report ({reason})"
            raise DataError(what, where=where, hint=hint) from error
    return steps
