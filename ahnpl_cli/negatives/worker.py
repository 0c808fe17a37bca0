"""One process's share of the work: blocks of captions in, lines of the output file back.

Captions are tagged, each kind proposes candidates, a filler ranks words for those that need one,
and candidates are checked, until enough are accepted.
"""

from __future__ import annotations

import atexit
import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ahnpl_cli.catalog import resolve
from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.engines.journal import Part, part_path, read_part, write_part
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, MaskedWord, ParsedCaption, Rejected
from ahnpl_cli.negatives.checking import Checker, Proposal, Verdict
from ahnpl_cli.negatives.fillers import Filler, FillerChoice
from ahnpl_cli.negatives.fillers.corpus import COUNTS, CorpusFiller, read_counts
from ahnpl_cli.negatives.first_pass import Index
from ahnpl_cli.negatives.kinds.refill import Refill, RefillJob
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, word_weights
from ahnpl_cli.negatives.statistics import STATISTICS, Corpus, read_statistics
from ahnpl_cli.negatives.text.context import Window
from ahnpl_cli.negatives.text.tagging import Tagger
from ahnpl_cli.negatives.text.words import Word, words_of
from ahnpl_cli.records import (
    KIND_MODULES,
    KINDS,
    CaptionRecord,
    Kind,
    Negative,
)
from ahnpl_cli.stable_hash import RandomStream

POOL = 6  # candidates of a kind and caption among which `--select plausible` draws (ours)
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
        packed: whether the output is compressed.
    """

    options: NegativesConfig
    folder: Path
    spacy_model: str
    filler: FillerChoice
    device: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Captions in the order of the file, the first with its number."""

    start: int
    records: tuple[CaptionRecord, ...]


@dataclass(slots=True)
class Counts:
    """What has been done with blocks.

    Attributes:
        captions: how many have their negatives.
        negatives: kind -> how many.
        rejected: (kind, reason) -> how many candidates.
    """

    captions: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, entry: dict[str, Any]) -> None:
        """Add what `entry` says of another block."""
        self.captions += entry["captions"]
        self.negatives.update(entry["negatives"])
        for kind, reason, count in entry["rejected"]:
            self.rejected[kind, reason] += count

    def entry(self) -> dict[str, Any]:
        """Return the counts as JSON knows them."""
        return {
            "captions": self.captions,
            "negatives": dict(self.negatives),
            "rejected": [[kind, reason, n] for (kind, reason), n in self.rejected.items()],
        }


class _Worker:
    """Loads the models once, then tags and makes negatives."""

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.tagger = Tagger(config.spacy_model)
        self._window = Window(config.options.context, config.options.tokenizer)
        self._index: Index | None = None
        self._maker: Maker | None = None

    def parse(self, captions: Sequence[str]) -> list[tuple[Word, ...]]:
        """Return the words of captions."""
        tagged = self.tagger.tag(captions)
        return [words_of(text, tags) for text, tags in zip(captions, tagged, strict=True)]

    def make_part(self, blocks: Sequence[Block]) -> Part:
        """Write the part of some blocks, unless an earlier run wrote it."""
        end = blocks[-1].start + len(blocks[-1].records)
        path = part_path(self.config.folder, blocks[0].start, end)
        written = read_part(path)
        if written is not None:
            return written[0]
        counts = Counts()
        lines = [self._make(block, counts) for block in blocks]
        return write_part(path, lines, counts.entry(), packed=self.config.packed)

    def _make(self, block: Block, counts: Counts) -> tuple[str, ...]:
        """Return the lines of a block, and add up what was done."""
        index, maker = self._ready()
        parsed = self._parsed(block, index)
        result = maker.make(parsed)
        counts.captions += len(block.records)
        counts.negatives.update(negative.kind for row in result.negatives for negative in row)
        counts.rejected.update(result.rejected)
        return tuple(
            # A caption that has none says so.
            dump(replace(record, negatives=tuple(negatives)), kept=("negatives",))
            for record, negatives in zip(block.records, result.negatives, strict=True)
        )

    def _parsed(self, block: Block, index: Index) -> list[ParsedCaption]:
        """Parse the captions of a block, but those that the count of words has parsed before."""
        words = index.words(block.start, block.start + len(block.records))
        numbered = dict(enumerate(block.records, block.start))
        fresh = [number for number in numbered if number not in words]
        parsed = self.parse([numbered[number].caption for number in fresh])
        words.update(zip(fresh, parsed, strict=True))
        return [
            ParsedCaption(
                record,
                self._window.visible(record.caption, words[number]),
                index.image_words(record.image),
                index.image_captions(record.image),
            )
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
                corpus=Corpus(read_statistics(self.config.folder / STATISTICS)),
                plausible_first=options.select == "plausible",
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


@dataclass(slots=True)
class BlockNegatives:
    """Negatives of each caption of a block, and what was rejected: (kind, reason) -> count."""

    negatives: list[list[Negative]]
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)


class _EditsJob:
    """Candidates that need no filler, one after the other."""

    def __init__(self, proposals: Iterator[Candidate | Rejected]) -> None:
        self.rejected: Counter[str] = Counter()
        self._proposals = proposals

    def propose(self) -> Candidate | None:
        for proposal in self._proposals:
            if isinstance(proposal, Candidate):
                return proposal
            self.rejected[proposal.reason] += 1
        return None

    def accept(self) -> None:
        """Nothing to do: the order of the edits is fixed."""


