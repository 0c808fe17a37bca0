"""What the rule book asks of many words at once is what it would ask one by one."""

import numpy as np
import pytest

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import LazyRanking, MaskedWord, _best_first
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers.corpus import WORST, CorpusFiller, count, neighbors
from ahnpl_cli.negatives.kinds.heard import HEARD
from ahnpl_cli.negatives.kinds.refill import best_valid
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.seen_together import SMALL
from ahnpl_cli.negatives.statistics import Statistics, Tally

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


def test_of_the_words_asked_for_those_that_fit_come_best_first():
    words = [f"word {number}" for number in range(6)]
    scores = np.array([3, 1, 5, 5, -9, 2], np.float32)

    def fitting(numbers):
        kept = [number for number in numbers if scores[number] > 0]
        return np.array(kept), scores[kept]

    ranking = LazyRanking(words, lambda admit: pytest.fail("nobody asked"), fitting)
    expected = [("word 2", 5.0), ("word 3", 5.0), ("word 0", 3.0), ("word 5", 2.0)]
    assert ranking.best([0, 2, 3, 4, 5]) == expected
    assert ranking.best([]) == []


CAPTIONS = [
    f"a {adjective} {noun} {verb} near a {other}"
    for adjective, noun, verb, other in zip(
        ADJECTIVES * 8, NOUNS, VERBS * 12, reversed(NOUNS), strict=False
    )
]


MANY = [
    f"a {adjective} {noun} {verb} on a {other} {place}"
    for noun in ("man", "woman", "boy", "dog", "horse", "cat")
    for verb in ("sitting", "standing", "lying", "running")
    for place in ("bench", "field", "couch", "street")
    for adjective, other in (("young", "red"), ("black", "wooden"), ("white", "green"))
]


def told(parsed):
    """What the captions say together, said often enough to be believed."""
    tally = Tally()
    for number in range(SMALL):
        caption = parsed[number % len(parsed)]
        tally.add(str(number), caption.record.caption, caption.words)
    return Corpus(tally.statistics())


@pytest.mark.parametrize("is_small", [True, False], ids=["few captions", "many"])
@pytest.mark.parametrize("tag", ["NN", "JJ", "VBG"])
def test_the_best_valid_words_are_those_of_judging_every_word(parse, tag, is_small):
    """The naive way: judge every word of the vocabulary, then sort."""
    parsed = [parse(caption, "street") for caption in (CAPTIONS if is_small else MANY)]
    filler = CorpusFiller(count([caption.words for caption in parsed]))
    corpus = NO_CORPUS if is_small else told(parsed)
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
            is_heard = HEARD[word.pos](masked, corpus)
            valid = [
                (-scores[i], i)
                for i, new in enumerate(vocabulary.words)
                if scores[i] >= WORST[word.pos]
                and (is_small or is_heard(new))
                and validity.word_reason(word, new, context, caption.image_words) is None
            ]
            chosen, rejected = best_valid(masked, filler.rank([masked])[0], 10, corpus)
            assert [new for new, _ in chosen] == [
                vocabulary.words[i] for _, i in sorted(valid)[:10]
            ]
            assert is_small or rejected.total() <= len(vocabulary.words)
            compared += len(chosen)
    assert compared > 5
