"""GNM's test set against its script: argmax over rows and columns of each group."""

import json
import zipfile
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from layouts import accuracy, draw, sentence

SIZES = (2, 3, 4, 3, 1)


def write_gnm(root):
    lines = []
    for g, size in enumerate(SIZES):
        record = {"num_sample": size}
        for i in range(size):
            draw(root / "gnm" / "test" / f"{g}_{i}.png", (g, i))
            record[f"caption_{i}"] = sentence((g, i))
            record[f"image_{i}"] = {"path": f"/elsewhere/{g}_{i}.png"}
        lines.append(json.dumps(record))
    (root / "gnm" / "test.jsonl").write_text("\n".join(lines))
    return root


def script_scores(root, oracle) -> dict[str, float]:
    found = {name: [] for name in ("text_1", "image_1", "group_1")}
    found |= {name: [] for name in ("text_all", "image_all", "group_all")}
    for g, size in enumerate(SIZES):
        if size < 2:
            continue
        images = [oracle.image(root / "gnm" / "test" / f"{g}_{i}.png") for i in range(size)]
        s = np.array([[oracle.score(im, sentence((g, t))) for t in range(size)] for im in images])
        text, image = s.argmax(1) == np.arange(size), s.argmax(0) == np.arange(size)
        for name, values in (("text", text), ("image", image), ("group", text & image)):
            found[f"{name}_1"] += values.tolist()
            found[f"{name}_all"].append(bool(values.all()))
    return {name: 100 * mean(values) for name, values in found.items()}


def test_scores_of_pairs_and_groups_equal_those_of_the_script(tmp_path, run, oracle):
    root = write_gnm(tmp_path / "d")
    report = run("gnm", root)
    for name, value in script_scores(root, oracle).items():
        assert accuracy(report, "gnm", name) == pytest.approx(value)
    sizes = {row.name: row.n for row in report.models[0].suites["gnm"].subsets}
    assert (sizes["group_1"], sizes["group_all"]) == (12, 4)
    assert "1 group of one pair left out: it cannot be wrong" in report.suites["gnm"].notes


def test_among_equal_scores_the_first_wins_for_the_script_and_none_for_us(tmp_path, run):
    root = write_gnm(tmp_path / "d")
    path = root / "gnm" / "test.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    same = [{k: "a dog" if k[:7] == "caption" else v for k, v in r.items()} for r in lines]
    path.write_text("\n".join(map(json.dumps, same)))
    strict, official = (
        run("gnm", root, tie=tie, force=True).models[0].suites["gnm"].subsets
        for tie in ("strict", "official")
    )
    right = [
        {row.name: round(row.accuracy * row.n / 100) for row in rows} for rows in (strict, official)
    ]
    assert (right[0]["text_1"], right[1]["text_1"]) == (0, 4)  # the first pair of each group
    ties = {row.name: row.ties for row in strict}
    assert ties["text_1"] == 12 and ties["text_all"] == 4


def test_every_pair_keeps_the_scores_of_its_own_image(tmp_path, run):
    run("gnm", write_gnm(tmp_path / "d"))
    lines = map(json.loads, (tmp_path / "out" / "results.items.jsonl").read_text().splitlines())
    scores = {line["id"]: line["scores"] for line in lines}
    for group, size in enumerate(SIZES[:-1]):
        rows = [scores[f"{group}.{i}"] for i in range(size)]
        assert scores[str(group)] == [score for row in rows for score in row]


def test_images_are_read_out_of_the_zip_as_it_was_downloaded(tmp_path, run):
    root = write_gnm(tmp_path / "d")
    plain = run("gnm", root)
    with zipfile.ZipFile(root / "gnm" / "test.zip", "w") as packed:
        for path in sorted((root / "gnm" / "test").iterdir()):
            packed.write(path, f"test/{path.name}")
            path.unlink()
    assert run("gnm", root, force=True).models[0].suites == plain.models[0].suites


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_the_split_as_datasets_saves_it_gives_what_the_jsonl_gives(tmp_path, run, form):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    plain = run("gnm", write_gnm(tmp_path / "d"))
    rows = []
    for line in (tmp_path / "d" / "gnm" / "test.jsonl").read_text().splitlines():
        record = json.loads(line)
        made = {"num_sample": record["num_sample"]}
        for i in range(4):
            name = Path(record.get(f"image_{i}", {}).get("path", "")).name
            image = tmp_path / "d" / "gnm" / "test" / name
            made[f"caption_{i}"] = record.get(f"caption_{i}")
            made[f"image_{i}"] = {"bytes": image.read_bytes(), "path": name} if name else None
        rows.append(made)
    table, folder = pa.Table.from_pylist(rows), tmp_path / "saved" / "gnm" / "test"
    folder.mkdir(parents=True)
    if form == "parquet":
        pa.parquet.write_table(table, folder / "0000.parquet")
    else:
        with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as file:
            file.write_table(table)
    saved = run("gnm", tmp_path / "saved", force=True)
    assert saved.models[0].suites == plain.models[0].suites
