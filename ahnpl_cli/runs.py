"""Where a training run keeps what: the layout of `runs/NAME/`, known in one place.

runs/ahnpl/config.toml       every option as it was resolved
runs/ahnpl/metrics.jsonl     one line per logged step
runs/ahnpl/start.json        the model it started from: `model`, `pretrained`, `sha256`
runs/ahnpl/step-000450/      a kept checkpoint: a model's folder, with `ahnpl.json`
runs/ahnpl/last/             the newest checkpoint
runs/ahnpl/best/             the best by `--best-metric`, when asked for
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import DataError

RUNS = Path("runs")
METRICS, START, CONFIG, LAST, BEST = "metrics.jsonl", "start.json", "config.toml", "last", "best"
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
    found = [run for run in root.iterdir() if is_run(run) and is_checkpoint(run / LAST)]
    return max(found, key=lambda run: (run / LAST / INFO_FILE).stat().st_mtime, default=None)


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


def start_of(run: Path) -> dict[str, Any]:
    """Return what `start.json` says of the model a run started from.

    Raises:
        DataError: the file is missing or not JSON.
    """
    path = run / START
    try:
        start: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "Name a folder that `ahnpl train` wrote."
        raise DataError("not a training run", where=str(path), hint=hint) from error
    return start
