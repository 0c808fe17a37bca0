import math

import pytest

from ahnpl_cli.negatives.lexicon.concreteness import mean_rating, rating, ratings, word_weights


def test_ratings_are_those_of_brysbaert_et_al():
    # Brysbaert et al. (2014), supplementary table: banana 5.0, dog 4.85, justice 1.45.
    assert (rating("banana"), rating("dog"), rating("justice")) == (5.0, 4.85, 1.45)
    assert len(ratings()) > 39_000


def test_a_compound_unrated_as_such_has_the_rating_of_its_last_word():
    assert "purple banana" not in ratings()
    assert rating("purple banana") == rating("banana")
    assert rating("xqzzy") is None


def test_random_selection_weighs_all_words_alike():
    weigh = word_weights("random", 1.0)
    assert weigh("dog") == weigh("justice") == 1.0


def test_concrete_words_weigh_more_by_the_formula():
    weigh = word_weights("concreteness", 1.0)
    assert weigh("dog") / weigh("justice") == pytest.approx(math.exp((4.85 - 1.45) / 0.25))
    # Also among the nouns of captions, which are rated much alike.
    assert weigh("dog") / weigh("group") > 2


def test_temperature_sharpens_and_flattens():
    sharp, flat = word_weights("concreteness", 0.5), word_weights("concreteness", 10_000.0)
    dog, justice = "dog", "justice"
    assert sharp(dog) / sharp(justice) == pytest.approx(math.exp((4.85 - 1.45) / 0.125))
    assert flat(dog) / flat(justice) == pytest.approx(1.0, abs=0.02)


def test_a_swap_has_the_mean_rating_of_what_is_rated():
    assert mean_rating("dog", "banana") == pytest.approx(4.925)
    assert mean_rating("dog", "xqzzy") == 4.85
    assert mean_rating("xqzzy") is None
