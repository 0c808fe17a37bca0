"""Makes the negatives and units of a block of captions: propose, rank, check, until enough.

Tagger and fillers work on a whole block at once, so all kinds of all its captions go forward
together, in rounds.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ahnpl_cli.catalog import resolve
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import (
    Candidate,
    MaskedWord,
    ParsedCaption,
    Ranking,
    Rejected,
)
from ahnpl_cli.negatives.checking import Checker, Likelihoods, Proposal, Verdict
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers import Filler
from ahnpl_cli.negatives.kinds.refill import Refill, RefillJob, ValidWords, best_valid
from ahnpl_cli.negatives.kinds.relation import RelationJob
from ahnpl_cli.negatives.lexicon.concreteness import MIDDLE, Weigh
from ahnpl_cli.negatives.text.words import Tagger, Word
from ahnpl_cli.negatives.units import (
    FOILS,
    LAST_FOILS,
    Source,
    Span,
    UnitSource,
    spans,
    to_unit,
)
from ahnpl_cli.records import KIND_MODULES, KINDS, Kind, Negative, Unit
from ahnpl_cli.stable_hash import RandomStream

if TYPE_CHECKING:
    from ahnpl_cli.negatives.fillers.llm import LanguageModelFiller

CONCRETE = 3  # words a caption among which `--select top-k` draws, as in ConcretePlant's example
POOL = 6  # candidates of a kind and caption among which `--select plausible` draws (ours)
# Negatives of a place at most: one thing can become many in nine ways and many two in two ways, so
# that with more of a place more numbers would rise than fall.
MOST_A_PLACE = {"quantity": 2}
NO_PLACE = "nothing to change"


@dataclass(slots=True)
class BlockNegatives:
    """Negatives of each caption of a block, and what was counted on the way.

    Attributes:
        negatives: of each caption, in slot order.
        rejected: (kind, reason) -> candidates.
        lost: (kind, reason) -> captions without that kind, by the reason that rejected most of
            their candidates.
    """

    negatives: list[list[Negative]]
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)


class _EditsJob:
    """Candidates that need no filler, each place before any a second time.

    Args:
        proposals: in the order to try them.
        most: negatives of a place at most, None for any number.
    """

    def __init__(self, proposals: Iterator[Candidate | Rejected], most: int | None = None) -> None:
        self.rejected: Counter[str] = Counter()
        self._proposals, self._most = proposals, most
        self._last: Candidate | None = None
        self._made: Counter[int] = Counter()  # by place
        self._again: deque[Candidate] = deque()

    def propose(self) -> Candidate | None:
        self._last = self._next()
        return self._last

    def _next(self) -> Candidate | None:
        for proposal in self._proposals:
            if isinstance(proposal, Rejected):
                self.rejected[proposal.reason] += 1
            elif not self._made[_place(proposal)]:
                return proposal
            else:
                self._again.append(proposal)
        while self._again:
            proposal = self._again.popleft()
            if self._most is None or self._made[_place(proposal)] < self._most:
                return proposal
        return None

    def take(self, ranking: Ranking) -> None:
        """Never called: nothing is masked."""

    def accept(self) -> None:
        """Note which place gave a negative."""
        if self._last is not None:
            self._made[_place(self._last)] += 1


def _place(candidate: Candidate) -> int:
    return candidate.changes[0].word.start


@dataclass(slots=True)
class _KindJob:
    """One kind of one caption, its row in the block, and the negatives accepted so far."""

    kind: Kind
    caption: ParsedCaption
    row: int
    source: Source
    enough: int
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
        most_concrete: whether a caption has one negative, of one of its most concrete words.
        balance: how far words that tell a negative are avoided (see `negatives.balance`).
        writer: writes negatives of the kinds in `rewrite` as whole captions.
        rewrite: kinds that are not made by rule.
        likelihoods: of texts, by a model that judges how they read; None asks none.
        threshold: nats a token by which a negative may read worse than its caption.
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
        most_concrete: bool = False,
        balance: float = 0.0,
        writer: LanguageModelFiller | None = None,
        rewrite: Iterable[Kind] = (),
        likelihoods: Likelihoods | None = None,
        threshold: float = 1.0,
    ) -> None:
        self.filler, self.corpus = filler, corpus
        self.checker = Checker(filler, tagger, corpus, seed, likelihoods, threshold, balance)
        self.plausible_first, self.most_concrete = plausible_first, most_concrete
        self._enough = max(per_kind, POOL) if plausible_first else per_kind
        if most_concrete:
            self._enough = CONCRETE
        self.per_kind, self.top_k = per_kind, top_k
        self.seed, self.weigh = seed, weigh
        self.writer, self.rewrite = writer, frozenset(rewrite)
        chosen = set(kinds)
        self._tried: dict[tuple[str, int], ValidWords] = {}
        self._is_trial = False
        slots = [kind for kind in KINDS if kind in chosen]
        self._makers = {kind: resolve(kind, KIND_MODULES, "kind of negative") for kind in slots}

    def make(self, block: Sequence[ParsedCaption], *, is_trial: bool = False) -> BlockNegatives:
        """Return the negatives of each caption in slot order.

        Args:
            block: captions that are worked on together.
            is_trial: whether they come again, with a filler that will rank the very same.
        """
        self._is_trial = is_trial
        written = self._written(block)
        jobs = []
        # Only of some kinds is it counted what words tell them.
        kinds = [kind for kind in self._makers if kind in validity.TELLING or not is_trial]
        for row, caption in enumerate(block):
            for kind in kinds:
                source = self._source(kind, caption) if kind not in written else written[kind][row]
                jobs.append(_KindJob(kind, caption, row, source, self._enough))
        self._run(jobs, [{validity.normalized(caption.record.caption)} for caption in block])
        result = BlockNegatives([[] for _ in block])
        for job in jobs:
            result.negatives[job.row] += self._drawn(job) if self.plausible_first else job.negatives
            for reason, count in job.source.rejected.items():
                result.rejected[job.kind, reason] += count
            if not job.negatives:
                result.lost[job.kind, _main_reason(job.source.rejected)] += 1
        if self.most_concrete:
            for caption, negatives in zip(block, result.negatives, strict=True):
                negatives[:] = self._of_concrete_word(caption, negatives)
        return result

    def _of_concrete_word(
        self, caption: ParsedCaption, negatives: Sequence[Negative]
    ) -> list[Negative]:
        """Draw one negative among those of the three most concrete words (Slipform).

        ConcretePlant ranks a caption's words over all parts of speech and draws one of the first;
        the kind follows from the word. Here a word counts if a negative of any kind changes it.
        """
        by_word: dict[int, Negative] = {}
        for negative in negatives:
            by_word.setdefault(negative.edits[0].start, negative)
        ranked = sorted(by_word.values(), key=lambda n: -(n.concreteness or MIDDLE))
        stream = RandomStream(self.seed, caption.record.id, "top-k")
        return list(stream.order(ranked[:CONCRETE]))[:1]

    def units(self, block: Sequence[ParsedCaption]) -> list[list[Unit]]:
        """Return the units of each caption, each that a foil could be made of."""
        jobs: list[tuple[int, Span, _KindJob]] = []
        for row, caption in enumerate(block):
            for span in spans(caption.words):
                source = self._unit_source(caption, span)
                jobs.append((row, span, _KindJob("unit", caption, len(jobs), source, 1)))
        texts = [{validity.normalized(job.caption.record.caption)} for *_, job in jobs]
        self._run([job for *_, job in jobs], texts)
        units: list[list[Unit]] = [[] for _ in block]
        for row, span, job in jobs:
            for negative in job.negatives:
                caption = job.caption
                start, end = caption.words[span.first].start, caption.words[span.last].end
                unit = to_unit(span.kind, caption.record.caption, negative, start, end)
                units[row].append(unit)
        return units

    def _written(self, block: Sequence[ParsedCaption]) -> dict[Kind, list[_EditsJob]]:
        """What a language model proposes, of the kinds that it rewrites."""
        if self.writer is None:
            return {}
        return {
            kind: [
                _EditsJob(iter(proposals))
                for proposals in self.writer.negatives(block, kind, self._enough)
            ]
            for kind in self._makers
            if kind in self.rewrite
        }

    def _source(self, kind: Kind, caption: ParsedCaption, span: Span | None = None) -> Source:
        """What proposes negatives of a kind; of the words of a span alone, where one is given."""
        key = (kind,) if span is None else (kind, *span)
        stream = RandomStream(self.seed, caption.record.id, *key)
        maker = self._maker_of(kind)
        if kind == "relation" and self.filler.scores_phrases:
            return RelationJob(caption, stream, self.weigh, self.corpus, self.filler.name)
        if not isinstance(maker, Refill):
            edits = maker(caption, stream, self.weigh, self.corpus)
            return _EditsJob(edits, MOST_A_PLACE.get(kind))
        if span is not None:
            maker = _within(maker, span)
        return RefillJob(maker, caption, stream, self.weigh, self._valid_words, self.corpus)

    def _valid_words(self, masked: MaskedWord, ranking: Ranking) -> ValidWords:
        """The best valid words of a ranking, looked for once where a caption is tried first."""
        place = masked.caption.record.id, masked.index
        valid = self._tried.pop(place, None)
        if valid is None:
            valid = best_valid(masked, ranking, self.top_k, self.corpus)
        if self._is_trial:
            self._tried[place] = valid
        return valid

    def _maker_of(self, kind: Kind) -> Any:
        # Foils need kinds that the negatives themselves may not.
        if kind not in self._makers:
            return resolve(kind, KIND_MODULES, "kind of negative")
        return self._makers[kind]

    def _unit_source(self, caption: ParsedCaption, span: Span) -> UnitSource:
        stream = RandomStream(self.seed, caption.record.id, *span)
        kinds = [*stream.order(FOILS[span.kind]), *LAST_FOILS[span.kind]]
        sources = [functools.partial(self._source, kind, caption, span) for kind in kinds]
        start, end = caption.words[span.first].start, caption.words[span.last].end
        return UnitSource(sources, start, end)

    def _run(self, jobs: Sequence[_KindJob], texts: list[set[str]]) -> None:
        """Go forward with all jobs until each has enough or no more to propose."""
        active = list(jobs)
        while active:
            active = self._round(active, texts)

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
            job.source.take(ranking)

        verdicts = self.checker.check(
            [Proposal(job.kind, job.caption, item, texts[job.row]) for job, item in proposed],
            with_tags=not self._is_trial,
        )
        for (job, candidate), verdict in zip(proposed, verdicts, strict=True):
            if verdict.reason is None:
                job.negatives.append(self._negative(job, candidate, verdict))
                job.source.accept()
            else:
                job.source.rejected[verdict.reason] += 1

        unfinished = [job for job, _ in proposed if len(job.negatives) < job.enough]
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


def _within(refill: Refill, span: Span) -> Refill:
    """A kind that refills only the words of a span."""

    def may_refill(words: Sequence[Word], index: int) -> bool:
        return span.first <= index <= span.last and refill.may_refill(words, index)

    return replace(refill, may_refill=may_refill)


def _main_reason(rejected: Counter[str]) -> str:
    """The reason that rejected most candidates; of equal ones the first by name."""
    if not rejected:
        return NO_PLACE
    return min(rejected, key=lambda reason: (-rejected[reason], reason))
