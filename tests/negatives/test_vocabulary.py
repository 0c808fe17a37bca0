"""The array verdicts are those of the plain functions, word by word."""

import itertools

import pytest

from ahnpl_cli.negatives import validity, wordnet
from ahnpl_cli.negatives.validity import Place
from ahnpl_cli.negatives.vocabulary import CODES, Verdicts

NOUNS = sorted(
    [
        "man",
        "men",
        "woman",
        "women",
        "boy",
        "girl",
        "child",
        "person",
        "people",
        "surfer",
        "skier",
        "dog",
        "dogs",
        "cat",
        "animal",
        "horse",
        "bear",
        "couch",
        "sofa",
        "chair",
        "table",
        "bench",
        "desk",
        "bike",
        "bicycle",
        "motorcycle",
        "car",
        "bus",
        "train",
        "truck",
        "vehicle",
        "pizza",
        "sandwich",
        "food",
        "rice",
        "cake",
        "fruit",
        "apple",
        "banana",
        "street",
        "road",
        "sidewalk",
        "grass",
        "field",
        "pasture",
        "tree",
        "building",
        "house",
        "wall",
        "picture",
        "photo",
        "view",
        "front",
        "happiness",
        "xqzzy",
        "bat",
        "racket",
        "ball",
        "frisbee",
        "kite",
        "hat",
        "shirt",
        "tie",
        "cup",
        "bowl",
        "plate",
        "fork",
        "knife",
        "water",
        "snow",
        "ocean",
        "beach",
        "wave",
        "surfboard",
        "skateboard",
        "sheep",
        "circle",
        "square",
        "star",
        "heart",
        "ring",
        "tv",
        "television",
        "laptop",
        "computer",
        "phone",
        "sign",
        "light",
        "lamp",
    ]
) + ["baseball bat", "fire hydrant", "teddy bear", "hot dog", "stop sign", "living room"]
VERBS = [
    "sitting",
    "standing",
    "riding",
    "holding",
    "carrying",
    "wearing",
    "lying",
    "flying",
    "hanging",
    "running",
    "eating",
]
ADJECTIVES = [
    "red",
    "blue",
    "orange",
    "large",
    "big",
    "small",
    "little",
    "tall",
    "wooden",
    "metal",
    "old",
    "young",
    "wet",
    "dry",
    "hot",
]
VOCABULARIES = [(NOUNS, "n"), (VERBS, "v"), (ADJECTIVES, "a")]


def lemmas(words, pos):
    return [wordnet.lemma(word, pos) for word in words]


@pytest.mark.parametrize(("words", "pos"), VOCABULARIES)
def test_pairs_are_judged_as_one_by_one(words, pos):
    bases = lemmas(words, pos)
    verdicts = Verdicts(words, bases, pos)
    for old in dict.fromkeys(bases):
        codes = verdicts.pair(old)
        for new, code in zip(bases, codes, strict=True):
            assert (CODES[code] or None) == validity.pair_reason(old, new, pos), (old, new)


@pytest.mark.parametrize(("words", "pos"), VOCABULARIES)
def test_what_is_said_of_an_image_is_found_as_one_by_one(words, pos):
    bases = lemmas(words, pos)
    verdicts = Verdicts(words, bases, pos)
    images = [{"dog", "front", "street"}, {"food"}, {"sit", "wet", "crimson"}, {"hydrant", "bear"}]
    for image in map(frozenset, images):
        expected = [validity.said(lemma, pos, image) for lemma in bases]
        assert verdicts.said(image).tolist() == expected


def test_places_are_judged_as_one_by_one():
    bases = lemmas(NOUNS, "n")
    verdicts = Verdicts(NOUNS, bases, "n")
    for countable, mass, loose in itertools.product((False, True), repeat=3):
        for sexes in ((), ("male",), ("female",)):
            place = Place(countable, mass, sexes, loose)
            reasons = [
                validity.place_reason(place, w, x) for w, x in zip(NOUNS, bases, strict=True)
            ]
            assert [CODES[code] or None for code in verdicts.placed(place)] == reasons, place
