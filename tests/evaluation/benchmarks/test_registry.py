"""A benchmark is one file and one line of the registry; the rest follows from it."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from layouts import (
    draw,
    write_aro,
    write_flickr,
    write_folders,
    write_karpathy,
    write_sugarcrepe,
    write_valse,
    write_winoground,
)
from suite_layouts import WRITERS, write_cola
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS, benchmarks
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.scoring.items import Suite
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.evaluation.suite_report import chance_of

TOY = '''
"""A toy: one image, a caption, a foil."""

from ahnpl_cli.evaluation.benchmarks.base import Benchmark, field, read_entries
from ahnpl_cli.evaluation.scoring.statistics import mean
from ahnpl_cli.evaluation.scoring.items import Item


def find(folders):
    return folders.files(folders.holding("toy.json")[0], {"toy": "toy.json"})


def load(copy):
    images = copy.image_finder([copy.files["toy"].parent])
    items = []
    for key, record in copy.limited(read_entries(copy.files["toy"], list)):
        texts = tuple(field(record, "texts", list, where=key))
        ref = images.ref(field(record, "image", str, where=key))
        items.append(Item(key, (ref,), texts, ("toys",), cluster=key))
    copy.count("toys", len(items), 240)
    return copy.item_suite(items, {"macro_toys": mean("toys")}, main_subsets=["toys"])


BENCHMARK = Benchmark(
    name="toy",
    measures="toys",
    source="a shop",
    license="none",
    files="toy.json",
    find=find,
    load=load,
)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data for a benchmark of one file and one line, which is registered."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_benchmark.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setitem(BENCHMARKS, "toy", "toy_benchmark:BENCHMARK")
    data = tmp_path / "data"
    records = []
    for i in range(4):
        draw(data / f"{i}.png", i)
        records.append({"image": f"{i}.png", "texts": [f"a red toy {i}", f"a blue toy {i}"]})
    (data / "toy.json").write_text(json.dumps(records))
    yield data
    sys.modules.pop("toy_benchmark", None)


def test_a_new_benchmark_is_listed_scored_and_named(toy, run, monkeypatch, tmp_path):
    report = run("toy", toy, limit=3)
    suite = report.models[0].suites["toy"]
    assert suite.headline == "macro_toys" and suite.subsets[0].n == 3
    assert report.suites["toy"].notes == ["toys: 3 items; published: 240"]
    monkeypatch.chdir(tmp_path)
    listed = json.loads(CliRunner().invoke(app, ["eval", "--list", "--json"]).stdout)
    assert [entry["name"] for entry in listed][-1] == "toy"
    assert listed[-1]["found"] == ["data/toy.json"]
    assert [benchmark.name for benchmark in benchmarks(())][-1] == "toy"
    with pytest.raises(ConfigError, match="Did you mean 'toy'"):
        benchmarks(["toyy"])


def write_everything(root: Path) -> Path:
    for write in (write_sugarcrepe, write_valse, write_aro, write_karpathy, write_flickr):
        write(root)
    write_winoground(root)
    return write_folders(root, train=4)


OLD = ["sugarcrepe", "valse", "aro", "winoground", "retrieval", "zeroshot", "probe"]
NAMES = [*OLD, *WRITERS]
ITEMS = [
    name for name in NAMES if name not in ("retrieval", "zeroshot", "probe", "negbench-retrieval")
]
NEEDS_PYARROW = ("vismin", "half-truths")


def write_suite(name: str, root: Path) -> Path:
    """Write the files of one suite, or all of those that share photos."""
    if name in NEEDS_PYARROW:
        pytest.importorskip("pyarrow")
    if name not in WRITERS:
        return write_everything(root)
    WRITERS[name](root)
    return root


def load(name: str, root: Path) -> Suite:
    (benchmark,) = benchmarks([name])
    folders = DataFolders([root])
    options = LoadOptions(cache=root / "cache")
    return benchmark.load(benchmark.copy_of(folders, benchmark.find(folders), options))


@pytest.mark.parametrize("name", ITEMS)
def test_totals_are_the_verdicts_that_judging_gives(tmp_path, name):
    task = load(name, write_suite(name, tmp_path / "d")).task
    assert isinstance(task, ItemTask)
    counted: Counter[str] = Counter()
    for item in task.items:
        for verdict in task.judge.verdicts(item, (0.0,) * item.n_similarities, False):
            counted.update(list(verdict.correct))
    assert task.totals() == counted


# Percent on the headline of each suite's fixture, as its paper says or as its candidates are.
CHANCE = {
    **dict.fromkeys(("sugarcrepe", "valse", "aro", "cc-neg", "negrefcocog", "svo-probes"), 50.0),
    **dict.fromkeys(("winoground", "bivlc", "colorswap", "vismin", "eqben"), 100 / 6),
    **dict.fromkeys(("cola", "mmvp-vlm", "negbench"), 25.0),
}


@pytest.mark.parametrize("name", NAMES)
def test_guessing_is_known_of_every_verdict_and_is_what_papers_say(tmp_path, name):
    suite = load(name, write_suite(name, tmp_path / "d"))
    guesses = suite.task.guesses()
    assert {row: count for row, (_, count) in guesses.items()} == suite.task.totals()
    chance = chance_of(suite.averages, guesses)
    if name in CHANCE:
        assert chance[suite.headline] == pytest.approx(CHANCE[name], abs=1e-4)
    assert all(0 < value <= 100 for value in chance.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_report_has_a_row_for_every_total_and_nothing_else(tmp_path, run, name):
    root = write_suite(name, tmp_path / "d")
    suite = run(name, root).models[0].suites[name]
    rows = {row.name: row.total for row in (*suite.subsets, *suite.details)}
    assert rows == load(name, root).task.totals()
    assert all(row.n == row.total for row in (*suite.subsets, *suite.details))


def test_a_file_is_a_suite_of_its_own_and_several_have_their_own_names(tmp_path):
    paths = []
    for name in ("mine", "yours"):
        paths.append(str(tmp_path / f"{name}.jsonl"))
        Path(paths[-1]).write_text("")
    assert [benchmark.name for benchmark in benchmarks(paths[:1])] == ["custom"]
    names = [benchmark.name for benchmark in benchmarks(["aro", *paths])]
    assert names == ["aro", "custom:mine", "custom:yours"]
    with pytest.raises(ConfigError, match=r"unknown benchmark 'nowhere.jsonl'"):
        benchmarks(["nowhere.jsonl"])


def test_a_set_of_suites_is_what_is_here_of_them_and_says_what_is_not(tmp_path, run, caplog):
    root = write_cola(tmp_path / "d") and tmp_path / "d"
    write_folders(root)
    with caplog.at_level("INFO"):
        report = run("all", root)
    assert list(report.suites) == ["cola", "zeroshot"]
    assert "Not here, so left out: sugarcrepe, aro, valse" in caplog.text
    assert list(run("compositional", root, force=True).suites) == ["cola"]
    assert list(run("retention", root, force=True).suites) == ["zeroshot"]
    # A suite that is named as well has to be there.
    with pytest.raises(BenchmarkError, match="winoground not found"):
        run("all winoground", root, force=True)


def test_a_broken_suite_of_a_set_costs_the_others_nothing(tmp_path, run, caplog):
    root = write_cola(tmp_path / "d") and tmp_path / "d"
    (root / "svo_probes.csv").write_text("nonsense\n")
    report = run("compositional", root)
    assert list(report.suites) == ["cola"]
    assert "svo-probes: left out, " in caplog.text and "no column sentence" in caplog.text


def test_a_set_of_which_nothing_is_here_is_an_error(tmp_path, run):
    (tmp_path / "d").mkdir()
    with pytest.raises(BenchmarkError, match="no benchmark found"):
        run("all", tmp_path / "d")


def test_every_suite_but_ones_own_belongs_to_one_of_two_sets():
    every = set(BENCHMARKS) - {"custom"}
    halves = [{b.name for b in benchmarks([name])} for name in ("compositional", "retention")]
    assert halves[0] | halves[1] == every and not halves[0] & halves[1]
    assert {benchmark.name for benchmark in benchmarks(["all"])} == every


def test_every_download_is_one_line_that_a_shell_can_read():
    lines = {benchmark.name: benchmark.download for benchmark in benchmarks(list(BENCHMARKS))}
    # One's own files, and pickles that we do not read.
    assert {name for name, line in lines.items() if not line} == {"custom", "cc-neg"}
    assert not any("\n" in line for line in lines.values())
    script = "\n".join(lines.values())
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # Whatever is fetched lies where suites are looked for.
    assert all("data/" in line for line in lines.values() if line)
    sizes = [benchmark.size for benchmark in benchmarks(list(lines)) if benchmark.name != "custom"]
    assert all(sizes)
