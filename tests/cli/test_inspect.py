"""`ahnpl inspect` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.cli.app import app

NEGATIVE = {
    "id": "0",
    "image": "photo.png",
    "caption": "a dog on a bed",
    "negatives": [
        {
            "kind": "relation",
            "caption": "a bed on a dog",
            "edits": [
                {"start": 2, "end": 5, "old": "dog", "new": "bed"},
                {"start": 11, "end": 14, "old": "bed", "new": "dog"},
            ],
            "filler": "swap",
        }
    ],
}


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_tiny: Callable[..., OpenClipBackbone]
) -> Path:
    """A folder with a photo, negatives, and a run of two checkpoints."""
    monkeypatch.chdir(tmp_path)
    Image.radial_gradient("L").resize((40, 40)).save("photo.png")
    Path("n.jsonl").write_text(json.dumps(NEGATIVE) + "\n")
    save_checkpoint(Path("start"), make_tiny(0), extra={})
    run = Path("runs/mine")
    for seed, name in enumerate(("step-000005", "last")):
        save_checkpoint(run / name, make_tiny(seed + 1), extra={})
    (run / "start.json").write_text('{"checkpoint": "start"}')
    (run / "config.toml").write_text('data = ["n.jsonl"]\n')
    return tmp_path


def ahnpl(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["inspect", *arguments], env={"COLUMNS": "160"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_without_an_argument_the_newest_run_is_shown_on_its_own_data() -> None:
    code, out, err = ahnpl()
    assert code == 0
    assert "Models: runs/mine, from its start to its end." in err
    assert "Examples: training data of runs/mine" in out
    assert "a [-dog-]{+bed+} on a [-bed-]{+dog+}" in out
    assert "cosine distances (Table 5)" in out
    assert "Similarities S(I,T) and S(I,T_neg) (Table 4)" in out
    for name in ("start", "step 5", "last", "e_Ineg"):
        assert name in out


def test_a_run_whose_data_are_gone_shows_the_bundled_examples() -> None:
    Path("n.jsonl").unlink()
    code, out, err = ahnpl("--examples", "1")
    assert code == 0
    assert "The data of runs/mine are no longer there; showing the bundled examples." in err
    assert "Examples: bundled with ahnpl" in out


def test_an_image_is_shown_with_its_captions() -> None:
    code, out, _ = ahnpl("photo.png", "a dog", "a cat", "a cow", "--checkpoint", "start", "-q")
    assert code == 0
    assert "a [-dog-]{+cow+}" in out
    assert out.count("cosine distances") == 2


def test_json_holds_every_number() -> None:
    code, out, _ = ahnpl("photo.png", "a dog", "a cat", "--json", "-q")
    report = json.loads(out)
    assert code == 0
    assert report["models"] == ["start", "step-000005", "last"]
    (example,) = report["examples"]
    assert len(example["views"][0]["similarities"]) == 2
    assert [len(row) for row in example["views"][0]["distances"][0]] == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("format", "part"),
    [
        ("markdown", "a ~~dog~~**bed** on a ~~bed~~**dog**"),
        ("latex", r"\sout{dog}\textbf{bed}"),
        ("csv", "model,,e_I,e_T,e_Tneg,e_Ineg\nstart,e_I,0.0,"),
    ],
)
def test_tables_come_in_other_formats(format: str, part: str) -> None:
    code, out, _ = ahnpl("--format", format, "-q")
    assert code == 0
    assert part in out


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("n.jsonl", "n.jsonl: negatives"),
        ("runs/mine/last", "runs/mine/last: checkpoint"),
        ("start", "start: checkpoint"),
    ],
)
def test_a_sound_file_is_named_and_ends_with_0(target: str, what: str) -> None:
    code, out, _ = ahnpl(target, "-q")
    assert code == 0
    assert what in out
    assert f"{target} is valid" in out


def test_a_file_that_is_not_sound_ends_with_3() -> None:
    Path("n.jsonl").write_text((json.dumps(NEGATIVE) + "\n") * 2)
    code, out, err = ahnpl("n.jsonl", "-q")
    assert code == 3
    assert "✗ │ 1 record: duplicate id" in out
    assert err == (
        "Error: n.jsonl: not valid, 1 problem(s) found. The lines marked ✗ say what; make the file "
        "again or repair it.\n"
    )


def test_hardness_is_shown_when_a_model_is_named() -> None:
    code, out, _ = ahnpl("n.jsonl", "--checkpoint", "start", "-q")
    assert code == 0
    assert "Hardness under the model" in out


@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        (("--html",), "inspect.html"),
        (("photo.png", "a dog", "a cat", "--html-path", "mine.html"), "mine.html"),
        (("n.jsonl", "--html"), "n.html"),
        (("start", "--html"), "start.html"),
    ],
)
def test_a_page_is_written_where_it_is_said(arguments: tuple[str, ...], page: str) -> None:
    code, _, err = ahnpl(*arguments)
    assert code == 0
    assert f"Wrote {page}." in err
    assert Path(page).read_text().startswith("<!doctype html>")


def test_the_page_of_a_run_lies_in_it() -> None:
    code, _, err = ahnpl("runs/mine", "--html")
    # The run has no metrics, so it is not valid; its page is written all the same.
    assert code == 3
    assert "Wrote runs/mine/page.html." in err
    assert "Distances" in Path("runs/mine/page.html").read_text()


def test_a_page_shows_pictures_from_below_the_image_root_only(tmp_path: Path) -> None:
    private = tmp_path.parent / "private.png"
    Image.new("RGB", (40, 40), "red").save(private)
    records = []
    for number, image in enumerate((str(private), "../private.png", "x/../photo.png")):
        records.append({**NEGATIVE, "id": str(number), "image": image})
    Path("x").mkdir()
    Path("n.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code, _, err = ahnpl("runs/mine", "--examples", "3", "--html", "-q")
    html = Path("runs/mine/page.html").read_text()
    assert html.count("left out: not below the image root") == 2
    assert html.count("data:image/png") == 1


def test_a_page_of_somebody_else_is_not_replaced() -> None:
    Path("n.html").write_text("my own")
    code, _, err = ahnpl("n.jsonl", "--html")
    assert code == 2
    assert "n.html: exists, and was not written by `ahnpl`." in err
    assert Path("n.html").read_text() == "my own"
    assert ahnpl("n.jsonl", "--html", "--force")[0] == 0


def test_the_activation_of_a_bare_file_can_be_settled(tmp_path: Path) -> None:
    # The answer to "activation unknown" names this option, so the command has to have it.
    code, out, _ = ahnpl("n.jsonl", "--checkpoint", "start", "--no-force-quick-gelu", "-q")
    assert code == 0
