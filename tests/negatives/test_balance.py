"""Words that tell a negative from its caption are counted, and avoided."""

import random
import re
from dataclasses import dataclass

import pytest

from ahnpl_cli.negatives.balance import add_changes, changed_parts, changes_of, odds_of, telling
from ahnpl_cli.negatives.candidates import Candidate, Change
from ahnpl_cli.negatives.checking import Checker, Proposal
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.seen_together import SMALL
from ahnpl_cli.negatives.statistics import Tally
from ahnpl_cli.records import Edit, Negative

CAPTION = "a dog on a bed"


@dataclass
class Sure:
    """A filler that refills nothing."""

    name: str = "none"
    scores_phrases: bool = False

    def sure_of(self, masked, word):
        return True


def test_the_odds_are_those_of_words_and_pairs_gained_and_lost():
    changes = {}
    for _ in range(3):
        negatives = [Negative("relation", "a dog under a bed")]
        add_changes(changes, changes_of(CAPTION, negatives))
    odds = odds_of(changes)["relation"]
    # log (3 + 2) / (0 + 2)
    assert odds["under"] == odds["dog under"] == odds["under a"] == pytest.approx(0.9163)
    assert odds["on"] == odds["on a"] == pytest.approx(-0.9163)
    assert "a" not in odds and "bed" not in odds


def test_what_is_gained_tells_and_what_is_as_common_does_not():
    odds = {"under": 1.0, "dog under": 0.5, "on": -0.25}
    assert telling(odds, CAPTION, "a dog under a bed") == pytest.approx(1.75)
    assert telling(odds, "a dog under a bed", CAPTION) == 0.0
    assert telling({}, CAPTION, "a dog under a bed") == 0.0


def parts_of(text):
    """All words of a text and its pairs, which no stop is part of."""
    tokens = re.findall(r"[\w'-]+|[.,]", text.lower())
    pairs = zip(tokens, tokens[1:], strict=False)
    both = [*((token,) for token in tokens), *pairs]
    return {" ".join(part) for part in both if not {".", ","} & set(part)}


def test_what_changes_is_what_only_one_of_the_texts_has():
    draw = random.Random(14)
    words = ["a", "dog", "cat", "on", "red", "the", ",", "bed", "two"]
    for _ in range(300):
        caption = [draw.choice(words) for _ in range(draw.randint(1, 9))]
        negative = list(caption)
        start = draw.randrange(len(negative))
        negative[start : start + draw.randint(0, 2)] = draw.choices(words, k=draw.randint(1, 3))
        before, after = " ".join(caption), " ".join(negative) + "."
        gained, lost = changed_parts(before, after)
        assert gained == parts_of(after) - parts_of(before), (before, after)
        assert lost == parts_of(before) - parts_of(after), (before, after)


def test_where_captions_hardly_know_the_words_around_they_cannot_tell_what_fits(parse, tagger):
    tally = Tally()
    for number in range(SMALL):
        parsed = parse((CAPTION, "a dog under a bed")[number % 2])
        tally.add(str(number), parsed.record.caption, parsed.words)
    checker = Checker(Sure(), tagger, Corpus(tally.statistics()), 0)

    def reason(text: str, kind: str = "relation") -> str | None:
        caption = parse(text)
        (word,) = [word for word in caption.words if word.lower == "on"]
        edit = Edit(word.start, word.end, "on", "under")
        candidate = Candidate((Change(word, "under", "under"),), (edit,))
        (verdict,) = checker.check([Proposal(kind, caption, candidate, set())])
        return verdict.reason

    assert reason("a dog on a bed") is None
    assert reason("blurry heirloom dachshund on vintage davenport") == "unheard of"
    # Where a number or an attribute changes, that tells little.
    assert reason("blurry heirloom dachshund on vintage davenport", "swap") is None


def test_telling_candidates_are_doubted_and_others_are_not(parse, tagger):
    tally = Tally()
    parsed = [parse(CAPTION), parse("a dog under a bed")]
    for number in range(SMALL):
        tally.add(str(number), parsed[number % 2].record.caption, parsed[number % 2].words)
    checker = Checker(Sure(), tagger, Corpus(tally.statistics()), 0, balance=0.5)

    def accepted() -> int:
        count = 0
        for number in range(60):
            caption = parse(CAPTION, identity=str(number))
            edit = Edit(6, 8, "on", "under")
            candidate = Candidate((Change(caption.words[2], "under", "under"),), (edit,))
            (verdict,) = checker.check([Proposal("relation", caption, candidate, set())])
            assert verdict.reason in (None, "implausible")
            count += verdict.reason is None
        return count

    assert accepted() > 50
    checker.odds = {"relation": {"under": 3.0, "dog under": 3.0}}
    assert accepted() < 15
