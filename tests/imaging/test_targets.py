"""The thing that an edit is about, and the words around it."""

import pytest

from ahnpl_cli.imaging.targets import content_edits, find_targets
from ahnpl_cli.records import Edit, Negative


def targets(caption, old, new, kind):
    start = caption.index(old)
    edit = Edit(start, start + len(old), old, new)
    return find_targets(caption, Negative(kind, "", (edit,)))


CHANGE = ("red", "blue", "attribute")


@pytest.mark.parametrize(
    ("caption", "old", "new", "kind", "phrase", "noun", "new_phrase"),
    [
        ("A red car on a street.", *CHANGE, "red car", "car", "blue car"),
        ("a red fire hydrant", *CHANGE, "red fire hydrant", "fire hydrant", "blue fire hydrant"),
        ("two dogs on a bed", "dogs", "cats", "object", "dogs", "dogs", "cats"),
        ("a big tan dog naps", "dog", "cat", "object", "big tan dog", "dog", "big tan cat"),
        ("a man riding a horse", "man", "woman", "object", "man", "man", "woman"),
        ("the cat, a dog", "dog", "cow", "object", "dog", "dog", "cow"),
    ],
)
def test_a_target_is_the_noun_phrase_around_the_edit(
    caption, old, new, kind, phrase, noun, new_phrase
):
    (target,) = targets(caption, old, new, kind)
    assert (target.phrase, target.noun, target.new_phrase) == (phrase, noun, new_phrase)


def test_an_adjective_without_a_noun_has_no_target():
    assert targets("the car is red", "red", "blue", "attribute") == ()
    assert targets("a red and white car", "red", "blue", "attribute") == ()


def test_the_repair_of_an_article_is_no_change():
    article, noun = Edit(0, 1, "a", "an"), Edit(2, 5, "cat", "owl")
    assert content_edits((article, noun)) == [noun]
    (target,) = find_targets("a cat", Negative("object", "an owl", (article, noun)))
    assert target.new_phrase == "owl"
