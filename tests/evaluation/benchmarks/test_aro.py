"""ARO against its scripts: argmax over [false, true] per crop, then macro averages."""

import json
from collections import defaultdict
from statistics import mean

import pytest
from layouts import accuracy, write_aro, write_flickr, write_karpathy

from ahnpl_cli.evaluation.benchmarks.aro import symmetric_relations


def official_verdicts(root, oracle, part: str) -> list[tuple[dict, bool]]:
    made = []
    records = json.loads((root / "aro" / f"visual_genome_{part}.json").read_text())
    for r in records:
        box = tuple(r[f"bbox_{k}"] for k in "xywh")
        image = oracle.image(root / "aro" / "images" / r["image_path"], box)
        right = oracle.score(image, r["true_caption"]) > oracle.score(image, r["false_caption"])
        made.append((r, right))
    return made


def by_key(pairs) -> dict[str, list[bool]]:
    grouped = defaultdict(list)
    for key, right in pairs:
        grouped[key].append(right)
    return grouped


def test_relations_are_averaged_without_the_symmetric_ones(tmp_path, run, oracle):
    root = write_aro(tmp_path / "d")
    report = run("aro", root)
    pairs = [(r["relation_name"], v) for r, v in official_verdicts(root, oracle, "relation")]
    keys = {k: mean(v) for k, v in by_key(pairs).items() if k not in symmetric_relations()}
    assert set(keys) == {"to the left of", "wearing", "behind"}
    assert accuracy(report, "aro", "vg_relation_macro") == pytest.approx(100 * mean(keys.values()))
    kept = [v for k, v in pairs if k not in symmetric_relations()]
    assert accuracy(report, "aro", "vg_relation_micro") == pytest.approx(100 * mean(kept))
    everything = [v for _, v in pairs]
    assert accuracy(report, "aro", "vg_relation_micro_all_rows") == pytest.approx(
        100 * mean(everything)
    )


def test_attribute_pairs_with_fewer_than_25_items_are_left_out(tmp_path, run, oracle):
    root = write_aro(tmp_path / "d", attributes=30)
    report = run("aro", root)
    pairs = [
        ("_".join(r["attributes"]), v) for r, v in official_verdicts(root, oracle, "attribution")
    ]
    keys = by_key(pairs)
    assert {k: len(v) for k, v in keys.items()} == {"red_small": 25, "small_red": 5}
    assert accuracy(report, "aro", "vg_attribution_macro") == pytest.approx(
        100 * mean(keys["red_small"])
    )


def test_a_tie_of_two_captions_is_wrong_also_by_the_official_script(tmp_path, run):
    root = write_aro(tmp_path / "d")
    path = root / "aro" / "visual_genome_relation.json"
    records = json.loads(path.read_text())
    for record in records:
        record["false_caption"] = record["true_caption"]
    path.write_text(json.dumps(records))
    row = run("aro", root, tie="official").models[0].suites["aro"].subsets[0]
    assert (row.name, row.accuracy, row.ties) == ("VG-Relation", 0.0, 8)


def test_the_primary_average_is_the_mean_of_both_macros(tmp_path, run):
    suite = run("aro", write_aro(tmp_path / "d")).models[0].suites["aro"]
    both = [suite.averages[name] for name in ("vg_relation_macro", "vg_attribution_macro")]
    assert suite.headline == "macro_vg"
    assert suite.headline_value == pytest.approx(mean(both))


def test_a_copy_without_25_items_of_a_pair_gets_an_average_of_another_name(tmp_path, run):
    suite = run("aro", write_aro(tmp_path / "d", attributes=8)).models[0].suites["aro"]
    assert suite.headline == "macro_vg_any_n"
    assert "vg_attribution_macro" not in suite.averages


def test_order_sets_count_with_their_own_average(tmp_path, run):
    root = write_flickr(write_karpathy(write_aro(tmp_path / "d")))
    suite = run("aro", root).models[0].suites["aro"]
    assert [row.name for row in suite.subsets] == [
        "VG-Relation",
        "VG-Attribution",
        "COCO-Order",
        "Flickr30k-Order",
    ]
    assert {"coco_order_p1", "flickr30k_order_p1", "macro_4_datasets"} <= set(suite.averages)
    assert suite.headline == "macro_vg"
