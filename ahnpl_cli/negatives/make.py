"""Makes the negatives of a block of captions, word by word until enough are valid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ahnpl_cli.negatives import grammar, validity, wordnet
from ahnpl_cli.negatives.base import Candidate, Draw, Generator, Parsed
from ahnpl_cli.negatives.fill import TARGETS, Blank, refill, targets
from ahnpl_cli.negatives.fillers import Filler, Ranked
from ahnpl_cli.negatives.parse import MODIFYING
from ahnpl_cli.negatives.phrases import quantity, spatial
from ahnpl_cli.negatives.select import Weigh
from ahnpl_cli.negatives.swap import AdjectiveSwap, NounSwap
from ahnpl_cli.negatives.tagging import Tagger
from ahnpl_cli.records import KINDS, Kind, Negative, apply_edits


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make.

    Attributes:
        kinds: which kinds, in any order.
        per_kind: negatives of each kind and caption at most.
        top_k: best valid words among which one is drawn.
        seed: of all draws.
        weigh: how often a word is the one that is changed.
    """

    kinds: tuple[Kind, ...]
    per_kind: int
    top_k: int
    seed: int
    weigh: Weigh


@dataclass(slots=True)
class Made:
    """Negatives of each caption of a block, and what was rejected: (kind, reason) -> count."""

    negatives: list[list[Negative]]
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class _Job:
    """One kind of one caption."""

    kind: Kind
    parsed: Parsed
    row: int
    candidates: Iterator[Candidate | str | None]
    blank: Blank | None = None
    ranked: Ranked | None = None
    made: list[Negative] = field(default_factory=list)


