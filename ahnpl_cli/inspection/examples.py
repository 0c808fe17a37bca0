"""Which examples to look at: the user's own, some of a run's training data, or the bundled ones."""

from __future__ import annotations

import hashlib
import heapq
import logging
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.report import CompetingCaption, Example
from ahnpl_cli.records import CaptionRecord, Negative
from ahnpl_cli.reporting.edits import word_edits
from ahnpl_cli.runs import CONFIG

log = logging.getLogger(__name__)
SPARE = 8  # drawn for one shown, since captions of the same image are told apart afterwards


def given_example(image: Path, captions: Sequence[str]) -> Example:
    """Return the user's own example: the first caption is the true one."""
    caption, *others = captions
    competing = tuple(CompetingCaption(text, "given", word_edits(caption, text)) for text in others)
    return Example(id=image.name, image=str(image), caption=caption, others=competing)


def draw_key(seed: int, record: CaptionRecord) -> str:
    """Return what records are drawn by: the lowest come first."""
    return hashlib.sha256(f"{seed}\0{record.id}".encode()).hexdigest()


class Draw:
    """The records that are drawn first by `draw_key`, found while a file streams by.

    Args:
        count: how many.
        seed: of the draw.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._heap: list[tuple[int, int, CaptionRecord]] = []
        self._seen = 0

    def add(self, record: CaptionRecord) -> None:
        """Let a record take part."""
        self._seen += 1
        # The last one drawn stands first in the heap; equal keys keep the order of the file.
        entry = (-int(draw_key(self.seed, record), 16), -self._seen, record)
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def drawn(self) -> list[CaptionRecord]:
        """Return the records drawn, the first first."""
        return [record for *_, record in sorted(self._heap, key=lambda e: e[:2], reverse=True)]


def _chosen_negative(negatives: Sequence[Negative], turn: int) -> Negative:
    """Another kind at every turn, so that a few examples show many kinds."""
    kinds = sorted({negative.kind for negative in negatives})
    kind = kinds[turn % len(kinds)]
    return next(negative for negative in negatives if negative.kind == kind)


def _distinct_images(records: Iterable[CaptionRecord]) -> Iterator[CaptionRecord]:
    seen: set[str] = set()
    for record in records:
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
    usable = (r for r in records if r.negatives and (not need_images or (root / r.image).is_file()))
    drawn = heapq.nsmallest(count * SPARE, usable, key=lambda record: draw_key(seed, record))
    chosen = list(_distinct_images(drawn))[:count]
    return [_example(record, root, turn) for turn, record in enumerate(chosen)]


def _example(record: CaptionRecord, root: Path, turn: int) -> Example:
    negative = _chosen_negative(record.negatives, turn)
    edits = negative.edits or word_edits(record.caption, negative.caption)
    other = CompetingCaption(negative.caption, negative.kind, edits)
    return Example(record.id, str(root / record.image), record.caption, (other,))


def bundled_examples(count: int) -> list[Example]:
    """Return the first of the examples that come with this package."""
    folder = Path(str(files("ahnpl_cli.inspection") / "bundled"))
    records = list(read_records(folder / "negatives.jsonl"))
    return [_example(record, folder, 0) for record in records[:count]]


def _training_data(run: Path) -> tuple[list[Path], Path | None]:
    """Where a run read its captions and images, as its resolved configuration has it."""
    try:
        config: dict[str, Any] = tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError("the run's options cannot be read", where=str(run / CONFIG)) from error
    data = config.get("data", [])
    paths = [Path(path) for path in ([data] if isinstance(data, str) else data)]
    root = config.get("image_root")
    return [path for path in paths if path.suffixes[:1] == [".jsonl"]], Path(root) if root else None


def examples_of_run(run: Path, count: int, *, seed: int) -> list[Example]:
    """Draw examples of the data a run was trained on; empty when they are no longer there."""
    paths, root = _training_data(run)
    for path in paths:
        if path.is_file():
            found = draw_examples(read_records(path), root or path.parent, count, seed=seed)
            if found:
                return found
    log.warning("The data of %s are no longer there; showing the bundled examples.", run)
    return []
