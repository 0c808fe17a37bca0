import pytest

from ahnpl_cli.negatives.lexicon import wordnet


@pytest.mark.parametrize(
    ("form", "pos", "lemma"),
    [
        ("dogs", "n", "dog"),
        ("women", "n", "woman"),
        ("geese", "n", "goose"),
        ("buses", "n", "bus"),
        ("scissors", "n", "scissors"),
        ("fire hydrants", "n", "fire hydrant"),
        ("grass", "n", "grass"),
        ("sitting", "v", "sit"),
        ("flies", "v", "fly"),
        ("riding", "v", "ride"),
        ("larger", "a", "large"),
        ("zzxyq", "n", "zzxyq"),
    ],
)
def test_words_are_brought_to_their_base_form(form, pos, lemma):
    assert wordnet.lemma(form, pos) == lemma


@pytest.mark.parametrize(
    ("first", "second", "pos", "relation"),
    [
        ("large", "big", "a", "synonym"),
        ("couch", "sofa", "n", "synonym"),
        ("bike", "bicycle", "n", "synonym"),
        ("photo", "picture", "n", "synonym"),
        ("man", "person", "n", "hypernym"),
        ("dog", "animal", "n", "hypernym"),
        ("bird", "seagull", "n", "hyponym"),
        ("hold", "carry", "v", "synonym"),
        ("cat", "dog", "n", None),
        ("red", "blue", "a", None),
        ("sit", "stand", "v", None),
    ],
)
def test_relations_of_words(first, second, pos, relation):
    assert wordnet.related(first, second, pos) == relation


def test_adjectives_have_opposites():
    assert wordnet.opposite("hot", "cold")
    assert not wordnet.opposite("hot", "red")


def test_the_licence_comes_along():
    from importlib import resources

    license = resources.files(wordnet) / "LICENSE"
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in license.read_text()
