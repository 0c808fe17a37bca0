"""The papers' numbers, each with its source, under the names of our subsets and averages.

`benchmarks/data/published.csv` holds only what was read from a paper or from vl_compo's
`individual_results.csv`; what is unverified in the literature (such as ARO's order numbers for
NegCLIP from memory) is left out. `vl_compo` is ytaek-oh/vl_compo, an independent re-evaluation of
ViT-B/32 models at full precision; its code is not released, so its activation, dtype and transform
are unknown. What a reader has to know of single rows:

- SugarCrepe: swap_obj had 246 items in the papers; 245 since 2023-11-18. AHNPL's Tab. 3 prints 93.6
  as an average, which no average of its row gives.
- ARO: the CLIP row of the GNM paper (62, 59) looks as if the columns were exchanged; its own row
  may be too.
- VALSE: papers print the mean of the three counting pieces; "Avg" is the 11-piece mean for CLIP,
  NegCLIP and CE-CLIP, and the 9-column mean for AHNPL.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ahnpl_cli.evaluation.report import Published
from ahnpl_cli.files import read_text

RE_EVALUATION = "vl_compo"
TABLE = Path(__file__).parent / "benchmarks" / "data" / "published.csv"


def published(suites: Sequence[str]) -> Iterator[Published]:
    """Yield what was published for these suites; papers come before re-evaluations."""
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for cell in csv.DictReader(io.StringIO(read_text(TABLE))):
        if cell["suite"] in suites:
            key = (cell["suite"], cell["model"], cell["source"])
            rows.setdefault(key, {})[cell["name"]] = float(cell["value"])
    for (suite, model, source), values in rows.items():
        yield Published(suite, model, source, values)
