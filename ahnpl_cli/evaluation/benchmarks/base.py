"""What every benchmark file provides, and what they share: its files here, and how to read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring.items import Count, Item, Suite, Task, Verdict
from ahnpl_cli.evaluation.scoring.judging import CHOICE, ItemTask, Judge
from ahnpl_cli.evaluation.scoring.metrics import DerivedMetric, DerivedMetrics
from ahnpl_cli.evaluation.scoring.statistics import PARTIAL, Average, renamed_where_partial
from ahnpl_cli.files import read_json, read_text
from ahnpl_cli.progress import Track, silent

T = TypeVar("T")
FETCH_AGAIN = "Fetch the file again from its authors."


def fetch(url: str, to: str) -> str:
    """Return the command that downloads a file into `data/`; photos need not be unpacked there."""
    return f"curl -L --create-dirs -o data/{to} {url}"


def clone(repository: str, to: str) -> str:
    """Return the command that copies a repository of GitHub into `data/`."""
    return f"git clone --depth 1 https://github.com/{repository} data/{to}"


def raw(repository: str, path: str) -> str:
    """Return the address of a file in a repository of GitHub."""
    return f"https://raw.githubusercontent.com/{repository}/main/{path}"


def from_hub(data_set: str, to: str, files: str = "") -> str:
    """Return the command that downloads a data set of Hugging Face, or some of its files."""
    wanted = f" {files}" if files else ""
    return f"hf download {data_set}{wanted} --repo-type dataset --local-dir data/{to}"


_COCO_ZIPS = "http://images.cocodataset.org/zips"
COCO_VAL2017 = fetch(f"{_COCO_ZIPS}/val2017.zip", "val2017.zip")
COCO_VAL2014 = fetch(f"{_COCO_ZIPS}/val2014.zip", "val2014.zip")
COCO_TRAIN2014 = fetch(f"{_COCO_ZIPS}/train2014.zip", "train2014.zip")
# Unpacked: VOC's lists lie beside its photos, in one archive.
_VOC = "http://host.robots.ox.ac.uk/pascal/VOC/voc2007"
VOC_TEST, VOC_TRAIN = (
    fetch(f"{_VOC}/{name}", "voc.tar") + " && tar -xf data/voc.tar -C data"
    for name in ("VOCtest_06-Nov-2007.tar", "VOCtrainval_06-Nov-2007.tar")
)
# In two parts, and a benchmark's photos lie in both.
_GENOME = "https://cs.stanford.edu/people/rak248/VG_100K_2"
VISUAL_GENOME = " && ".join(
    fetch(f"{_GENOME}/{name}", f"VG_{name}") for name in ("images.zip", "images2.zip")
)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What loading a suite may depend on.

    Attributes:
        seed: of anything a benchmark draws itself (order perturbations).
        limit: items per subset, the first of the file; None takes all.
        cache: folder for files made once when the data folder cannot be written.
        image_root: one more folder where images of any suite may lie.
        classnames: class names, one a line.
        templates: prompts, one a line.
        difficult: how VOC's difficult objects count: positive, negative or ignore.
        captions: file that a suite is built of, where it can be.
        track: shows progress of what takes long.
        peek: only look at what is there; make no file.
    """

    seed: int = 0
    limit: int | None = None
    cache: Path = Path(".")
    image_root: Path | None = None
    classnames: Path | None = None
    templates: Path | None = None
    difficult: str = "positive"
    captions: Path | None = None
    track: Track = silent
    peek: bool = False


