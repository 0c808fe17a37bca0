"""Half-truths (kargibora/CS-CLIP 98b40c0, 2602.23906): a true text, and one with a wrong detail.

Of one image: a short true text (`anchor`), the same with a true detail (`full_truth`) and with a
wrong one (`half_truth`). HT, our `half_truth`: short > short + wrong; COR, our `order`: full >
short > short + wrong (`evaluate_half_truth.py`, ties wrong). HT alone is won by whoever likes short
texts, so `full_over_half` compares the two long ones; and nobody wins `order` by length (`--blind`
shows both).

With `--captions FILE` the same is built of any captions, without a language model. A caption is cut
before its last preposition ("a man rides a wave | on a surfboard"); the wrong detail is that of
another image with the same preposition and number of words, none of whose content words stands in
any caption of this image. Nobody has checked the built ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.caption_words import words
from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2017,
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    field,
    from_hub,
)
from ahnpl_cli.evaluation.benchmarks.find_files import COCO, DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import Records, read_tables
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool
from ahnpl_cli.files import read_jsonl
from ahnpl_cli.stable_hash import stable_hash

PUBLISHED = {"coco_qwen": 509, "coco_mistral": 454, "cc3m_qwen": 474}
SUFFIXES = (".parquet", ".jsonl")
TEXTS = ("anchor", "full_truth", "half_truth")
MEASURES = ("half_truth", "full_over_half", "order")
CAPTIONS = "captions"  # role of a file that half-truths are built of
BUILT = "built"
# "of" and "to" belong to the word before them more often than not: "top of", "next to".
_PREPOSITIONS = """
with on in at near under behind beside by inside against above below over around between across
along through without beneath
"""
PREPOSITIONS = frozenset(_PREPOSITIONS.split())
# Words that say nothing of what is on an image.
_EMPTY = """
a an the of to and or its it his her their some two top front next side other there is are another
one them him that this background
"""
EMPTY = PREPOSITIONS | frozenset(_EMPTY.split())
LEAST_ANCHOR, LEAST_DETAIL = 3, 2  # words
TRIES = 50  # details of other images that are looked at for one caption


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the files of the three sources that are here."""
    files: dict[str, Path] = {}
    for source in PUBLISHED:
        for suffix in SUFFIXES:
            for folder in folders.holding(f"{source}{suffix}")[:1]:
                files.setdefault(source, folders.path(folder, f"{source}{suffix}"))
    return files


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """The three measures; the texts are the short one, the full one and the half-truth."""
    short, full, half = scores
    above_half = judging.beats(short, half)
    of_measures = (
        above_half,
        judging.beats(full, half),
        judging.both(judging.beats(full, short), above_half),
    )
    outcomes: dict[str, judging.Outcome] = {}
    for measure, outcome in zip(MEASURES, of_measures, strict=True):
        outcomes |= dict.fromkeys(judging.tagged(measure, item.subsets), outcome)
    yield judging.verdict(item, scores, outcomes)


def subsets(item: Item) -> Iterator[str]:
    """Yield the subsets that the verdict of an item counts in."""
    for measure in MEASURES:
        yield from judging.tagged(measure, item.subsets)


def _read_records(path: Path, copy: LocalCopy) -> Records:
    if path.suffix != ".jsonl":
        return read_tables(copy, ("image",), paths=[path])
    rows = list(read_jsonl(path, error=BenchmarkError, hint=FETCH_AGAIN))
    return Records(rows, copy.image_finder(copy.folders.below(path.parent), coco=True))


def read_published(source: str, copy: LocalCopy) -> list[Item]:
    """Return the items of one published source.

    Raises:
        BenchmarkError: a field is missing.
    """
    records = _read_records(copy.files[source], copy)
    items = []
    for number, (where, record) in enumerate(records.rows):
        texts = tuple(field(record, name, str, where=where) for name in TEXTS)
        kind = field(record, "triplet_type", str, where=where)
        ref = records.images.ref(field(record, "image", str, where=where))
        key = f"{source}/{number}"
        # The short and the full text are both true; the judge knows them by their places.
        item = Item(key, (ref,), texts, (source, kind), positives=2, cluster=ref.path.name)
        items.append(item)
    if records.embedded and copy.options.peek:
        records.images.missing.clear()  # The table holds its images, and a look unpacks none.
    return items


class Parts(NamedTuple):
    """A caption cut before its last preposition."""

    anchor: str
    detail: tuple[str, ...]


def cut(caption: str) -> Parts | None:
    """Return a caption's beginning and its last prepositional phrase, or None without one."""
    tokens = caption.strip().rstrip(".").split()
    for place in range(len(tokens) - LEAST_DETAIL, LEAST_ANCHOR - 1, -1):
        if tokens[place].lower() in PREPOSITIONS:
            anchor = " ".join(tokens[:place]).rstrip(",")
            return Parts(anchor, tuple(tokens[place:]))
    return None


def content_words(tokens: Sequence[str]) -> set[str]:
    """Return the words that say what is there."""
    return set(words(" ".join(tokens))) - EMPTY


