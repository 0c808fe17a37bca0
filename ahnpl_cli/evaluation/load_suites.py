"""From names on a command line to suites that can be scored: found, read, complete or said not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ahnpl_cli.backbones.feature_cache import default_folder
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, count_notes, counted
from ahnpl_cli.evaluation.benchmarks.find_files import VARIABLE, DataFolders, data_roots
from ahnpl_cli.evaluation.output import output_path, write_text
from ahnpl_cli.evaluation.report import SuiteInfo
from ahnpl_cli.evaluation.scoring.averages import to_json
from ahnpl_cli.evaluation.scoring.items import ItemSuite, Suite
from ahnpl_cli.progress import Track

logger = logging.getLogger(__name__)

NAMED = 5  # missing images that an error names for each suite; all go to a file


def cache_folder(config: EvalConfig) -> Path:
    """Return where features and unpacked files are kept between runs."""
    return Path(config.cache) if config.cache else default_folder().parent


def data_folders(config: EvalConfig) -> DataFolders:
    """Return the folders that benchmarks are looked for in."""
    extra = [Path(config.image_root)] if config.image_root else []
    return DataFolders([*data_roots(config.data), *extra])


def options_of(config: EvalConfig, track: Track, *, peek: bool = False) -> Options:
    """Return what loading depends on; with `peek` nothing is made, see `benchmark.Options`.

    Raises:
        ConfigError: a file named is not there.
    """
    roles = ("classnames", "templates", "custom", "image_root")
    paths = {role: Path(value) for role in roles if (value := getattr(config, role))}
    for role in ("classnames", "templates"):
        if role in paths and not paths[role].is_file():
            raise ConfigError(f"--{role}: no such file", where=str(paths[role]))
    return Options(
        seed=config.seed,
        limit=config.limit,
        cache=cache_folder(config),
        paths=paths,
        difficult=config.difficult,
        track=track,
        peek=peek,
    )


def load_suites(wanted: Sequence[Benchmark], config: EvalConfig, track: Track) -> list[Suite]:
    """Read every benchmark asked for.

    Raises:
        BenchmarkError: one is not there, or not laid out as published.
    """
    shelf, options = data_folders(config), options_of(config, track)
    suites = []
    for benchmark in wanted:
        files = benchmark.find(shelf, options)
        if not files:
            where = ", ".join(map(str, shelf.roots)) or f"data/ and ${VARIABLE}"
            raise BenchmarkError(
                f"{benchmark.name} not found: looked for {benchmark.files}",
                where=where,
                hint=f"Get it from {benchmark.source}, or point --data elsewhere.",
            )
        suites.append(benchmark.load(shelf, files, options))
    return suites


def is_scorable(suite: Suite) -> bool:
    """Whether anything of a suite can be scored: an image is here, or an item needs none."""
    if isinstance(suite, ItemSuite):
        return bool(suite.scored)
    return any(True for _ in suite.images())


def check_images(suites: Sequence[Suite], config: EvalConfig) -> None:
    """Refuse missing images unless they are allowed; then say how many of each suite.

    Raises:
        BenchmarkError: images are missing and not allowed to be, or nothing at all is here.
    """
    lacking = [suite for suite in suites if suite.missing]
    if not lacking:
        return
    listed = output_path(config).with_suffix(".missing.txt")
    every = dict.fromkeys(path for suite in lacking for path in suite.missing)
    write_text(listed, (f"{path}\n" for path in every))
    if not config.allow_missing:
        what = "; ".join(f"{suite.name}: {_missing(suite.missing)}" for suite in lacking)
        hint = "Put them where the benchmark's authors say, or score the rest: --allow-missing."
        raise BenchmarkError(f"{what} (all in {listed})", hint=hint)
    if not any(map(is_scorable, suites)):
        names = ", ".join(suite.name for suite in suites)
        raise BenchmarkError(f"{names}: every image is missing", hint="Check --data.")
    for suite in lacking:
        logger.warning(f"{suite.name}: {_coverage(suite)} (listed in {listed})")


def _missing(paths: Sequence[Path]) -> str:
    """Return the number of missing images and the first names."""
    some = ", ".join(path.name for path in paths[:NAMED])
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return f"{counted(len(paths), 'image')} missing: {some}{more}"


def _coverage(suite: Suite) -> str:
    images = len({ref.path for ref in suite.images()} | set(suite.missing))
    if not is_scorable(suite):
        return f"not scored, none of its {counted(images, 'image')} is here"
    return f"{len(suite.missing):,} of {counted(images, 'image')} missing"


def suite_info(suite: Suite, benchmark: Benchmark) -> SuiteInfo:
    """Return what a report says of a suite whatever the model, and log what must be read."""
    sizes = count_notes(suite.counts)
    for note in [*_in_short(sizes), *suite.notes]:
        logger.info(f"{suite.name}: {note}")
    return SuiteInfo(
        measures=benchmark.measures,
        definitions={name: to_json(average) for name, average in suite.averages.items()},
        counts=[asdict(count) for count in suite.counts],
        notes=[*sizes, *suite.notes, *([_coverage(suite)] if suite.missing else [])],
        files={str(path): file_sha256(path) for path in suite.files},
        missing=len(suite.missing),
    )


def _in_short(sizes: list[str]) -> list[str]:
    """Return at most one line of several; the report keeps them all."""
    others = f" ({len(sizes) - 1} more sizes differ)" if len(sizes) > 1 else ""
    return [f"{note}{others}" for note in sizes[:1]]
