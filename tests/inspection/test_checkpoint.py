"""Is a checkpoint valid? Weights changed, broken or not ours."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.inspection.checkpoint import inspect_checkpoint
from ahnpl_cli.inspection.report import flat

WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]) -> Path:
    extra = {"recipe": {"objective": "ahnpl", "weights": {"contrastive": 1.0}}, "parent": "x"}
    save_checkpoint(tmp_path / "m", make_tiny(), extra=extra)
    return tmp_path / "m"


def findings(folder: Path) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in inspect_checkpoint(folder).findings]


def change(folder: Path, value: float) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["logit_scale"] = torch.full_like(weights["logit_scale"], value)
    save_file(weights, folder / WEIGHTS)


def test_our_own_checkpoint_is_sound_and_says_where_it_comes_from(folder: Path) -> None:
    report = inspect_checkpoint(folder)
    assert report.valid
    facts = report.facts
    assert facts["activation"] == "quick_gelu"
    assert facts["recipe.objective"] == "ahnpl"
    assert facts["recipe.weights.contrastive"] == 1.0
    assert facts["parent"] == "x"
    assert facts["logit scale"] == pytest.approx(1 / 0.07, rel=1e-3)


def test_changed_weights_are_noticed(folder: Path) -> None:
    change(folder, 1.0)
    text = "the weights are not those that ahnpl.json names: they were changed afterwards"
    assert ("problem", text) in findings(folder)


def test_weights_that_are_not_numbers_are_noticed(folder: Path) -> None:
    change(folder, float("nan"))
    text = "does not load: 1 tensors hold NaN or infinity, the first is logit_scale"
    assert ("problem", text) in findings(folder)


def test_weights_cut_short_are_a_problem_and_not_a_crash(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    report = inspect_checkpoint(folder)
    assert not report.valid
    assert report.findings[0].text.startswith("does not load: ")


def test_a_foreign_open_clip_folder_is_sound_with_a_note(folder: Path) -> None:
    (folder / "ahnpl.json").unlink()
    report = inspect_checkpoint(folder)
    assert report.valid
    assert report.findings[-1].level == "note"


def test_what_it_was_evaluated_at_is_found_beside_it(folder: Path) -> None:
    sha256 = json.loads((folder / "ahnpl.json").read_text())["weights_sha256"]
    suite = {
        "subsets": [],
        "details": [],
        "averages": {"macro_7": 71.5},
        "intervals": {},
        "headline": "macro_7",
        "headline_value": 71.5,
        "values": {},
        "coverage": 100.0,
    }
    model = {"name": "m", "info": {"weights_sha256": sha256}, "suites": {"sugarcrepe": suite}}
    about = {
        "measures": "foils",
        "definitions": {},
        "counts": [],
        "notes": [],
        "files": {},
        "missing": 0,
    }
    report = {
        "kind": "ahnpl eval",
        "schema": 1,
        "models": [model],
        "suites": {"sugarcrepe": about},
        "comparisons": [],
        "settings": {},
        "versions": {},
    }
    (folder.parent / "results.json").write_text(json.dumps(report))
    facts = inspect_checkpoint(folder).facts
    assert facts["evaluated: sugarcrepe macro_7 (results.json)"] == 71.5


def test_nested_values_become_dotted_names() -> None:
    tree = {"a_b": {"c": 1, "d": {"e": [1, "x"]}}, "f": None, "g": True}
    assert flat(tree) == {"a b.c": 1, "a b.d.e": "1, x", "f": None, "g": "true"}
