"""One process's share of the work: blocks of captions in, lines of the output file back."""

from __future__ import annotations

import atexit
import gc
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.files import write_atomic
from ahnpl_cli.negatives.base import Parsed, Unit
from ahnpl_cli.negatives.fillers import Filler
from ahnpl_cli.negatives.fillers.choose import FillerChoice
from ahnpl_cli.negatives.fillers.corpus import CorpusFiller, Counts
from ahnpl_cli.negatives.make import Maker, Recipe
from ahnpl_cli.negatives.parse import units
from ahnpl_cli.negatives.select import Select, weigher
from ahnpl_cli.negatives.survey import Index
from ahnpl_cli.negatives.tagging import Tagger
from ahnpl_cli.records import CaptionRecord, Kind

BLOCK = 256  # captions tagged and filled together, by their number in the file, in every run


@dataclass(frozen=True, slots=True)
class Spec:
    """What a process needs to know; sent once.

    Attributes:
        folder: where the index and the counts are.
        spacy_model: pipeline for the tags.
        filler: what refills words.
        device: where a masked language model computes.
        kinds: what is made.
        per_kind: negatives of each kind and caption at most.
        top_k: best valid words among which one is drawn.
        seed: of all draws.
        select: which word is changed.
        temperature: of `select`.
    """

    folder: Path
    spacy_model: str
    filler: FillerChoice
    device: str
    kinds: tuple[Kind, ...]
    per_kind: int
    top_k: int
    seed: int
    select: Select
    temperature: float


@dataclass(frozen=True, slots=True)
class Block:
    """Captions in the order of the file, the first with its number."""

    start: int
    records: tuple[CaptionRecord, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """The records of a block with their negatives, and what was counted on the way."""

    start: int
    lines: tuple[str, ...]
    made: Counter[str]
    rejected: Counter[tuple[str, str]]


def index_path(folder: Path) -> Path:
    """Where the index of a run is."""
    return folder / "index.sqlite"


def counts_path(folder: Path) -> Path:
    """Where the statistics of the captions are."""
    return folder / "counts.json"


def write_counts(path: Path, counts: Counts) -> None:
    """Write the statistics for the workers, whole or not at all."""
    # JSON has no tuples for keys, so pairs become rows.
    pairs = [[*key, words] for key, words in counts.pairs.items()]
    write_atomic(path, json.dumps([counts.words, pairs, counts.uses, counts.captions]))


def read_counts(path: Path) -> Counts:
    """Return what `write_counts` wrote."""
    words, pairs, uses, captions = json.loads(path.read_text(encoding="utf-8"))
    by_key = {(place, neighbour, tag): found for place, neighbour, tag, found in pairs}
    return Counts(words, by_key, uses, captions)


class Worker:
    """Loads the models once, then tags and makes."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.tagger = Tagger(spec.spacy_model)
        self._index: Index | None = None
        self._maker: Maker | None = None

    def parse(self, captions: Sequence[str]) -> list[tuple[Unit, ...]]:
        """Return the units of captions."""
        tagged = self.tagger.tag(captions)
        return [units(text, words) for text, words in zip(captions, tagged, strict=True)]

    def make(self, block: Block) -> Lines:
        """Return the lines of a block."""
        index, maker = self._ready()
        records = block.records
        known = index.units(block.start, block.start + len(records))
        rest = [i for i in range(len(records)) if block.start + i not in known]
        fresh = self.parse([records[i].caption for i in rest])
        known |= {block.start + i: made for i, made in zip(rest, fresh, strict=True)}
        parsed = [
            Parsed(record, known[block.start + i], index.image_words(record.image))
            for i, record in enumerate(records)
        ]
        made = maker.make(parsed)
        kinds = Counter[str](negative.kind for row in made.negatives for negative in row)
        lines = tuple(
            dump(replace(record, negatives=tuple(row)))
            for record, row in zip(records, made.negatives, strict=True)
        )
        return Lines(block.start, lines, kinds, made.rejected)

    def _ready(self) -> tuple[Index, Maker]:
        if self._index is None or self._maker is None:
            spec = self.spec
            weigh = weigher(spec.select, spec.temperature)
            recipe = Recipe(spec.kinds, spec.per_kind, spec.top_k, spec.seed, weigh)
            self._index = Index(index_path(spec.folder))
            self._maker = Maker(recipe, self._filler(), self.tagger)
            # What is loaded by now stays: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            # Else torch's own libraries report everything frozen as leaked when the process ends.
            atexit.register(gc.unfreeze)
        return self._index, self._maker

    def _filler(self) -> Filler:
        choice = self.spec.filler
        if choice.kind == "corpus" or choice.model is None:
            counts = read_counts(counts_path(self.spec.folder))
            return CorpusFiller(counts, self.spec.top_k)
        from ahnpl_cli.negatives.fillers.roberta import RobertaFiller

        return RobertaFiller(choice.model, self.spec.device)


_here: Worker | None = None


def start(spec: Spec) -> None:
    """Make this process a worker; called once in each."""
    global _here
    _here = Worker(spec)


def _worker() -> Worker:
    assert _here is not None
    return _here


def parse(captions: Sequence[str]) -> list[tuple[Unit, ...]]:
    """`Worker.parse` in this process."""
    return _worker().parse(captions)


def make(blocks: Sequence[Block]) -> list[Lines]:
    """`Worker.make` of each block in this process."""
    return [_worker().make(block) for block in blocks]
