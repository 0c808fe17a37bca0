import pytest

from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.concreteness import rating, ratings
from ahnpl_cli.negatives.select import mean_rating, weigher


def unit(lemma):
    return Unit(0, len(lemma), lemma, lemma, "NN", "n", lemma)


def test_ratings_are_those_of_brysbaert_et_al():
    # Brysbaert et al. (2014), supplementary table: banana 5.0, dog 4.85, justice 1.45.
    assert (rating("banana"), rating("dog"), rating("justice")) == (5.0, 4.85, 1.45)
    assert len(ratings()) > 39_000


def test_a_compound_unrated_as_such_has_the_rating_of_its_last_word():
    assert "purple banana" not in ratings()
    assert rating("purple banana") == rating("banana")
    assert rating("xqzzy") is None


def test_random_selection_weighs_all_words_alike():
    weigh = weigher("random", 1.0)
    assert weigh((unit("dog"),)) == weigh((unit("justice"),)) == 1.0


def test_concrete_words_weigh_in_proportion_to_their_rating():
    weigh = weigher("concreteness", 1.0)
    ratio = weigh((unit("dog"),)) / weigh((unit("justice"),))
    assert ratio == pytest.approx(4.85 / 1.45)


def test_temperature_sharpens_and_flattens():
    sharp, flat = weigher("concreteness", 0.5), weigher("concreteness", 100.0)
    pair = (unit("dog"),), (unit("justice"),)
    assert sharp(pair[0]) / sharp(pair[1]) == pytest.approx((4.85 / 1.45) ** 2)
    assert flat(pair[0]) / flat(pair[1]) == pytest.approx(1.0, abs=0.02)


def test_an_exchange_has_the_mean_rating_of_what_is_rated():
    assert mean_rating((unit("dog"), unit("banana"))) == pytest.approx(4.925)
    assert mean_rating((unit("dog"), unit("xqzzy"))) == 4.85
    assert mean_rating((unit("xqzzy"),)) is None
