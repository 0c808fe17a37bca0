import pytest


def words(parsed):
    return [(unit.lower, unit.tag) for unit in parsed.units]


def test_compounds_are_one_unit_with_its_span(parse):
    parsed = parse("A fire hydrant  near a stop sign")
    assert [unit.text for unit in parsed.units] == ["A", "fire hydrant", "near", "a", "stop sign"]
    hydrant = parsed.units[1]
    assert parsed.record.caption[hydrant.start : hydrant.end] == "fire hydrant"
    assert (hydrant.tag, hydrant.pos, hydrant.lemma) == ("NN", "n", "fire hydrant")


def test_a_compound_is_one_unit_though_its_end_is_tagged_as_an_adjective(parse):
    units = parse("A fire hydrant on a sidewalk along a street.").units
    assert [unit.lower for unit in units if unit.pos] == ["fire hydrant", "sidewalk", "street"]


def test_a_color_before_a_noun_is_no_part_of_a_compound(parse):
    assert ("red", "JJ") in words(parse("a picture of a red cross and a blue heart"))


def test_a_material_before_a_noun_is_an_attribute(parse):
    assert ("metal", "JJ") in words(parse("a sign on a metal pole"))


def test_a_participle_that_tells_an_attribute_is_one(parse):
    assert ("closed", "JJ") in words(parse("a cat behind a closed window"))


def test_plain_compounds_of_wordnet_are_found_in_any_tagging(parse):
    assert "hot dog" in [unit.lower for unit in parse("A hot dog on a plate").units]
    assert "parking lot" in [unit.lower for unit in parse("cars in a parking lot").units]


@pytest.mark.parametrize("caption", [" ", "...", "\n"])
def test_captions_without_words_have_no_units_that_change(parse, caption):
    assert all(unit.pos is None for unit in parse(caption).units)


def test_spans_survive_tabs_and_accents(parse):
    caption = "\tA caf\u00e9 table  with a cat \n"
    for unit in parse(caption).units:
        assert caption[unit.start : unit.end] == unit.text
