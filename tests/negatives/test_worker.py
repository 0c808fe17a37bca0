import pytest

from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.statistics import Statistics
from ahnpl_cli.negatives.worker import Maker


class Fixed:
    """Says the same words for all masked words, as a language model may in two spellings."""

    name = "fixed"
    scores_phrases = False

    def __init__(self, *words):
        self.words = [(word, -float(i)) for i, word in enumerate(words)]

    def rank(self, masked_words):
        return [list(self.words) for _ in masked_words]

    def sure_of(self, masked, word):
        return False


def maker_with(filler, tagger, kinds=("object",)):
    """Makes up to three negatives of each kind."""
    return Maker(
        filler,
        tagger,
        kinds=kinds,
        per_kind=3,
        top_k=10,
        seed=0,
        weigh=word_weights("random", 1.0),
        corpus=Corpus(Statistics()),
    )


@pytest.fixture
def make(parse, tagger):
    """Makes up to three negatives of one kind, refilled with the words given."""

    def made(caption, *words, kinds=("object",)):
        return maker_with(Fixed(*words), tagger, kinds).make([parse(caption)])

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


class Spied(Fixed):
    """Counts the rankings that are read."""

    def __init__(self, *words):
        super().__init__(*words)
        self.read = 0

    def rank(self, masked_words):
        return [self._ranking() for _ in masked_words]

    def _ranking(self):
        self.read += 1
        yield from self.words


@pytest.mark.parametrize(("is_trial", "read"), [(True, 1), (False, 2)])
def test_a_caption_that_was_tried_gives_the_same_and_its_ranking_is_not_read_again(
    parse, tagger, is_trial, read
):
    filler = Spied("cat", "horse")
    maker = maker_with(filler, tagger)
    block = [parse("a dog is sleeping")]
    tried = maker.make(block, is_trial=is_trial)
    assert maker.make(block) == tried and len(tried.negatives[0]) == 2
    assert filler.read == read
    # Once more: what was kept for the second time is gone.
    assert maker.make(block) == tried
    assert filler.read == read + 1


def test_what_something_else_speaks_against_is_not_tagged_again(parse, tagger, monkeypatch):
    tagged = []
    retag = tagger.retag

    def spied(texts, places):
        tagged.extend(texts)
        return retag(texts, places)

    monkeypatch.setattr(tagger, "retag", spied)
    made = maker_with(Fixed("cat", "Cat"), tagger).make([parse("a dog is sleeping")])
    assert made.rejected["object", "duplicate"] == 1
    assert tagged == ["a cat is sleeping"]


def test_a_color_where_an_adjective_stood_needs_no_second_look(parse, tagger, monkeypatch):
    tagged = []
    monkeypatch.setattr(tagger, "retag", lambda texts, places: tagged.extend(texts) or [])
    made = maker_with(Fixed("blue"), tagger, kinds=["attribute"]).make([parse("a red couch")])
    assert [negative.caption for negative in made.negatives[0]] == ["a blue couch"]
    assert tagged == []
