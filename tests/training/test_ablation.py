"""The ablation example: its table by hand, and the whole of it on very little."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType

import pytest

from ahnpl_cli.config import TrainConfig, WeightConfig, resolve_recipe
from ahnpl_cli.losses.recipes import OBJECTIVES, PAPER

SCRIPT = Path(__file__).parents[2] / "examples" / "ablation.py"


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ablation", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_has_means_and_spreads_over_seeds(ablation: ModuleType) -> None:
    names = [*ablation.COLUMNS, "Avg", *ablation.GROUP_COLUMNS, "R@1"]
    measured = {ablation.START: dict.fromkeys(names, 50.0)}
    rows = ablation.rows_of(["losses", "pictures"])
    for row in rows:
        for seed, value in enumerate((60.0, 62.0, 64.0)):
            measured[f"{ablation.slug(row)}-{seed}"] = dict.fromkeys(names, value)
    lines = ablation.table(measured, rows, [0, 1, 2]).splitlines()
    heads = "ARO-R | ARO-A | VALSE | SugarCrepe | Avg | I2T | T2I | group | R@1"
    assert lines[0] == f"|  | {heads} |"
    assert lines[2] == f"| start{' | 50.0' * 9} |"
    assert len(lines) == 3 + len(ablation.ROWS) + len(ablation.PICTURES)
    assert all("62.0 ± 2.0" in line for line in lines[3:])


def test_a_small_world_has_averages_over_every_class(ablation: ModuleType) -> None:
    assert ablation.averaged({"macro": 1.0, "macro_any_n": 2.0}, "macro") == 1.0
    assert ablation.averaged({"macro_any_n": 2.0}, "macro") == 2.0
    assert ablation.averaged({"macro_partial": 3.0}, "macro") == 3.0


def test_rows_have_folders_of_their_own(ablation: ModuleType) -> None:
    rows = ablation.rows_of(list(ablation.GROUPS))
    assert set(rows) == set(ablation.ORDER)
    assert len({ablation.slug(row) for row in rows}) == len(rows) == len(ablation.ORDER)


def test_fewer_painted_images_are_those_of_the_first_images(
    ablation: ModuleType, tmp_path: Path
) -> None:
    painted = {"kind": "object", "caption": "x", "image": "p.png", "painter": {"engine": "redraw"}}
    records = [{"image": f"{number // 2}.png", "negatives": [painted]} for number in range(6)]
    records.append({"image": "3.png"})  # of which no negative could be made
    path = tmp_path / "images.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    lines = ablation.fewer(path, 2).read_text().splitlines()
    shown = [json.loads(line)["negatives"][0]["image"] is not None for line in lines[:6]]
    assert json.loads(lines[6]) == records[6]
    assert shown == [True] * 4 + [False] * 2


def test_the_negatives_row_is_negclips_recipe() -> None:
    weights = WeightConfig(
        weight_hard_negative=0.0, weight_positive_margin=0.0, weight_negative_margin=0.0
    )
    assert resolve_recipe(TrainConfig(weights=weights)) == PAPER["negclip"]


def test_every_row_is_a_command_line_that_train_takes(ablation: ModuleType) -> None:
    lines = {}
    for rows in ("ROWS", "FIGURES", "SLIPFORM", "CONCRETE", "RIVALS", "TRAVEL", "PICTURES"):
        lines |= getattr(ablation, rows)
    known = flag_names()
    for name, line in lines.items():
        words = line.split()
        assert words[0] == "--objective"
        assert words[1] in OBJECTIVES
        flags = {word for word in words if word.startswith("--")}
        assert flags <= known, name


def flag_names() -> set[str]:
    """Every option of `ahnpl train`, by its flag."""
    config = TrainConfig()
    names = set(vars(config))
    for group in vars(config).values():
        names |= vars(group).keys() if is_dataclass(group) else set()
    return {f"--{name.replace('_', '-')}" for name in names}


def test_one_kind_at_a_time_leaves_every_caption(ablation: ModuleType, tmp_path: Path) -> None:
    kinds = (["swap", "object"], ["object"], [])
    path = tmp_path / "negatives.jsonl"
    lines = []
    for number, own in enumerate(kinds):
        record = {"id": str(number), "negatives": [{"kind": kind} for kind in own]}
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines))
    kept = [json.loads(line) for line in ablation.of_kind(path, "swap").read_text().splitlines()]
    assert [len(record["negatives"]) for record in kept] == [1, 0, 0]
    assert [record["id"] for record in kept] == ["0", "1", "2"]


@pytest.mark.slow
def test_the_whole_of_it_runs_and_a_second_time_finds_it_done(tmp_path: Path) -> None:
    little = ["--seeds", "0", "--steps", "2", "--train", "140", "--test", "8"]
    command = [sys.executable, str(SCRIPT), str(tmp_path / "out"), *little]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| AHNPL |" in done.stdout
    assert "| GNM, 100 painted images |" in done.stdout
    kept = (tmp_path / "out" / "ahnpl-0" / "last" / "training_state.pt").stat().st_mtime_ns
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout
    assert (tmp_path / "out" / "ahnpl-0" / "last" / "training_state.pt").stat().st_mtime_ns == kept
