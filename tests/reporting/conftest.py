"""Pages of all kinds, with text that would do harm if it were taken for HTML."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ExampleItem,
    ModelReport,
    SubsetReport,
    SuiteInfo,
    SuiteReport,
)
from ahnpl_cli.evaluation.result_page import eval_page
from ahnpl_cli.inspection.curves import RunDetails
from ahnpl_cli.inspection.pages import examples_page, file_page
from ahnpl_cli.inspection.report import (
    ComparisonReport,
    CompetingCaption,
    Example,
    ExampleReport,
    FileReport,
    Finding,
    View,
    file_report,
)
from ahnpl_cli.inspection.run import run_page
from ahnpl_cli.progress import silent
from ahnpl_cli.records import StepReport
from ahnpl_cli.reporting.edits import word_edits

EVIL = "<script>document.title='broken'</script>"
CAPTION = f"a dog {EVIL} on a bed"


def _photo(folder: Path) -> Path:
    path = folder / f"{EVIL.replace('/', '')}.png"
    Image.radial_gradient("L").convert("RGB").resize((64, 64)).save(path)
    return path


def _examples(folder: Path) -> ComparisonReport:
    other = CAPTION.replace("dog", "cat")
    example = Example(
        EVIL,
        str(_photo(folder)),
        CAPTION,
        (CompetingCaption(other, "object", word_edits(CAPTION, other)),),
    )
    matrix = tuple(tuple(abs(i - j) / 3 for j in range(4)) for i in range(4))
    views = (View("start", (0.2, 0.3), (matrix,)), View(EVIL, (0.4, 0.1), (matrix,)))
    return ComparisonReport(EVIL, ("start", EVIL), (ExampleReport(example, views),))


def _run() -> FileReport:
    step = StepReport(
        step=10,
        epoch=1,
        loss=2.0,
        terms={"contrastive": 1.5, "hard_negative": 0.5},
        shares={"contrastive": 0.7, "hard_negative": 0.3},
        active={"negative_margin": 0.4},
        a=0.9,
        margins={"object": 0.05, "relation": 0.02},
        positive=0.6,
        negatives={"object": 0.5, "relation": 0.55},
        valid=1.0,
        logit_scale=30.0,
        lr=1e-3,
        grad_norm=1.0,
        images_per_second=100.0,
        memory_mb=10.0,
    )
    later = dataclasses.replace(step, step=20, epoch=2, loss=1.0, a=0.8, positive=0.8)
    details = RunDetails((step, later), ("last",))
    facts: dict[str, str | int | float | None] = {"start model": EVIL}
    return file_report(f"runs/{EVIL}", "run", facts, [Finding("note", EVIL)], details)


def _suite(value: float) -> SuiteReport:
    rows = [
        SubsetReport(name, 100, value + i, value - 5, value + 8, 0, 100, 100.0)
        for i, name in enumerate(["swap_obj", EVIL])
    ]
    ends = {"macro": [value - 3, value + 3]}
    return SuiteReport(rows, [], {"macro": value}, ends, "macro", value, {}, 100.0)


def _results(folder: Path) -> EvalReport:
    infos = {"sugarcrepe": SuiteInfo("swaps", {}, [], [EVIL], {EVIL: "abc"}, 0)}
    models = [
        ModelReport(name, {"weights_sha256": "abc", "activation": "gelu"}, {"sugarcrepe": suite})
        for name, suite in (("start", _suite(60.0)), (EVIL, _suite(80.0)))
    ]
    row = Difference("macro", True, 60.0, 80.0, 20.0, 15.0, 25.0, None, True)
    scores = {"start": (0.1, 0.2), EVIL: (0.3, 0.1)}
    case = ExampleItem(
        *("sugarcrepe", EVIL, ("swap_obj",), "gained", str(_photo(folder)), None),
        *((CAPTION, CAPTION.replace("dog", "cat")), 1, scores),
    )
    return EvalReport(
        models=models,
        suites=infos,
        comparisons=[Comparison("sugarcrepe", "start", EVIL, 200, [row])],
        settings={"tie": "strict", "data": EVIL},
        versions={"ahnpl": "1"},
        examples=[case],
    )


@pytest.fixture(scope="session")
def evil() -> str:
    """Stands in every name, caption, path and note of the pages."""
    return EVIL


@pytest.fixture
def results(tmp_path: Path) -> EvalReport:
    """An evaluation of two models on a suite, with one case."""
    return _results(tmp_path)


@pytest.fixture(scope="session")
def made_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The HTML of every kind of page."""
    folder = tmp_path_factory.mktemp("pages")
    examples, run, results = _examples(folder), _run(), _results(folder)
    return {
        "run": run_page(run, examples, results),
        "bare run": run_page(run, None, None),
        "examples": examples_page(examples),
        "results": eval_page(results),
        "file": file_page(run, InspectConfig(), silent),
    }