class LocalCopy:
    """The files of one benchmark on this disk, and what is noticed while they are read.

    Args:
        name: of the suite.
        folders: where files and images are looked for.
        files: annotation files by role, as `Benchmark.find` returned them.
        options: see `LoadOptions`.

    Attributes:
        counts: found against published.
        notes: what a reader of the results has to know.
    """

    def __init__(
        self, name: str, folders: DataFolders, files: Mapping[str, Path], options: LoadOptions
    ) -> None:
        self.name = name
        self.folders = folders
        self.files = dict(files)
        self.options = options
        self.counts: list[Count] = []
        self.notes: list[str] = []
        self._finders: list[ImageFinder] = []

    def limited(self, entries: Sequence[T]) -> Sequence[T]:
        """Return the first entries, as many as `--limit` says, or all."""
        return entries if self.options.limit is None else entries[: self.options.limit]

    def count(self, what: str, found: int, published: int | None) -> None:
        """Keep how many items there are beside how many were published."""
        self.counts.append(Count(what, found, published))

    def note_absent(self, what: str, names: Iterable[str]) -> None:
        """Say which of the published files or parts are not here.

        The note is kept as ` not here: `, which `ahnpl eval --list` looks for.
        """
        absent = [name for name in names if name not in self.files]
        if absent:
            self.notes.append(f"{what} not here: {', '.join(absent)}")

    def image_finder(self, candidates: Iterable[Path], *, coco: bool = False) -> ImageFinder:
        """Return a finder whose missing images become the suite's.

        Args:
            candidates: folders where images may lie, the most likely first. After them come
                folders called `images` inside them, and everything below `--image-root`.
            coco: whether a photo may also be found under COCO's other name.
        """
        candidates = list(candidates)
        # Authors' scripts often have one folder more: visual7w/images, scpp's images.
        inner = [folder / "images" for folder in candidates]
        root = self.options.image_root
        finder = ImageFinder(
            [*candidates, *inner],
            coco=self.folders if coco else None,
            fallback=self.folders.below(root) if root else (),
        )
        self._finders.append(finder)
        return finder

    @property
    def absent(self) -> frozenset[Path]:
        """Images that were looked for and are not on this disk."""
        return frozenset().union(*(finder.missing for finder in self._finders))

    def item_suite(
        self,
        items: Sequence[Item],
        averages: Mapping[str, Average],
        *,
        main_subsets: Sequence[str],
        judge: Judge = CHOICE,
        headline: str | None = None,
        official_ties_win: bool = False,
        files: Sequence[Path] | None = None,
        absent: frozenset[Path] = frozenset(),
    ) -> Suite:
        """Return the suite of items that were read from this copy.

        Args:
            items: to score, also those without their image.
            averages: by name; the first is the headline unless another is named.
            main_subsets: what a table shows.
            judge: of the items.
            headline: the average that stands for the suite.
            official_ties_win: whether the official script counts a tie as right.
            files: what was read, if that is not `self.files`.
            absent: images that are not here, beside those that a finder missed.
        """
        task = ItemTask(
            items=items,
            judge=judge,
            official_ties_win=official_ties_win,
            absent=self.absent | absent,
        )
        return self.suite(task, averages, main_subsets=main_subsets, headline=headline, files=files)

    def suite(
        self,
        task: Task,
        averages: Mapping[str, Average],
        *,
        main_subsets: Sequence[str],
        headline: str | None = None,
        files: Sequence[Path] | None = None,
    ) -> Suite:
        """Return the suite of a task; see `item_suite`."""
        renamed_photos: list[str] = []
        for finder in self._finders:
            renamed_photos += finder.notes()
        # Already here, where files are missing, so that `--best-metric` knows the names.
        named = renamed_where_partial(averages, task.totals().keys())
        wanted = headline or next(iter(averages))
        if wanted in averages and wanted not in named:
            wanted += PARTIAL
        return Suite(
            name=self.name,
            task=task,
            averages=named,
            headline=wanted,
            main_subsets=main_subsets,
            counts=self.counts,
            notes=[*self.notes, *renamed_photos],
            files=list(self.files.values()) if files is None else files,
        )


