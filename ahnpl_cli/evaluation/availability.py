"""What `ahnpl eval --list` says: every suite, where to get it, what of it is here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, count_notes
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.load_suites import data_folders, options_of
from ahnpl_cli.progress import Track, silent


@dataclass(frozen=True, slots=True)
class Listing:
    """One suite.

    Attributes:
        name: as typed.
        measures: what a high number says.
        source: where its files come from.
        license: of annotations and images.
        files: what is looked for.
        found: annotation files that are here.
        missing: what is not: files, images, or published numbers that do not match.
    """

    name: str
    measures: str
    source: str
    license: str
    files: str
    found: list[str]
    missing: list[str]


def list_suites(config: EvalConfig, *, track: Track = silent) -> list[Listing]:
    """Return every suite with what was found under the data folders.

    Raises:
        BenchmarkError: `--data` names no folder.
    """
    shelf, options = data_folders(config), options_of(config, track, peek=True)
    return [_listing(benchmark, shelf, options) for benchmark in benchmarks(())]


def _listing(benchmark: Benchmark, shelf: DataFolders, options: Options) -> Listing:
    files = benchmark.find(shelf, options)
    return Listing(
        benchmark.name,
        benchmark.measures,
        benchmark.source,
        benchmark.license,
        benchmark.files,
        [str(path) for path in dict.fromkeys(files.values())],
        _missing(benchmark, shelf, files, options) if files else [benchmark.files],
    )


def _missing(
    benchmark: Benchmark, shelf: DataFolders, files: dict[str, Path], options: Options
) -> list[str]:
    try:
        suite = benchmark.load(shelf, files, options)
    except BenchmarkError as error:
        return [str(error)]
    images = len({ref.path for ref in suite.images()} | set(suite.missing))
    made = [note for note in suite.notes if " not here: " in note]
    if suite.missing:
        made.append(f"{len(suite.missing):,} of {images:,} images")
    return [*made, *count_notes(suite.counts)]
