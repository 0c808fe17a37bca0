"""One half of the items to choose by, the other to report: in training, eval and frontier alike."""

import json

import pytest
from layouts import write_karpathy, write_sugarcrepe

from ahnpl_cli.evaluation.scoring.items import SuiteVerdicts, Verdict, half_of


def test_a_photo_of_coco_lies_in_one_half_under_every_name():
    halves = []
    for number in range(40):
        names = {f"{number:012}.jpg", f"COCO_val2014_{number:012}.jpg", f"v/{number:012}.jpg"}
        (half,) = {half_of(name) for name in names}
        halves.append(half)
    assert 10 < halves.count("tuning") < 30


def test_halves_share_no_verdict_and_lose_none():
    verdicts = [Verdict(f"{n}", f"photo {n // 2}", {"all": True}) for n in range(60)]
    found = SuiteVerdicts(verdicts, {"C": 1.0})
    tuning, reported = found.of_half("tuning"), found.of_half("reported")
    assert {v.image for v in tuning.verdicts}.isdisjoint(v.image for v in reported.verdicts)
    assert len(tuning.verdicts) + len(reported.verdicts) == 60
    assert reported.values == {"C": 1.0}


def test_a_report_of_one_half_has_its_verdicts_among_the_candidates_of_both(tmp_path, run):
    root = write_karpathy(write_sugarcrepe(tmp_path / "d", n=12))
    suites = "sugarcrepe retrieval"
    lines = {}
    n = {}
    for half in (None, "tuning", "reported"):
        options = {"half": half, "force": True, "blind": True, "representation": True}
        report = run(suites, root, **options)
        text = (tmp_path / "out" / "results.items.jsonl").read_text()
        lines[half] = {json.dumps(json.loads(line)) for line in text.splitlines()}
        n[half] = report.blind["sugarcrepe"]["shorter"].support["micro"].n
        assert report.models[0].representation["sugarcrepe"]["intra_modal"].n == n[half]
    # Every verdict, a caption's rank among all included, is the one of the whole evaluation.
    assert lines["tuning"] | lines["reported"] == lines[None]
    assert lines["tuning"].isdisjoint(lines["reported"])
    assert n["tuning"] + n["reported"] == n[None]
    coverage = report.models[0].suites["sugarcrepe"].coverage
    assert coverage == pytest.approx(100 * n["reported"] / n[None], abs=1e-3)
