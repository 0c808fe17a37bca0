"""Captions in memory are made into the negatives that the command writes."""

import doctest
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.negatives.generate import generate, hard_negatives
from ahnpl_cli.records import CaptionRecord, Negative

CAPTIONS = ["a dog on a red bed", "two cats beside a small table", "a man rides a brown horse"]


def test_they_are_those_of_the_command(tmp_path: Path) -> None:
    records = [
        CaptionRecord(str(number), f"image {number}", caption)
        for number, caption in enumerate(CAPTIONS)
    ]
    write_records(tmp_path / "captions.jsonl", records)
    config = NegativesConfig(kinds=("relation", "object"), filler="corpus", seed=3)
    generate(tmp_path / "captions.jsonl", tmp_path / "n.jsonl", config)
    expected = list(read_records(tmp_path / "n.jsonl"))
    kinds = ["relation", "object"]
    assert hard_negatives(CAPTIONS, kinds, filler="corpus", seed=3) == expected
    assert hard_negatives(records, kinds, filler="corpus", seed=3) == expected
    assert any(record.negatives for record in expected)


def test_no_caption_gives_no_record() -> None:
    with pytest.raises(DataError):
        hard_negatives([], filler="corpus")


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown kind of negative 'objekt'"):
        hard_negatives(CAPTIONS, ["objekt"])
    with pytest.raises(ConfigError, match="unknown option 'fillerr'. Did you mean 'filler'"):
        hard_negatives(CAPTIONS, fillerr="corpus")


def test_top_k_draws_one_of_the_three_most_concrete_words_of_a_caption() -> None:
    things = ("dog", "cat", "horse", "sheep")
    captions = []
    for number in range(48):
        first, second = things[number % 4], things[(number + 1 + number // 4 % 3) % 4]
        color = ("red", "blue", "green")[number % 3]
        other = ("red", "blue", "green")[(number + 1) % 3]
        captions.append(f"a {color} {first} near a {other} bench and a {second}")
    kinds = ["relation", "attribute", "object", "swap"]
    options: dict[str, Any] = {"filler": "corpus", "seed": 1, "workers": 0}
    # What there is to draw from: three of each kind, the most concrete words first.
    sharp = {"select": "concreteness", "select_temperature": 0.05, "per_kind": 3}
    pools = hard_negatives(captions, kinds, **sharp, **options)
    ranks: Counter[int] = Counter()
    words: list[int] = []
    for pool, record in zip(
        pools, hard_negatives(captions, kinds, select="top-k", **options), strict=True
    ):
        places: dict[int, Negative] = {}
        for negative in pool.negatives:
            places.setdefault(negative.edits[0].start, negative)
        ranked = sorted(places.values(), key=lambda n: -(n.concreteness or 3.0))
        words.append(len(ranked))
        (chosen,) = record.negatives
        ranks[ranked.index(chosen)] += 1
    assert set(ranks) == {0, 1, 2}
    assert max(words) > 3
    assert min(ranks.values()) > 6


def test_top_k_makes_one_negative_a_caption() -> None:
    with pytest.raises(ConfigError) as caught:
        NegativesConfig(select="top-k", per_kind=2)
    assert str(caught.value) == (
        "--select top-k makes one negative a caption, not several of a kind. Leave out --per-kind."
    )


# No `if __name__ == "__main__":`, and more captions than one process is given by default.
SCRIPT = """
from ahnpl_cli import hard_negatives
captions = [f"a cat beside dog number {number}" for number in range(1_100)]
print(sum(len(r.negatives) for r in hard_negatives(captions, ["order"], {options})))
"""


def test_a_plain_script_makes_them_in_as_many_processes_as_it_likes(tmp_path: Path) -> None:
    printed = []
    for options in ("filler='corpus'", "filler='corpus', workers=2"):
        script = tmp_path / "plain.py"
        script.write_text(SCRIPT.replace("{options}", options))
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
        assert done.stderr == ""
        printed.append(int(done.stdout))
    assert printed[0] == printed[1] > 0


def test_the_example_of_the_docstring_holds():
    (example,) = doctest.DocTestFinder(recurse=False).find(
        hard_negatives, globs={"hard_negatives": hard_negatives}
    )
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(failed=0, attempted=2)
