"""Are embeddings valid? Made by `ahnpl embed` with a tiny model, then damaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from ahnpl_cli.config import EmbedConfig
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.embedding.run import embed
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.inspection.embeddings import EmbeddingsDetails, inspect_embeddings
from ahnpl_cli.inspection.report import FileReport
from ahnpl_cli.records import CaptionRecord, Negative
from ahnpl_cli.reporting.edits import word_edits


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    root = tmp_path_factory.mktemp("embeddings")
    records = []
    for index, color in enumerate(["red", "green", "blue"]):
        Image.new("RGB", (32, 32), color).save(root / f"{color}.png")
        caption, other = f"a {color} dog", f"a pink dog {index}"
        negative = Negative("attribute", other, word_edits(caption, other), "hand")
        records.append(CaptionRecord(color, f"{color}.png", caption, (negative,)))
    write_records(root / "n.jsonl", records)
    config = EmbedConfig(
        output=str(root / "e"),
        checkpoint=str(tiny_model_folder),
        rows_per_shard=2,
        device="cpu",
        workers=0,
        perturb=True,
    )
    embed([root / "n.jsonl"], config)
    return root / "e"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(made, tmp_path / "e"))


def features(folder: Path) -> np.ndarray:
    shards = sorted(folder.glob("text-*.safetensors"))
    return np.concatenate([load_file(path)["text_features"] for path in shards])


def damage(folder: Path, value: float) -> None:
    path = folder / "text-00000.safetensors"
    arrays = load_file(path)
    arrays["text_features"][0] *= value
    save_file(arrays, path)


def problems(report: FileReport) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == "problem"]


def details_of(report: FileReport) -> EmbeddingsDetails:
    assert isinstance(report.details, EmbeddingsDetails)
    return report.details


def test_fresh_embeddings_are_sound(made: Path) -> None:
    report = inspect_embeddings(made)
    assert report.valid
    assert report.facts["records"] == 3
    shapes = {t.name: (t.shards, t.rows, t.listed) for t in details_of(report).tensors}
    assert shapes == {
        "image_features": (2, 3, 3),
        "text_features": (2, 3, 3),
        "negative_features": (2, 3, 3),
        "image_negative_features": (2, 3, None),
    }


def test_the_mean_cosine_is_that_of_a_plain_loop(made: Path) -> None:
    rows = features(made)
    pairs = [float(a @ b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    tensor = next(t for t in details_of(inspect_embeddings(made)).tensors if "text" in t.name)
    assert tensor.mean_similarity == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_the_mean_of_pairs_is_that_of_a_plain_loop(made: Path) -> None:
    images = np.concatenate(
        [load_file(p)["image_features"] for p in sorted(made.glob("image-*.safetensors"))]
    )
    index = json.loads((made / "index.json").read_text())
    image_at = {name: i for i, (name, _) in enumerate(index["images"])}
    text_at = {text: i for i, (text, _) in enumerate(index["texts"])}
    texts = features(made)
    expected = [
        float(images[image_at[f"{c}.png"]] @ texts[text_at[f"a {c} dog"]])
        for c in ("red", "green", "blue")
    ]
    found = details_of(inspect_embeddings(made)).positive
    assert found == pytest.approx(sum(expected) / 3, abs=1e-6)


def test_rows_that_are_not_numbers_are_a_problem(folder: Path) -> None:
    damage(folder, float("nan"))
    assert problems(inspect_embeddings(folder)) == ["text_features: 1 rows hold NaN or infinity"]


def test_rows_of_another_length_are_a_problem(folder: Path) -> None:
    damage(folder, 2.0)
    (problem,) = problems(inspect_embeddings(folder))
    assert problem.startswith("text_features: not L2-normalized, lengths 1.0000 to 2.0000")


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "text-00001.safetensors").unlink()
    assert problems(inspect_embeddings(folder))[:2] == [
        "text-00001.safetensors is missing",
        "text_features: 2 rows, and index.json names 3",
    ]


@pytest.mark.parametrize("query", ["red", "red.png"])
def test_neighbors_leave_out_what_was_asked_for(made: Path, query: str) -> None:
    near = details_of(inspect_embeddings(made, query=query)).neighbors
    images = [n.item for n in near if n.name == "image_features"]
    assert sorted(images) == ["blue.png", "green.png"]
    assert len([n for n in near if n.name == "text_features"]) == 3
    for name in ("image_features", "text_features"):
        values = [n.similarity for n in near if n.name == name]
        assert values == sorted(values, reverse=True)


def test_an_unknown_name_is_an_error(made: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        inspect_embeddings(made, query="pink")
    assert str(caught.value) == (
        f"--neighbors 'pink' is not in {made}. Name a record's id, an image's path, or a text, "
        "as index.json has it."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", 3),
        ("images", [["a.png"]]),
        ("texts", {"a": 1}),
        ("records", "r0"),
        ("files", [3]),
        ("model", []),
        ("job", "x"),
    ],
)
def test_an_index_of_anything_is_one_error(folder: Path, name: str, value: object) -> None:
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, name: value}))
    with pytest.raises(DataError, match=f"index.json: {name}: not a"):
        inspect_embeddings(folder, query="red")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("text_row", lambda rows: rows - 9),
        ("text_row", lambda rows: rows[:1]),
        ("image_row", lambda rows: rows + 99),
        ("image_row", lambda rows: rows.astype(np.float32)),
        ("negative_row", lambda rows: rows.reshape(1, -1)),
        ("negative_offsets", lambda offsets: offsets[::-1]),
        ("negative_offsets", lambda offsets: offsets[:1]),
    ],
)
def test_records_that_point_to_nothing_are_a_problem(
    folder: Path, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    path = folder / "records-00000.safetensors"
    tensors = load_file(path)
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    save_file(tensors, path)
    report = inspect_embeddings(folder)
    assert any("point to nothing" in f.text for f in report.findings if f.level == "problem")


def test_a_shard_without_its_tensor_or_of_another_width_is_named(folder: Path) -> None:
    path = folder / "text-00001.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "text_features": tensors["text_features"][:, :5].copy()}, path)
    with pytest.raises(DataError, match="5 columns, unlike the 32"):
        inspect_embeddings(folder)
    save_file({"keys": tensors["keys"]}, path)
    with pytest.raises(DataError, match="not the tensors that belong here"):
        inspect_embeddings(folder)
