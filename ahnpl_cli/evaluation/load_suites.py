"""From names on a command line to suites: located, loaded, and checked for missing images."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from ahnpl_cli.backbones.load import default_folder
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.images import SUFFIXES, file_sha256
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LoadOptions,
    count_notes,
    counted,
)
from ahnpl_cli.evaluation.benchmarks.find_files import VARIABLE, DataFolders, data_roots
from ahnpl_cli.evaluation.output import output_path
from ahnpl_cli.evaluation.report import SuiteInfo
from ahnpl_cli.evaluation.scoring.items import Suite
from ahnpl_cli.evaluation.scoring.statistics import to_json
from ahnpl_cli.evaluation.suite_report import chance_of
from ahnpl_cli.files import write_atomic
from ahnpl_cli.outputs import foreign
from ahnpl_cli.progress import Track

logger = logging.getLogger(__name__)

NAMED = 5  # missing images that an error names for each suite; all go to a file


def cache_folder(config: EvalConfig) -> Path:
    """Return where features and unpacked files are kept between runs."""
    return Path(config.cache) if config.cache else default_folder().parent


def data_folders(config: EvalConfig) -> DataFolders:
    """Return the folders that benchmarks are looked for in."""
    roots = data_roots(config.data)
    # Its folders are looked through as data too, so that VG_100K is found wherever it lies.
    if config.image_root:
        roots.append(Path(config.image_root))
    return DataFolders(roots)


def load_options(config: EvalConfig, track: Track, *, peek: bool = False) -> LoadOptions:
    """Return what loading depends on; with `peek` nothing is made, see `base.LoadOptions`."""
    return LoadOptions(
        seed=config.seed,
        limit=config.limit,
        cache=cache_folder(config),
        image_root=Path(config.image_root) if config.image_root else None,
        classnames=Path(config.classnames) if config.classnames else None,
        templates=Path(config.templates) if config.templates else None,
        difficult=config.difficult,
        captions=Path(config.captions) if config.captions else None,
        track=track,
        peek=peek,
    )


def find_suites(
    wanted: Sequence[Benchmark], config: EvalConfig, optional: Collection[str] = ()
) -> tuple[DataFolders, dict[str, dict[str, Path]]]:
    """Return the data folders, and the files of each benchmark that is here, by name.

    Args:
        wanted: what to look for.
        config: says where.
        optional: names of those that may be elsewhere.

    Raises:
        BenchmarkError: another one is not here, or nothing is.
    """
    folders = data_folders(config)
    found: dict[str, dict[str, Path]] = {}
    for benchmark in wanted:
        files = benchmark.find(folders)
        # Captions that the user names go before files that lie among the data.
        if benchmark.built_of_captions and config.captions:
            files = {benchmark.built_of_captions: Path(config.captions)}
        if files:
            found[benchmark.name] = files
        # Named, a suite has to be here; as one of a set it may be elsewhere.
        elif benchmark.name not in optional:
            raise _not_found(benchmark, folders)
    if not found:
        raise _nothing_found(folders)
    return folders, found


def load_suites(
    wanted: Sequence[Benchmark],
    config: EvalConfig,
    track: Track,
    *,
    optional: Collection[str] = (),
    peek: bool = False,
) -> dict[str, Suite]:
    """Read the benchmarks, by name.

    Args:
        wanted: what to read.
        config: says where, and how.
        track: shows progress.
        optional: names of those that are left out, with a note, where they cannot be read.
        peek: only look at what is there; make no file.

    Raises:
        BenchmarkError: one is not there, or not laid out as published.
    """
    folders, found = find_suites(wanted, config, optional)
    options = load_options(config, track, peek=peek)
    suites: dict[str, Suite] = {}
    absent = [benchmark.name for benchmark in wanted if benchmark.name not in found]
    for benchmark in wanted:
        if benchmark.name in absent:
            continue
        copy = benchmark.copy_of(folders, found[benchmark.name], options)
        try:
            suites[benchmark.name] = benchmark.load(copy)
        except BenchmarkError as error:
            # One broken file among twenty suites must not cost the other nineteen.
            if benchmark.name not in optional:
                raise
            logger.warning(f"{benchmark.name}: left out, {error}")
    if absent:
        logger.info(f"Not here, so left out: {', '.join(absent)}")
    if not suites:
        raise _nothing_found(folders)
    return suites


def _places(folders: DataFolders) -> str:
    return ", ".join(str(root) for root in folders.roots) or f"data/ and ${VARIABLE}"


def _nothing_found(folders: DataFolders) -> BenchmarkError:
    hint = "See what is looked for with: ahnpl eval --list."
    return BenchmarkError("no benchmark found", where=_places(folders), hint=hint)


def _not_found(benchmark: Benchmark, folders: DataFolders) -> BenchmarkError:
    hint = f"Get it from {benchmark.source}, or point --data elsewhere."
    if benchmark.download:
        hint += f" In one line: ahnpl eval --list {benchmark.name}"
    what = f"{benchmark.name} not found: looked for {benchmark.files}"
    return BenchmarkError(what, where=_places(folders), hint=hint)


def check_images(suites: Sequence[Suite], config: EvalConfig) -> None:
    """Refuse missing images unless they are allowed; then say how many of each suite.

    Raises:
        BenchmarkError: images are missing and not allowed to be, or nothing at all is here.
    """
    # A benchmark with images left out is another benchmark, so that has to be asked for.
    lacking = [suite for suite in suites if suite.task.missing]
    if not lacking:
        return
    listed = output_path(config).with_suffix(".missing.txt")
    _write_list(listed, lacking, force=config.force)
    if not config.allow_missing:
        parts = [f"{suite.name}: {_missing(suite.task.missing)}" for suite in lacking]
        hint = "Put them where the benchmark's authors say, or score the rest: --allow-missing."
        raise BenchmarkError(f"{'; '.join(parts)} (all in {listed})", hint=hint)
    # Several suites may lack all their images one by one, but not all together.
    if not any(suite.task.is_scorable for suite in suites):
        names = ", ".join(suite.name for suite in suites)
        raise BenchmarkError(f"{names}: every image is missing", hint="Check --data.")
    for suite in lacking:
        logger.warning(f"{suite.name}: {_coverage(suite)} (listed in {listed})")


def _write_list(path: Path, suites: Sequence[Suite], *, force: bool) -> None:
    """Write the missing images of all suites, each once.

    Raises:
        ConfigError: a file of another content has this name, and `force` is off.
    """
    if path.exists() and not force and not _is_list(path):
        raise foreign(path, "ahnpl eval")
    # Suites share photos: a list to download from should name each once.
    images: dict[Path, None] = {}
    for suite in suites:
        images |= dict.fromkeys(suite.task.missing)
    write_atomic(path, "".join(f"{image}\n" for image in images))


def _is_list(path: Path) -> bool:
    """Whether a file is a list of images, as `_write_list` writes it."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return all(Path(line).suffix.lower() in SUFFIXES for line in lines if line)