def build(captions: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, tuple[str, str, str]]]:
    """Build half-truths of captions.

    Args:
        captions: (id, image, caption) of each.

    Returns:
        (id, image, (short, full, half)) of every caption that has a detail, and for which another
        image has one that is wrong of it. The same whatever the order of the captions.
    """
    said: dict[str, set[str]] = {}
    pool_of: dict[tuple[str, int], list[tuple[str, tuple[str, ...]]]] = {}
    for key, image, caption in captions:
        said.setdefault(image, set()).update(words(caption))
        parts = cut(caption)
        if parts is not None and content_words(parts.detail):
            shape = (parts.detail[0].lower(), len(parts.detail))
            pool_of.setdefault(shape, []).append((key, parts.detail))
    for candidates in pool_of.values():
        candidates.sort(key=lambda candidate: stable_hash(*candidate))
    built = []
    for key, image, caption in captions:
        parts = cut(caption)
        if parts is None or not content_words(parts.detail):
            continue
        candidates = pool_of[parts.detail[0].lower(), len(parts.detail)]
        wrong = _wrong_detail(key, parts, candidates, said[image])
        if wrong is not None:
            full = f"{parts.anchor} {' '.join(parts.detail)}"
            half = f"{parts.anchor} {' '.join(wrong)}"
            built.append((key, image, (parts.anchor, full, half)))
    return built


def _wrong_detail(
    key: str,
    parts: Parts,
    candidates: Sequence[tuple[str, tuple[str, ...]]],
    said: set[str],
) -> tuple[str, ...] | None:
    """Return a detail of which nothing is said of the image; the start is drawn by hash."""
    start = stable_hash("half-truth", key) % len(candidates)
    for step in range(min(TRIES, len(candidates))):
        _, detail = candidates[(start + step) % len(candidates)]
        # Its own detail and those of its other captions share a word with what is said.
        if not content_words(detail) & said:
            return detail
    return None


def read_built(copy: LocalCopy) -> list[Item]:
    """Return the half-truths built of the captions that `--captions` names.

    Raises:
        DataError: the file holds no captions.
    """
    path = copy.files[CAPTIONS]
    images = copy.image_finder([path.parent, *copy.folders.image_folders(*COCO)], coco=True)
    captions = [(record.id, record.image, record.caption) for record in read_captions(path)]
    items = []
    for key, image, texts in build(captions):
        ref = images.ref(image)
        items.append(Item(key, (ref,), texts, (BUILT,), positives=2, cluster=ref.path.name))
    copy.notes.append(
        f"built of {len(captions):,} captions by rule: {len(items):,} half-truths, that nobody has "
        "checked"
    )
    return items


def load(copy: LocalCopy) -> Suite:
    """Read the published sources, or build half-truths of captions.

    Raises:
        BenchmarkError: no caption has a detail.
    """
    items: list[Item] = []
    if CAPTIONS in copy.files:
        items = list(copy.limited(read_built(copy)))
        if not items:
            where = str(copy.files[CAPTIONS])
            raise BenchmarkError("no half-truth can be built of these captions", where=where)
        averages: dict[str, Average] = {measure: pool(measure) for measure in MEASURES}
        return _suite(copy, items, averages, "order", ())
    for source in copy.files:
        of_source = read_published(source, copy)
        copy.count(source, len(of_source), PUBLISHED[source])
        items += copy.limited(of_source)
    copy.note_absent("files", PUBLISHED)
    averages = {}
    for measure in MEASURES:
        of_sources = mean(*(f"{measure} / {source}" for source in PUBLISHED))
        averages[f"macro_3_{measure}"] = of_sources
        averages[measure] = pool(measure)
    tags = (*copy.files, *sorted({item.subsets[1] for item in items}))
    return _suite(copy, items, averages, "macro_3_half_truth", tags)


def _suite(
    copy: LocalCopy,
    items: Sequence[Item],
    averages: dict[str, Average],
    headline: str,
    tags: Sequence[str],
) -> Suite:
    main_subsets = list(MEASURES)
    for tag in tags:
        main_subsets += [f"{measure} / {tag}" for measure in MEASURES]
    return copy.item_suite(
        items,
        averages,
        main_subsets=main_subsets,
        judge=judging.Judge(judge, subsets),
        headline=headline,
    )


BENCHMARK = Benchmark(
    name="half-truths",
    measures="a short true text above the same with one wrong detail, and below the full truth",
    source="huggingface.co/datasets/kbora/Half-Truths data/*.parquet; or --captions FILE, of "
    "which they are built",
    license="CC BY 4.0; photos COCO's and CC3M's terms",
    files="coco_qwen.parquet, coco_mistral.parquet, cc3m_qwen.parquet (or .jsonl + images)",
    size="three tables, and COCO val2017: 0.8 GB",
    download=f"{from_hub('kbora/Half-Truths', 'half-truths')} && {COCO_VAL2017}",
    find=find,
    load=load,
    built_of_captions=CAPTIONS,
)
