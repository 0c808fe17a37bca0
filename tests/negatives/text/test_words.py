import pytest


def lowers_and_tags(parsed):
    return [(word.lower, word.tag) for word in parsed.words]


def test_compounds_are_one_word_with_its_span(parse):
    parsed = parse("A fire hydrant  near a stop sign")
    assert [word.text for word in parsed.words] == ["A", "fire hydrant", "near", "a", "stop sign"]
    hydrant = parsed.words[1]
    assert parsed.record.caption[hydrant.start : hydrant.end] == "fire hydrant"
    assert (hydrant.tag, hydrant.pos, hydrant.lemma) == ("NN", "n", "fire hydrant")


def test_a_compound_is_one_word_though_its_end_is_tagged_as_an_adjective(parse):
    words = parse("A fire hydrant on a sidewalk along a street.").words
    assert [word.lower for word in words if word.pos] == ["fire hydrant", "sidewalk", "street"]


def test_a_color_before_a_noun_is_no_part_of_a_compound(parse):
    assert ("red", "JJ") in lowers_and_tags(parse("a picture of a red cross and a blue heart"))


def test_a_material_before_a_noun_is_an_attribute(parse):
    assert ("metal", "JJ") in lowers_and_tags(parse("a sign on a metal pole"))


def test_a_participle_that_tells_an_attribute_is_one(parse):
    assert ("closed", "JJ") in lowers_and_tags(parse("a cat behind a closed window"))


def test_plain_compounds_of_wordnet_are_found_in_any_tagging(parse):
    assert "hot dog" in [word.lower for word in parse("A hot dog on a plate").words]
    assert "parking lot" in [word.lower for word in parse("cars in a parking lot").words]


@pytest.mark.parametrize("caption", [" ", "...", "\n"])
def test_captions_without_words_have_no_units_that_change(parse, caption):
    assert all(word.pos is None for word in parse(caption).words)


def test_spans_survive_tabs_and_accents(parse):
    caption = "\tA caf\u00e9 table  with a cat \n"
    for word in parse(caption).words:
        assert caption[word.start : word.end] == word.text
