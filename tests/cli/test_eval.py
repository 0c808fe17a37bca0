"""`ahnpl eval` as a user types it: tables, formats, lists, comparisons, errors."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.cli.app import app
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS

SUBSETS = ("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel")
SUBSETS += ("swap_obj", "swap_att")


@pytest.fixture
def data(tmp_path) -> Path:
    """SugarCrepe with two items a file, in `data/`, where it is looked for by default."""
    folder = tmp_path / "data"
    (folder / "val2017").mkdir(parents=True)
    (folder / "sugarcrepe").mkdir()
    for i in range(2):
        image = Image.effect_noise((40, 40), 60 + 40 * i).convert("RGB")
        image.save(folder / "val2017" / f"{i}.jpg")
    for subset in SUBSETS:
        records = {
            str(i): {
                "filename": f"{i}.jpg",
                "caption": f"a {subset} dog {i}",
                "negative_caption": f"a {subset} cat {i}",
            }
            for i in range(2)
        }
        (folder / "sugarcrepe" / f"{subset}.json").write_text(json.dumps(records))
    return folder


@pytest.fixture
def ahnpl(tmp_path, data, monkeypatch):
    """Runs the program in a folder of its own, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*args: str):
        return CliRunner().invoke(app, ["eval", *args])

    return run


@pytest.fixture
def compare(ahnpl):
    """Runs `ahnpl compare` in the folder of `ahnpl`."""

    def run(*args: str):
        return CliRunner().invoke(app, ["compare", *args])

    return run


@pytest.fixture
def model(tiny_model_folder) -> tuple[str, ...]:
    return ("--checkpoint", str(tiny_model_folder), "--device", "cpu", "--workers", "0")


def test_the_table_says_n_percent_interval_and_ties(ahnpl, model):
    result = ahnpl("sugarcrepe", *model, "--full")
    assert result.exit_code == 0, result.output
    for words in ("sugarcrepe: tiny", "95 % interval", "ties", "swap_att", "macro_7"):
        assert words in result.stdout
    assert "add_obj: 2 items; published: 2,062 (6 more sizes differ)" in result.stderr
    assert Path("results/tiny-sugarcrepe.json").is_file()
    assert Path("results/tiny-sugarcrepe.items.jsonl").is_file()


def test_without_full_there_is_one_summary(ahnpl, model):
    result = ahnpl("sugarcrepe", *model)
    assert result.stdout.startswith("Summary: tiny")
    for words in ("macro_7", "95 % interval", "chance", "cover %", "100.0"):
        assert words in result.stdout
    assert "swap_att" not in result.stdout


def test_drawn_scenes_are_never_beside_published_numbers(ahnpl, model):
    Path("data/scenes.json").write_text("{}")
    result = ahnpl("sugarcrepe", *model, "--published")
    assert result.exit_code == 0, result.output
    assert "AHNPL" not in result.stdout
    said = [line for line in result.stderr.splitlines() if "published numbers" in line]
    assert said == [
        "sugarcrepe: no published numbers beside drawn scenes, which are other items than the "
        "published ones"
    ]
    assert json.loads(Path("results/tiny-sugarcrepe.json").read_text())["published"] == []


def test_coverage_stands_beside_every_figure_when_images_are_missing(ahnpl, model):
    Path("data/val2017/1.jpg").unlink()
    refused = ahnpl("sugarcrepe", *model)
    assert refused.exit_code == 5
    *_, error = refused.stderr.splitlines()
    assert error.startswith("Error: sugarcrepe: 1 image missing: 1.jpg")
    result = ahnpl("sugarcrepe", *model, "--allow-missing")
    assert result.exit_code == 0
    assert "cover %" in result.stdout and "50.0" in result.stdout


@pytest.mark.parametrize(
    ("format", "start"),
    [
        ("markdown", "**Summary: tiny**"),
        ("latex", "% Summary: tiny"),
        ("csv", "model,suite,"),
    ],
)
def test_tables_come_in_other_formats(ahnpl, model, format, start):
    result = ahnpl("sugarcrepe", *model, "--format", format, "-q")
    assert result.exit_code == 0
    assert result.stdout.startswith(start)


def test_a_dry_run_says_what_is_cached_and_writes_nothing(ahnpl, model):
    first = ahnpl("sugarcrepe", *model, "--dry-run", "--json")
    assert first.exit_code == 0, first.output
    plan = json.loads(first.stdout)
    # Two photos, and two captions of each of seven files.
    assert (plan["images"], plan["texts"]) == (2, 28)
    (planned,) = plan["models"]
    assert (planned["cached_images"], planned["cached_texts"]) == (0, 0)
    assert planned["seconds"] > 0
    assert not Path("results").exists() and not Path("cache").exists()

    assert ahnpl("sugarcrepe", *model).exit_code == 0
    (planned,) = json.loads(ahnpl("sugarcrepe", *model, "--dry-run", "--json").stdout)["models"]
    assert (planned["cached_images"], planned["cached_texts"]) == (2, 28)
    assert planned["seconds"] < 0.01
    shown = ahnpl("sugarcrepe", *model, "--dry-run").stdout
    assert "To encode" in shown and "nothing was written" in shown


