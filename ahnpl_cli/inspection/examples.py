"""Which examples to look at: the user's own, some of a run's training data, or the bundled ones."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from ahnpl_cli.data.images import is_below
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.data.sources import parse_sources
from ahnpl_cli.files import read_toml
from ahnpl_cli.inspection.report import CompetingCaption, Example
from ahnpl_cli.records import CaptionRecord, Negative
from ahnpl_cli.reporting.edits import word_edits
from ahnpl_cli.runs import CONFIG
from ahnpl_cli.stable_hash import stable_hash

logger = logging.getLogger(__name__)
SPARE = 8  # drawn for one shown, since captions of the same image are told apart afterwards


def given_example(image: Path, captions: Sequence[str]) -> Example:
    """Return the user's own example: the first caption is the true one."""
    caption, *others = captions
    competing = tuple(CompetingCaption(text, "given", word_edits(caption, text)) for text in others)
    return Example(id=image.name, image=str(image), caption=caption, others=competing)


def draw_key(seed: int, record: CaptionRecord) -> int:
    """Return what records are drawn by: the lowest come first."""
    return stable_hash(seed, record.id)


class RecordSample:
    """The records with the lowest `draw_key`, found while a file streams by.

    Args:
        count: how many.
        seed: of the draw.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self._heap: list[tuple[int, int, CaptionRecord]] = []
        self._seen = 0

    def add(self, record: CaptionRecord) -> None:
        """Let a record take part."""
        self._seen += 1
        # heapq keeps the smallest at its head, and the head has to be the one to give way: hence
        # the minus. Equal keys keep the order of the file.
        entry = (-draw_key(self.seed, record), -self._seen, record)
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def records(self) -> list[CaptionRecord]:
        """Return the records in order of their draw key."""
        entries = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return [record for _, _, record in entries]


def _chosen_negative(negatives: Sequence[Negative], turn: int) -> Negative:
    """Return one of another kind at every turn, so that a few examples show many kinds."""
    kinds = sorted({negative.kind for negative in negatives})
    kind = kinds[turn % len(kinds)]
    return next(negative for negative in negatives if negative.kind == kind)


def _distinct_images(records: Iterable[CaptionRecord]) -> Iterator[CaptionRecord]:
    seen: set[str] = set()
    for record in records:
        # Several captions of one image would show the same picture again.
        if record.image not in seen:
            seen.add(record.image)
            yield record


def draw_examples(
    records: Iterable[CaptionRecord],
    root: Path,
    count: int,
    *,
    seed: int,
    need_images: bool = True,
) -> list[Example]:
    """Draw examples of distinct images, the same ones for the same seed.

    Args:
        records: captions with negatives; read once, a few are kept.
        root: folder that image paths are relative to.
        count: how many to draw.
        seed: of the draw.
        need_images: leave out records whose image is not there.
    """
    sample = RecordSample(count * SPARE, seed)
    for record in records:
        if record.negatives and (not need_images or (root / record.image).is_file()):
            sample.add(record)
    distinct = list(_distinct_images(sample.records()))[:count]
    return [_example(record, root, turn) for turn, record in enumerate(distinct)]


def _example(record: CaptionRecord, root: Path, turn: int) -> Example:
    negative = _chosen_negative(record.negatives, turn)
    edits = negative.edits or word_edits(record.caption, negative.caption)
    competing = CompetingCaption(negative.caption, negative.kind, edits)
    path = root / record.image
    return Example(
        id=record.id,
        image=str(path),
        caption=record.caption,
        others=(competing,),
        outside=not is_below(path, root),
    )


def bundled_examples(count: int) -> list[Example]:
    """Return the first of the examples that come with this package."""
    folder = Path(str(files("ahnpl_cli.inspection") / "bundled"))
    records = list(read_records(folder / "negatives.jsonl"))
    return [_example(record, folder, 0) for record in records[:count]]


def training_data(run: Path) -> list[tuple[Path, Path]]:
    """Return the files that a run read its captions from, each with its image root.

    Raises:
        DataError: the configuration cannot be read.
    """
    config = read_toml(run / CONFIG, hint="Name another run, or a file of negatives.")
    data = config.get("data", [])
    names = [name for name in (data if isinstance(data, list) else [data]) if isinstance(name, str)]
    root = config.get("image_root")
    sources = parse_sources(names, root if isinstance(root, str) else None)
    places = [(Path(source.data), source.root) for source in sources]
    # Shards and tables of captions are not streamed here for the sake of two examples.
    return [place for place in places if place[0].suffixes[:1] == [".jsonl"]]


def examples_of_run(run: Path, count: int, *, seed: int) -> list[Example]:
    """Draw examples of the data a run was trained on; empty when they are no longer there."""
    for path, root in training_data(run):
        # A run may have been moved, or its data deleted since.
        if path.is_file():
            examples = draw_examples(read_records(path), root, count, seed=seed)
            if examples:
                return examples
    logger.warning("The data of %s are no longer there; showing the bundled examples.", run)
    return []
