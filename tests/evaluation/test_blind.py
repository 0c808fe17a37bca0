"""Controls without the image, and how far apart captions are kept."""

import math
from collections import Counter
from pathlib import Path

import pytest
from layouts import write_sugarcrepe, write_winoground

from ahnpl_cli.caption_words import words
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.blind import fold, unigram
from ahnpl_cli.evaluation.scoring.items import Item


def item(i: int, *texts: str) -> Item:
    return Item(str(i), (ImageRef(Path(f"{i}.jpg")),), texts, ("row",), cluster=str(i))


def test_the_unigram_model_never_sees_the_image_it_scores():
    items = [item(i, f"a dog number {i}", "a cat") for i in range(20)]
    score = unigram(items)
    first = items[0]
    others = [one for one in items if fold(one) != fold(first)]
    counts = Counter(word for one in others for word in words(one.texts[0]))
    total = sum(counts.values()) + len(counts) + 1
    logs = [math.log((counts[word] + 1) / total) for word in ("a", "dog")]
    assert score(first, "A dog") == pytest.approx(sum(logs) / 2)
    assert score(first, "a dog") > score(first, "a cat")


def test_the_longer_caption_wins_where_foils_are_shorter(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    path = root / "sugarcrepe" / "add_obj.json"
    path.write_text(
        path.read_text().replace('"negative_caption": "', '"negative_caption": "and so ')
    )
    report = run("sugarcrepe", root, blind=True)
    rows = {
        name: {row.name: row for row in control.subsets}
        for name, control in report.blind["sugarcrepe"].items()
    }
    assert rows["shorter"]["add_obj"].accuracy == 100
    assert rows["longer"]["add_obj"].accuracy == 0
    assert rows["longer"]["swap_att"].ties == 5  # equally long: a tie, and wrong
    assert set(rows) == {"shorter", "longer", "unigram"}


def test_groups_of_images_have_no_blind_control(tmp_path, run):
    assert run("winoground", write_winoground(tmp_path / "d"), blind=True).blind == {}


def test_similarity_within_and_gap_across_equal_a_plain_mean(tmp_path, run, oracle):
    import json

    root = write_sugarcrepe(tmp_path / "d", n=3)
    found = run("sugarcrepe", root, representation=True).models[0].representation["sugarcrepe"]
    within, across = [], []
    for path in sorted((root / "sugarcrepe").glob("*.json")):
        for r in json.loads(path.read_text()).values():
            image = oracle.image(root / "val2017" / r["filename"])
            true, false = oracle.text(r["caption"]), oracle.text(r["negative_caption"])
            within.append(float(true @ false))
            across.append(float(image @ true) - float(image @ false))
    for name, values in (("intra_modal", within), ("cross_modal_gap", across)):
        assert found[name].value == pytest.approx(sum(values) / len(values), abs=1e-6)
        assert found[name].low < found[name].value < found[name].high
        assert found[name].n == 21
