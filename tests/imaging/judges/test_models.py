"""Judges with a model: a CLIP's margin and BLIP's matching head, by the loaders of the toolkit."""

import pytest
import torch
from photos import BLUE, RED, draw_photo, job_of

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.matching import load_matcher, match
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.judges import Painted
from ahnpl_cli.imaging.judges.blip import BlipMatching
from ahnpl_cli.imaging.judges.clip import ClipMargin

BOX = (20, 30, 110, 90)


@pytest.fixture
def painted(record_of):
    old = draw_photo([(BOX, RED)])
    pictures = [draw_photo([(BOX, BLUE)]), draw_photo([(BOX, (40, 160, 60))]), draw_photo([])]
    canvas = Canvas(job_of(record_of(1)), old)
    return [Painted(canvas, picture, None) for picture in pictures]


def captions(painted):
    job = painted[0].canvas.job
    return job.negative.caption, job.record.caption


def test_a_clip_keeps_what_prefers_the_new_caption(painted, tiny_model_folder, tmp_path):
    judge = ClipMargin(Settings(tmp_path, judge_model=str(tiny_model_folder), batch_size=2))
    judgments = judge.judge(painted)
    backbone = load_backbone(checkpoint=tiny_model_folder, device="cpu")
    new, old = backbone.encode_text(backbone.tokenize(captions(painted)))
    for each, judgment in zip(painted, judgments, strict=True):
        image = backbone.encode_image(backbone.preprocess(each.picture)[None])[0]
        margin = (image @ new - image @ old).item()
        assert judgment.scores["clip margin"] == pytest.approx(margin, abs=1e-4)
        assert judgment.reason == (None if margin > 0 else "old caption fits")
    assert judge.info.model == "tiny"


def test_the_margin_is_the_users(painted, tiny_model_folder, tmp_path):
    strict = ClipMargin(Settings(tmp_path, judge_model=str(tiny_model_folder), margin=2.0))
    lenient = ClipMargin(Settings(tmp_path, judge_model=str(tiny_model_folder), margin=-2.0))
    assert {judgment.reason for judgment in strict.judge(painted)} == {"old caption fits"}
    assert {judgment.reason for judgment in lenient.judge(painted)} == {None}


def test_blip_wants_a_match_that_beats_the_old_caption(painted, transformers_folder, tmp_path):
    folder = str(transformers_folder("blip"))
    judgments = BlipMatching(Settings(tmp_path, blip_model=folder)).judge(painted)
    matcher = load_matcher(f"itm:{folder}")
    new, old = captions(painted)
    for each, judgment in zip(painted, judgments, strict=True):
        fit, other = match(matcher, [each.picture] * 2, [new, old]).tolist()
        assert judgment.scores["blip"] == pytest.approx(fit, abs=1e-3)
        assert judgment.scores["blip margin"] == pytest.approx(fit - other, abs=1e-3)
        expected = None if fit > other else "old caption fits"
        assert judgment.reason == ("does not fit" if fit <= 0 else expected)


def test_a_head_that_always_sees_a_match_leaves_it_to_the_margin(
    painted, transformers_folder, tmp_path
):
    judge = BlipMatching(Settings(tmp_path, blip_model=str(transformers_folder("blip"))))
    with torch.no_grad():
        judge.matcher.module.itm_head.bias[1] += 100.0
    judgments = judge.judge(painted)
    assert {judgment.reason for judgment in judgments} <= {None, "old caption fits"}
    for judgment in judgments:
        assert (judgment.reason is None) == (judgment.scores["blip margin"] > 0)


def test_without_a_model_they_say_what_to_name(tmp_path):
    with pytest.raises(ConfigError, match="Name one with --judge-model"):
        ClipMargin(Settings(tmp_path))
    with pytest.raises(ConfigError, match="Name one with --blip-model"):
        BlipMatching(Settings(tmp_path))
