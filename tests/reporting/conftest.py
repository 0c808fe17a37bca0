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
    Published,
    SubsetReport,
    SuiteInfo,
    SuiteReport,
    Support,
)
from ahnpl_cli.evaluation.result_page import eval_page
from ahnpl_cli.frontier.report import FrontierPoint, FrontierReport
from ahnpl_cli.frontier.result_tables import frontier_page
from ahnpl_cli.inspection import images
from ahnpl_cli.inspection.curves import RunDetails
from ahnpl_cli.inspection.images import ImagesDetails, PicturePair
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
from ahnpl_cli.records import Negative, Painting
from ahnpl_cli.reporting.edits import word_edits
from tests.steps import make_step

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
    step = make_step(
        loss=2.0,
        terms={"contrastive": 1.5, "hard_negative": 0.5},
        shares={"contrastive": 0.7, "hard_negative": 0.3},
        active={"negative_margin": 0.4},
        margins={"object": 0.05, "relation": 0.02},
        positive=0.6,
        negatives={"object": 0.5, "relation": 0.55},
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


# Names as long as those of real suites, and longer than any label has room for.
LONG_NAMES = ("macro_11_pieces_partial", "counting-small-quant", "text / Both / Series / No-Tag")


def _wide_suite(value: float, names: tuple[str, ...], headline: str) -> SuiteReport:
    rows = []
    for number, name in enumerate(names):
        accuracy = min(100.0, value + 9 * number)
        ends = (accuracy - 4, min(100.0, accuracy + 4))
        rows.append(SubsetReport(name, 1234, accuracy, *ends, 0, 41_000, 3.01))
    support = {headline: Support(1234, 3.01)}
    ends = {headline: (value - 3, value + 3)}
    return SuiteReport(
        rows, [], {headline: value}, ends, headline, value, {}, 3.01, support=support
    )


def _wide(folder: Path) -> EvalReport:
    """Five models, four suites, long names, few images, published values, many examples."""
    names = ("scenes-clip", "negclip", "ce-clip", "runs/ahnpl-with-a-long-name/step-000450")
    suites = {
        "sugarcrepe": ("macro_7", ("swap_obj", "replace_att")),
        "valse": ("macro_11_pieces_partial", LONG_NAMES),
        "winoground": ("group", ("text", "image", "group")),
        "zeroshot": ("macro_2_top1", ("inks top-1", "a_name_that_no_margin_holds" * 3)),
    }
    models = []
    for number, name in enumerate(names):
        of_model = {}
        for suite, (headline, subsets) in suites.items():
            of_model[suite] = _wide_suite(50.0 + 11 * number, subsets, headline)
        models.append(ModelReport(name, {"weights_sha256": 64 * "a"}, of_model))
    comparisons = []
    for suite, (headline, _) in suites.items():
        for model in models[1:]:
            gain = Difference(headline, True, 50.0, 61.0, 11.0, 8.0, 14.0, None, True)
            comparisons.append(Comparison(suite, names[0], model.name, 1234, [gain]))
    picture = str(_photo(folder))
    scores = {name: (0.34, 0.36) for name in names}
    captions = ("a dog on a bed", "a bed on a dog")
    examples = []
    for number in range(8):
        item = (f"i{number}", ("swap_obj",), "gained", picture, None, captions, 1, scores)
        examples.append(ExampleItem("sugarcrepe", *item))
    infos = {}
    for suite in suites:
        files = {f"a/very/long/path/of/a/file/{i}/{suite}.json": 64 * "b" for i in range(4)}
        headline, subsets = suites[suite]
        chance = dict.fromkeys((headline, *subsets), 100 / 6)
        infos[suite] = SuiteInfo(suite, {}, [], ["a note"], files, 0, chance=chance)
    published = [Published("sugarcrepe", "CLIP", "AHNPL", {"swap_obj": 61.2, "macro_7": 73.0})]
    return EvalReport(
        models,
        infos,
        comparisons,
        {"tie": "strict"},
        {"torch": "2"},
        published=published,
        examples=examples,
    )


def _frontier() -> FrontierReport:
    points = []
    for number, name in enumerate(("start", "wise-ft 0.50", "lines 0.50", "ahnpl")):
        method = name if number == 0 else "run" if number == 3 else name.split(" ")[0]
        gain, kept = 50.0 + 9 * number, 60.0 - 11 * number
        suites = {"sugarcrepe": gain, "retrieval": kept}
        point = (name, "ahnpl", method, number / 3, gain, kept, gain, kept, suites)
        points.append(FrontierPoint(*point, pareto=True, chosen=number == 1))
    return FrontierReport(
        points,
        ["sugarcrepe"],
        ["retrieval"],
        {"sugarcrepe": "macro_7", "retrieval": "coco_mean_r1"},
        {"sugarcrepe": (500, 500), "retrieval": (500, 500)},
        budget="retention >= -12",
    )


def _images(folder: Path) -> FileReport:
    """Two painted pictures: one there, one outside its folder."""
    photo = _photo(folder)
    painting = Painting("recolor", "rule", box=(4, 4, 40, 40), scores={"changed": 89.4})
    edits = word_edits(CAPTION, CAPTION.replace("dog", "cat"))
    negative = Negative(
        "object", CAPTION.replace("dog", "cat"), edits, image="x.png", painter=painting
    )
    shown = [
        PicturePair("1", photo, photo, CAPTION, negative, outside) for outside in (False, True)
    ]
    kept = (("object", "recolor", 2),)
    details = ImagesDetails(kept, (("no painter", 7, EVIL),), (), (), tuple(shown))
    findings = [Finding("fine", "every picture named is there")]
    return file_report(f"{EVIL}/images.jsonl", "images", {"captions": 2}, findings, details)


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
    config = InspectConfig()
    return {
        "run": run_page(run, examples, results),
        "bare run": run_page(run, None, None),
        "examples": examples_page(examples),
        "results": eval_page(results),
        "file": file_page(run, config, silent),
        "wide": eval_page(_wide(folder)),
        "frontier": frontier_page(_frontier()),
        "images": images.page(_images(folder), config, silent),
    }


@pytest.fixture(scope="session")
def frontier() -> FrontierReport:
    """A frontier of four points, one of them chosen."""
    return _frontier()
