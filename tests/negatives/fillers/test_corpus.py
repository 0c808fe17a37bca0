import math

import pytest

from ahnpl_cli.negatives.candidates import MaskedWord
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers.corpus import DISCOUNT, PSEUDO, WEIGHTS, CorpusFiller, count
from ahnpl_cli.negatives.kinds.refill import best_valid
from ahnpl_cli.negatives.statistics import Statistics

CAPTIONS = (
    ["a red car on a road"] * 6
    + ["a blue car on a road", "a blue bus on a road"] * 3
    + ["a green tree near a road", "a man riding a horse", "a man riding an elephant"] * 3
)

NO_CORPUS = Corpus(Statistics())


@pytest.fixture(scope="module")
def filler(parse):
    return CorpusFiller(count([parse(caption).words for caption in CAPTIONS]))


def mask(parse, caption, word, *said):
    parsed = parse(caption, *said)
    return MaskedWord(parsed, [token.lower for token in parsed.words].index(word))


def choose(filler, masked):
    """The valid words with their scores, and the reasons against others."""
    return best_valid(masked, filler.rank([masked])[0], 10, NO_CORPUS)


def words(filler, masked):
    return [word for word, _ in choose(filler, masked)[0]]


def test_neighbours_of_words_are_counted(filler):
    # "red" has "a" on its left and "car" on its right, as next unit and as next content unit.
    assert filler.counts.pairs[1, "car", "JJ"] == {"red": 6, "blue": 3}
    assert filler.counts.words["JJ"] == {"red": 6, "blue": 6, "green": 3}
    assert filler.counts.captions == len(CAPTIONS)


def test_what_governs_a_noun_is_a_neighbour_of_its_own(filler, parse):
    """Behind an article, the preposition tells more than the article does."""
    assert filler.counts.pairs[4, "on", "NN"] == {"road": 12}
    assert filler.counts.pairs[4, "near", "NN"] == {"road": 3}
    bare = count([parse("a man on grass").words])
    assert not [key for key in bare.pairs if key[0] == 4 and key[1] == "on"]


def test_of_two_forms_of_a_word_the_commoner_is_put_in(parse):
    captions = ["a kite flies"] * 3 + ["a kite flys", "a man swims"]
    made = CorpusFiller(count([parse(caption).words for caption in captions]))
    assert words(made, mask(parse, "a man swims", "swims")) == ["flies"]


def test_words_of_the_same_tag_that_contradict_are_ranked_by_fit(parse, filler):
    assert words(filler, mask(parse, "a red car on a road", "red")) == ["blue", "green"]


def test_words_said_of_the_image_are_left_out_and_counted(parse, filler):
    valid, rejected = choose(filler, mask(parse, "a red car on a road", "red", "blue"))
    assert [word for word, _ in valid] == ["green"]
    assert rejected["said of the image"] == 1


def test_scores_are_the_formula_of_the_module(parse, filler):
    """Worked by loops over the captions' counts, new word less old word without this caption."""
    masked = mask(parse, "a red car on a road", "red")
    total, pairs = 15, {"blue": (6, (6, 3, 0, 3)), "red": (6, (6, 6, 0, 6))}

    def score(n, beside, own):
        share = (n - own) / total
        fit = (
            w * math.log1p((m - own) / share / PSEUDO)
            for w, m in zip(WEIGHTS[:4], beside, strict=True)
        )
        return (1 - DISCOUNT) * math.log(share) + sum(fit)

    # Left content neighbour: the caption's edge, beside which all adjectives stand.
    pairs = {word: (n, (6, right, 6, right)) for word, (n, (_, right, _, _)) in pairs.items()}
    expected = score(*pairs["blue"], 0) - score(*pairs["red"], 1)
    assert choose(filler, masked)[0][0] == ("blue", pytest.approx(expected, abs=1e-4))


def test_nouns_stay_within_their_sort(parse, filler):
    assert words(filler, mask(parse, "a man riding a horse", "horse")) == ["elephant"]
    # A tree would fit "near" better, and is no vehicle.
    assert words(filler, mask(parse, "a car near a road", "car")) == ["bus"]


def test_a_word_always_tagged_alike_need_not_be_tagged_again(parse, filler):
    masked = mask(parse, "a red car on a road", "red")
    assert filler.sure_of(masked, "blue")


def test_a_tag_that_no_caption_uses_gives_nothing(parse, filler):
    assert words(filler, mask(parse, "two dogs", "dogs")) == []
