"""VL-CheckList against its script: POS[0] > NEG[0] per corpus, leaves, aspects."""

import json
from statistics import mean

import pytest
from layouts import accuracy, draw, dump, sentence, write_karpathy

from ahnpl_cli.evaluation.benchmarks import vl_checklist

CORPORA = {
    "Attribute/color/vg": ("vg", "VG_100K/{}.jpg"),
    "Attribute/color/vaw": ("vg", "VG_100K_2/{}.jpg"),
    "Attribute/size/vg": ("vg", "VG_100K/{}.jpg"),
    "Object/Size/large/hake": ("hake", "hcvrd/{}.jpg"),
    "Object/Size/small/hake": ("hake", "pic/{}.jpg"),
    "Relation/action/swig": ("swig", "run_{}.jpg"),
}


def write_vl_checklist(root, n=4):
    home = root / "vl-checklist"
    for corpus, (folder, name) in CORPORA.items():
        target = f"data/{corpus.replace('/', '_')}.json"
        path = home / "corpus" / "v1" / f"{corpus}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'ANNO_PATH: "{target}"\nIMG_ROOT: "{folder}/"\nTYPE: "TUPLE_JSON"')
        rows = []
        for i in range(n):
            draw(home / folder / name.format(i), (corpus, i))
            pos, neg = ([sentence((corpus, i, s, k)) for k in range(2)] for s in ("pos", "neg"))
            rows.append([name.format(i), {"POS": pos, "NEG": neg}])
        dump(home / target, rows)
    return root


def plain_accuracy(root, corpus, oracle, cap=None) -> float:
    home = root / "vl-checklist"
    rows = json.loads((home / f"data/{corpus.replace('/', '_')}.json").read_text())[:cap]
    verdicts = []
    for name, texts in rows:
        image = oracle.image(home / CORPORA[corpus][0] / name)
        verdicts.append(oracle.score(image, texts["POS"][0]) > oracle.score(image, texts["NEG"][0]))
    return 100 * mean(verdicts)


def test_leaves_and_both_overall_averages_equal_those_of_the_plain_loop(
    tmp_path, run, oracle, monkeypatch
):
    monkeypatch.setattr(vl_checklist, "CAP", 3)
    root = write_vl_checklist(tmp_path / "d", n=5)
    report = run("vl-checklist", root)
    for cap, ending in ((None, ""), (3, "_first_1000")):
        acc = {corpus: plain_accuracy(root, corpus, oracle, cap) for corpus in CORPORA}
        colour = mean([acc["Attribute/color/vg"], acc["Attribute/color/vaw"]])
        size = mean([acc["Object/Size/large/hake"], acc["Object/Size/small/hake"]])
        leaves = [colour, acc["Attribute/size/vg"], size, acc["Relation/action/swig"]]
        aspects = [mean(leaves[:2]), size, leaves[3]]
        for name, value in (("macro_4_leaves", leaves), ("macro_3_aspects", aspects)):
            found = accuracy(report, "vl-checklist", name + ending)
            assert found == pytest.approx(mean(value))
        if cap is None:
            assert accuracy(report, "vl-checklist", "Attribute/color") == pytest.approx(colour)
    assert report.models[0].suites["vl-checklist"].headline == "macro_4_leaves"


def test_a_corpus_without_its_annotations_is_said(tmp_path, run):
    root = write_karpathy(write_vl_checklist(tmp_path / "d"))
    (root / "vl-checklist" / "data" / "Relation_action_swig.json").unlink()
    report = run("vl-checklist", root)
    assert "annotations not here: Relation/action/swig" in report.suites["vl-checklist"].notes
