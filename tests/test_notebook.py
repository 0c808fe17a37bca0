"""The example notebook: its cells run in order in one interpreter, and the models learn."""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parent.parent / "examples" / "train_and_plot.ipynb"
CHECK = """
for report in reports.values():
    losses = [step.loss for step in report.metrics]
    assert len(losses) == 12 and losses[-1] < losses[0] - 0.2, losses
assert {"scenes-tiny", "negclip", "ahnpl"} == set(table.columns) and len(table) == 7
assert (table["negclip"] != table["scenes-tiny"]).any(), table
"""


def test_the_cells_run_in_order(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = tmp_path / "cells.py"
    script.write_text("\n".join([*code, CHECK]), encoding="utf-8")
    variables = {
        **os.environ,
        "AHNPL_CACHE": str(tmp_path / "cache"),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(NOTEBOOK.parent.parent),
    }
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "negclip" in done.stdout


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
