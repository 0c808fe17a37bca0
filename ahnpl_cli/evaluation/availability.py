"""What `ahnpl eval --list` says: every suite, where to get it, what of it is here; its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import AhnplError
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, LoadOptions, count_notes
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.load_suites import data_folders, load_options
from ahnpl_cli.evaluation.table_cells import Row
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.reporting.tables import Span, Table


@dataclass(frozen=True, slots=True)
class Availability:
    """One suite, and what of it is here.

    Attributes:
        name: as typed.
        measures: what a high number says.
        source: where its files come from.
        license: of annotations and images.
        files: what is looked for.
        found: annotation files that are here.
        missing: what is not: files, images, or published numbers that do not match.
        size: what a download takes.
        download: one line for a shell that fetches it; empty where there is none.
    """

    name: str
    measures: str
    source: str
    license: str
    files: str
    found: list[str]
    missing: list[str]
    size: str = ""
    download: str = ""


def list_suites(
    config: EvalConfig, names: Sequence[str] = (), *, track: Track = silent
) -> list[Availability]:
    """Return suites, all without a name, with what was found under the data folders.

    Raises:
        BenchmarkError: `--data` names no folder.
    """
    folders = data_folders(config)
    options = load_options(config, track, peek=True)
    return [_availability(benchmark, folders, options) for benchmark in benchmarks(names)]


def _availability(benchmark: Benchmark, folders: DataFolders, options: LoadOptions) -> Availability:
    # Found first, read second: a suite that is not here has nothing that could be broken.
    files = benchmark.find(folders)
    return Availability(
        name=benchmark.name,
        measures=benchmark.measures,
        source=benchmark.source,
        license=benchmark.license,
        files=benchmark.files,
        found=[str(path) for path in dict.fromkeys(files.values())],
        missing=_missing(benchmark, folders, files, options) if files else [benchmark.files],
        size=benchmark.size,
        download=benchmark.download,
    )


def _missing(
    benchmark: Benchmark, folders: DataFolders, files: dict[str, Path], options: LoadOptions
) -> list[str]:
    # A broken file of one suite must not hide what there is of the others.
    try:
        suite = benchmark.load(benchmark.copy_of(folders, files, options))
    except AhnplError as error:
        return [str(error)]
    missing = suite.task.missing
    images = len({ref.path for ref in suite.task.images()} | set(missing))
    lacking = [note for note in suite.notes if " not here: " in note]
    if missing:
        lacking.append(f"{len(missing):,} of {images:,} images")
    return [*lacking, *count_notes(suite.counts)]


SHOWN = 4  # things missing of a suite; --json has all
PLACES = "Looked for under --data, or data/ and $AHNPL_DATA, up to three folders down."


def _state(suite: Availability) -> Span:
    if not suite.found:
        return Span("not here", "dim")
    return Span("in part", "bad") if suite.missing else Span("here", "good")


def _missing_cell(suite: Availability) -> str:
    shown = suite.missing[:SHOWN]
    more = len(suite.missing) - len(shown)
    if more:
        shown = [*shown, f"and {more} more"]
    return "; ".join(shown) or "nothing"


def availability_tables(suites: Sequence[Availability]) -> list[Table]:
    """Return the overview, what was found, and where to get each suite."""
    overview: list[Row] = []
    here: list[Row] = []
    sources: list[Row] = []
    for suite in suites:
        overview.append((suite.name, suite.measures, _state(suite)))
        if suite.found:
            folder = Path(suite.found[0]).parent
            here.append((suite.name, f"{len(suite.found)} in {folder}", _missing_cell(suite)))
        sources.append((suite.name, "from", suite.source))
        if suite.size:
            sources.append(("", "size", suite.size))
        sources.append(("", "license", suite.license))
        sources.append(("", "looked for", suite.files))
    tables = [Table("Suites", ("suite", "measures", "here"), tuple(overview))]
    if here:
        columns = ("suite", "files", "missing, or not as published")
        tables.append(Table("Found here", columns, tuple(here)))
    tables.append(Table("Where to get them", ("suite", "", ""), tuple(sources), PLACES))
    return tables


def download_lines(suites: Sequence[Availability]) -> list[str]:
    """Return what to type for each suite that is not here as a whole, ready to be copied."""
    # What is here as a whole needs no line, even if it was asked for.
    return [suite.download for suite in suites if suite.download and suite.missing]
