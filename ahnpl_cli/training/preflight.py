"""What a training run can be refused for before torch is imported: options, files, its folder."""

from __future__ import annotations

import importlib.util
import logging
import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.load import check_model
from ahnpl_cli.config import (
    TrainConfig,
    as_flags,
    deciding,
    deciding_options,
    resolve_recipe,
)
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import check_regular, read_object, read_toml
from ahnpl_cli.outputs import changes, foreign, settle
from ahnpl_cli.runs import (
    BEST,
    CONFIG,
    IMAGES,
    INFO_FILE,
    LAST,
    METRICS,
    NEIGHBORS,
    RUNS,
    START,
    is_checkpoint,
    is_run,
)

logger = logging.getLogger(__name__)

EVALS = "evals"
AFRESH = "Start over with --force."
LENGTH = ("steps", "epochs")  # options that say how long a run trains


def check(config: TrainConfig) -> None:
    """Refuse what is certainly wrong, in milliseconds.

    Raises:
        AhnplError: whatever the user has to fix first.
    """
    resolve_recipe(config)
    check_tracker(config.run.tracker)
    if not config.dry_run:
        resumes(run_path(config), config)
    _check_suites(config)
    _check_data(config)
    check_model(config.model, config.pretrained, config.checkpoint, matching=True)


def run_path(config: TrainConfig) -> Path:
    """Return the folder of a run."""
    return Path(config.output) if config.output else RUNS / config.objective


def check_tracker(tracker: str) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        ConfigError: it is not.
    """
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        hint = f"Install it with: pip install {tracker}."
        raise ConfigError(f"--tracker {tracker} is not installed", hint=hint)


def _check_suites(config: TrainConfig) -> None:
    """Refuse names of suites that nobody knows; their files are read once the model is known."""
    if config.run.eval_every:
        from ahnpl_cli.evaluation.benchmarks import check_names

        check_names(config.run.eval_suites)


def _check_data(config: TrainConfig) -> None:
    """Refuse data files that are not there, not negatives of ours, or without their images."""
    from ahnpl_cli.data.archives import is_shards
    from ahnpl_cli.data.images import check_image_root
    from ahnpl_cli.data.jsonl import read_records
    from ahnpl_cli.data.sources import parse_sources
    from ahnpl_cli.data.tar_shards import shard_places

    for source in parse_sources(config.data, config.image_root):
        if is_shards(source.data):
            next(shard_places(source.data))
            continue
        path = Path(source.data)
        _check_negatives(path, config)
        if config.on_error == "stop" and config.run.check_images:
            check_image_root(read_records(path), source.root)


def _check_negatives(path: Path, config: TrainConfig) -> None:
    """Refuse captions without negatives where the objective needs some, whatever their format.

    Raises:
        DataError: there are none; the message has the command that makes them.
    """
    from ahnpl_cli.data.jsonl import first_record, read_records

    line = f"ahnpl negatives {shlex.quote(str(path))}"
    if not path.is_dir():
        check_regular(path, hint="Check --data.")
    if config.on_error == "skip" and not path.is_dir():
        return  # What is left when broken lines are skipped is known when all are read.
    if path.is_dir() or first_record(read_records(path)) is None:
        if _are_captions(path):
            what = "captions, of which negatives have to be made first"
            hint = f"Run: {line}; then train on negatives.jsonl."
            raise DataError(what, where=str(path), hint=hint)
        # Say what is wrong with it.
        check_regular(path, hint="Check --data.")
        next(read_records(path), None)
    if len(config.data) > 1 or not resolve_recipe(config).uses_negatives:
        return
    # Read no further than the first negative: only a file without any is read to its end.
    records = read_records(path)
    if not any(record.negatives for record in records):
        what = f"--objective {config.objective} needs negatives, and there are none"
        raise DataError(what, where=str(path), hint=f"Make them with: {line}.")


def _are_captions(path: Path) -> bool:
    """Whether a path holds captions in any format of others."""
    from ahnpl_cli.data.captions import Layout
    from ahnpl_cli.data.gather import ImagePaths, caption_file, read_any
    from ahnpl_cli.data.jsonl import first_record

    with tempfile.TemporaryDirectory() as folder:
        places = ImagePaths(path.parent, Path(folder), moves=False)
        try:
            return first_record(read_any(caption_file(path), Layout(), places)) is not None
        except (ConfigError, DataError):
            return False


# The folder of a run


def contents(path: Path) -> list[Path]:
    """Return what a run writes into its folder, as far as it exists."""
    names = (START, CONFIG, METRICS, IMAGES, NEIGHBORS, LAST, BEST, EVALS)
    files = [path / name for name in names if (path / name).exists()]
    return files + sorted(path.glob("step-*"))


def resumes(path: Path, config: TrainConfig) -> bool:
    """Return whether an interrupted or finished run of the same options is here.

    A run that is still in its warmup may be made longer: up to there the rate does not depend on
    how long it goes on.

    Raises:
        ConfigError: a run with different options is here, or files that are no run of ours, and
            `--force` is not given.
        DataError: the path is a file, or the options of the run are unreadable.
    """
    if path.exists() and not path.is_dir():
        hint = "Choose another folder with --output."
        raise DataError("a file stands where the run should go", where=str(path), hint=hint)
    # Without `start.json` nothing here is known to be ours.
    if not is_run(path):
        files = contents(path)
        if files and not config.force:
            raise foreign(files[0], "ahnpl train")
        return False
    kept = _kept_options(path) if not config.force else None
    wanted = deciding_options(config)
    if kept is not None and _differ_in_length(kept, wanted):
        _check_longer(path, config, kept, wanted)
        kept = wanted
    state = settle(path, wanted, kept, force=config.force, resume=config.resume)
    return state == "resume" and is_checkpoint(path / LAST)


def _kept_options(path: Path) -> dict[str, Any] | None:
    """Return the options of the run that is here; None if it was killed as it began."""
    file = path / CONFIG
    if not file.exists() and not (path / LAST).exists():
        return None
    return deciding(read_toml(file, hint=AFRESH))


def _differ_in_length(kept: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether two runs are the same but for how long they train."""
    names: Iterable[str] = kept.keys() | wanted.keys()
    differing = {name for name in names if kept.get(name) != wanted.get(name)}
    return bool(differing) and differing <= set(LENGTH)


def _check_longer(
    path: Path, config: TrainConfig, kept: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """Refuse another length, unless the run is not yet out of its warmup.

    Raises:
        ConfigError: the cosine came down already; the message has the command that goes on.
    """
    last = path / LAST
    done = read_object(last / INFO_FILE, hint=AFRESH)["step"] if is_checkpoint(last) else 0
    if done <= config.optimizer.warmup:
        logger.info("%s becomes another length, still in its warmup.", path)
        return
    longer = path.with_name(f"{path.name}-longer")
    own = ("output", "model", "pretrained", "checkpoint", "force_quick_gelu")
    flags = as_flags(config, leave_out=own)
    command = f"ahnpl train --checkpoint {last} -o {longer} {flags}".rstrip()
    what = f"its learning rate came down for another length: {'; '.join(changes(kept, wanted))}"
    hint = f"Train on from its end: {command}"
    raise ConfigError(what, where=str(path), hint=hint)
