"""A test set of one's own: captions with negatives in our format."""

import json

import pytest
from layouts import accuracy, draw

from ahnpl_cli.errors import BenchmarkError

NEGATIVES = [
    {"kind": "relation", "caption": "a cat on a dog"},
    {"kind": "attribute", "caption": "a dog on a red cat"},
    {"kind": "relation", "caption": "a cat under a dog"},
]


def write_custom(path, n=5):
    lines = []
    for i in range(n):
        draw(path.parent / "images" / f"{i}.png", i)
        negatives = [
            {**one, "caption": f"{one['caption']} {i}", "edits": [], "filler": "hand"}
            for one in NEGATIVES
        ]
        record = {"id": str(i), "image": f"images/{i}.png", "caption": f"a dog on a cat {i}"}
        lines.append(json.dumps(record | {"negatives": negatives}))
    lines.append(json.dumps({"id": "bare", "image": "images/0.png", "caption": "a dog"}))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_by_kind_equal_those_of_a_plain_loop(tmp_path, run, oracle):
    path = write_custom(tmp_path / "mine.jsonl")
    report = run(str(path), tmp_path)
    verdicts = []
    for i in range(5):
        image = oracle.image(tmp_path / "images" / f"{i}.png")
        own = oracle.score(image, f"a dog on a cat {i}")
        scores = [oracle.score(image, f"{one['caption']} {i}") for one in NEGATIVES]
        verdicts.append((own > max(scores), own > max(scores[0], scores[2]), own > scores[1]))
    columns = zip(("all", "relation", "attribute"), zip(*verdicts, strict=True), strict=True)
    for name, column in columns:
        assert accuracy(report, "custom", name) == pytest.approx(100 * sum(column) / 5)
    assert report.models[0].suites["custom"].headline == "macro_2_kinds"
    assert "1 record without negatives left out" in report.suites["custom"].notes


def test_a_file_without_negatives_is_refused(tmp_path, run):
    path = tmp_path / "bare.jsonl"
    path.write_text('{"id": "a", "image": "a.png", "caption": "a dog"}\n')
    with pytest.raises(BenchmarkError) as error:
        run(str(path), tmp_path)
    assert str(error.value) == (
        f"{path}: no record has negatives. Make negatives with: ahnpl negatives."
    )
