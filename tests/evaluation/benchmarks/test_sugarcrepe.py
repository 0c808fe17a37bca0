"""SugarCrepe against its script: mean of pos > neg per file."""

import json
from pathlib import Path
from statistics import mean

import pytest
from layouts import SUGARCREPE, accuracy, dump, write_sugarcrepe

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.sugarcrepe import is_order_only


def official_accuracies(root, oracle) -> dict[str, list[bool]]:
    """`main_eval.py`: for each item, is cos(image, caption) > cos(image, negative_caption)?"""
    verdicts = {}
    for subset in SUGARCREPE:
        records = json.loads((root / "sugarcrepe" / f"{subset}.json").read_text())
        verdicts[subset] = [
            oracle.score(image := oracle.image(root / "val2017" / r["filename"]), r["caption"])
            > oracle.score(image, r["negative_caption"])
            for r in records.values()
        ]
    return verdicts


def test_verdicts_and_averages_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_sugarcrepe(tmp_path / "d", n=4, growing=2)
    report = run("sugarcrepe", root)
    by_file = official_accuracies(root, oracle)
    percent = {name: 100 * mean(values) for name, values in by_file.items()}
    for name, value in percent.items():
        assert accuracy(report, "sugarcrepe", name) == pytest.approx(value)
    groups = [mean(percent[f] for f in SUGARCREPE if f.startswith(g)) for g in ("re", "sw", "add")]
    assert accuracy(report, "sugarcrepe", "macro_7") == pytest.approx(mean(percent.values()))
    assert accuracy(report, "sugarcrepe", "macro_groups") == pytest.approx(mean(groups))
    micros = [
        100 * mean(v for f, found in by_file.items() if f.startswith(g) for v in found)
        for g in ("re", "sw", "add")
    ]
    assert len({round(mean(x), 2) for x in (groups, micros, percent.values())}) == 3
    assert accuracy(report, "sugarcrepe", "macro_groups_of_micro") == pytest.approx(mean(micros))
    pooled = [verdict for values in by_file.values() for verdict in values]
    assert accuracy(report, "sugarcrepe", "micro") == pytest.approx(100 * mean(pooled))
    assert report.models[0].suites["sugarcrepe"].headline == "macro_7"
    lines = (tmp_path / "out" / "results.items.jsonl").read_text().splitlines()
    verdicts = [next(iter(json.loads(line)["correct"].values())) for line in lines]
    order = [subset for subset in SUGARCREPE]
    found = {subset: [] for subset in order}
    for line, verdict in zip(lines, verdicts, strict=True):
        found[json.loads(line)["id"].split("/")[0]].append(verdict)
    assert found == by_file


def test_sizes_other_than_the_published_are_said_not_refused(tmp_path, run):
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"))
    notes = report.suites["sugarcrepe"].notes
    assert "replace_obj: 5 items; published: 1,652" in notes


def test_the_unrefined_files_are_not_read(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    (root / "sugarcrepe").rename(root / "data_unrefined")
    with pytest.raises(BenchmarkError, match="sugarcrepe not found: looked for add_obj.json"):
        run("sugarcrepe", root)


def test_missing_images_are_listed_and_refused_or_covered(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    (root / "val2017" / "000000000002.jpg").unlink()
    with pytest.raises(BenchmarkError) as error:
        run("sugarcrepe", root)
    listed = tmp_path / "out" / "results.missing.txt"
    assert str(error.value) == (
        f"sugarcrepe: 1 image missing: 000000000002.jpg (all in {listed}). Put them where the "
        "benchmark's authors say, or score the rest: --allow-missing."
    )
    assert listed.read_text() == f"{root / 'val2017' / '000000000002.jpg'}\n"
    report = run("sugarcrepe", root, allow_missing=True)
    row = report.models[0].suites["sugarcrepe"].subsets[0]
    assert (row.n, row.total, row.coverage) == (4, 6, pytest.approx(100 * 4 / 6))


def test_a_record_of_another_shape_is_an_error_that_says_where(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    path: Path = root / "sugarcrepe" / "swap_obj.json"
    dump(path, {"0": {"filename": "a.jpg", "caption": "a cat"}})
    with pytest.raises(BenchmarkError) as error:
        run("sugarcrepe", root)
    assert str(error.value) == (
        f"{path}: 0: negative_caption is absent. This is not the file that the authors publish."
    )


def test_pairs_of_the_same_words_have_an_average_of_their_own(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d", n=4)
    path = root / "sugarcrepe" / "swap_att.json"
    records = json.loads(path.read_text())
    keys = list(records)
    for key in keys[:2]:
        records[key]["caption"] = "A red dog and a blue cat."
        records[key]["negative_caption"] = "a blue dog, and a red cat"
    path.write_text(json.dumps(records))
    report = run("sugarcrepe", root)
    suite = report.models[0].suites["sugarcrepe"]
    rows = {row.name: row for row in (*suite.subsets, *suite.details)}
    assert rows["order_only"].n == rows["swap_att / order_only"].n == 2
    assert rows["other_words"].n == 26
    assert suite.averages["order_only"] == rows["order_only"].accuracy
    # No pair of swap_obj has the same words here, so the mean over both files is not whole.
    assert "macro_2_order_only_partial" in suite.averages


@pytest.mark.parametrize(
    ("caption", "foil", "same"),
    [
        ("A dog, and a cat.", "a cat and a dog", True),
        ("The dog's cat", "The cat's dog", False),
        ("two dogs", "two two dogs", False),
    ],
)
def test_the_same_words_are_the_same_number_of_each(caption, foil, same):
    # By this rule 572 of the 7,511 published pairs, 164 in swap_obj and 408 in swap_att.
    assert is_order_only(caption, foil) is same
