"""One process's share of the work: blocks of captions in, lines of the output file back."""

from __future__ import annotations

import atexit
import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.negatives.candidates import ParsedCaption
from ahnpl_cli.negatives.fillers import Filler
from ahnpl_cli.negatives.fillers.choose import FillerChoice
from ahnpl_cli.negatives.fillers.corpus import CorpusFiller, read_counts
from ahnpl_cli.negatives.first_pass import Index
from ahnpl_cli.negatives.journal import BlockResult
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.maker import Maker
from ahnpl_cli.negatives.text.tagging import Tagger
from ahnpl_cli.negatives.text.words import Word, words_of
from ahnpl_cli.records import CaptionRecord

COUNTS = "counts.json"  # in the work folder: the statistics of the captions
BLOCK = 256  # captions tagged and filled together, by their number in the file, in every run


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a process needs to know; sent once.

    Attributes:
        options: of the command.
        folder: where the index and the counts are.
        spacy_model: pipeline for the tags.
        filler: what refills words.
        device: where a masked language model computes.
    """

    options: NegativesConfig
    folder: Path
    spacy_model: str
    filler: FillerChoice
    device: str


@dataclass(frozen=True, slots=True)
class Block:
    """Captions in the order of the file, the first with its number."""

    start: int
    records: tuple[CaptionRecord, ...]


class _Worker:
    """Loads the models once, then tags and makes negatives."""

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.tagger = Tagger(config.spacy_model)
        self._index: Index | None = None
        self._maker: Maker | None = None

    def parse(self, captions: Sequence[str]) -> list[tuple[Word, ...]]:
        """Return the words of captions."""
        tagged = self.tagger.tag(captions)
        return [words_of(text, tags) for text, tags in zip(captions, tagged, strict=True)]

    def make(self, block: Block) -> BlockResult:
        """Return the lines of a block."""
        index, maker = self._ready()
        parsed = self._parsed(block, index)
        result = maker.make(parsed)
        kinds = Counter[str](negative.kind for row in result.negatives for negative in row)
        lines = tuple(
            dump(replace(record, negatives=tuple(negatives)))
            for record, negatives in zip(block.records, result.negatives, strict=True)
        )
        return BlockResult(lines, kinds, result.rejected)

    def _parsed(self, block: Block, index: Index) -> list[ParsedCaption]:
        """Parse the captions of a block, but those that the count of words has parsed before."""
        words = index.words(block.start, block.start + len(block.records))
        numbered = dict(enumerate(block.records, block.start))
        fresh = [number for number in numbered if number not in words]
        parsed = self.parse([numbered[number].caption for number in fresh])
        words.update(zip(fresh, parsed, strict=True))
        return [
            ParsedCaption(record, words[number], index.image_words(record.image))
            for number, record in numbered.items()
        ]

    def _ready(self) -> tuple[Index, Maker]:
        """Load what only `make` needs; the first pass and the count are done by then."""
        if self._index is None or self._maker is None:
            options = self.config.options
            self._index = Index(self.config.folder)
            self._maker = Maker(
                self._filler(),
                self.tagger,
                kinds=options.kinds,
                per_kind=options.per_kind,
                top_k=options.top_k,
                seed=options.seed,
                weigh=word_weights(options.select, options.select_temperature),
            )
            # What is loaded by now stays: the collector need not look at it again.
            gc.freeze()
            # Else torch's own libraries report everything frozen as leaked when the process ends.
            atexit.register(gc.unfreeze)
        return self._index, self._maker

    def _filler(self) -> Filler:
        choice = self.config.filler
        if choice.kind == "corpus" or choice.model is None:
            return CorpusFiller(read_counts(self.config.folder / COUNTS))
        from ahnpl_cli.negatives.fillers.roberta import RobertaFiller

        return RobertaFiller(choice.model, self.config.device)


# Functions for a `ProcessMap`, which sends names of functions, and no objects that hold models.

_worker: _Worker | None = None


def start(config: WorkerConfig) -> None:
    """Make this process a worker; called once in each."""
    global _worker
    _worker = _Worker(config)


def parse(captions: Sequence[str]) -> list[tuple[Word, ...]]:
    """Return the words of captions, tagged in this process."""
    assert _worker is not None
    return _worker.parse(captions)


def make(blocks: Sequence[Block]) -> list[BlockResult]:
    """Return the lines of blocks, made in this process."""
    assert _worker is not None
    return [_worker.make(block) for block in blocks]
