import pytest

from ahnpl_cli.negatives.fillers import Ranked
from ahnpl_cli.negatives.make import Maker, Recipe
from ahnpl_cli.negatives.select import weigher


class Fixed:
    """Says the same words for every blank, as a language model with two spellings of one may."""

    name = "fixed"

    def __init__(self, *words):
        self.words = [(word, -float(i)) for i, word in enumerate(words)]

    def rank(self, blanks):
        return [Ranked(list(self.words)) for _ in blanks]

    def sure_of(self, blank, word):
        return False


@pytest.fixture
def make(parse, tagger):
    """Makes up to three negatives of one kind, refilled with the words given."""

    def made(caption, *words, kinds=("object",)):
        recipe = Recipe(kinds, 3, 10, 0, weigher("random", 1.0))
        return Maker(recipe, Fixed(*words), tagger).make([parse(caption)])

    return made


def test_one_text_is_one_negative_however_it_is_spelt(make):
    made = make("a dog is sleeping", "cat", "Cat")
    assert [negative.caption.lower() for negative in made.negatives[0]] == ["a cat is sleeping"]
    assert made.rejected["object", "duplicate"] == 1


def test_a_word_that_is_another_part_of_speech_in_its_place_is_rejected(make):
    made = make("a man is riding a horse", "quickly", "swim", "chasing", kinds=("action",))
    assert [negative.caption for negative in made.negatives[0]] == ["a man is chasing a horse"]
    assert set(made.rejected) <= {("action", "not a word"), ("action", "part of speech")}
    assert sum(made.rejected.values()) == 2


def test_behind_a_negation_no_word_is_refilled(make):
    made = make("a street with no cars", "dogs")
    assert made.negatives == [[]] and made.rejected["object", "negated"] == 1
