"""Retrieval against a plain sort of all similarities."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from layouts import accuracy, dump, write_flickr, write_karpathy

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks import retrieval
from ahnpl_cli.evaluation.benchmarks.captioned_images import read


def plain_recalls(root, file, oracle) -> dict[str, float]:
    """R@k by sorting all candidates; the fixture has equal captions, which are one candidate."""
    records = json.loads((root / file).read_text())
    images = [oracle.image(root / record["image"]) for record in records]
    made = {}
    for k in (1, 5, 10):
        hits = []
        for image, record in zip(images, records, strict=True):
            texts = [text for r in records for text in r["caption"]]
            ranked = sorted(texts, key=lambda t: -oracle.score(image, t))
            hits.append(any(text in record["caption"] for text in ranked[:k]))
        made[f"I2T R@{k}"] = 100 * np.mean(hits)
        hits = []
        for i, record in enumerate(records):
            for text in record["caption"]:
                ranked = sorted(range(len(images)), key=lambda j: -oracle.score(images[j], text))
                hits.append(i in ranked[:k])
        made[f"T2I R@{k}"] = 100 * np.mean(hits)
    return made


@pytest.mark.parametrize(
    ("write", "file", "name"),
    [
        (write_karpathy, "coco_karpathy_test.json", "COCO"),
        (write_flickr, "flickr30k_test.json", "Flickr30k"),
    ],
)
def test_recalls_equal_those_of_a_plain_sort(tmp_path, run, oracle, write, file, name):
    root = write(tmp_path / "d", images=4)
    report = run("retrieval", root)
    for row, value in plain_recalls(root, file, oracle).items():
        assert accuracy(report, "retrieval", f"{name} {row}") == pytest.approx(value)
    means = [accuracy(report, "retrieval", f"{name} {way} R@1") for way in ("I2T", "T2I")]
    assert report.models[0].suites["retrieval"].headline == f"{name.lower()}_mean_r1"
    assert report.models[0].suites["retrieval"].headline_value == pytest.approx(np.mean(means))


def test_three_layouts_of_the_same_captions_are_read_alike(tmp_path):
    blip = [{"image": "val2014/a.jpg", "caption": ["one, two", "three"]}]
    karpathy = {
        "images": [
            {
                "filename": "a.jpg",
                "split": "test",
                "sentences": [{"raw": "one, two"}, {"raw": "three"}],
            },
            {"filename": "b.jpg", "split": "train", "sentences": [{"raw": "no"}]},
        ]
    }
    coco = {
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 7, "caption": "one, two"},
            {"image_id": 7, "caption": "three"},
        ],
    }
    found = []
    for name, tree in (("blip", blip), ("karpathy", karpathy), ("coco", coco)):
        dump(tmp_path / f"{name}.json", tree)
        found.append([one.captions for one in read(tmp_path / f"{name}.json").images])
    text = tmp_path / "flickr30k_test_karpathy.txt"
    text.write_text("image,caption\na.jpg,one, two\na.jpg,three\n")
    found.append([one.captions for one in read(text).images])
    assert found == [[("one, two", "three")]] * 4


def test_a_tie_counts_against_the_right_answer_and_is_reported():
    images = np.eye(2, dtype=np.float32)
    texts = np.array([[1, 0], [1, 0]], dtype=np.float32)  # two captions with one feature
    found = retrieval.ranks(images[:1], texts, np.ones(2, dtype=np.int64), [[0]])
    assert found.strict.tolist() == [1]
    assert found.lenient.tolist() == [0]


def test_ranking_in_blocks_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    queries, candidates = (rng.normal(size=(n, 8)).astype(np.float32) for n in (9, 30))
    right = [[i, i + 9] for i in range(9)]
    ones = np.ones(30, dtype=np.int64)
    whole = retrieval.ranks(queries, candidates, ones, right)
    monkeypatch.setattr(retrieval, "BLOCK", 2)
    parts = retrieval.ranks(queries, candidates, ones, right)
    assert whole.strict.tolist() == parts.strict.tolist()


def test_ranking_never_holds_the_whole_matrix():
    rng = np.random.default_rng(0)
    queries, candidates = (rng.normal(size=(n, 4)).astype(np.float32) for n in (2000, 4000))
    ones = np.ones(4000, dtype=np.int64)
    tracemalloc.start()
    retrieval.ranks(queries, candidates, ones, [[i] for i in range(2000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * 4000 * 4 / 3  # at 5,000 x 25,010 blocks of 256 hold 26 MB of 500


class Known:
    """Features given by hand: images and texts by name."""

    def __init__(self, **rows: list[float]) -> None:
        self.rows = {name: np.array(row, dtype=np.float32) for name, row in rows.items()}

    def images(self, refs):
        return np.stack([self.rows[ref.path.stem] for ref in refs])

    def texts(self, texts):
        return np.stack([self.rows[text] for text in texts])


def test_a_wrong_caption_is_in_the_way_as_often_as_it_is_annotated():
    """Image a: its caption at .6, `both` at .8, annotated three times: rank 3, so not in R@1."""
    features = Known(a=[1, 0], b=[0, 1], own=[0.6, -0.8], both=[0.8, 0.6])
    task = retrieval.RetrievalTask(
        data={
            "COCO": [
                (ImageRef(Path("a.jpg")), ("own",)),
                (ImageRef(Path("b.jpg")), ("both", "both", "both")),
            ]
        },
        absent=frozenset(),
    )
    first, second, *captions = task.score(features).verdicts
    assert first.scores == (pytest.approx(0.6), 3.0)
    assert first.correct == {"COCO I2T R@1": False, "COCO I2T R@5": True, "COCO I2T R@10": True}
    assert second.scores == (pytest.approx(0.6), 0.0)
    assert [v.correct["COCO T2I R@1"] for v in captions] == [True, False, False, False]
