"""Workflow: captions -> tags -> candidates per kind -> fill -> reject by reason -> records.

The output depends on the input, the options that decide it and the versions, and on nothing else:
captions are worked on in blocks by their number in the file, whatever the batch size, the number of
processes, the shard or an interruption.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ahnpl_cli.config import NegativesConfig, parse_shard
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.engines import Engine, open_engine
from ahnpl_cli.engines.journal import JOURNAL, PART, Journal
from ahnpl_cli.engines.local import worker_count
from ahnpl_cli.errors import DataError
from ahnpl_cli.negatives import worker
from ahnpl_cli.negatives.fillers.corpus import COUNTS, count, write_counts
from ahnpl_cli.negatives.first_pass import Captions, FirstPass, Index, first_pass
from ahnpl_cli.negatives.plan import (
    Plan,
    check_paths,
    finished_report,
    is_unchanged,
    make_plan,
    meta_path,
    settle_work,
    versions,
    work_folder,
    write_report,
)
from ahnpl_cli.negatives.statistics import STATISTICS, Tally, write_statistics
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.negatives.worker import BLOCK, Block, Counts, WorkerConfig
from ahnpl_cli.outputs import lock
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import DEFAULT_KINDS, CaptionRecord, NegativesReport

logger = logging.getLogger(__name__)
EXAMPLES = 10
TRIED = 4 * BLOCK  # captions that a dry run makes negatives of
FEW = 4 * BLOCK  # captions below which more processes cost more than they bring


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
    check_paths(source, output)
    with lock(output), work_folder(output) as folder:
        plan = make_plan(source, output, folder, config)
        logger.info("Filler: %s.", plan.filler.why)
        finished = finished_report(plan)
        if finished is not None:
            logger.info("%s is complete: nothing to do.", output)
            return finished
        settle_work(plan)
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


def _make(plan: Plan, track: Track) -> NegativesReport:
    """Read, tag, make and write what is left to do; return the report."""
    options = plan.config
    captions = Captions(plan.source, plan.layout, options.on_error, options.limit)
    index = Index(plan.folder)
    overview = first_pass(captions, index)
    setup = WorkerConfig(
        options=options,
        folder=plan.folder,
        spacy_model=plan.spacy_model,
        filler=plan.filler,
        device=plan.device,
        packed=plan.output.suffix == ".gz",
    )
    counts = Counts()
    with (
        open_engine(options.cluster, _processes(plan, overview), worker.start, (setup,)) as engine,
        Journal(plan.folder, counts.add) as journal,
    ):
        words = _parse_sample(engine, index, overview)
        total = len(overview.sample)
        bar = track(words, total=total, description="Tagging captions", unit="captions")
        tally = Tally()
        write_counts(plan.folder / COUNTS, count(_tallied(bar, overview, tally)))
        write_statistics(plan.folder / STATISTICS, tally.statistics())
        index.close()

        start, end = _shard_span(overview.total, options.shard)
        resumed = counts.captions
        if resumed:
            logger.info("Resuming after %s captions.", f"{resumed:,}")
        tasks = _tasks(captions, start + resumed, end, options.batch_size)
        done = _append(journal, engine, tasks)
        remaining = end - start - resumed
        for _ in track(done, total=remaining, description="Making negatives", unit="captions"):
            pass
    return _report(plan, captions, counts, journal.size, resumed)


def _processes(plan: Plan, overview: FirstPass) -> int:
    if plan.config.workers is not None:
        return plan.config.workers
    # Two processes would compete for one GPU.
    if plan.device != "cpu" or overview.total <= FEW:
        return 1
    return worker_count(None)


def _parse_sample(engine: Engine, index: Index, overview: FirstPass) -> Iterator[tuple[Word, ...]]:
    """Tag the sampled captions, and keep their words so that none is tagged twice."""
    numbers = iter([sampled.number for sampled in overview.sample])
    texts = iter([sampled.caption for sampled in overview.sample])
    blocks = iter(lambda: list(islice(texts, BLOCK)), [])
    for parsed in engine.map(worker.parse, blocks):
        index.add_words(list(zip(islice(numbers, len(parsed)), parsed, strict=True)))
        yield from parsed


def _tallied(
    parsed: Iterable[tuple[Word, ...]], overview: FirstPass, tally: Tally
) -> Iterator[tuple[Word, ...]]:
    """Count the sampled captions in passing."""
    for words, sampled in zip(parsed, overview.sample, strict=True):
        tally.add(sampled.image, sampled.caption, words)
        yield words


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


def _append(journal: Journal, engine: Engine, tasks: Iterator[list[Block]]) -> Iterator[int]:
    """Make the negatives of all tasks and join their parts; yield once a caption."""
    for part in engine.map(worker.make, tasks):
        journal.append(part)
        yield from range(part.counts["captions"])


def _shard_span(total: int, shard: str | None) -> tuple[int, int]:
    """First and last caption of a shard: whole blocks, so that shards make the same as one run."""
    index, shards = parse_shard(shard)
    blocks = -(-total // BLOCK)
    start = blocks * index // shards
    end = blocks * (index + 1) // shards
    return start * BLOCK, min(end * BLOCK, total)


def _report(
    plan: Plan, captions: Captions, counts: Counts, size: int, resumed: int
) -> NegativesReport:
    seconds = time.perf_counter() - plan.began
    rejected: dict[str, dict[str, int]] = {}
    for (kind, reason), n in sorted(counts.rejected.items()):
        rejected.setdefault(kind, {})[reason] = n
    with_negatives = (record for record in read_records(plan.folder / PART) if record.negatives)
    return NegativesReport(
        output=str(plan.output),
        captions=counts.captions,
        negatives={kind: counts.negatives[kind] for kind in plan.config.kinds},
        rejected=rejected,
        filler=plan.filler.why,
        tagger=plan.tagger,
        skipped=captions.skips,
        skipped_list=tuple(captions.skipped),
        options=plan.options,
        key=plan.key,
        input_sha256=plan.sha256,
        bytes=size,
        versions=versions(),
        seconds=round(seconds, 3),
        captions_per_second=round((counts.captions - resumed) / seconds, 1),
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


def hard_negatives(
    captions: Iterable[str | CaptionRecord],
    kinds: Sequence[str] = DEFAULT_KINDS,
    **options: Any,
) -> list[CaptionRecord]:
    """Make hard negatives of captions, as `ahnpl negatives` does.

    Args:
        captions: texts, each taken as the caption of an image of its own; or records, whose
            captions of the same image are never made negatives of each other.
        kinds: which kinds to make; see `ahnpl docs negatives`.
        **options: further options of the command by name, such as `filler="corpus"`, `per_kind=3`
            or `seed=1`.

    Returns:
        The captions in order, each with its negatives.

    Raises:
        AhnplError: an option or a caption is wrong, or a model is not available.

    Example:
        >>> (record,) = hard_negatives(["a dog on a red bed"], ["relation"], filler="corpus")
        >>> record.negatives[0].caption
        'a bed on a red dog'
    """
    config = NegativesConfig(kinds=tuple(kinds), **options)
    # The workflow streams from file to file, so that it can resume; here the files are its own.
    with tempfile.TemporaryDirectory(prefix="ahnpl-") as folder:
        source = Path(folder) / "captions.jsonl"
        output = Path(folder) / "negatives.jsonl"
        write_records(source, _records(captions))
        generate(source, output, config)
        return list(read_records(output))


def _records(captions: Iterable[str | CaptionRecord]) -> Iterable[CaptionRecord]:
    for number, caption in enumerate(captions):
        if isinstance(caption, str):
            caption = CaptionRecord(id=str(number), image=f"image {number}", caption=caption)
        yield caption
