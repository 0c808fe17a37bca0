"""Workflow: captions -> tags -> candidates per kind -> fill -> reject by reason -> records.

The output depends on the input, the options that decide it and the versions, and on nothing else:
captions are worked on in blocks by their number in the file, whatever the batch size, the number of
processes, the shard or an interruption.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from ahnpl_cli.caption_words import blind_accuracy
from ahnpl_cli.config import NegativesConfig, from_options, parse_shard
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.engines import Engine, open_engine
from ahnpl_cli.engines.journal import JOURNAL, PART, Journal
from ahnpl_cli.errors import DataError
from ahnpl_cli.negatives import balance, worker
from ahnpl_cli.negatives.counting import prepare_balance, prepare_statistics
from ahnpl_cli.negatives.first_pass import BLOCK, Block, Captions, FirstPass, Index, first_pass
from ahnpl_cli.negatives.plan import (
    Plan,
    check_paths,
    finished_report,
    is_unchanged,
    make_plan,
    settle_work,
    versions,
    work_folder,
    write_report,
)
from ahnpl_cli.negatives.worker import Counts, WorkerConfig
from ahnpl_cli.outputs import lock, meta_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import DEFAULT_KINDS, KINDS, UNIT_KINDS, CaptionRecord, NegativesReport
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)
EXAMPLES = 10
SAMPLED = 4_000  # captions of the output whose words are looked at for the report
TRIED = 4 * BLOCK  # captions that a dry run makes negatives of
ASKED = 16  # the same where a language model is asked, whose time is dear
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
        if config.filler == "auto":
            # Before minutes of work with it; one that was requested is in the table at the end.
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
    with contextlib.closing(Index(plan.folder)) as index, _own_collection():
        overview = first_pass(captions, index)
        return _make_all(plan, captions, index, overview, track)


@contextlib.contextmanager
def _own_collection() -> Iterator[None]:
    """Give the process back its way of collecting garbage, which a worker in it changes."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _make_all(
    plan: Plan, captions: Captions, index: Index, overview: FirstPass, track: Track
) -> NegativesReport:
    """Tag, make and write what the first pass has found."""
    options = plan.config
    setup = WorkerConfig(
        options=options,
        folder=plan.folder,
        spacy_model=plan.spacy_model,
        filler=plan.filler,
        device=plan.device,
        packed=plan.output.suffix == ".gz",
        llm=plan.llm,
    )
    counts = Counts()
    with (
        open_engine(options.cluster, _processes(plan, overview), worker.start, (setup,)) as engine,
        Journal(plan.folder, counts.add) as journal,
    ):
        statistics = prepare_statistics(plan, engine, index, overview, track)
        index.close()
        prepare_balance(plan, engine, captions, overview)

        start, end = _shard_span(overview.total, options.shard)
        resumed = counts.captions
        if resumed:
            logger.info("Resuming after %s captions.", f"{resumed:,}")
        remaining = end - start - resumed
        # Else an error would hold the captions open, in the frames that it came through.
        with contextlib.closing(captions.tasks(start + resumed, end, options.batch_size)) as tasks:
            done = _append(journal, engine, tasks)
            for _ in track(done, total=remaining, description="Making negatives", unit="captions"):
                pass
    return _report(plan, captions, counts, statistics, journal.size, resumed)


def _processes(plan: Plan, overview: FirstPass) -> int:
    if plan.config.workers is not None:
        return plan.config.workers
    # Two processes would compete for one GPU, or hold a large language model each.
    is_local = plan.llm is not None and plan.llm.url is None
    if plan.device != "cpu" or is_local or overview.total <= FEW:
        return 1
    return worker_count(None)


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


def _by_kind(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """(kind, reason) -> count as kind -> reason -> count."""
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, reason), n in sorted(counts.items()):
        by_kind.setdefault(kind, {})[reason] = n
    return by_kind


def _report(
    plan: Plan, captions: Captions, counts: Counts, statistics: str, size: int, resumed: int
) -> NegativesReport:
    seconds = time.perf_counter() - plan.began
    kinds = plan.config.kinds
    sample = _sample(read_records(plan.folder / PART), counts.captions)
    examples = [record for record in sample if record.negatives]
    llm = plan.llm
    return NegativesReport(
        output=str(plan.output),
        captions=counts.captions,
        negatives={kind: counts.negatives[kind] for kind in kinds},
        rejected=_by_kind(counts.rejected),
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
        examples=tuple(examples[:EXAMPLES]),
        lost=_by_kind(counts.lost),
        positives={kind: counts.positives[kind] for kind in plan.config.positives},
        units={kind: counts.units[kind] for kind in UNIT_KINDS if plan.config.units},
        blind=blind_accuracy(sample, kinds),
        plausibility=_mean_plausibility(sample),
        statistics=statistics,
        language_model=llm.model if llm is not None else None,
        answers=str(llm.answers) if llm is not None else None,
    )


def _sample(records: Iterator[CaptionRecord], total: int) -> list[CaptionRecord]:
    """Some captions of the output, of which more is said than their number.

    Behind those whose words were balanced, if there are more: there they tell a little more.
    """
    first = min(balance.TRIED, max(0, total - SAMPLED))
    return list(islice(records, first, first + SAMPLED))


def _mean_plausibility(records: Sequence[CaptionRecord]) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for negative in record.negatives:
            if negative.plausibility is not None:
                values[negative.kind].append(negative.plausibility)
    known = (kind for kind in KINDS if values[kind])
    return {kind: round(fmean(values[kind]), 3) for kind in known}


def _dry_run(source: Path, output: Path, config: NegativesConfig, track: Track) -> NegativesReport:
    """Read everything, make the first captions' negatives, and write nothing beside the output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = make_plan(source, output, folder, config)
        captions = Captions(plan.source, plan.layout, config.on_error, config.limit)
        (folder / "all").mkdir()
        index = Index(folder / "all")
        total = first_pass(captions, index).total
        index.close()
        start, end = _shard_span(total, config.shard)
        tried = TRIED if plan.llm is None else ASKED
        trial = dataclasses.replace(
            config, shard=None, limit=min(tried, total), workers=1, save_statistics=None
        )
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
            or `seed=1`; those of the language model too. This process does the work, unless there
            are to be more of them (`workers=4`).

    Returns:
        The captions in order, each with its negatives.

    Raises:
        AhnplError: an option or a caption is wrong, or a model is not available.

    Example:
        >>> (record,) = hard_negatives(["a dog on a red bed"], ["relation"], filler="corpus")
        >>> record.negatives[0].caption
        'a dog above a red bed'
    """
    if options.get("engine") != "ray":
        options = {"workers": 1, **options}
    config = from_options(NegativesConfig, {"kinds": tuple(kinds), **options})
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