class Maker:
    """Makes negatives of parsed captions with one filler."""

    def __init__(self, recipe: Recipe, filler: Filler, tagger: Tagger) -> None:
        self.recipe, self.filler, self.tagger = recipe, filler, tagger
        swaps: dict[Kind, Generator] = {
            "relation": NounSwap(recipe.weigh),
            "attribute_swap": AdjectiveSwap(recipe.weigh),
            "quantity": quantity,
            "spatial": spatial,
        }
        self.generators = swaps

    def make(self, block: Sequence[Parsed]) -> Made:
        """Return the negatives of each caption in slot order."""
        made = Made([[] for _ in block])
        jobs = [
            self._job(kind, parsed, row)
            for row, parsed in enumerate(block)
            for kind in self._kinds()
        ]
        seen = [{validity.normalised(parsed.record.caption)} for parsed in block]
        active = jobs
        while active:
            active = self._round(active, seen, made.rejected)
        for job in jobs:
            made.negatives[job.row] += job.made
        return made

    def _kinds(self) -> list[Kind]:
        return [kind for kind in KINDS if kind in self.recipe.kinds]

    def _job(self, kind: Kind, parsed: Parsed, row: int) -> _Job:
        draw = Draw(self.recipe.seed, parsed.record.id, kind)
        job = _Job(kind, parsed, row, iter(()))
        if kind in TARGETS:
            job.candidates = self._refills(job, draw)
        elif parsed.units:
            job.candidates = self.generators[kind](parsed, draw)
        return job

    def _refills(self, job: _Job, draw: Draw) -> Iterator[Candidate | str | None]:
        """Candidates of one target after the other; None asks for the blank to be ranked."""
        units = job.parsed.units
        places = targets(job.kind, job.parsed)
        weights = [self.recipe.weigh((units[index],)) for index in places]
        rest: list[Iterator[Candidate | str | None]] = [
            self._refill(job, index, draw) for index in draw.order(places, weights)
        ]
        while rest:
            # With --per-kind above one, every target gives a word before one gives its second.
            source = rest.pop(0)
            for item in source:
                yield item
                if isinstance(item, Candidate) and job.made and job.made[-1].edits == item.edits:
                    rest.append(source)
                    break

    def _refill(self, job: _Job, index: int, draw: Draw) -> Iterator[Candidate | str | None]:
        parsed = job.parsed
        if grammar.negated(parsed.units, index):
            yield "negated"
            return
        job.blank, job.ranked = Blank(parsed, index), None
        yield None
        valid: list[tuple[str, float]] = []
        ranked = job.ranked or Ranked([])
        for word, score in ranked.words:
            reason = None if ranked.checked else self._reason(parsed, index, word)
            if reason is not None:
                yield reason
                continue
            valid.append((word, score))
            if len(valid) == self.recipe.top_k:
                break
        best = max((score for _, score in valid), default=0.0)
        for word, score in draw.order(valid, [math.exp(s - best) + 1e-9 for _, s in valid]):
            yield refill(job.kind, parsed, index, word, score)

    def _reason(self, parsed: Parsed, index: int, word: str) -> str | None:
        """Why a word in the place of another makes no negative, as far as words tell."""
        unit, lower = parsed.units[index], word.lower()
        assert unit.pos is not None
        lemma = wordnet.lemma(lower, unit.pos)
        reason = validity.pair_reason(unit.lemma, lemma, unit.pos)
        if reason is None and validity.said(lemma, unit.pos, parsed.image_words):
            reason = validity.IN_IMAGE
        if reason is None:
            reason = validity.place_reason(validity.place_of(parsed.units, index), lower, lemma)
        return reason

    def _round(
        self, jobs: list[_Job], seen: list[set[str]], rejected: Counter[tuple[str, str]]
    ) -> list[_Job]:
        """Let every job come to its next candidate, check these together; return who goes on."""
        waiting, found = [], []
        for job in jobs:
            item = self._next(job, rejected)
            if isinstance(item, Candidate):
                found.append((job, item))
            elif item == "blank":
                waiting.append(job)
        for job, ranked in zip(waiting, self._rank(waiting), strict=True):
            job.ranked = ranked
            for reason, times in ranked.rejected.items():
                rejected[job.kind, reason] += times
        for (job, candidate), against in zip(found, self._check(found, seen), strict=True):
            if against is None:
                job.made.append(self._negative(job, candidate))
            else:
                rejected[job.kind, against] += 1
        done = self.recipe.per_kind
        return waiting + [job for job, _ in found if len(job.made) < done]

    def _next(self, job: _Job, rejected: Counter[tuple[str, str]]) -> Candidate | str | None:
        """The next candidate, `blank` if a filler is needed first, None at the end."""
        for item in job.candidates:
            if isinstance(item, Candidate):
                return item
            if item is None:
                return "blank"
            rejected[job.kind, item] += 1
        return None

    def _rank(self, jobs: list[_Job]) -> list[Ranked]:
        return self.filler.rank([job.blank for job in jobs if job.blank is not None])

    def _check(self, found: list[tuple[_Job, Candidate]], seen: list[set[str]]) -> list[str | None]:
        """The reason against each candidate, or None; texts accepted are marked as seen."""
        reasons: list[str | None] = []
        texts = [apply_edits(job.parsed.record.caption, c.edits) for job, c in found]
        tags = self._tags(found, texts)
        for (job, _), text, same_tag in zip(found, texts, tags, strict=True):
            plain, known = validity.normalised(text), seen[job.row]
            if plain == validity.normalised(job.parsed.record.caption):
                reasons.append(validity.SAME_TEXT)
            elif plain in known:
                reasons.append(validity.DUPLICATE)
            elif not same_tag:
                reasons.append(validity.PART_OF_SPEECH)
            else:
                known.add(plain)
                reasons.append(None)
        return reasons

    def _tags(self, found: list[tuple[_Job, Candidate]], texts: list[str]) -> list[bool]:
        """Whether each changed word keeps its tag where it now stands."""
        asked = [i for i, (job, c) in enumerate(found) if self._doubt(job, c)]
        starts = []
        for i in asked:
            edits = found[i][1].edits
            shift = sum(len(e.new) - len(e.old) for e in edits[:-1])
            starts.append(edits[-1].start + shift + len(edits[-1].new) - 1)
        answers = self.tagger.retag([texts[i] for i in asked], starts)
        same = [True] * len(found)
        for i, tag in zip(asked, answers, strict=True):
            wanted = found[i][1].changes[0].unit.tag
            same[i] = tag == wanted or wanted == "JJ" and tag in MODIFYING
        return same

    def _doubt(self, job: _Job, candidate: Candidate) -> bool:
        if job.kind not in TARGETS or job.blank is None:
            return False
        return not self.filler.sure_of(job.blank, candidate.changes[0].new.lower())

    def _negative(self, job: _Job, candidate: Candidate) -> Negative:
        refilled = job.kind in TARGETS
        return Negative(
            job.kind,
            apply_edits(job.parsed.record.caption, candidate.edits),
            candidate.edits,
            self.filler.name if refilled else "swap",
            candidate.score,
            candidate.rating,
        )
