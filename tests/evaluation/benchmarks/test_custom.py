"""A test set of one's own: captions with negatives in our format."""

import csv
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
        f"{path}: no record has negatives. Give it the columns image, caption and negative, or "
        "make negatives: ahnpl negatives."
    )


ROWS = [
    {"image": "images/0.png", "caption": "a red dog", "negative": "a blue dog", "kind": "color"},
    {"image": "images/1.png", "caption": "one cat", "negative": "two cats", "kind": "number"},
    {"image": "images/2.png", "caption": "a blue car", "negative": "a red car", "kind": "color"},
]
MORE = ("a green dog", "", "a green car")  # a second negative of some rows
TAGS = ("indoor;night", "outdoor", "outdoor")


def write_table(folder, suffix, *, second_image=False):
    """Write the rows as CSV, TSV or JSON Lines, with a tag and a second column of negatives."""
    path = folder / f"mine{suffix}"
    rows = []
    for i, (row, more, tags) in enumerate(zip(ROWS, MORE, TAGS, strict=True)):
        draw(folder / row["image"], i)
        if second_image:
            draw(folder / "images" / f"edited_{i}.png", ("edited", i))
            rows.append({**row, "negative_image": f"images/edited_{i}.png", "tags": tags})
        else:
            rows.append({**row, "negative_2": more, "tags": tags})
    if suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path
    with path.open("w", newline="") as file:
        delimiter = "\t" if suffix == ".tsv" else ","
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_table_is_a_suite_with_kinds_and_tags(tmp_path, run, oracle, suffix):
    path = write_table(tmp_path, suffix)
    report = run(str(path), tmp_path)
    right = []
    for row, more in zip(ROWS, MORE, strict=True):
        image = oracle.image(tmp_path / row["image"])
        own = oracle.score(image, row["caption"])
        negatives = [text for text in (row["negative"], more) if text]
        right.append(own > max(oracle.score(image, text) for text in negatives))
    assert accuracy(report, "custom", "all") == pytest.approx(100 * sum(right) / 3)
    colors = [right[0], right[2]]
    assert accuracy(report, "custom", "color") == pytest.approx(100 * sum(colors) / 2)
    outdoor = right[1:]
    assert accuracy(report, "custom", "tag outdoor") == pytest.approx(100 * sum(outdoor) / 2)
    assert accuracy(report, "custom", "tag night") == pytest.approx(100 * right[0])
    suite = report.models[0].suites["custom"]
    assert suite.headline == "macro_2_kinds"
    assert set(suite.averages) == {"macro_2_kinds", "micro_all", "macro_3_tags"}
    tags = [row.accuracy for row in suite.subsets if row.name.startswith("tag ")]
    assert suite.averages["macro_3_tags"] == pytest.approx(sum(tags) / 3)
    # One or two negatives a row: the first and the last have a half and a third, by their columns.
    guessed = report.chance("custom", "all")
    expected = [100 / (2 + bool(more)) for more in MORE]
    assert guessed == pytest.approx(sum(expected) / 3, abs=1e-4)


def test_a_table_with_a_second_image_is_judged_two_by_two(tmp_path, run, oracle):
    path = write_table(tmp_path, ".csv", second_image=True)
    report = run(str(path), tmp_path)
    groups = []
    for i, row in enumerate(ROWS):
        images = [
            oracle.image(tmp_path / row["image"]),
            oracle.image(tmp_path / "images" / f"edited_{i}.png"),
        ]
        s = [
            [oracle.score(image, row[text]) for text in ("caption", "negative")] for image in images
        ]
        text = s[0][0] > s[0][1] and s[1][1] > s[1][0]
        groups.append((text, s[0][0] > s[1][0] and s[1][1] > s[0][1]))
    for place, measure in enumerate(("text", "image")):
        share = 100 * sum(group[place] for group in groups) / 3
        assert accuracy(report, "custom", measure) == pytest.approx(share)
    color = 100 * (groups[0][0] + groups[2][0]) / 2
    assert accuracy(report, "custom", "text / color") == pytest.approx(color)


def test_a_table_without_a_column_or_a_negative_says_which_line(tmp_path, run):
    path = write_table(tmp_path, ".csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "images/0.png,a dog,,color,,"]) + "\n")
    with pytest.raises(BenchmarkError, match=r"mine.csv:5: no negative"):
        run(str(path), tmp_path)
    path.write_text("image,negative\na.png,b\n")
    with pytest.raises(BenchmarkError, match=r"mine.csv: no column caption"):
        run(str(path), tmp_path)


def test_rows_with_and_without_a_second_image_are_two_suites(tmp_path, run):
    path = write_table(tmp_path, ".csv", second_image=True)
    text = path.read_text().replace("images/edited_1.png", "")
    path.write_text(text)
    with pytest.raises(BenchmarkError, match="2 rows with negative_image, 1 without"):
        run(str(path), tmp_path)
