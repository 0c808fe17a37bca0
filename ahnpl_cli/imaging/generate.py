"""Workflow: negatives + photos -> locate what the edit names -> paint -> judge -> pictures.

The records and their order are those of the input; each negative that could be shown gains `image`
and `painter`. What is written depends on the input, the options that `_options` names, the models
and, where a model paints, the device.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.config import ConceptsConfig, ImagesConfig, parse_shard
from ahnpl_cli.data.captions import spool
from ahnpl_cli.data.jsonl import content_sha256
from ahnpl_cli.engines import Engine, open_engine
from ahnpl_cli.engines.journal import JOURNAL, Journal
from ahnpl_cli.files import STDIN, to_json, write_json
from ahnpl_cli.imaging import studio
from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.blocks import MOST_SKIPPED, Counts, Source, count_wanted, cut
from ahnpl_cli.imaging.choose import Parts, check_parts, choose_parts
from ahnpl_cli.imaging.concepts import write_prompt
from ahnpl_cli.imaging.extras import has
from ahnpl_cli.imaging.output import ANSWERS, prepare, records_path
from ahnpl_cli.imaging.plan import Concepts, Plan
from ahnpl_cli.outputs import lock, meta_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import ImagesReport
from ahnpl_cli.version import __version__
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)
PULSE = 30.0  # seconds between two lines on the share of pictures that is kept
TRIED = 64  # captions that a dry run paints
# Options that do not decide what is written.
_FREE = frozenset(
    ("output", "image_root", "workers", "resume", "force", "dry_run", "on_error")
    + ("review", "as_benchmark", "cluster")
)
_BATCHED = ("batch_size", "device")  # of consequence only where a model computes
_PACKAGES = {"numpy": "numpy", "pillow": "PIL", "opencv-python-headless": "cv2"}
_PACKAGES |= {"torch": "torch", "diffusers": "diffusers", "transformers": "transformers"}


def generate(
    source: Path, output: Path, config: ImagesConfig, *, track: Track = silent
) -> ImagesReport:
    """Paint pictures of hard negatives.

    Args:
        source: `negatives.jsonl`; `-` is standard input.
        output: folder of `images.jsonl`, `images.meta.json` and the pictures.
        config: what is painted and how.
        track: shows progress.

    Returns:
        What was made; of an output that is complete already, its report.

    Raises:
        ConfigError: a part is unknown or lacks its model, or the output was made with other
            options.
        DataError: a record or an image is broken.
        ModelError: a model is unavailable.
        BusyError: another process writes the same output.
    """
    if config.dry_run:
        return _try_out(source, output, config, track)
    records = records_path(output, config.shard)
    with lock(records):
        folder = output / f".{records.name}.work"
        try:
            return _generate(source, records, folder, config, track)
        finally:
            # Work that can continue is kept; a mistake leaves nothing behind.
            journal = folder / JOURNAL
            if not (journal.exists() and journal.stat().st_size):
                shutil.rmtree(folder, ignore_errors=True)


def _generate(
    source: Path, records: Path, folder: Path, config: ImagesConfig, track: Track
) -> ImagesReport:
    begin = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    path = spool(folder) if source == STDIN else source
    image_root = Path(config.image_root) if config.image_root else source.parent
    parts = _choose(config, image_root)
    logger.info("%s", parts.why)
    sha256 = content_sha256(path)
    options = _options(config, parts, sha256)
    done = prepare(records, folder, options, force=config.force, resume=config.resume)
    if done is not None:
        logger.info("%s is complete: nothing to do.", records)
        return done
    captions = Source(path, config.on_error, config.limit)
    span = survey(captions, config)
    plan = _plan(config, parts, records.parent, folder, image_root)
    counts = Counts()
    with (
        open_engine(config.cluster, _workers(config, parts, span), studio.start, (plan,)) as engine,
        Journal(folder, counts.add) as journal,
    ):
        # First of all: a model that is unavailable is told here.
        (models,) = engine.map(studio.models, [None])
        resumed = dataclasses.replace(counts)
        if resumed.records:
            logger.info("Resuming after %s captions.", f"{resumed.records:,}")
        painted = _paint(engine, captions, span, journal, counts, config)
        # How many negatives a language model adds, nobody knows before it has.
        left = None if _added(config) else span.negatives - resumed.negatives
        for _ in track(painted, total=left, description="Painting", unit="pictures"):
            pass
    seconds = time.perf_counter() - begin
    report = ImagesReport(
        output=str(records),
        captions=counts.records,
        negatives=counts.negatives,
        painted={name: counts.painted[name] for name in parts.painters},
        rejected=_by_kind(counts),
        locator=models.locator,
        painters=models.painters,
        judges=models.judges,
        why=parts.why,
        skipped_list=tuple([*span.skipped, *counts.skipped][:MOST_SKIPPED]),
        options=options,
        input_sha256=sha256,
        bytes=journal.size,
        versions=_versions(),
        seconds=round(seconds, 3),
        pictures_per_second=round((counts.negatives - resumed.negatives) / seconds, 2),
        resumed=resumed.records,
        language_models=models.language_models,
    )
    studio.stop()
    # The report first: a kill between the two leaves work that finishes at once.
    write_json(meta_path(records), report)
    os.replace(journal.part, records)
    shutil.rmtree(folder)
    return report


def _paint(
    engine: Engine,
    captions: Source,
    span: _Span,
    journal: Journal,
    counts: Counts,
    config: ImagesConfig,
) -> Iterator[int]:
    """Do what is left, and yield once per negative that is done with."""
    blocks = cut(
        captions,
        config.kinds,
        config.batch_size,
        span.start + counts.records,
        span.end,
        added=_added(config),
    )
    last_note = time.monotonic()
    for part in engine.map(studio.work, blocks):
        journal.append(part)
        if time.monotonic() - last_note > PULSE:
            logger.info("%s", _share(counts))
            last_note = time.monotonic()
        yield from range(part.counts["negatives"])


def _plan(config: ImagesConfig, parts: Parts, output: Path, folder: Path, image_root: Path) -> Plan:
    return Plan(
        parts=parts,
        settings=_settings(config, parts, image_root),
        output=output,
        folder=folder,
        kinds=config.kinds,
        per_image=config.per_image,
        repaint=config.paint.repaint_original,
        seed=config.seed,
        skip_broken=config.on_error == "skip",
        concepts=_concepts(config, output),
        recaption=config.concepts.recaption,
    )


def _by_kind(counts: Counts) -> dict[str, dict[str, int]]:
    """Kind -> reason -> negatives without a picture."""
    rejected: dict[str, dict[str, int]] = {}
    for (kind, reason), number in sorted(counts.rejected.items()):
        rejected.setdefault(kind, {})[reason] = number
    return rejected


def _share(counts: Counts) -> str:
    """How much of what was tried has been kept."""
    kept = counts.painted.total()
    share = 100 * kept / max(counts.negatives, 1)
    return f"Of {counts.negatives:,} negatives, {kept:,} have a picture ({share:.0f} %)."


def _choose(config: ImagesConfig, image_root: Path) -> Parts:
    names = config.parts
    parts = choose_parts(
        locator=names.locator,
        painters=names.painter,
        judges=names.judge,
        image_root=image_root,
        annotations=bool(names.annotations),
        locator_model=bool(names.locator_model),
        painter_model=names.painter_model is not None,
        judge_model=names.judge_model is not None,
        blip_model=names.blip_model is not None,
    )
    check_parts(parts, painter_model=names.painter_model is not None)
    return parts


def _options(config: ImagesConfig, parts: Parts, sha256: str) -> dict[str, Any]:
    """All that decides the output, as JSON knows it."""
    options = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in _FREE and name not in ("parts", "paint", "concepts")
    }
    options |= dataclasses.asdict(config.parts) | dataclasses.asdict(config.paint)
    options |= dataclasses.asdict(config.concepts)
    options |= {"locator": parts.locator, "painter": parts.painters, "judge": parts.judges}
    if parts.uses_model or _added(config):
        options["device"] = _device(config)
    else:
        for name in _BATCHED:
            del options[name]
    options |= {"input": sha256[:16], "version": __version__}
    jsonable: dict[str, Any] = to_json(options)
    return jsonable


@dataclass(frozen=True, slots=True)
class _Span:
    """The share of the records that is done here.

    Attributes:
        start: number of the first record.
        end: one past the last whose image group starts here.
        negatives: to be shown, of the kinds asked for.
        skipped: broken records.
    """

    start: int
    end: int
    negatives: int
    skipped: tuple[str, ...]


def survey(captions: Source, config: ImagesConfig) -> _Span:
    """Read the file once: how much there is, and what of it belongs to this shard."""
    index, count = parse_shard(config.shard)
    total = sum(1 for _ in captions.records())
    first, last = total * index // count, total * (index + 1) // count
    # A group belongs to the shard that its first record falls into, so no image is cut in two.
    start = end = first
    negatives = 0
    begun = False
    for group in captions.groups():
        if first <= group.start < last:
            if not begun:
                start, begun = group.start, True
            end = group.start + len(group.records)
            negatives += count_wanted(group.records, config.kinds)
    return _Span(start, end, negatives, tuple(captions.skipped))


def _settings(config: ImagesConfig, parts: Parts, image_root: Path) -> Settings:
    names = config.parts
    paint = config.paint
    return Settings(
        image_root=image_root,
        device=_device(config) if parts.uses_model or _added(config) else "cpu",
        batch_size=config.batch_size,
        annotations=tuple(map(Path, names.annotations)),
        cache=_cache(),
        locator_model=names.locator_model,
        threshold=names.threshold,
        painter_model=names.painter_model,
        steps=paint.steps,
        guidance=paint.guidance,
        strength=paint.strength,
        side=paint.side,
        judge_model=names.judge_model,
        blip_model=names.blip_model,
        margin=paint.margin,
        min_change=paint.min_change,
        min_deviation=paint.min_deviation,
    )


def _added(config: ImagesConfig) -> int:
    """Negatives that a language model adds to a caption at most; 0 without one."""
    concepts = config.concepts
    return concepts.objects * concepts.variations if concepts.llm or concepts.llm_url else 0


def _concepts(config: ImagesConfig, output: Path) -> Concepts | None:
    concepts = config.concepts
    if not _added(config):
        return None
    return Concepts(
        name=concepts.llm,
        url=concepts.llm_url,
        key_variable=concepts.llm_key,
        answers=output / ANSWERS,
        objects=concepts.objects,
        variations=concepts.variations,
    )


def _device(config: ImagesConfig) -> str:
    return config.cluster.device(config.device) or pick_device(config.device)


def _cache() -> Path:
    from ahnpl_cli.backbones.load import default_folder

    return default_folder().parent


def _workers(config: ImagesConfig, parts: Parts, span: _Span) -> int:
    if parts.uses_model or _added(config):
        return 1  # one process per device; more of them would only load the models again
    if config.workers is not None:
        return config.workers
    few = span.negatives <= 4 * config.batch_size
    return 1 if few else worker_count(None)


def _try_out(source: Path, output: Path, config: ImagesConfig, track: Track) -> ImagesReport:
    """Paint the pictures of the first captions and keep none."""
    limit = min(config.limit or TRIED, TRIED)
    # Else a relative image root, or none, would be sought beside the temporary folder.
    root = config.image_root or str(source.parent)
    tried = dataclasses.replace(config, dry_run=False, shard=None, limit=limit, image_root=root)
    if _added(config):
        _show_prompt(source, config)
        # A dry run asks nobody: an answer may cost money.
        tried = dataclasses.replace(tried, concepts=ConceptsConfig())
    with tempfile.TemporaryDirectory() as folder:
        report = generate(source, Path(folder), tried, track=track)
    records = records_path(output, config.shard)
    return dataclasses.replace(report, output=str(records), dry_run=True)


def _show_prompt(source: Path, config: ImagesConfig) -> None:
    first = next(Source(source, config.on_error, 1).records(), None)
    if first is not None:
        concepts = config.concepts
        prompt = write_prompt(
            first.caption, objects=concepts.objects, variations=concepts.variations
        )
        logger.info("The language model would be asked, for the first caption:\n%s", prompt)


def _versions() -> dict[str, str]:
    """Versions of the packages that pictures depend on, of those installed."""
    installed = {name for name, module in _PACKAGES.items() if has(module)}
    versions = {"ahnpl": __version__}
    for name in sorted(installed):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # built from source, under another name
            versions[name] = "unknown"
    return versions
