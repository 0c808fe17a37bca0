"""Winoground against its definition: text, image and group score."""

import json
from statistics import mean

import pytest
from layouts import accuracy, dump, write_winoground

from ahnpl_cli.evaluation.benchmarks.winoground import NO_TAG, diwan_tags, published_tags


def official_scores(root, oracle) -> dict[str, list[bool]]:
    folder = root / "winoground"
    made = {"text": [], "image": [], "group": []}
    for line in (folder / "examples.jsonl").read_text().splitlines():
        r = json.loads(line)
        images = [oracle.image(folder / "images" / f"{r[f'image_{i}']}.png") for i in range(2)]
        s = [[oracle.score(image, r[f"caption_{t}"]) for t in range(2)] for image in images]
        text = s[0][0] > s[0][1] and s[1][1] > s[1][0]
        image = s[0][0] > s[1][0] and s[1][1] > s[0][1]
        for name, value in (("text", text), ("image", image), ("group", text and image)):
            made[name].append(value)
    return made


def test_the_three_scores_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_winoground(tmp_path / "d", n=12)
    report = run("winoground", root)
    for name, values in official_scores(root, oracle).items():
        assert accuracy(report, "winoground", name) == pytest.approx(100 * mean(values))
        even = values[::2]
        assert accuracy(report, "winoground", f"{name} / Object") == pytest.approx(100 * mean(even))
    assert report.models[0].suites["winoground"].headline == "group"


def test_the_published_tags_have_the_published_sizes():
    tags = dict(published_tags())
    untagged = tags.pop(NO_TAG)
    sizes = {tag: len(numbers) for tag, numbers in tags.items()}
    assert sizes == {
        "Ambiguously Correct": 46,
        "Non Minimal": 30,
        "Unusual Image": 56,
        "Unusual Text": 50,
        "Visually Difficult": 38,
        "Complex Reasoning": 78,
    }
    assert len(untagged) == 171 and 313 not in untagged


def test_easier_and_harder_groups_are_those_of_the_authors_script():
    tags = [diwan_tags(number) for number in range(400)]
    assert sum("Easier" in of_group for of_group in tags) == 201
    assert sum("Harder" in of_group for of_group in tags) == 199


def test_tags_go_by_number_so_another_set_of_groups_gets_none_without_its_file(tmp_path, run):
    root = write_winoground(tmp_path / "d")
    rows = [row.name for row in run("winoground", root).models[0].suites["winoground"].subsets]
    assert rows[:3] == ["text", "image", "group"]
    assert not any("No Tag" in row or "Unusual" in row for row in rows)
    dump(root / "winoground" / "new_tag_assignments.json", {"0": ["Unusual Text"], "1": []})
    suite = run("winoground", root, force=True).models[0].suites["winoground"]
    sizes = {row.name: row.n for row in suite.subsets}
    assert sizes["group / Unusual Text"] == 1
    assert sizes["group / No Tag"] == 3  # of groups 1 to 5, the paper's list has 1, 2 and 5


def test_tags_of_the_published_groups_are_known_without_a_file():
    assert diwan_tags(0) == ("No Tag", "Easier")
    assert diwan_tags(3) == ("Ambiguously Correct", "Harder")
    assert diwan_tags(313) == ("Harder",)  # untagged, and in no list of the paper


def test_the_parquet_export_gives_what_the_jsonl_gives(tmp_path, run):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    root = write_winoground(tmp_path / "jsonl")
    plain = run("winoground", root)
    rows = []
    for line in (root / "winoground" / "examples.jsonl").read_text().splitlines():
        record = json.loads(line)
        for i in range(2):
            name = f"{record[f'image_{i}']}.png"
            image = (root / "winoground" / "images" / name).read_bytes()
            record[f"image_{i}"] = {"bytes": image, "path": name}
        rows.append(record)
    folder = tmp_path / "export" / "winoground" / "data"
    folder.mkdir(parents=True)
    pa.parquet.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    exported = run("winoground", tmp_path / "export", force=True)
    assert exported.models[0].suites == plain.models[0].suites
