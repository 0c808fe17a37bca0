"""Your own test set, `ahnpl eval FILE`: captions, and their negatives by kind.

Two layouts. What `ahnpl negatives` writes: `all` is the caption above every negative of its record;
one subset a kind, above those of it. And a table, CSV, TSV or JSONL with the columns `image`,
`caption` and `negative` (any number of columns that begin so, or a list), `kind` and `tags` if
there are some (several tags with semicolons). A table with `negative_image` is judged two by two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LocalCopy,
    counted,
    csv_records,
    field,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, is_existing_file
from ahnpl_cli.evaluation.benchmarks.two_by_two import (
    ordered_tags,
    tag_means,
    two_by_two_suite,
)
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool
from ahnpl_cli.files import read_jsonl

FILE = "custom.jsonl"
ALL = "all"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
COLUMNS = ("image", "caption")
NEGATIVE, NEGATIVE_IMAGE = "negative", "negative_image"
NO_KIND = "negative"  # of a table without the column `kind`
HINT = "Give it the columns image, caption and negative, or make negatives: ahnpl negatives."


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `custom.jsonl`, where it is among the data."""
    for folder in folders.holding(FILE):
        return {"custom": folders.path(folder, FILE)}
    return {}


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """The caption above all negatives, and above those of each kind; tags count as all."""
    # `subsets` has one kind per negative, in the order of their scores, and then the tags.
    kinds = item.subsets[: len(scores) - 1]
    outcomes = {ALL: judging.choose(scores)}
    negatives = list(zip(scores[1:], kinds, strict=True))
    for kind in dict.fromkeys(kinds):
        of_kind = [score for score, other in negatives if other == kind]
        outcomes[kind] = judging.beats(scores[0], max(of_kind))
    outcomes |= dict.fromkeys(item.subsets[len(kinds) :], outcomes[ALL])
    yield judging.verdict(item, scores, outcomes)


def subsets(item: Item) -> list[str]:
    """Return the subsets that the verdict of an item counts in."""
    kinds = item.subsets[: len(item.texts) - 1]
    return [ALL, *dict.fromkeys(kinds), *item.subsets[len(kinds) :]]


def guess(item: Item) -> dict[str, float]:
    """Return how likely guessing is right: one of all texts, or of those of a kind."""
    kinds = item.subsets[: len(item.texts) - 1]
    above_all = 1 / len(item.texts)
    shares = {ALL: above_all}
    # Of one kind, the caption stands against the negatives of that kind alone.
    for kind in dict.fromkeys(kinds):
        shares[kind] = 1 / (1 + kinds.count(kind))
    return shares | dict.fromkeys(item.subsets[len(kinds) :], above_all)


def load(copy: LocalCopy) -> Suite:
    """Read the file, in either layout.

    Raises:
        DataError: a line is not a record of ours.
        BenchmarkError: no row has a negative, or a column is missing.
    """
    path = copy.files["custom"]
    if path.suffix in DELIMITERS:
        rows: list[tuple[str, Any]] = [*csv_records(path, COLUMNS, DELIMITERS[path.suffix])]
        return _load_table(copy, rows)
    # One look at the first record tells the layout; a file of both is a mistake that is named.
    first = next(read_jsonl(path, error=BenchmarkError, hint=HINT), None)
    if first is not None and isinstance(first[1], dict) and _negatives(first[1]):
        return _load_table(copy, list(read_jsonl(path, error=BenchmarkError, hint=HINT)))
    return _load_records(copy, path)


def _ref(copy: LocalCopy, name: str, absent: set[Path]) -> ImageRef:
    """Return an image by its path below `--image-root`, or below the file's folder."""
    ref = ImageRef((copy.options.image_root or copy.files["custom"].parent) / name)
    if not is_existing_file(ref.path):
        absent.add(ref.path)
    return ref


def _load_records(copy: LocalCopy, path: Path) -> Suite:
    items = []
    absent: set[Path] = set()
    without = 0
    for record in read_records(path):
        if not record.negatives:
            without += 1
            continue
        ref = _ref(copy, record.image, absent)
        texts = (record.caption, *(negative.caption for negative in record.negatives))
        kinds = tuple(negative.kind for negative in record.negatives)
        items.append(Item(record.id, (ref,), texts, kinds, cluster=record.image))
    if not items:
        raise BenchmarkError("no record has negatives", where=str(path), hint=HINT)
    if without:
        copy.notes.append(f"{counted(without, 'record')} without negatives left out")
    return _choice_suite(copy, list(copy.limited(items)), absent)


