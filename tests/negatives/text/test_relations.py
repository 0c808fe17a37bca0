"""Which relations cannot hold at once between the same two things."""

import pytest

from ahnpl_cli.negatives.kinds.details import DEED, HAND, PLACE, SEAT, role_of
from ahnpl_cli.negatives.text.relations import excludes, is_plain, places_exclude


@pytest.mark.parametrize(
    ("old", "new", "target", "kind", "expected"),
    [
        # Who holds, carries, eats or uses a thing is near it.
        ("holding", "near", "drink", "person", False),
        ("carrying", "next to", "bag", "person", False),
        ("holding on", "in front of", "bus", "person", False),
        ("under", "carrying", "umbrella", "person", False),
        ("holding", "standing under", "umbrella", "person", False),
        ("leaning on", "next to", "motorcycle", "person", False),
        ("wearing", "behind", "coat", "person", False),
        # What is in a thing that is open is beside it as well.
        ("in", "next to", "window", "thing", False),
        ("jumping in", "near", "leaf", "person", False),
        ("in", "next to", "area", "vehicle", False),
        ("in", "next to", "box", "thing", True),
        ("in", "near", "car", "person", True),
        # Things are put on tables, and not on walls and streets.
        ("on", "next to", "table", "thing", True),
        ("on", "near", "street", "vehicle", False),
        ("sitting on", "standing next to", "wall", "thing", False),
        # What is done at the same time.
        ("standing on", "perched on", "branch", "animal", False),
        ("standing on", "sitting on", "branch", "animal", False),
        ("eating off", "standing on", "ground", "animal", False),
        ("throwing", "holding", "ball", "person", False),
        ("reading on", "lying on", "bed", "person", False),
        ("riding", "wearing", "ski", "person", False),
        # And what is not.
        ("standing on", "sitting on", "bench", "person", True),
        ("walking on", "laying on", "beach", "animal", True),
        ("riding", "next to", "horse", "person", True),
        ("holding", "riding", "surfboard", "person", True),
        ("in front of", "behind", "table", "person", True),
    ],
)
def test_what_cannot_hold_at_once(old, new, target, kind, expected):
    assert (excludes(old, new, kind) and places_exclude(old, new, target)) is expected


@pytest.mark.parametrize(
    ("text", "thing", "role"),
    [
        ("in", "kitchen", PLACE),
        ("parked on", "dirt road", PLACE),
        ("sitting on", "couch", SEAT),
        ("holding", "phone", HAND),
        ("flying", "kite", DEED),
        ("on", "surfboard", DEED),
        # These go with anything else.
        ("next to", "couch", None),
        ("in front of", "bus", None),
        ("looking at", "laptop", None),
        ("in", "picture", None),
    ],
)
def test_what_a_relation_tells_of_its_head(text, thing, role):
    assert role_of(text, thing) == role


def test_a_plain_relation_is_a_verb_and_a_preposition():
    assert is_plain("sitting on") and is_plain("in front of") and is_plain("riding")
    assert not is_plain("laying out on") and not is_plain("sits close together on")
