"""What the rule book asks of many words at once is what it would ask one by one."""

import numpy as np
import pytest

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import LazyRanking, MaskedWord, _best_first
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers.corpus import WORST, CorpusFiller, count, neighbors
from ahnpl_cli.negatives.kinds.refill import best_valid
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.statistics import Statistics

NOUN_TEXT = (
    "animal apple ball banana bat beach bear bench bicycle bike bowl boy building bus "
    "cake car cat chair child circle computer couch cup desk dog dogs field food fork "
    "frisbee front fruit girl grass happiness hat heart horse house kite knife lamp "
    "laptop light man men motorcycle ocean pasture people person phone photo picture "
    "pizza plate racket rice ring road sandwich sheep shirt sidewalk sign skateboard "
    "skier snow sofa square star street surfboard surfer table television tie train "
    "tree truck tv vehicle view wall water wave woman women xqzzy"
)
NOUNS = NOUN_TEXT.split() + [
    "baseball bat",
    "fire hydrant",
    "teddy bear",
    "hot dog",
    "stop sign",
    "living room",
]
VERB_TEXT = "sitting standing riding holding carrying wearing lying flying hanging running eating"
ADJECTIVE_TEXT = "red blue orange large big small little tall wooden metal old young wet dry hot"
VERBS = VERB_TEXT.split()
ADJECTIVES = ADJECTIVE_TEXT.split()
VOCABULARIES = [(NOUNS, "n"), (VERBS, "v"), (ADJECTIVES, "a")]
IMAGES = [
    {"dog", "front", "street"},
    {"food"},
    {"sit", "wet", "crimson"},
    {"hydrant", "bear"},
    set(),
]

NO_CORPUS = Corpus(Statistics())


def lemmas(words, pos):
    return [wordnet.lemma(word, pos) for word in words]


@pytest.mark.parametrize(("words", "pos"), VOCABULARIES)
@pytest.mark.parametrize("image", IMAGES, ids=lambda image: " ".join(sorted(image)) or "nothing")
def test_what_is_said_of_an_image_is_found_as_word_by_word(words, pos, image):
    naming = [w for w in image if pos != "n" or w not in validity.word_list("unpictured")]
    for lemma in lemmas(words, pos):
        expected = any(
            word in validity.aliases(lemma, pos)
            or (pos != "v" and wordnet.related(lemma, word, pos) is not None)
            for word in naming
        )
        assert validity.said_of_image(lemma, pos, frozenset(image)) is expected, lemma


@pytest.mark.parametrize(("words", "pos"), VOCABULARIES[1:])
def test_only_verbs_and_adjectives_that_contradict_can_be_valid(words, pos):
    """So a filler may leave out all others before it ranks."""
    bases = lemmas(words, pos)
    for old in bases:
        for new in bases:
            if validity.pair_reason(old, new, pos) is None:
                assert validity.contradicts(old, new, pos)


def test_places_come_by_score_and_equal_ones_in_their_order():
    generator = np.random.default_rng(0)
    for size in (0, 1, 64, 65, 500):
        scores = generator.integers(0, 40, size).astype(np.float32)
        expected = sorted(range(size), key=lambda place: (-scores[place], place))
        assert np.concatenate(list(_best_first(scores))).tolist() == expected


def test_admitted_words_of_a_ranking_keep_their_order_and_ranks():
    generator = np.random.default_rng(0)
    words = [f"word {number}" for number in range(200)]
    numbers = np.sort(generator.choice(200, 120, replace=False))
    scores = generator.integers(0, 40, 120).astype(np.float32)
    ranking = LazyRanking("NN", words, lambda: (numbers, scores))
    admitted = generator.random(200) < 0.3
    expected = [
        (rank, word, score)
        for rank, (word, score) in enumerate(ranking, 1)
        if admitted[words.index(word)]
    ]
    assert len(expected) > 20
    assert ranking.among(admitted) == (expected, 120)


CAPTIONS = [
    f"a {adjective} {noun} {verb} near a {other}"
    for adjective, noun, verb, other in zip(
        ADJECTIVES * 8, NOUNS, VERBS * 12, reversed(NOUNS), strict=False
    )
]


@pytest.mark.parametrize("tag", ["NN", "JJ", "VBG"])
def test_the_walk_down_a_ranking_finds_the_best_valid_words(parse, tag):
    """The naive way: judge every word of the vocabulary, then sort."""
    parsed = [parse(caption, "street") for caption in CAPTIONS]
    filler = CorpusFiller(count([caption.words for caption in parsed]))
    vocabulary = filler._vocabulary(tag)
    compared = 0
    for caption in parsed[::5]:
        for index, word in enumerate(caption.words):
            if word.tag != tag:
                continue
            masked = MaskedWord(caption, index)
            around = neighbors(masked.caption.words, masked.index)
            original = np.float32(filler._score_of_original(masked.word, around))
            scores = filler._scores(masked.word, around) - original
            context = validity.context_of(caption.words, index)
            valid = [
                (-scores[i], i)
                for i, new in enumerate(vocabulary.words)
                if scores[i] >= WORST[word.pos]
                and validity.word_reason(word, new, context, caption.image_words) is None
            ]
            chosen, _ = best_valid(masked, filler.rank([masked])[0], 10, NO_CORPUS)
            assert [new for new, _ in chosen] == [
                vocabulary.words[i] for _, i in sorted(valid)[:10]
            ]
            compared += len(chosen)
    assert compared > 5
