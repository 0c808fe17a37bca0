"""SugarCrepe++ against its definition, and told from SugarCrepe in the same folder."""

import json
from statistics import mean

import pytest
from layouts import accuracy, draw, dump, sentence, write_sugarcrepe

SUBSETS = ("replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att")


def write_sugarcrepe_pp(root, n=5):
    for subset in SUBSETS:
        rows = []
        for i in range(n):
            image = f"{i % 3 + 1:012d}.jpg"
            draw(root / "val2017" / image, image)
            texts = (sentence((subset, i, k, "pp")) for k in range(3))
            keys = ("caption", "caption2", "negative_caption")
            rows.append({"id": i, "filename": image, **dict(zip(keys, texts, strict=True))})
        dump(root / "scpp" / "data" / f"{subset}.json", rows)
    return root


def test_itt_and_tot_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_sugarcrepe_pp(write_sugarcrepe(tmp_path / "d"), n=8)
    report = run("sugarcrepe++", root)
    itt, tot = {}, {}
    for subset in SUBSETS:
        found, halves = ([], []), ([], [])
        for r in json.loads((root / "scpp" / "data" / f"{subset}.json").read_text()):
            image = oracle.image(root / "val2017" / r["filename"])
            texts = [r["caption"], r["caption2"], r["negative_caption"]]
            p1, p2, n = (oracle.score(image, text) for text in texts)
            found[0].append(p1 > n and p2 > n)
            halves[0].append(p1 > n)
            halves[1].append(p2 > n)
            f1, f2, fn = (oracle.text(text) for text in texts)
            found[1].append(bool(f1 @ f2 > f1 @ fn and f1 @ f2 > f2 @ fn))
        for number, half in enumerate(halves, 1):
            name = f"{subset} Image-P{number}-Neg"
            assert accuracy(report, "sugarcrepe++", name) == pytest.approx(100 * mean(half))
        itt[subset], tot[subset] = (100 * mean(one) for one in found)
        assert accuracy(report, "sugarcrepe++", f"{subset} ITT") == pytest.approx(itt[subset])
        assert accuracy(report, "sugarcrepe++", f"{subset} TOT") == pytest.approx(tot[subset])
    assert accuracy(report, "sugarcrepe++", "macro_5_itt") == pytest.approx(mean(itt.values()))
    assert accuracy(report, "sugarcrepe++", "macro_5_tot") == pytest.approx(mean(tot.values()))


def test_the_task_of_texts_alone_needs_no_image(tmp_path, run):
    root = write_sugarcrepe_pp(tmp_path / "d", n=6)
    (root / "val2017" / "000000000001.jpg").unlink()
    suite = run("sugarcrepe++", root, allow_missing=True).models[0].suites["sugarcrepe++"]
    sizes = {row.name: row.n for row in suite.subsets}
    assert (sizes["swap_obj ITT"], sizes["swap_obj TOT"]) == (4, 6)