def no_derived_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return nothing: most suites have shares of verdicts alone."""
    return {}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One suite as the command line knows it.

    Attributes:
        name: as typed.
        measures: what a high number says of a model, in one line.
        source: where its files come from.
        license: of annotations and images.
        files: what is looked for, printable.
        find: annotation files in the data folders by role; empty when the suite is not there.
        load: reads them.
        derived_metrics: what its verdicts say beside shares of them, such as mAP.
        path: the file named on the command line, of a custom suite.
        built_of_captions: role of the file that `--captions` names, if the suite is built of one.
        size: what a download takes, as far as its source says it.
        download: one line for a shell that fetches it into `data/`; empty where there is none.
    """

    name: str
    measures: str
    source: str
    license: str
    files: str
    find: Callable[[DataFolders], dict[str, Path]]
    load: Callable[[LocalCopy], Suite]
    derived_metrics: DerivedMetrics = no_derived_metrics
    path: Path | None = None
    built_of_captions: str | None = None
    size: str = ""
    download: str = ""

    def copy_of(
        self, folders: DataFolders, files: Mapping[str, Path], options: LoadOptions
    ) -> LocalCopy:
        """Return the files that `find` returned, ready for `load`."""
        return LocalCopy(self.name, folders, files, options)


def field(record: Any, name: str, kind: type | tuple[type, ...], *, where: str) -> Any:
    """Return one field of a record.

    Raises:
        BenchmarkError: the field is absent or of another type.
    """
    value = record.get(name) if isinstance(record, dict) else None
    # JSON's true is an int for Python, but never a coordinate or a count.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        state = "absent" if value is None else "not of the published type"
        raise BenchmarkError(
            f"{name} is {state}",
            where=where,
            hint="This is not the file that the authors publish.",
        )
    return value


def texts_of(record: Any, name: str, *, where: str) -> list[str]:
    """Return a field that holds a list of texts.

    Raises:
        BenchmarkError: it is absent, no list, or holds something else.
    """
    texts: list[Any] = field(record, name, list, where=where)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            hint = "This is not the file that the authors publish."
            raise BenchmarkError(f"{name}.{number} is not a text", where=where, hint=hint)
    return texts


def read_annotations(path: Path) -> Any:
    """Return what a JSON file of a benchmark holds.

    Raises:
        BenchmarkError: it cannot be read, or is not JSON.
    """
    return read_json(path, error=BenchmarkError, hint=FETCH_AGAIN)


def read_entries(path: Path, container: type) -> list[tuple[str, Any]]:
    """Return the records of a JSON dict or list with their keys or places.

    Keys of official dicts are strings and not contiguous, so they are kept as they are.

    Raises:
        BenchmarkError: the file is not that container.
    """
    # SugarCrepe is a dict where SugarCrepe++ is a list: the container tells the two apart.
    tree = read_annotations(path)
    if isinstance(tree, dict) and container is dict:
        return list(tree.items())
    if isinstance(tree, list) and container is list:
        return [(str(number), record) for number, record in enumerate(tree)]
    shape = "an object" if container is dict else "a list"
    raise BenchmarkError(f"not {shape} of records", where=str(path), hint=FETCH_AGAIN)


def csv_records(
    path: Path, columns: Sequence[str], delimiter: str = ","
) -> list[tuple[str, dict[str, str]]]:
    """Return the rows of a CSV file with their places.

    Args:
        path: the file, with a header.
        columns: that it has to have.
        delimiter: between cells.

    Raises:
        BenchmarkError: it is not UTF-8, a column is missing, or a row is too short.
    """
    text = io.StringIO(read_text(path, error=BenchmarkError), newline="")
    reader = csv.DictReader(text, delimiter=delimiter)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        what = f"no column {', '.join(missing)}"
        raise BenchmarkError(what, where=str(path), hint=FETCH_AGAIN)
    rows = []
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if any(row[column] is None for column in columns):
                raise BenchmarkError("a row is too short", where=where, hint=FETCH_AGAIN)
            rows.append((where, row))
    except csv.Error as error:
        where = f"{path}:{reader.line_num}"
        raise BenchmarkError(f"not CSV: {error}", where=where, hint=FETCH_AGAIN) from error
    return rows


def count_notes(counts: Iterable[Count]) -> list[str]:
    """Say which files are not of the published size."""
    return [
        f"{count.what}: {counted(count.found, 'item')}; published: {count.published:,}"
        for count in counts
        if count.differs
    ]


def counted(n: int, noun: str) -> str:
    """Return `1 row` or `2 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
