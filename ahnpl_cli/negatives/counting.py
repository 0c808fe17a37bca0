"""The statistics that workers read: counted over the captions, or taken from a file.

`--save-statistics` writes that file, `--statistics` reads it. With it, a caption's negatives no
longer depend on the other captions of the run: one more caption, a `--limit` or a dry run changes
nothing else, and shards need not tag a sample each.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ahnpl_cli.engines import Engine
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import check_regular, write_atomic
from ahnpl_cli.negatives import balance, worker
from ahnpl_cli.negatives.balance import (
    BALANCE,
    Changes,
    add_changes,
    odds_of,
    read_balance,
    write_balance,
)
from ahnpl_cli.negatives.fillers.corpus import COUNTS, Counts, count, read_counts, write_counts
from ahnpl_cli.negatives.first_pass import BLOCK, Captions, FirstPass, Index
from ahnpl_cli.negatives.plan import Plan
from ahnpl_cli.negatives.seen_together import SMALL
from ahnpl_cli.negatives.statistics import (
    STATISTICS,
    Statistics,
    Tally,
    read_statistics,
    write_statistics,
)
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.progress import Track
from ahnpl_cli.version import __version__

logger = logging.getLogger(__name__)
Rows = list[tuple[int, str, str, dict[str, int]]]


def prepare_statistics(
    plan: Plan, engine: Engine, index: Index, overview: FirstPass, track: Track
) -> str:
    """Put the statistics that workers read into the work folder; return which captions' they are.

    What an interrupted run has counted, or tagged, is not done again.
    """
    config = plan.config
    if config.statistics is not None:
        captions = load(Path(config.statistics), plan.folder)
        return f"{captions:,} captions, in {config.statistics}"
    files = (plan.folder / COUNTS, plan.folder / STATISTICS)
    total = len(overview.sample)
    if not all(path.exists() for path in files):
        words = _parse_sample(engine, index, overview)
        bar = track(words, total=total, description="Tagging captions", unit="captions")
        tally = Tally()
        counts = count(_tallied(bar, overview, tally))
        write_counts(plan.folder / COUNTS, counts)
        write_statistics(plan.folder / STATISTICS, tally.statistics())
    if config.limit is not None:
        return f"the {overview.total:,} captions read alone"
    return f"{total:,} of the captions" if total < overview.total else "all captions"


def prepare_balance(plan: Plan, engine: Engine, captions: Captions, overview: FirstPass) -> None:
    """Make negatives of the first captions, and put into the work folder what tells them.

    With statistics of another file, what is balanced is what that file says as well.
    """
    config = plan.config
    path = plan.folder / BALANCE
    # A language model's words are not made twice.
    wanted = config.balance > 0 and overview.total >= SMALL and plan.llm is None
    if wanted and not path.exists():
        changes: Changes = {}
        number = balance.tried(overview.total)
        with contextlib.closing(captions.tasks(0, number, BLOCK)) as tried:
            for more in engine.map(worker.try_blocks, tried):
                add_changes(changes, more)
        write_balance(path, odds_of(changes))
    if config.save_statistics is not None:
        save(Path(config.save_statistics), plan.folder, plan.tagger)


def _parse_sample(engine: Engine, index: Index, overview: FirstPass) -> Iterator[tuple[Word, ...]]:
    """Tag the sampled captions, and keep their words so that none is tagged twice."""
    tagged = index.tagged()
    if tagged:
        logger.info("Resuming after %s tagged captions.", f"{tagged:,}")
        yield from index.all_words()
    rest = overview.sample[tagged:]
    numbers = iter([sampled.number for sampled in rest])
    texts = iter([sampled.caption for sampled in rest])
    blocks = iter(lambda: list(islice(texts, BLOCK)), [])
    for parsed in engine.map(worker.parse, blocks):
        tagged_now = islice(numbers, len(parsed))
        index.add_words(zip(tagged_now, parsed, strict=True))
        yield from parsed


def _tallied(
    parsed: Iterable[tuple[Word, ...]], overview: FirstPass, tally: Tally
) -> Iterator[tuple[Word, ...]]:
    """Count the sampled captions in passing."""
    for words, sampled in zip(parsed, overview.sample, strict=True):
        tally.add(sampled.image, sampled.caption, words)
        yield words


@dataclass(frozen=True)
class _Saved:
    """The content of the file.

    Attributes:
        ahnpl: version that counted.
        tagger: spaCy model and version.
        words: tag -> word -> how often; see `Counts`.
        beside: (neighborhood, neighbor, tag, word -> how often).
        uses: word -> how often.
        statistics: what captions say together.
        balance: what words tell negatives from captions, if that was counted.
    """

    ahnpl: str
    tagger: str
    words: dict[str, dict[str, int]]
    beside: Rows
    uses: dict[str, int]
    statistics: Statistics
    balance: dict[str, dict[str, float]]


_adapter = TypeAdapter(_Saved)


def save(path: Path, folder: Path, tagger: str) -> None:
    """Write the statistics in a work folder to a file of their own, whole or not at all."""
    counts = read_counts(folder / COUNTS)
    beside = [(*key, words) for key, words in counts.pairs.items()]
    statistics = read_statistics(folder / STATISTICS)
    balance = read_balance(folder / BALANCE)
    saved = _Saved(__version__, tagger, counts.words, beside, counts.uses, statistics, balance)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, _adapter.dump_json(saved))


def load(path: Path, folder: Path) -> int:
    """Put the statistics of a file into a work folder; return how many captions they are of.

    Raises:
        DataError: it is missing, or something else.
    """
    saved = _read(path)
    pairs = {(role, neighbor, tag): words for role, neighbor, tag, words in saved.beside}
    captions = saved.statistics.captions
    counts = Counts(saved.words, pairs, saved.uses, captions)
    write_counts(folder / COUNTS, counts)
    write_statistics(folder / STATISTICS, saved.statistics)
    write_balance(folder / BALANCE, saved.balance)
    return captions


def _read(path: Path) -> _Saved:
    check_regular(path, error=DataError)
    hint = "Write it with `ahnpl negatives --save-statistics`."
    try:
        saved: Any = _adapter.validate_json(path.read_bytes(), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataError("no file of statistics", where=str(path), hint=hint) from error
    assert isinstance(saved, _Saved)
    return saved
