"""CREPE against its script: rank of the caption among its hard negatives, per crop."""

import ast
import csv
from statistics import mean

import pytest
from layouts import accuracy, draw, sentence

from ahnpl_cli.errors import BenchmarkError

KINDS = ("atom", "swap", "negate")
LEVELS = range(4, 13)
FIELDS = ("image_id", "x", "y", "width", "height", "caption")


def write_csv(path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def row(root, i, seed) -> dict:
    name = 100 + i % 3
    folder = ("VG_100K", "VG_100K_2")[i % 2]
    draw(root / folder / f"{name}.jpg", (name, folder), (64, 60))
    return dict(zip(FIELDS, (name, i, 2, 40, 30 + i, sentence((seed, i))), strict=True))


def write_crepe(root):
    for kind in KINDS:
        for level in LEVELS:
            seed = (kind, level)
            rows = [
                row(root, i, seed)
                | {"hard_negs": str([sentence((seed, i, k)) for k in range(2 if i else 5)])}
                for i in range(3 if level == 4 else 6)
            ]
            name = f"prod_vg_hard_negs_{kind}_complexity_{level}.csv"
            write_csv(root / "crepe" / "prod_hard_negatives" / kind / name, rows)
    return root


def script_ranks(root, kind, level, oracle) -> list[int]:
    name = f"prod_vg_hard_negs_{kind}_complexity_{level}.csv"
    ranks = []
    with (root / "crepe" / "prod_hard_negatives" / kind / name).open() as file:
        for r in csv.DictReader(file):
            folders = (root / "VG_100K", root / "VG_100K_2")
            path = next(p for f in folders if (p := f / f"{r['image_id']}.jpg").exists())
            box = tuple(int(r[k]) for k in ("x", "y", "width", "height"))
            texts = [r["caption"], *ast.literal_eval(r["hard_negs"])]
            image = oracle.image(path, box)
            scores = [oracle.score(image, text) for text in texts]
            ranks.append(sorted(scores, reverse=True).index(scores[0]))
    return ranks


def test_recalls_pooled_and_by_complexity_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_crepe(tmp_path / "d")
    report = run("crepe", root)
    pooled, by_level = [], []
    for kind in KINDS:
        levels = [script_ranks(root, kind, level, oracle) for level in LEVELS]
        ranks = [rank for found in levels for rank in found]
        for k in (1, 3, 5):
            name = kind if k == 1 else f"{kind} R@{k}"
            expected = 100 * mean(rank < k for rank in ranks)
            assert accuracy(report, "crepe", name) == pytest.approx(expected)
        assert accuracy(report, "crepe", f"{kind} mean rank") == pytest.approx(mean(ranks) + 1)
        pooled.append(100 * mean(rank < 1 for rank in ranks))
        by_level.append(mean(100 * mean(rank < 1 for rank in found) for found in levels))
    suite = report.models[0].suites["crepe"]
    assert suite.headline_value == pytest.approx(mean(pooled))
    assert suite.averages["macro_3_types_over_complexities"] == pytest.approx(mean(by_level))


def test_systematicity_has_rows_of_its_own_and_rows_without_foils_are_said(tmp_path, run):
    root = write_crepe(tmp_path / "d")
    keys = [f"valid_hard_negs_{key}" for key in ("atom", "comp", "combined")]
    rows = [row(root, i, "syst") | {key: str([sentence(key)]) for key in keys} for i in range(2)]
    rows[1][keys[1]] = "[]"
    name = "syst_vg_hard_negs_seen_compounds_in_laion.csv"
    write_csv(root / "crepe" / "syst_hard_negatives" / name, rows)
    report = run("crepe", root)
    sizes = {s.name: s.n for s in report.models[0].suites["crepe"].subsets}
    assert sizes["seen_compounds_in_laion / atom"] == 2
    assert sizes["seen_compounds_in_laion / comp"] == 2
    assert (
        "1 empty list of hard negatives counted as right, as the script does"
        in report.suites["crepe"].notes
    )
    assert report.models[0].suites["crepe"].headline == "macro_3_types"


def test_a_list_that_is_code_is_not_run(tmp_path, run):
    root = write_crepe(tmp_path / "d")
    folder = root / "crepe" / "prod_hard_negatives" / "atom"
    path = folder / "prod_vg_hard_negs_atom_complexity_4.csv"
    write_csv(path, [row(root, 0, "x") | {"hard_negs": "__import__('os').getcwd()"}])
    with pytest.raises(BenchmarkError) as error:
        run("crepe", root)
    assert str(error.value) == f"{path}:2: hard_negs is not a list of strings"
