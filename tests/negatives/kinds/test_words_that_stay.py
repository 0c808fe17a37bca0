"""Pieces of words, names and what lies beyond a sentence are never changed."""

import pytest

from ahnpl_cli.negatives.candidates import Candidate
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.refill import ACTION, ATTRIBUTE, OBJECT
from ahnpl_cli.negatives.kinds.relation import change_relation
from ahnpl_cli.negatives.kinds.swap import swap_nouns
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.statistics import Statistics
from ahnpl_cli.records import apply_edits
from ahnpl_cli.stable_hash import RandomStream


def changeable(parse, kind, caption):
    words = parse(caption).words
    return {words[place].text for place in kind.places(words)}


@pytest.mark.parametrize(
    ("kind", "caption", "expected"),
    [
        (OBJECT, "a woman in a t-shirt", {"woman", "t-shirt"}),
        (OBJECT, "a newly wed couple with a dog", {"dog"}),
        (OBJECT, "a dog in front of the Old Town Hall", {"dog"}),
        (OBJECT, "cars on Detroit streets", {"cars"}),
        (ATTRIBUTE, "a golden-brown dog on a red bed", {"red"}),
        (ACTION, "a cake decorated to look real", set()),
        (ACTION, "a boy looks on", set()),
        # What the rest of the text tells more of: another thing would contradict it.
        (OBJECT, "A red car by a house. The car has a flag.", {"house", "flag"}),
        (OBJECT, "A street with a bus. The driver waves.", {"street", "bus"}),
        (OBJECT, "two dogs beside a big dog", set()),
        # Of no sort of their own: what else is a handle?
        (OBJECT, "a dog with a collar by a handle", {"dog"}),
        # Parts of a body, and what names no thing.
        (OBJECT, "a girl with long hair looks at the camera", {"girl"}),
        # A color that is part of another, or said to be a bright one.
        (ATTRIBUTE, "a plate of golden brown fries on neon green grass", set()),
        (ATTRIBUTE, "a brown leather bag", {"brown", "leather"}),
    ],
)
def test_pieces_and_names_are_not_refilled(parse, kind, caption, expected):
    assert changeable(parse, kind, caption) == expected


def swapped(parse, caption):
    parsed = parse(caption)
    proposals = swap_nouns(
        parsed, RandomStream(0), word_weights("random", 1.0), Corpus(Statistics())
    )
    return {
        apply_edits(caption, proposal.edits)
        for proposal in proposals
        if isinstance(proposal, Candidate)
    }


def test_nouns_of_two_sentences_are_not_swapped(parse):
    made = swapped(parse, "A man chases a dog. A cat is under a car.")
    assert "A dog chases a man. A cat is under a car." in made
    assert all(text.index("cat") > text.index(".") for text in made)


@pytest.mark.parametrize(
    ("caption", "changes"),
    [
        ("a woman in a red jacket", False),
        ("a kite in the sky", False),
        ("a dog on a wooden table", True),
        ("a circle next to a square", True),
    ],
)
def test_of_few_captions_relations_change_to_what_anything_may_be_beside(parse, caption, changes):
    weigh = word_weights("random", 1.0)
    proposals = change_relation(parse(caption), RandomStream(0), weigh, Corpus(Statistics()))
    assert any(isinstance(proposal, Candidate) for proposal in proposals) is changes
