"""Workflow: captions -> tags -> candidates per kind -> fill -> reject by reason -> records.

The output depends on the input, the options that decide it and the versions, and on nothing else:
captions are worked on in blocks by their number in the file, whatever the batch size, the number of
processes, the shard or an interruption.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ahnpl_cli.config import NegativesConfig, parse_shard
from ahnpl_cli.data.captions import SPOOLED
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.engines.local import ProcessMap, worker_count
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import read_object, write_json
from ahnpl_cli.negatives import worker
from ahnpl_cli.negatives.fillers.corpus import count, write_counts
from ahnpl_cli.negatives.first_pass import INDEX, Captions, FirstPass, Index, first_pass
from ahnpl_cli.negatives.journal import JOURNAL, PART, Journal
from ahnpl_cli.negatives.plan import Plan, is_unchanged, make_plan, versions
from ahnpl_cli.negatives.report import meta_path, read_report, write_report
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.negatives.worker import BLOCK, COUNTS, Block, WorkerConfig
from ahnpl_cli.outputs import HINT, changes, foreign, lock, settle
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import NegativesReport

logger = logging.getLogger(__name__)
COMMAND = "ahnpl negatives"
EXAMPLES = 10
TRIED = 4 * BLOCK  # captions that a dry run makes negatives of
FEW = 4 * BLOCK  # captions below which more processes cost more than they bring
OPTIONS = "options.json"  # in the work folder: what its work was made with
# All that a work folder may hold; one with anything else is not ours.
WORK_FILES = frozenset((OPTIONS, PART, JOURNAL, INDEX, COUNTS, SPOOLED))


def generate(
    source: Path, output: Path, config: NegativesConfig, *, track: Track = silent
) -> NegativesReport:
    """Make hard negatives of a file of captions.

    Args:
        source: captions in any format that `data.captions` reads; `-` is standard input.
        output: where the records go, gzip if it ends so; `meta_path(output)` beside it.
        config: what is made and how.
        track: shows progress.

    Returns:
        What was made; of an output that is complete already, its report.

    Raises:
        ConfigError: the output was made with other options, or is somebody else's.
        BusyError: another process writes the output.
        DataError: the captions are broken.
        ModelError: a model is not available.
    """
    if config.dry_run:
        # No lock, and no folder beside the output: it may be another run's, or not writable.
        return _dry_run(source, output, config, track)
    _check_paths(source, output)
    with lock(output), _work_folder(output) as folder:
        plan = make_plan(source, output, folder, config)
        logger.info("Filler: %s.", plan.filler.why)
        finished = _finished(plan)
        if finished is not None:
            logger.info("%s is complete: nothing to do.", output)
            return finished
        _settle_work(plan)
        report = _make(plan, track)
        if not is_unchanged(plan):
            # Negatives of two files, which must not be resumed either.
            (folder / JOURNAL).unlink()
            what = "was changed while its negatives were made"
            hint = "Run the same command again; it starts over."
            raise DataError(what, where=str(plan.source), hint=hint)
        # The report first: a kill between the two leaves work that finishes at once.
        write_report(meta_path(output), report)
        os.replace(folder / PART, os.path.realpath(output))
        (folder / JOURNAL).unlink()
        return report


# What is to be done


def _check_paths(source: Path, output: Path) -> None:
    """Refuse to write over the captions, whatever `--force` says.

    Raises:
        ConfigError: an output is the input, or a folder.
    """
    if output.is_dir():
        hint = "Name a file, such as negatives.jsonl."
        raise ConfigError("is a folder, not a file", where=str(output), hint=hint)
    for path in (output, meta_path(output)):
        if source.exists() and path.exists() and source.samefile(path):
            what = "is the file of captions, and would be overwritten"
            raise ConfigError(what, where=str(path), hint="Choose another --output.")


def _finished(plan: Plan) -> NegativesReport | None:
    """Return the report of an output made by the same call before.

    Raises:
        ConfigError: there is an output, made by another one, and no `--force`.
    """
    meta = meta_path(plan.output)
    if plan.config.force or not (plan.output.exists() or meta.exists()):
        return None
    report = read_report(meta)
    if report is None:
        raise foreign(plan.output if plan.output.exists() else meta, COMMAND)
    if not plan.output.exists():
        return None
    if report.bytes != plan.output.stat().st_size:
        what = f"was changed since `{COMMAND}` wrote it"
        raise ConfigError(what, where=str(plan.output), hint=HINT)
    kept = {**report.options, "captions": report.input_sha256, **report.versions}
    resume = plan.config.resume
    state = settle(plan.output, plan.deciding, kept, complete=True, resume=resume)
    return report if state == "done" else None


@contextlib.contextmanager
def _work_folder(output: Path) -> Iterator[Path]:
    """Give the folder for unfinished work; it stays only if work in it can be resumed.

    Raises:
        ConfigError: a folder of this name holds files that are not ours.
    """
    folder = output.with_name(f".{output.name}.work")
    folder.mkdir(parents=True, exist_ok=True)
    if not all(_is_ours(path) for path in folder.iterdir()):
        what = f"holds files that `{COMMAND}` did not write"
        hint = "Move it away, or choose another --output."
        raise ConfigError(what, where=str(folder), hint=hint)
    try:
        yield folder
    finally:
        # A mistake in the captions leaves nothing behind.
        if not (folder / JOURNAL).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    """Whether a file is one that we write into a work folder, or a left-over of a kill."""
    return path.is_file() and (path.name in WORK_FILES or path.name.endswith(".tmp"))


def _settle_work(plan: Plan) -> None:
    """Keep what an interrupted run of the same call left, and nothing else."""
    state = plan.folder / OPTIONS
    kept = read_object(state) if state.exists() else {}
    differing = changes(kept, plan.deciding)
    if differing and (plan.folder / JOURNAL).exists():
        logger.info("Starting over: unfinished work had other options: %s.", "; ".join(differing))
    resumable = {OPTIONS}
    if not differing and plan.config.resume:
        resumable = {OPTIONS, PART, JOURNAL}
    for path in plan.folder.iterdir():
        if path.name not in resumable and path != plan.source:
            path.unlink()
    write_json(state, plan.deciding)


# Doing it


def _make(plan: Plan, track: Track) -> NegativesReport:
    """Read, tag, make and write what is left to do; return the report."""
    options = plan.config
    captions = Captions(plan.source, plan.layout, options.on_error, options.limit)
    index = Index(plan.folder)
    overview = first_pass(captions, index)
    setup = WorkerConfig(options, plan.folder, plan.spacy_model, plan.filler, plan.device)
    with (
        ProcessMap(_processes(plan, overview), worker.start, (setup,)) as processes,
        Journal(plan.folder, packed=plan.output.suffix == ".gz") as journal,
    ):
        if plan.filler.kind == "corpus":
            words = _parse_sample(processes, index, overview)
            total = len(overview.sample)
            bar = track(words, total=total, description="Tagging captions", unit="captions")
            write_counts(plan.folder / COUNTS, count(bar))
        index.close()

        start, end = _shard_span(overview.total, options.shard)
        resumed = journal.done
        if resumed:
            logger.info("Resuming after %s captions.", f"{resumed:,}")
        tasks = _tasks(captions, start + resumed, end, options.batch_size)
        lines = _append(journal, processes, tasks)
        remaining = end - start - resumed
        for _ in track(lines, total=remaining, description="Making negatives", unit="captions"):
            pass
    return _report(plan, captions, journal, resumed)


def _processes(plan: Plan, overview: FirstPass) -> int:
    if plan.config.workers is not None:
        return plan.config.workers
    # Two processes would compete for one GPU.
    if plan.device != "cpu" or overview.total <= FEW:
        return 1
    return worker_count(None)


def _parse_sample(
    processes: ProcessMap, index: Index, overview: FirstPass
) -> Iterator[tuple[Word, ...]]:
    """Tag the sampled captions, and keep their words so that none is tagged twice."""
    numbers = iter([sampled.number for sampled in overview.sample])
    texts = iter([sampled.caption for sampled in overview.sample])
    blocks = iter(lambda: list(islice(texts, BLOCK)), [])
    for parsed in processes.map(worker.parse, blocks):
        index.add_words(list(zip(islice(numbers, len(parsed)), parsed, strict=True)))
        yield from parsed


def _tasks(captions: Captions, start: int, end: int, batch_size: int) -> Iterator[list[Block]]:
    """Yield captions `start` to before `end` in blocks, some of them to a task."""
    records = islice(captions.records(), start, end)
    blocks_per_task = max(1, batch_size // BLOCK)
    task: list[Block] = []
    while block := tuple(islice(records, BLOCK)):
        task.append(Block(start, block))
        start += len(block)
        if len(task) == blocks_per_task:
            yield task
            task = []
    if task:
        yield task


def _append(journal: Journal, processes: ProcessMap, tasks: Iterator[list[Block]]) -> Iterator[str]:
    """Make the negatives of all tasks and write them block by block; yield a line a caption."""
    for results in processes.map(worker.make, tasks):
        for block in results:
            journal.append(block)
            yield from block.lines


def _shard_span(total: int, shard: str | None) -> tuple[int, int]:
    """First and last caption of a shard: whole blocks, so that shards make the same as one run."""
    index, shards = parse_shard(shard)
    blocks = -(-total // BLOCK)
    start = blocks * index // shards
    end = blocks * (index + 1) // shards
    return start * BLOCK, min(end * BLOCK, total)


def _report(plan: Plan, captions: Captions, journal: Journal, resumed: int) -> NegativesReport:
    seconds = time.perf_counter() - plan.began
    rejected: dict[str, dict[str, int]] = {}
    for (kind, reason), n in sorted(journal.rejected.items()):
        rejected.setdefault(kind, {})[reason] = n
    with_negatives = (record for record in read_records(journal.part) if record.negatives)
    return NegativesReport(
        output=str(plan.output),
        captions=journal.done,
        negatives={kind: journal.negatives[kind] for kind in plan.config.kinds},
        rejected=rejected,
        filler=plan.filler.why,
        tagger=plan.tagger,
        skipped=captions.skips,
        skipped_list=tuple(captions.skipped),
        options=plan.options,
        key=plan.key,
        input_sha256=plan.sha256,
        bytes=journal.size,
        versions=versions(),
        seconds=round(seconds, 3),
        captions_per_second=round((journal.done - resumed) / seconds, 1),
        resumed=resumed,
        examples=tuple(islice(with_negatives, EXAMPLES)),
    )


def _dry_run(source: Path, output: Path, config: NegativesConfig, track: Track) -> NegativesReport:
    """Read everything, make the first captions' negatives, and write nothing beside the output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = make_plan(source, output, folder, config)
        logger.info("Filler: %s.", plan.filler.why)
        captions = Captions(plan.source, plan.layout, config.on_error, config.limit)
        (folder / "all").mkdir()
        index = Index(folder / "all")
        total = first_pass(captions, index).total
        index.close()
        start, end = _shard_span(total, config.shard)
        trial = dataclasses.replace(config, shard=None, limit=min(TRIED, total), workers=1)
        (folder / "tried").mkdir()
        report = _make(dataclasses.replace(plan, folder=folder / "tried", config=trial), track)
    logger.info(
        "Dry run: negatives of %s of %s captions.", f"{report.captions:,}", f"{end - start:,}"
    )
    return dataclasses.replace(
        report, skipped=captions.skips, skipped_list=tuple(captions.skipped), dry_run=True
    )
