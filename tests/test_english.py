import pytest

from ahnpl_cli.english import match_case, plural, third_person, vowel_sound, with_article
from ahnpl_cli.records import Edit, apply_edits


@pytest.mark.parametrize("word", ["apple", "umbrella", "hour", "Orange", "old", "8"])
def test_words_that_want_an(word):
    assert vowel_sound(word)


@pytest.mark.parametrize("word", ["unicycle", "uniform", "dog", "one", "european", "house", "used"])
def test_words_that_want_a(word):
    assert not vowel_sound(word)


def test_unusual_words_in_un_want_an():
    assert vowel_sound("uninteresting") and vowel_sound("unmade")


@pytest.mark.parametrize(
    ("caption", "old", "new", "repaired"),
    [
        ("a dog", "dog", "elephant", "an elephant"),
        ("An apple", "apple", "banana", "A banana"),
        ("an  apple", "apple", "pear", "a  pear"),
        ("a red dog", "dog", "elephant", "a red elephant"),
        ("the dog", "dog", "elephant", "the elephant"),
        ("AN OLD DOG", "OLD", "YOUNG", "A YOUNG DOG"),
        ("banana old", "old", "young", "banana young"),
    ],
)
def test_the_article_right_before_a_word_is_repaired(caption, old, new, repaired):
    start = caption.index(old)
    edits = with_article(caption, Edit(start, start + len(old), old, new))
    assert apply_edits(caption, edits) == repaired


def test_case_is_kept():
    assert match_case("dog", "Cat") == "Dog"
    assert match_case("dog", "CAT") == "DOG"
    assert match_case("dog", "cat") == "dog"


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("dog", "dogs"),
        ("woman", "women"),
        ("snowman", "snowmen"),
        ("teddy bear", "teddy bears"),
        ("child", "children"),
        ("bus", "buses"),
        ("lady", "ladies"),
        ("toy", "toys"),
        ("bench", "benches"),
    ],
)
def test_plurals(noun, many):
    assert plural(noun) == many


@pytest.mark.parametrize(
    ("verb", "third"),
    [
        *(("run", "runs"), ("go", "goes"), ("do", "does"), ("pass", "passes"), ("push", "pushes")),
        *(("watch", "watches"), ("fix", "fixes"), ("carry", "carries"), ("play", "plays")),
    ],
)
def test_verbs_of_the_third_person(verb, third):
    assert third_person(verb) == third