def test_csv_is_one_row_a_number(ahnpl, model):
    result = ahnpl("sugarcrepe", *model, "--format", "csv", "-q")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    kinds = [row["kind"] for row in rows]
    assert kinds.count("subset") == 7 and "average" in kinds
    written = json.loads(Path("results/tiny-sugarcrepe.json").read_text())
    percent = {row["name"]: row["percent"] for row in rows}
    suite = written["models"][0]["suites"]["sugarcrepe"]
    assert float(percent["macro_7"]) == suite["headline_value"]


def test_json_is_the_report(ahnpl, model):
    result = ahnpl("sugarcrepe", *model, "--json", "-q")
    assert json.loads(result.stdout) == json.loads(Path("results/tiny-sugarcrepe.json").read_text())


def test_two_models_stand_side_by_side_with_their_difference(ahnpl, model, make_tiny, tmp_path):
    other = tmp_path / "other"
    save_checkpoint(other, make_tiny(1), extra={})
    result = ahnpl(
        "sugarcrepe", *model, "--checkpoint", str(other), "--published", "--blind", "--full"
    )
    assert result.exit_code == 0, result.output
    for words in ("difference", "tiny", "other", "Summary", "beside published numbers", "unigram"):
        assert words in result.stdout
    assert "AHNPL paper, Tab. 2" in result.stdout


def test_saved_results_are_compared(ahnpl, compare, model, make_tiny, tmp_path):
    other = tmp_path / "other"
    save_checkpoint(other, make_tiny(1), extra={})
    assert ahnpl("sugarcrepe", *model, "-o", "a.json").exit_code == 0
    result = ahnpl("sugarcrepe", "--checkpoint", str(other), "-o", "b.json", "--workers", "0")
    assert result.exit_code == 0
    result = compare("a.json", "b.json")
    assert result.exit_code == 0
    assert "other against tiny, 14 items" in result.stdout
    assert "McNemar p" in result.stdout
    written = compare("a.json", "b.json", "-o", "c.json")
    assert written.exit_code == 0 and json.loads(Path("c.json").read_text())[0]["items"] == 14
    again = compare("a.json", "b.json", "-o", "c.json")
    assert again.stderr == (
        "Error: c.json: exists. Choose another --output, or overwrite it with --force.\n"
    )
    over = compare("a.json", "b.json", "-o", "b.json", "--force")
    assert over.stderr == (
        "Error: b.json: is read, and would be overwritten. Choose another --output.\n"
    )
    wrong = compare("a.json")
    assert wrong.exit_code == 2
    assert "one report has nothing to be compared with" in wrong.stderr


def test_the_list_says_what_is_here_what_is_missing_and_where_to_get_it(ahnpl):
    Path("data/val2017/1.jpg").unlink()
    result = ahnpl("--list")
    assert result.exit_code == 0
    for words in ("winoground", "not here", "1 of 2 images", "github.com/RAIVNLab/sugar-crepe"):
        assert words in result.stdout
    assert result.stderr == "Next: ahnpl eval --list SUITE shows a line that downloads it.\n"
    one = ahnpl("--list", "cola")
    assert "57 kB" in one.stdout
    assert one.stderr.startswith("curl -L --create-dirs -o data/cola/COLA_") and (
        one.stderr.count("\n") == 1
    )
    listed = json.loads(ahnpl("--list", "--json").stdout)
    assert [one["name"] for one in listed] == list(BENCHMARKS)
    sugarcrepe = listed[0]
    assert len(sugarcrepe["found"]) == 7
    assert all(one["license"] and one["source"] and one["measures"] for one in listed)


def test_a_suite_that_is_not_here_says_where_to_get_it(ahnpl, model):
    result = ahnpl("winoground", *model)
    assert result.exit_code == 5
    assert result.stderr == (
        "Error: data: winoground not found: looked for examples.jsonl + images/ex_0_img_0.png "
        "..., or winoground/data/test-*.parquet. Get it from "
        "huggingface.co/datasets/facebook/winoground (gated): examples.jsonl + images.zip, or the "
        "parquet; tags: github.com/ajd12342/why-winoground-hard, or point --data elsewhere. In "
        "one line: ahnpl eval --list winoground\n"
    )


def test_no_suite_is_a_question_not_a_run(ahnpl):
    result = ahnpl()
    assert result.exit_code == 2
    assert result.stderr == "Error: no suite named. See them with: ahnpl eval --list.\n"


def test_data_that_is_no_folder_is_refused(ahnpl, model):
    result = ahnpl("sugarcrepe", *model, "--data", "nowhere")
    assert result.exit_code == 5
    assert result.stderr == "Error: nowhere: no such folder. Give --data a folder.\n"


def test_the_environment_says_where_data_lies(ahnpl, model, monkeypatch):
    Path("data").rename("elsewhere")
    monkeypatch.setenv("AHNPL_DATA", "elsewhere")
    assert ahnpl("sugarcrepe", *model).exit_code == 0