def _missing(paths: Sequence[Path]) -> str:
    """Return the number of missing images and the first names."""
    some = ", ".join(path.name for path in paths[:NAMED])
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return f"{counted(len(paths), 'image')} missing: {some}{more}"


def _coverage(suite: Suite) -> str:
    missing = suite.task.missing
    images = len({ref.path for ref in suite.task.images()} | set(missing))
    if not suite.task.is_scorable:
        return f"not scored, none of its {counted(images, 'image')} is here"
    return f"{len(missing):,} of {counted(images, 'image')} missing"


def suite_info(suite: Suite, benchmark: Benchmark) -> SuiteInfo:
    """Return the model-independent facts about a suite, and log what must be read."""
    sizes = count_notes(suite.counts)
    for note in [*_in_short(sizes), *suite.notes]:
        logger.info(f"{suite.name}: {note}")
    coverage = [_coverage(suite)] if suite.task.missing else []
    return SuiteInfo(
        measures=benchmark.measures,
        definitions={name: to_json(average) for name, average in suite.averages.items()},
        counts=[asdict(count) for count in suite.counts],
        notes=[*sizes, *suite.notes, *coverage],
        files={str(path): file_sha256(path) for path in suite.files},
        missing=len(suite.task.missing),
        headline=suite.headline,
        main_subsets=list(suite.main_subsets),
        totals=dict(suite.task.totals()),
        chance=chance_of(suite.averages, suite.task.guesses()),
    )


def _in_short(sizes: list[str]) -> list[str]:
    """Return at most one line of several; the report keeps them all."""
    others = f" ({len(sizes) - 1} more sizes differ)" if len(sizes) > 1 else ""
    return [f"{note}{others}" for note in sizes[:1]]
