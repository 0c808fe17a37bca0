"""VALSE against its scripts: mean of caption > foil over records with mturk.caption >= 2."""

import json
from statistics import mean

import pytest
from layouts import VALSE_IMAGES, accuracy, write_valse

COUNTING = ("counting-hard", "counting-small-quant", "counting-adversarial")
ACTIONS = ("action-replacement", "actant-swap")
COREFERENCE = ("coreference-standard", "coreference-hard")


def official_accuracies(root, oracle) -> dict[str, float]:
    percent = {}
    for piece, (default, _) in VALSE_IMAGES.items():
        verdicts = []
        for record in json.loads((root / "valse" / f"{piece}.json").read_text()).values():
            if record["mturk"]["caption"] < 2:
                continue
            name = record["image_file"]
            folder = default
            if name.startswith("COCO_"):
                folder = name.split("_")[1]
            image = oracle.image(root / folder / name)
            verdicts.append(
                oracle.score(image, record["caption"]) > oracle.score(image, record["foil"])
            )
        percent[piece] = 100 * mean(verdicts)
    return percent


def test_pieces_and_every_average_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_valse(tmp_path / "d", n=5)
    report = run("vals", root)
    acc = official_accuracies(root, oracle)
    for piece, value in acc.items():
        assert accuracy(report, "valse", piece) == pytest.approx(value)
    counting, actions, coref = (
        mean(acc[p] for p in members) for members in (COUNTING, ACTIONS, COREFERENCE)
    )
    six = [acc["existence"], acc["plurals"], counting, acc["relations"], actions, coref]
    nine = [*six[:4], *(acc[p] for p in (*ACTIONS, *COREFERENCE, "foil-it"))]
    assert accuracy(report, "valse", "macro_11_pieces") == pytest.approx(mean(acc.values()))
    assert accuracy(report, "valse", "macro_9_columns") == pytest.approx(mean(nine))
    assert accuracy(report, "valse", "macro_7_phenomena") == pytest.approx(
        mean([*six, acc["foil-it"]])
    )
    assert accuracy(report, "valse", "macro_6_phenomena") == pytest.approx(mean(six))
    assert report.models[0].suites["valse"].headline == "macro_11_pieces"


def test_rejected_records_are_left_out_and_said(tmp_path, run):
    report = run("valse", write_valse(tmp_path / "d", n=4))
    assert {row.n for row in report.models[0].suites["valse"].subsets} == {3}
    assert (
        "11 records left out as both official scripts do: mturk.caption < 2"
        in report.suites["valse"].notes
    )


def test_an_average_over_fewer_pieces_has_another_name(tmp_path, run):
    pieces = ("existence", "actant-swap", "foil-it")
    report = run("valse", write_valse(tmp_path / "d", pieces=pieces))
    suite = report.models[0].suites["valse"]
    assert suite.headline == "macro_11_pieces_partial"
    assert all(name.endswith("_partial") for name in suite.averages)


def test_pieces_without_any_image_make_an_average_partial(tmp_path, run):
    root = write_valse(tmp_path / "d")
    for image in (root / "visual7w").iterdir():
        image.unlink()
    suite = run("valse", root, allow_missing=True).models[0].suites["valse"]
    assert suite.headline == "macro_11_pieces_partial"
    assert "macro_11_pieces" not in suite.averages


def test_a_photo_of_coco_2014_is_found_under_its_name_of_2017(tmp_path, run):
    root = write_valse(tmp_path / "d", n=1, pieces=("existence", "actant-swap", "foil-it"))
    (root / "val2014" / "COCO_val2014_000000000000.jpg").rename(tmp_path / "000000000000.jpg")
    (root / "val2017").mkdir()
    (tmp_path / "000000000000.jpg").rename(root / "val2017" / "000000000000.jpg")
    report = run("valse", root)
    assert report.models[0].suites["valse"].coverage == 100
    note = "1 COCO photo found under its name of the other year"
    assert note in report.suites["valse"].notes
