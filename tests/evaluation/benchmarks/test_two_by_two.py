"""Suites of two images and two captions against a plain loop, and BiVLC's official verdicts.

The rules are those of `ColaMultiObjAcc` (COLA), `evaluate_BiVLC` (BiVLC), `cal_wino_score` (EqBen)
and `metric.py` (VisMin), each read in its repository: strict `>`, both images or both captions.
"""

import csv
import json
import os
from itertools import permutations
from pathlib import Path

import pytest
from layouts import accuracy
from PIL import Image
from suite_layouts import WRITERS, write_eqben, write_mmvp, write_vismin

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.bivlc import judge, subsets
from ahnpl_cli.evaluation.benchmarks.mmvp_vlm import judge as judge_mmvp
from ahnpl_cli.evaluation.scoring.items import Item, SuiteVerdicts
from ahnpl_cli.evaluation.scoring.statistics import pool
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report

OFFICIAL = Path(__file__).parent / "official" / "bivlc_vit_b_32.csv"
PAIRED = ("bivlc", "cola", "colorswap", "mmvp-vlm", "vismin", "eqben")


def percent(values):
    return 100 * sum(values) / len(values)


def plain_scores(groups, oracle):
    """Text, image and group of each group, one image and one caption at a time."""
    scores = []
    for group in groups:
        images = [oracle.image(path) for path in group.images]
        s = [[oracle.score(image, text) for text in group.texts] for image in images]
        text = s[0][0] > s[0][1] and s[1][1] > s[1][0]
        image = s[0][0] > s[1][0] and s[1][1] > s[0][1]
        scores.append({"text": text, "image": image, "group": text and image})
    return scores


@pytest.mark.parametrize("name", PAIRED)
def test_scores_equal_those_of_a_plain_loop_overall_and_by_tag(tmp_path, run, oracle, name):
    if name == "vismin":
        pytest.importorskip("pyarrow")
    groups = WRITERS[name](tmp_path / "d")
    report = run(name, tmp_path / "d")
    scores = plain_scores(groups, oracle)
    for measure in ("text", "image", "group"):
        of_measure = [score[measure] for score in scores]
        assert accuracy(report, name, measure) == pytest.approx(percent(of_measure))
        for tag in {tag for group in groups for tag in group.tags}:
            own = [ok for ok, group in zip(of_measure, groups, strict=True) if tag in group.tags]
            found = accuracy(report, name, f"{measure} / {tag}")
            assert found == pytest.approx(percent(own)), tag


@pytest.mark.parametrize(
    ("name", "headline"),
    [("cola", "image"), ("mmvp-vlm", "image"), ("bivlc", "group"), ("vismin", "group")],
)
def test_the_headline_is_the_score_that_the_paper_names_first(tmp_path, run, name, headline):
    pytest.importorskip("pyarrow")
    WRITERS[name](tmp_path / "d")
    assert run(name, tmp_path / "d").models[0].suites[name].headline == headline


def official_rows():
    with OFFICIAL.open(newline="") as file:
        return list(csv.DictReader(file))


def scores_with(outcome):
    """Return similarities i0c0, i0c1, i1c0, i1c1 with these four halves, by trying all orders."""
    for order in permutations((0.1, 0.2, 0.3, 0.4)):
        a, b, c, d = order
        if (a > b, d > c, a > c, d > b) == outcome:
            return order
    raise AssertionError(f"no similarities have {outcome}")


def test_official_verdicts_give_the_official_numbers_of_bivlc_to_the_last_digit():
    # OpenAI's ViT-B/32: results/BiVLC_ViT-B-32.csv of IMirandaM/BiVLC (MIT), 2,933 groups counted
    # by type, subtype and the four halves. The paper prints 75.83, 52.40 and 49.06.
    verdicts = []
    totals = {}
    ref = ImageRef(Path("x"))
    expected = {"text": 0, "image": 0, "group": 0}
    for row in official_rows():
        halves = ("text_score_i0", "text_score_i1", "image_score_c0", "image_score_c1")
        outcome = tuple(row[half] == "1" for half in halves)
        tags = (row["type"], f"{row['type']} {row['subtype']}")
        expected["text"] += int(row["groups"]) * (outcome[0] and outcome[1])
        expected["image"] += int(row["groups"]) * (outcome[2] and outcome[3])
        expected["group"] += int(row["groups"]) * all(outcome)
        for _ in range(int(row["groups"])):
            item = Item(str(len(verdicts)), (ref, ref), ("a", "b"), tags, cluster="x")
            verdicts += judge(item, scores_with(outcome), False)
            for subset in subsets(item):
                totals[subset] = totals.get(subset, 0) + 1
    averages = {measure: pool(measure) for measure in expected}
    plan = SuitePlan(averages, "group", list(totals), totals)
    report = suite_report(plan, SuiteVerdicts(verdicts), {}, Bootstrap(100, 0))
    assert len(verdicts) == 2933
    for measure, right in expected.items():
        assert report.averages[measure] == round(100 * right / 2933, 6)
    rounded = {measure: round(value, 2) for measure, value in report.averages.items()}
    assert rounded == {"text": 75.83, "image": 52.4, "group": 49.06}
    rows = {row.name: row for row in report.subsets}
    # The official sums of the types, counted in the same file.
    assert rows["group / replace"].n == 2099
    assert rows["group / replace"].accuracy == round(100 * 1202 / 2099, 6)
    assert rows["image / swap"].accuracy == round(100 * 58 / 359, 6)
    assert rows["text / add"].accuracy == round(100 * 334 / 475, 6)
    halves = {
        "text / photo": "text_score_i0",
        "text / generated": "text_score_i1",
        "image / caption": "image_score_c0",
        "image / negative caption": "image_score_c1",
    }
    for name, column in halves.items():
        right = sum(int(row["groups"]) for row in official_rows() if row[column] == "1")
        assert rows[name].accuracy == round(100 * right / 2933, 6), name


