"""Any number of saved results becomes one table: seeds together, the best marked."""

import pytest

from ahnpl_cli.evaluation.paper_table import PaperRow, paper_table, tidy_paper_table
from ahnpl_cli.reporting.tables import latex, markdown

ROWS = [
    PaperRow("start", 1, {"aro": [50.0], "valse": [61.0]}, {"aro": 2.0, "valse": 1.0}),
    # 60 and 64 differ from their mean by 2: the deviation of two seeds is 2 * sqrt(2).
    PaperRow("ours", 2, {"aro": [60.0, 64.0]}, {"aro": 2.0}, {"aro": 97.5}),
    PaperRow("theirs", 1, {"aro": [70.0], "valse": [60.0]}, {"aro": 3.0, "valse": 1.5}),
]
for row in ROWS:
    row.coverage = {suite: row.coverage.get(suite, 100.0) for suite in row.values}


def test_best_is_bold_second_is_underlined_and_seeds_have_a_deviation() -> None:
    lines = markdown(paper_table(ROWS)).splitlines()
    assert lines[2] == "| model | aro | valse |"
    assert lines[4] == "| start | 50.0 ± 2.0 | **61.0** ± 1.0 |"
    assert lines[5] == "| ours (2 seeds) | <u>62.0</u> ± 2.8 | - |"
    assert lines[6] == "| theirs | **70.0** ± 3.0 | <u>60.0</u> ± 1.5 |"
    assert "only a part of the items was scored: aro 97.5 %" in lines[8]


def test_latex_is_a_table_with_a_caption() -> None:
    text = latex(paper_table(ROWS))
    assert text.startswith("\\begin{table}\n\\centering\n\\caption{Headline of each benchmark in")
    assert "theirs & \\textbf{70.0} $\\pm$ 3.0 & \\underline{60.0} $\\pm$ 1.5 \\\\" in text
    assert "\\toprule" in text and text.rstrip().endswith("\\end{table}")


def test_other_programs_get_a_number_a_row() -> None:
    rows = tidy_paper_table(ROWS).rows
    assert rows[2] == ("ours", "aro", 2, 62.0, pytest.approx(8**0.5), None, 97.5)
    assert rows[0] == ("start", "aro", 1, 50.0, None, 2.0, 100.0)
