"""ARO's Order sets: shuffles made once and frozen, the caption above all four."""

import json
from collections import Counter

import numpy as np
import pytest
from layouts import accuracy, write_karpathy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.word_order import KINDS, clean, shuffle_nouns_and_adj


def frozen_records(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_precision_at_1_equals_that_of_the_plain_loop(tmp_path, run, oracle):
    root = write_karpathy(tmp_path / "d")
    report = run("aro", root)
    right = []
    for record in frozen_records(root / "coco_order.jsonl"):
        image = oracle.image(root / record["image"])
        scores = [oracle.score(image, clean(option)) for option in record["options"]]
        right.append(all(scores[0] > score for score in scores[1:]))
    assert accuracy(report, "aro", "COCO-Order") == pytest.approx(100 * sum(right) / len(right))
    assert len(right) == 21


def test_a_shuffle_equal_to_its_caption_is_a_tie_and_wrong_unless_official(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    rows = []
    for tie in ("strict", "official"):
        suite = run("aro", root, tie=tie, force=True).models[0].suites["aro"]
        rows.append({row.name: row for row in suite.details}["COCO-Order / shuffle_nouns_and_adj"])
    strict, official = rows
    options = [record["options"] for record in frozen_records(root / "coco_order.jsonl")]
    same = sum(clean(one[0]) == clean(one[1]) for one in options)
    assert same >= 5  # "A cat." and "A moped." have a single noun and no adjective
    assert strict.ties == official.ties == same
    assert official.accuracy == pytest.approx(strict.accuracy + 100 * same / 21)


def test_shuffles_are_frozen_beside_the_data_and_read_ever_after(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    run("aro", root)
    frozen = root / "coco_order.jsonl"
    before = frozen.read_bytes()
    header = json.loads(before.splitlines()[0])["made"]
    assert header["kinds"] == list(KINDS)
    assert header["seed"] == 0 and header["spacy"] and header["nltk"] and header["pipeline"]
    run("aro", root, seed=7, force=True)
    assert frozen.read_bytes() == before


def test_the_same_seed_freezes_the_same_bytes_and_another_seed_others(tmp_path, run):
    made = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        root = write_karpathy(tmp_path / name)
        run("aro", root, seed=seed, force=True)
        made.append(frozen_records(root / "coco_order.jsonl"))
    assert made[0] == made[1] != made[2]


def test_a_read_only_folder_freezes_into_the_cache(tmp_path, run, monkeypatch):
    root = write_karpathy(tmp_path / "d")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    run("aro", root)
    assert not (root / "coco_order.jsonl").exists()
    assert len(list((tmp_path / "cache" / "orders").glob("coco_order-*-seed0.jsonl"))) == 1


def test_shuffles_of_other_annotations_are_refused(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    run("aro", root)
    write_karpathy(root, images=2)
    frozen = root / "coco_order.jsonl"
    with pytest.raises(BenchmarkError) as error:
        run("aro", root, force=True)
    assert str(error.value) == (
        f"{frozen}: made from another coco_karpathy_test.json. Delete it; it is made again."
    )


def test_each_kind_moves_what_it_says_and_nothing_else(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    run("aro", root)
    record = frozen_records(root / "coco_order.jsonl")[0]
    caption, nouns, others, within, trigrams = record["options"]
    assert caption == "A red dog sits on the small table near a blue cat. red"
    words = caption.replace("cat.", "cat .").split()
    for option in (nouns, others, within, trigrams):
        assert Counter(option.split()) == Counter(words)
    fixed = {"A", "sits", "on", "the", "near", "a", "."}
    at = [i for i, word in enumerate(words) if word in fixed]
    assert [nouns.split()[i] for i in at] == [words[i] for i in at]
    content = [i for i, word in enumerate(words) if word in {"dog", "table", "cat"}]
    assert [others.split()[i] for i in content] == [words[i] for i in content]
    groups = [sorted(words[i : i + 3]) for i in range(0, len(words), 3)]
    assert [sorted(within.split()[i : i + 3]) for i in range(0, len(words), 3)] == groups


def test_captions_are_cleaned_as_the_official_function_does():
    assert clean('A man*s "best"  friend: #1; (dog)!~ ') == "a man s best friend 1 dog"
    assert clean(" ".join(map(str, range(40)))) == " ".join(map(str, range(30)))
    assert clean("it's a dog's, life") == "it's a dog's, life"


def test_nouns_change_places_with_nouns_and_adjectives_with_adjectives():
    words = ["red", "dogs", "chase", "small", "old", "cats", "near", "two", "big", "trees"]
    tags = ["JJ", "NNS", "VBP", "JJ", "JJ", "NNS", "IN", "CD", "JJ", "NNS"]
    doc = Doc(Vocab(), words=words, tags=tags)
    for seed in range(5):
        made = shuffle_nouns_and_adj(doc, np.random.default_rng(seed)).split()
        for tag in ("NNS", "JJ"):
            at = [i for i, one in enumerate(tags) if one == tag]
            assert sorted(made[i] for i in at) == sorted(words[i] for i in at)
        assert [made[i] for i in (2, 6, 7)] == ["chase", "near", "two"]
