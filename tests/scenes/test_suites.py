"""Test items: true captions, false foils, held-out pair, and nothing that the text gives away."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from ahnpl_cli.scenes.suites import ONE_SIDED, PAIR_MAKERS, SceneItem, make_item
from ahnpl_cli.scenes.suites_aro import VG_RELATIONS
from ahnpl_cli.scenes.world import is_held_out

SUITES = sorted(PAIR_MAKERS)
BALANCED = sorted(set(PAIR_MAKERS) - ONE_SIDED)


def items(name: str, count: int, seed: int = 0) -> list[SceneItem]:
    return [make_item(name, seed, index, count) for index in range(count)]


@pytest.mark.parametrize("name", SUITES)
def test_captions_are_true_and_foils_false_of_held_out_scenes(name: str) -> None:
    for item in items(name, 40):
        assert item.caption.meaning.holds(item.scene), item.caption.text
        assert not item.foil.meaning.holds(item.scene, loosely=True), item.foil.text
        assert item.foil.meaning.holds(item.other), item.foil.text
        assert is_held_out(item.scene) and is_held_out(item.other)
        assert item.caption.text != item.foil.text


@pytest.mark.parametrize("name", BALANCED)
def test_the_other_scene_would_make_a_test_item_just_as_well(name: str) -> None:
    for item in items(name, 40):
        assert not item.caption.meaning.holds(item.other, loosely=True), item.caption.text


@pytest.mark.parametrize("name", SUITES)
def test_pairs_share_texture_and_layout_but_for_what_is_edited(name: str) -> None:
    for item in items(name, 20):
        assert item.scene.texture == item.other.texture


def test_an_item_depends_on_its_key_alone() -> None:
    alone = make_item("swap_obj", 0, 7, 40)
    assert alone == items("swap_obj", 40)[7]
    assert alone != make_item("swap_obj", 1, 7, 40)
    assert alone != make_item("swap_obj", 0, 7, 40, split="tune")


def test_items_for_training_come_from_the_other_combinations() -> None:
    for index in range(20):
        item = make_item("swap_obj", 0, index, 20, split="train", held_out=False)
        assert not is_held_out(item.scene) and not is_held_out(item.other)


def bag(text: str) -> list[str]:
    return sorted(text.lower().strip(".").split())


@pytest.mark.parametrize("name", ["swap_obj", "swap_att", "vg_relation", "winoground"])
def test_a_swap_uses_the_same_words(name: str) -> None:
    assert all(bag(item.caption.text) == bag(item.foil.text) for item in items(name, 40))


@pytest.mark.parametrize("name", sorted(ONE_SIDED))
def test_an_addition_says_more(name: str) -> None:
    assert all(len(bag(i.foil.text)) > len(bag(i.caption.text)) for i in items(name, 40))


def test_aro_relations_come_equally_often() -> None:
    counts = Counter(i.note["relation_name"] for i in items("vg_relation", 48))
    assert counts == dict.fromkeys(VG_RELATIONS, 48 // len(VG_RELATIONS))


@pytest.mark.parametrize("count", [60, 500])
def test_aro_has_25_items_of_every_ordered_pair_of_colors(count: int) -> None:
    counts = Counter("_".join(i.note["attributes"]) for i in items("vg_attribution", count))
    assert min(counts.values()) >= 25
    assert all("_".join(key.split("_")[::-1]) in counts for key in counts)


def test_counting_hard_differs_by_one_and_adversarial_goes_both_ways() -> None:
    hard, adversarial = items("counting-hard", 40), items("counting-adversarial", 40)
    assert {abs(i.note["count"] - i.foil_note["count"]) for i in hard} == {1}
    assert {i.note["count"] > i.foil_note["count"] for i in adversarial} == {True, False}


class Blind:
    """A classifier that sees both texts and no image: words and word pairs of one less the other's.

    It has no intercept, so it says of (a, b) the contrary of what it says of (b, a).
    """

    def __init__(self, train: Sequence[SceneItem]) -> None:
        self.words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
        self.words.fit([text for item in train for text in (item.caption.text, item.foil.text)])
        difference = self._difference(train)
        model = LogisticRegression(fit_intercept=False, max_iter=200)
        labels = np.repeat([1, 0], difference.shape[0])
        model.fit(np.concatenate([difference, -difference]), labels)
        self.weights = model.coef_[0]

    def _difference(self, some: Sequence[SceneItem]) -> np.ndarray:
        captions = self.words.transform([item.caption.text for item in some])
        foils = self.words.transform([item.foil.text for item in some])
        return (captions - foils).toarray().astype(float)

    def accuracy(self, test: Sequence[SceneItem]) -> float:
        scores = self._difference(test) @ self.weights
        return float(((scores > 0) + 0.5 * (scores == 0)).mean())


@pytest.fixture(scope="module")
def two_worlds() -> tuple[dict[str, list[SceneItem]], dict[str, list[SceneItem]]]:
    first, second = ({name: items(name, 200, seed) for name in SUITES} for seed in (11, 12))
    return first, second


def test_text_alone_does_not_tell_caption_from_foil(
    two_worlds: tuple[dict[str, list[SceneItem]], dict[str, list[SceneItem]]],
) -> None:
    first, second = ([i for name in BALANCED for i in world[name]] for world in two_worlds)
    # 3,400 fair items have a standard error of 0.9 points.
    assert abs(Blind(first).accuracy(second) - 0.5) < 0.03
    # Halves of one world: items in turn, so that both halves have every suite.
    assert abs(Blind(first[::2]).accuracy(first[1::2]) - 0.5) < 0.045


@pytest.mark.parametrize("name", BALANCED)
def test_text_alone_does_not_tell_within_a_suite(
    name: str, two_worlds: tuple[dict[str, list[SceneItem]], dict[str, list[SceneItem]]]
) -> None:
    first, second = two_worlds
    # 200 fair items have a standard error of 3.5 points; this is three of them.
    assert abs(Blind(first[name]).accuracy(second[name]) - 0.5) < 0.106


@pytest.mark.parametrize("name", sorted(ONE_SIDED))
def test_the_blind_classifier_finds_what_there_is_to_find(
    name: str, two_worlds: tuple[dict[str, list[SceneItem]], dict[str, list[SceneItem]]]
) -> None:
    first, second = two_worlds
    assert Blind(first[name]).accuracy(second[name]) > 0.95