@dataclass(slots=True)
class _KindJob:
    """One kind of one caption, its row in the block, and the negatives accepted so far."""

    kind: Kind
    caption: ParsedCaption
    row: int
    source: RefillJob | _EditsJob
    negatives: list[Negative] = field(default_factory=list)


class Maker:
    """Makes negatives of parsed captions with one filler.

    Args:
        filler: what refills words.
        tagger: for refilled words whose part of speech the filler does not know.
        kinds: which kinds to make, in any order.
        per_kind: negatives of each kind and caption at most.
        top_k: best valid words among which one is drawn.
        seed: of all draws.
        weigh: how often a word is the one that is changed.
        corpus: what the captions say together.
        plausible_first: whether the more plausible of several candidates are drawn.
    """

    def __init__(
        self,
        filler: Filler,
        tagger: Tagger,
        *,
        kinds: Iterable[Kind],
        per_kind: int,
        top_k: int,
        seed: int,
        weigh: Weigh,
        corpus: Corpus,
        plausible_first: bool = False,
    ) -> None:
        self.filler, self.corpus = filler, corpus
        self.checker = Checker(filler, tagger, corpus, seed)
        self.plausible_first = plausible_first
        self._enough = max(per_kind, POOL) if plausible_first else per_kind
        self.per_kind, self.top_k = per_kind, top_k
        self.seed, self.weigh = seed, weigh
        chosen = set(kinds)
        slots = [kind for kind in KINDS if kind in chosen]
        self._makers = {kind: resolve(kind, KIND_MODULES, "kind of negative") for kind in slots}

    def make(self, block: Sequence[ParsedCaption]) -> BlockNegatives:
        """Return the negatives of each caption in slot order."""
        jobs = [
            self._job(kind, caption, row)
            for row, caption in enumerate(block)
            for kind in self._makers
        ]
        texts = [{validity.normalized(caption.record.caption)} for caption in block]
        active = jobs
        # Tagger and filler work on the whole block at once, so all jobs go forward in rounds.
        while active:
            active = self._round(active, texts)
        result = BlockNegatives([[] for _ in block])
        for job in jobs:
            result.negatives[job.row] += self._drawn(job) if self.plausible_first else job.negatives
            for reason, count in job.source.rejected.items():
                result.rejected[job.kind, reason] += count
        return result

    def _job(self, kind: Kind, caption: ParsedCaption, row: int) -> _KindJob:
        stream = RandomStream(self.seed, caption.record.id, kind)
        maker = self._makers[kind]
        source: RefillJob | _EditsJob
        if isinstance(maker, Refill):
            source = RefillJob(maker, caption, stream, self.weigh, self.top_k, self.corpus)
        else:
            source = _EditsJob(maker(caption, stream, self.weigh, self.corpus))
        return _KindJob(kind, caption, row, source)

    def _drawn(self, job: _KindJob) -> list[Negative]:
        """Draw some of a pool of negatives by how plausible they are, each place before any twice.

        The chance is the odds, by `Negative.plausibility`, against the words that were there.
        """
        stream = RandomStream(self.seed, job.caption.record.id, job.kind, "plausible")
        best = max((negative.plausibility or 0.0 for negative in job.negatives), default=0.0)
        weights = [math.exp((n.plausibility or 0.0) - best) + 1e-9 for n in job.negatives]
        drawn = list(stream.order(job.negatives, weights))
        places: Counter[int] = Counter()
        turns = []
        for negative in drawn:
            place = negative.edits[-1].start
            turns.append(places[place])
            places[place] += 1
        by_turn = sorted(range(len(drawn)), key=turns.__getitem__)
        return [drawn[index] for index in by_turn[: self.per_kind]]

    def _round(self, jobs: list[_KindJob], texts: list[set[str]]) -> list[_KindJob]:
        """Advance each job to its next proposal, and return the unfinished jobs."""
        waiting: list[tuple[_KindJob, MaskedWord]] = []
        proposed: list[tuple[_KindJob, Candidate]] = []
        for job in jobs:
            proposal = job.source.propose()
            if isinstance(proposal, MaskedWord):
                waiting.append((job, proposal))
            elif proposal is not None:
                proposed.append((job, proposal))

        # Words to choose from, for each masked word; used in the next round.
        rankings = self.filler.rank([masked for _, masked in waiting])
        for (job, _), ranking in zip(waiting, rankings, strict=True):
            assert isinstance(job.source, RefillJob)  # no other source has masked words
            job.source.take(ranking)

        verdicts = self.checker.check(
            [Proposal(job.kind, job.caption, item, texts[job.row]) for job, item in proposed]
        )
        for (job, candidate), verdict in zip(proposed, verdicts, strict=True):
            if verdict.reason is None:
                job.negatives.append(self._negative(job, candidate, verdict))
                job.source.accept()
            else:
                job.source.rejected[verdict.reason] += 1

        unfinished = [job for job, _ in proposed if len(job.negatives) < self._enough]
        return [job for job, _ in waiting] + unfinished

    def _negative(self, job: _KindJob, candidate: Candidate, verdict: Verdict) -> Negative:
        return Negative(
            job.kind,
            verdict.text,
            candidate.edits,
            candidate.filler if candidate.masked is None else self.filler.name,
            candidate.score,
            candidate.concreteness,
            plausibility=verdict.plausibility,
        )


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


def make(blocks: Sequence[Block]) -> Part:
    """Write the part of some blocks, made in this process."""
    assert _worker is not None
    return _worker.make_part(blocks)
