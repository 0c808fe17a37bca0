import pytest

from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.statistics import Statistics
from ahnpl_cli.negatives.worker import Maker


class Fixed:
    """Says the same words for all masked words, as a language model may in two spellings."""

    name = "fixed"

    def __init__(self, *words):
        self.words = [(word, -float(i)) for i, word in enumerate(words)]

    def rank(self, masked_words):
        return [list(self.words) for _ in masked_words]

    def sure_of(self, masked, word):
        return False


@pytest.fixture
def make(parse, tagger):
    """Makes up to three negatives of one kind, refilled with the words given."""

    def made(caption, *words, kinds=("object",)):
        maker = Maker(
            Fixed(*words),
            tagger,
            kinds=kinds,
            per_kind=3,
            top_k=10,
            seed=0,
            weigh=word_weights("random", 1.0),
            corpus=Corpus(Statistics()),
        )
        return maker.make([parse(caption)])

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
