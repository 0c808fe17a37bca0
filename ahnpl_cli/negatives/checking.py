"""The last look at candidates: their texts, how plausible they are, and the tags of new words."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.balance import Odds, telling
from ahnpl_cli.negatives.candidates import Candidate, ParsedCaption
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers import Filler
from ahnpl_cli.negatives.statistics import tokens_of
from ahnpl_cli.negatives.text.words import MODIFYING, Tagger, seen_attributes
from ahnpl_cli.records import Kind, apply_edits
from ahnpl_cli.stable_hash import RandomStream

# Share of the words before and behind a change that captions must say so often, and of few captions
# so large a share (ours; where we read web captions, 70 instead of 55 of 100 were plausible).
KNOWN_AROUND, WELL_KNOWN, WELL_KNOWN_SHARE = 0.8, 20, 0.0008
BEFORE, BEHIND = 4, 6
# Gives the mean log-likelihood of the tokens of each text.
Likelihoods = Callable[[Sequence[str]], list[float]]


class Proposal(NamedTuple):
    """A candidate of one kind for one caption, and the texts of the caption accepted so far."""

    kind: Kind
    caption: ParsedCaption
    candidate: Candidate
    texts: set[str]


class Verdict(NamedTuple):
    """The text of a candidate, how plausible it is if that is known, and the reason against it."""

    text: str
    plausibility: float | None
    reason: str | None


class Checker:
    """Says which candidates are negatives.

    Args:
        filler: what refilled words.
        tagger: for refilled words whose part of speech the filler does not know.
        corpus: what the captions say together.
        seed: of the draws of what is doubted.
        likelihoods: of texts, by a model that judges how they read; None asks none.
        threshold: nats a token by which a negative may read worse than its caption.
        balance: how far words are avoided that tell a negative without its image.

    Attributes:
        odds: what words tell, by kind; nothing until that is counted.
    """

    def __init__(
        self,
        filler: Filler,
        tagger: Tagger,
        corpus: Corpus,
        seed: int,
        likelihoods: Likelihoods | None = None,
        threshold: float = 1.0,
        balance: float = 0.0,
    ) -> None:
        self.balance = balance
        self.odds: Odds = {}
        self.filler, self.tagger, self.corpus, self.seed = filler, tagger, corpus, seed
        self.likelihoods, self.threshold = likelihoods, threshold

    def check(self, proposals: Sequence[Proposal], *, with_tags: bool = True) -> list[Verdict]:
        """Judge each candidate, and note the texts of those accepted.

        Args:
            proposals: what to judge, of any captions.
            with_tags: whether the parts of speech of new words are looked at, which few change.
        """
        verdicts = [self._alone(proposal) for proposal in proposals]
        if with_tags:
            self._check_tags(proposals, verdicts)
        for row, (proposal, verdict) in enumerate(zip(proposals, verdicts, strict=True)):
            text = validity.normalized(verdict.text)
            # Two kinds may propose one text at once.
            if text in proposal.texts and verdict.reason != validity.SAME_TEXT:
                verdicts[row] = verdict._replace(reason=validity.DUPLICATE)
            elif verdict.reason is None:
                proposal.texts.add(text)
        return self._judged([p.caption.record.caption for p in proposals], verdicts)

    def _alone(self, proposal: Proposal) -> Verdict:
        """Judge a candidate without the others, as far as its text tells."""
        caption, candidate = proposal.caption, proposal.candidate
        text = apply_edits(caption.record.caption, candidate.edits)
        plausibility = self._plausibility(caption, candidate, text)
        return Verdict(text, plausibility, self._reason(proposal, text, plausibility))

    def _judged(self, captions: Sequence[str], verdicts: list[Verdict]) -> list[Verdict]:
        """Reject what a language model reads much worse than the caption."""
        rows = [row for row, verdict in enumerate(verdicts) if verdict.reason is None]
        if self.likelihoods is None or not rows:
            return verdicts
        texts: dict[str, None] = {}
        for row in rows:
            texts.update({captions[row]: None, verdicts[row].text: None})
        of_text = dict(zip(texts, self.likelihoods(list(texts)), strict=True))
        judged = list(verdicts)
        for row in rows:
            gap = of_text[captions[row]] - of_text[verdicts[row].text]
            if gap > self.threshold:
                judged[row] = verdicts[row]._replace(reason=validity.READS_WORSE)
        return judged

    def _plausibility(
        self, caption: ParsedCaption, candidate: Candidate, text: str
    ) -> float | None:
        if self.corpus.is_small:
            return None
        lost, gained = candidate.nouns
        others = []
        # Only a noun that comes in is held against the others.
        if gained is not None:
            others = list(caption.nouns.values())
        if lost in others:
            others.remove(lost)
        return self.corpus.plausibility(caption.record.caption, text, others, lost, gained)

    def _reason(self, proposal: Proposal, negative: str, plausibility: float | None) -> str | None:
        """Return why a text is no negative, as far as it tells by itself; None if it may be one."""
        caption = proposal.caption.record.caption
        text = validity.normalized(negative)
        if text == validity.normalized(caption):
            return validity.SAME_TEXT
        if text in proposal.texts:
            return validity.DUPLICATE
        if validity.doubles_a_word(caption, negative):
            return validity.DOUBLED
        if plausibility is None or proposal.kind not in validity.DOUBT:
            return None
        start = proposal.candidate.edits[0].start
        if proposal.kind in validity.IN_KNOWN and not self._knows_around(caption, start):
            return validity.UNHEARD
        return validity.IMPLAUSIBLE if self._is_doubted(proposal, negative, plausibility) else None

    def _knows_around(self, caption: str, start: int) -> bool:
        """Whether captions know the words around a place: else they cannot tell what fits there."""
        statistics = self.corpus.statistics
        window = _words_around(caption, start)
        least = max(2, min(WELL_KNOWN, round(WELL_KNOWN_SHARE * statistics.captions)))
        known = sum(statistics.words.get(token, 0) >= least for token in window)
        return known >= KNOWN_AROUND * len(window)

    def _is_doubted(self, proposal: Proposal, negative: str, plausibility: float) -> bool:
        """Whether a candidate is less likely than its caption, or more telling, than chance allows.

        It stays with chance exp(DOUBT * plausibility - balance * telling).
        """
        kind = proposal.kind
        if plausibility < validity.LEAST_PLAUSIBLE[kind]:
            return True
        chance = min(0.0, plausibility) * validity.DOUBT[kind]
        odds = self.odds.get(kind)
        if odds is not None:
            caption = proposal.caption.record.caption
            weight = self.balance * validity.TELLING[kind]
            chance -= weight * telling(odds, caption, negative)
        if chance >= 0:
            return False
        text = validity.normalized(negative)
        stream = RandomStream(self.seed, proposal.caption.record.id, proposal.kind, text)
        return stream.uniform() > math.exp(chance)

    def _check_tags(self, proposals: Sequence[Proposal], verdicts: list[Verdict]) -> None:
        """Reject refilled words that are tagged, where they now stand, as another part of speech.

        Tagging is most of the work: a filler that is sure of a word spares it, and so does any
        other reason against it.
        """
        rows = [
            row
            for row, verdict in enumerate(verdicts)
            if verdict.reason is None and self._in_doubt(proposals[row].candidate)
        ]
        texts = [verdicts[row].text for row in rows]
        places = [_last_character(proposals[row].candidate) for row in rows]
        tags = self.tagger.retag(texts, places)
        for row, tag in zip(rows, tags, strict=True):
            old_tag = proposals[row].candidate.changes[0].word.tag
            if tag != old_tag and not (old_tag == "JJ" and tag in MODIFYING):
                verdicts[row] = verdicts[row]._replace(reason=validity.PART_OF_SPEECH)

    def _in_doubt(self, candidate: Candidate) -> bool:
        if candidate.masked is None:
            return False
        old, new = candidate.changes[0].word, candidate.changes[0].new.lower()
        # A color is one wherever an adjective stood.
        if old.tag == "JJ" and new in seen_attributes():
            return False
        return not self.filler.sure_of(candidate.masked, new)


def _last_character(candidate: Candidate) -> int:
    """Where, in the negative, the last character of its last edit is."""
    *earlier, last = candidate.edits
    shift = sum(len(edit.new) - len(edit.old) for edit in earlier)
    return last.start + shift + len(last.new) - 1


@functools.lru_cache(maxsize=512)  # many candidates of a caption change the same place
def _words_around(caption: str, start: int) -> list[str]:
    """Return the words before and behind a place; not to be changed."""
    place = len(tokens_of(caption[:start]))
    return tokens_of(caption)[max(0, place - BEFORE) : place + BEHIND]