def test_vismin_without_its_solutions_is_refused_since_half_of_its_texts_are_exchanged(
    tmp_path, run
):
    pytest.importorskip("pyarrow")
    write_vismin(tmp_path / "d")
    (tmp_path / "d" / "vismin" / "sim_solution.csv").unlink()
    with pytest.raises(BenchmarkError, match=r"which text goes with which image is in sim_solut"):
        run("vismin", tmp_path / "d")


def test_vismin_refuses_solutions_of_another_number_of_rows(tmp_path, run):
    pytest.importorskip("pyarrow")
    write_vismin(tmp_path / "d")
    path = tmp_path / "d" / "vismin" / "sim_solution.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(BenchmarkError, match="7 solutions of 8 groups"):
        run("vismin", tmp_path / "d")


def test_the_list_of_eqben_in_random_order_gives_the_same_groups(tmp_path, run, oracle):
    groups = write_eqben(tmp_path / "d", flat=True)
    report = run("eqben", tmp_path / "d")
    scores = plain_scores(groups, oracle)
    for measure in ("text", "image", "group"):
        value = percent([score[measure] for score in scores])
        assert accuracy(report, "eqben", measure) == pytest.approx(value)


def test_an_array_of_eqben_that_would_run_code_is_not_loaded(tmp_path, run):
    import numpy as np

    class Code:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    write_eqben(tmp_path / "d")
    path = next((tmp_path / "d").rglob("*.npy"))
    np.save(path, np.array([Code()], dtype=object), allow_pickle=True)
    with pytest.raises(BenchmarkError, match="not an image as an array"):
        run("eqben", tmp_path / "d")
    assert not (tmp_path / "ran").exists()


def test_an_array_of_eqben_has_blue_first(tmp_path, run):
    write_eqben(tmp_path / "d")
    run("eqben", tmp_path / "d")
    pictures = set()
    for path in (tmp_path / "cache" / "eqben").glob("*.png"):
        with Image.open(path) as picture:
            pictures.add(picture.convert("RGB").tobytes())
    assert len(pictures) == 6  # two frames of each of three groups
    for path in (tmp_path / "d").rglob("eqbenyoucook2/*/*.png"):
        with Image.open(path) as picture:
            assert picture.convert("RGB").tobytes() in pictures


def test_by_mmvps_own_rule_a_tie_of_the_second_statement_is_right(tmp_path, run):
    root = tmp_path / "d"
    write_mmvp(root)
    for folder in (root / "mmvp" / "MLLM_VLM Images").iterdir():
        pictures = sorted(folder.iterdir())
        for picture in pictures[1:]:
            picture.write_bytes(pictures[0].read_bytes())
    strict = run("mmvp-vlm", root)
    assert accuracy(strict, "mmvp-vlm", "image") == 0.0
    tied = Item("1", (ImageRef(Path("a")), ImageRef(Path("b"))), ("a", "b"), ("Color",))
    # Statement 1 prefers its image; statement 2 ties.
    (official,) = judge_mmvp(tied, (0.3, 0.2, 0.1, 0.2), True)
    assert official.correct["image"] and official.correct["image / Color"]
    (first_tie,) = judge_mmvp(tied, (0.2, 0.1, 0.2, 0.3), True)
    assert not first_tie.correct["image"]


def test_a_pair_of_two_patterns_is_no_pair(tmp_path, run):
    write_mmvp(tmp_path / "d")
    path = tmp_path / "d" / "mmvp" / "Questions.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(BenchmarkError, match="a pair of two patterns, Color and State"):
        run("mmvp-vlm", tmp_path / "d")


def test_an_image_path_must_not_lead_out_of_its_folder(tmp_path, run):
    root = tmp_path / "d"
    write_eqben(root)
    path = root / "eqben" / "eqben_subset_10percent_final.json"
    records = json.loads(path.read_text())
    secret = tmp_path / "secret.png"
    secret.write_bytes(next((root / "image_subset").rglob("*.png")).read_bytes())
    records[0]["image0"] = "../../secret.png"
    path.write_text(json.dumps(records))
    with pytest.raises(BenchmarkError, match=r"1 image missing: secret\.png"):
        run("eqben", root)