def _negatives(row: Mapping[str, Any]) -> list[str]:
    """Return the negative captions of a row of a table; none where it is a record of ours."""
    texts = []
    for name, value in row.items():
        if not name.startswith(NEGATIVE) or name == NEGATIVE_IMAGE:
            continue
        values = value if isinstance(value, list) else [value]
        # Rows may have fewer negatives than the table has columns.
        texts += [text for text in values if isinstance(text, str) and text.strip()]
    return texts


def _tags(row: Mapping[str, Any]) -> list[str]:
    """Return the tags of a row, marked as such, so that none is taken for a kind."""
    tags = row.get("tags") or ()
    names = tags.split(";") if isinstance(tags, str) else tags
    marked = [f"tag {str(name).strip()}" for name in names if str(name).strip()]
    return list(dict.fromkeys(marked))


def _load_table(copy: LocalCopy, rows: list[tuple[str, Any]]) -> Suite:
    """Read rows of `image, caption, negative...`, two by two where they have a second image."""
    absent: set[Path] = set()
    choices: list[Item] = []
    groups: list[Item] = []
    for number, (where, row) in enumerate(copy.limited(rows), 1):
        image, caption = (field(row, name, str, where=where) for name in COLUMNS)
        negatives = _negatives(row)
        if not negatives:
            raise BenchmarkError("no negative", where=where, hint=HINT)
        kind = str(row.get("kind") or NO_KIND)
        refs = [_ref(copy, image, absent)]
        key = str(row.get("id") or number)
        # Without a second image there is only one way to ask: which caption.
        if not row.get(NEGATIVE_IMAGE):
            texts = (caption, *negatives)
            kinds = (kind,) * len(negatives) + tuple(_tags(row))
            choices.append(Item(key, tuple(refs), texts, kinds, cluster=image))
            continue
        if len(negatives) != 1:
            what = f"{counted(len(negatives), 'negative')} beside one negative_image"
            raise BenchmarkError(what, where=where, hint="Give each pair a row of its own.")
        refs.append(_ref(copy, row[NEGATIVE_IMAGE], absent))
        tags = (kind, *_tags(row)) if row.get("kind") else tuple(_tags(row))
        texts = (caption, negatives[0])
        groups.append(Item(key, tuple(refs), texts, tags, cluster=image))
    if groups and choices:
        what = f"{len(groups):,} rows with {NEGATIVE_IMAGE}, {len(choices):,} without"
        raise BenchmarkError(what, where=str(copy.files["custom"]), hint="Make two files of them.")
    if groups:
        kinds_of_groups = ordered_tags(groups)
        averages = tag_means(kinds_of_groups, "tags") if kinds_of_groups else {}
        return two_by_two_suite(
            copy, groups, tags=kinds_of_groups, averages=averages, absent=frozenset(absent)
        )
    return _choice_suite(copy, choices, absent)


def _choice_suite(copy: LocalCopy, items: list[Item], absent: set[Path]) -> Suite:
    kinds: dict[str, None] = {}
    tags: dict[str, None] = {}
    for item in items:
        count = len(item.texts) - 1
        kinds |= dict.fromkeys(item.subsets[:count])
        tags |= dict.fromkeys(item.subsets[count:])
    averages: dict[str, Average] = {f"macro_{len(kinds)}_kinds": mean(*kinds)}
    averages["micro_all"] = pool(ALL)
    if tags:
        averages[f"macro_{len(tags)}_tags"] = mean(*tags)
    return copy.item_suite(
        items,
        averages,
        main_subsets=[ALL, *kinds, *tags],
        judge=judging.Judge(judge, subsets, guess),
        absent=frozenset(absent),
    )


BENCHMARK = Benchmark(
    name="custom",
    measures="your own captions above their negatives, by kind and tag",
    source="your own: what `ahnpl negatives` writes, or a table of images, captions and negatives",
    license="yours",
    files=f"the file named on the command line, or {FILE}",
    find=find,
    load=load,
)


def of_file(path: Path, name: str = "custom") -> Benchmark:
    """Return the benchmark of one file, by whatever name."""
    return replace(BENCHMARK, name=name, find=lambda folders: {"custom": path}, path=path)
