"""A model of one's own, evaluated without the command line, and results as a DataFrame."""

from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import write_karpathy, write_sugarcrepe

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import DataError, ModelError
from ahnpl_cli.evaluation.run import evaluate
from ahnpl_cli.evaluation.saved_results import read_results


class Mine:
    """The tiny model behind two plain functions, as somebody else's library would give it."""

    def __init__(self, backbone) -> None:
        self.backbone = backbone

    @torch.no_grad()
    def encode_image(self, images):
        pixels = torch.stack([self.backbone.preprocess(image) for image in images])
        return 3 * self.backbone.encode_image(pixels)  # not of unit length

    @torch.no_grad()
    def encode_text(self, texts):
        return self.backbone.encode_text(self.backbone.tokenize(texts)).numpy()


def config(tmp_path: Path, data: Path) -> EvalConfig:
    return EvalConfig(data=str(data), output=str(tmp_path / "own.json"), bootstrap=100)


def test_a_model_of_ones_own_gets_the_numbers_of_the_same_model(tmp_path, run, tiny_backbone):
    root = write_karpathy(write_sugarcrepe(tmp_path / "d"))
    known = run("sugarcrepe retrieval", root)
    own = evaluate(
        ["sugarcrepe", "retrieval"],
        config(tmp_path, root),
        models={"mine": Mine(tiny_backbone)},
    )
    assert own.models[0].name == "mine"
    for suite, report in known.models[0].suites.items():
        assert own.models[0].suites[suite].subsets == report.subsets


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones((1, 4)), r"encode_image returned shape \(1, 4\), not 3 rows"),
        (np.full((3, 4), np.nan), "encode_image returned features that are not numbers, or zero"),
    ],
)
def test_features_that_cannot_be_scored_are_refused(tmp_path, features, message):
    class Broken:
        def encode_image(self, images):
            return features

        def encode_text(self, texts):
            return np.ones((len(texts), 4))

    with pytest.raises(ModelError, match=message):
        evaluate(
            ["sugarcrepe"],
            config(tmp_path, write_sugarcrepe(tmp_path / "d")),
            models={"broken": Broken()},
        )


def test_results_are_a_table_of_every_number(tmp_path, run):
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"))
    path = tmp_path / "out" / "results.json"
    frame = read_results(path, path)
    suite = report.models[0].suites["sugarcrepe"]
    assert len(frame) == 2 * (len(suite.subsets) + len(suite.details) + len(suite.averages))
    first = frame[(frame["kind"] == "average") & (frame["name"] == "macro_7")].iloc[0]
    assert first["percent"] == suite.headline_value
    assert (first["n"], first["coverage"]) == (35, 100.0)
    assert frame["model"].unique().tolist() == ["tiny"]
    assert frame["difference"].isna().all()
    assert frame[frame["kind"] == "subset"]["ties"].tolist() == [0] * 14


def test_a_file_that_is_no_report_is_no_table(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="not a report of `ahnpl eval`"):
        read_results(tmp_path / "x.json")
