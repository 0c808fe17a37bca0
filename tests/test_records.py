"""Formats that others rely on stay as they are."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from ahnpl_cli import records
from ahnpl_cli.records import CaptionRecord, Edit, Negative, apply_edits


def test_slots_keep_their_order() -> None:
    expected = (
        *("relation", "attribute", "action", "object"),
        *("attribute_swap", "quantity", "spatial"),
        *("swap", "addition", "negation", "order"),
    )
    assert expected == records.KINDS
    assert set(records.DEFAULT_KINDS) <= set(expected)


def test_an_exchange_of_nouns_was_once_called_a_relation() -> None:
    edits = (Edit(2, 5, "dog", "cat"), Edit(9, 12, "cat", "dog"))
    assert Negative("relation", "a cat on a dog", edits, "swap").kind == "swap"
    assert Negative("relation", "a dog under a cat", edits[:1], "corpus").kind == "relation"


def test_presets_stand_for_kinds_and_are_told_by_them() -> None:
    paper = ("swap", "attribute", "action", "object")
    assert records.expand_presets(["paper", "spatial", "swap"]) == (*paper, "spatial")
    assert records.described(paper) == "the preset paper: swap, attribute, action, object"
    assert records.described(("object", "spatial")) == "object, spatial"


def test_fields_of_the_formats_are_append_only() -> None:
    fields = {
        cls: [field.name for field in dataclasses.fields(cls)]
        for cls in (CaptionRecord, Negative, Edit)
    }
    assert fields[CaptionRecord][:5] == ["id", "image", "caption", "negatives", "meta"]
    assert fields[Edit] == ["start", "end", "old", "new"]
    expected = ["kind", "caption", "edits", "filler", "score", "concreteness"]
    assert fields[Negative][:6] == expected


def test_edits_are_made_in_the_original_s_coordinates() -> None:
    edits = (Edit(2, 5, "cat", "tiger"), Edit(14, 17, "dog", "ox"))
    assert apply_edits("a cat chases a dog", edits) == "a tiger chases aoxg"
    edits = (Edit(2, 5, "cat", "dog"), Edit(15, 18, "dog", "cat"))
    assert apply_edits("a cat chases a dog", edits) == "a dog chases a cat"


@given(st.text(min_size=4, max_size=30), st.data())
def test_edits_touch_nothing_outside_their_spans(caption: str, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, len(caption)), min_size=4, max_size=4, unique=True)
    cuts = sorted(data.draw(places))
    a, b, c, d = cuts
    edits = (Edit(a, b, caption[a:b], "X"), Edit(c, d, caption[c:d], "YY"))
    changed = apply_edits(caption, edits)
    assert changed == caption[:a] + "X" + caption[b:c] + "YY" + caption[d:]
