import pytest

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.validity import (
    context_of,
    context_reason,
    pair_reason,
    refill_reason,
    said_of_image,
)
from ahnpl_cli.records import REASONS


@pytest.mark.parametrize(
    ("old", "new", "pos", "reason"),
    [
        ("large", "big", "a", "synonym"),
        ("couch", "sofa", "n", "synonym"),
        ("bike", "bicycle", "n", "synonym"),
        ("photo", "picture", "n", "synonym"),
        ("man", "person", "n", "hypernym"),
        ("dog", "animal", "n", "hypernym"),
        ("animal", "dog", "n", "hyponym"),
        ("dog", "dog", "n", "same lemma"),
        ("dog", "xqzzy", "n", "not a word"),
        ("dog", "of", "n", "not a word"),
        ("large", "white", "a", "compatible"),
        ("man", "surfer", "n", "compatible"),
        ("field", "pasture", "n", "compatible"),
        ("baseball bat", "bat", "n", "compatible"),
        ("dog", "happiness", "n", "compatible"),
        ("hold", "eat", "v", "compatible"),
        ("ride", "surf", "v", "compatible"),
        ("small", "gray", "a", "compatible"),
        # To WordNet stone is a color, and so opposed to gray.
        ("stone", "gray", "a", "compatible"),
        ("small", "old", "a", "compatible"),
        ("rainy", "cloudy", "a", "compatible"),
        ("cloudy", "clear", "a", None),
        ("red", "blue", "a", None),
        ("small", "large", "a", None),
        ("wooden", "metal", "a", None),
        ("dog", "cat", "n", None),
        ("man", "woman", "n", None),
        ("woman", "boy", "n", None),
        ("surfer", "skier", "n", None),
        ("sit", "stand", "v", None),
        ("circle", "square", "n", None),
    ],
)
def test_pairs_of_words_that_make_a_negative_or_do_not(old, new, pos, reason):
    assert pair_reason(old, new, pos) == reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        # Who swims in a pond swims in no mountain, and a train runs on no road.
        ("pond", "mountain", "implausible"),
        ("train", "bus", "implausible"),
        ("cat", "giraffe", "implausible"),
        ("fruit", "sandwich", "implausible"),
        # Who wears a hat may wear a dress as well.
        ("hat", "dress", "implausible"),
        ("city", "tennis court", "implausible"),
        ("hot dog", "banana", "implausible"),
        ("street", "beach", None),
        ("school bus", "truck", None),
        ("dog", "horse", None),
        ("horse", "zebra", None),
        # Where the table knows neither, sorts decide alone.
        ("umbrella", "cane", None),
        ("dog", "dog", "same lemma"),
    ],
)
def test_nouns_are_put_for_their_own(old, new, reason):
    assert refill_reason(old, new, "n") == reason


def test_every_reason_given_is_explained():
    assert {"same text", "duplicate", "part of speech", "said of the image"} <= REASONS.keys()


@pytest.mark.parametrize(
    ("lemma", "words", "expected"),
    [
        ("dog", {"dog"}, True),
        ("dog", {"puppy"}, True),
        ("dog", {"animal"}, True),
        ("couch", {"sofa"}, True),
        ("fire hydrant", {"hydrant"}, True),
        ("dog", {"cat", "bench"}, False),
        ("dog", {"view", "front"}, False),
    ],
)
def test_a_word_for_the_same_thing_counts_as_said_of_the_image(lemma, words, expected):
    assert said_of_image(lemma, "n", frozenset(words)) is expected


@pytest.mark.parametrize(
    ("caption", "word", "new", "reason"),
    [
        ("a man eats a sandwich", "sandwich", "rice", "agreement"),
        ("a man eats a sandwich", "sandwich", "burger", None),
        ("a man eats rice", "rice", "sandwich", "agreement"),
        ("a man eats rice", "rice", "pasta", None),
        ("a man and his dog", "man", "woman", "agreement"),
        ("a woman with her dog", "woman", "man", "agreement"),
        ("a man with a dog", "man", "woman", None),
        ("a man near a bench", "bench", "tree", "compatible"),
        ("a man near a bench", "bench", "elephant", None),
        ("a cup sitting on a desk", "sitting", "standing", "compatible"),
        ("a cup sitting on a desk", "sitting", "flying", None),
        ("a cat sitting on a desk", "sitting", "running", None),
    ],
)
def test_a_word_has_to_fit_its_place(parse, caption, word, new, reason):
    parsed = parse(caption)
    index = next(i for i, token in enumerate(parsed.words) if token.lower == word)
    lemma = wordnet.lemma(new, parsed.words[index].pos)
    assert context_reason(context_of(parsed.words, index), new, lemma) == reason


def test_texts_are_compared_without_case_spaces_and_full_stop():
    assert validity.normalized(" A  cat. ") == validity.normalized("a cat")
