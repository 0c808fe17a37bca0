"""The example notebook: its cells run in order in one interpreter, and the model learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parent.parent / "examples" / "train_and_plot.ipynb"
CHECK = """
assert curve[-1] < curve[0] / 2, curve[-1]
assert {"untrained", "trained"} == set(table.columns) and len(table) == 7
assert table["trained"].mean() > table["untrained"].mean() + 10, table
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
    assert "trained" in done.stdout


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
