"""Concepts of a language model: what it is asked, what is taken, and what is painted."""

import json
import logging
from dataclasses import replace

import pytest
from server import serving

from ahnpl_cli.config import ConceptsConfig, ImagesConfig, PaintConfig, PartsConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.concepts import Conceiver, Concept, read_answer, to_negative, write_prompt
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.language_models import load_language_model
from ahnpl_cli.records import CaptionRecord, PartInfo, apply_edits

CAPTION = "a bird is standing on a rock"


def entry(object_, keyword, description="something"):
    return {"object": object_, "keyword": keyword, "description": description}


def test_the_prompt_has_the_caption_last_and_the_numbers():
    prompt = write_prompt(CAPTION, objects=3, variations=4)
    assert prompt.rstrip().endswith(f"Caption: {CAPTION}")
    assert "up to 3 things" in prompt and "give 4 different things" in prompt
    assert "at most three words" in prompt


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("I cannot do that.", "no JSON list"),
        ("[{]", "no JSON list"),
        ("[" * 5000, "no JSON list"),
        ('["bird"]', "field missing"),
        ('[{"object": "bird", "keyword": "crow"}]', "field missing"),
        (json.dumps([entry("bird", "")]), "field missing"),
        (json.dumps([entry("bird", "a very big eagle")]), "too many words"),
        (json.dumps([entry("bird", "crow", "x " * 31)]), "too many words"),
        (json.dumps([entry("cat", "dog")]), "not in the caption"),
        (json.dumps([entry("bir", "crow")]), "not in the caption"),
        (json.dumps([entry("bird", "Rock")]), "nothing new"),
    ],
)
def test_malformed_answers_are_rejected_by_reason(answer, reason):
    concepts, rejected = read_answer(answer, CAPTION)
    assert concepts == [] and dict(rejected) == {reason: 1}


def test_text_around_the_list_is_passed_over():
    entries = [entry("bird", "bald eagle"), entry("rock", "stump"), entry("bird", "bald eagle")]
    answer = f"Sure!\n```json\n{json.dumps(entries)}\n```\nAnything else?"
    concepts, rejected = read_answer(answer, CAPTION)
    assert [concept.keyword for concept in concepts] == ["bald eagle", "stump"]
    assert dict(rejected) == {"nothing new": 1}


def test_a_negative_repairs_the_article():
    negative = to_negative(Concept("bird", "owl", "a snowy owl"), CAPTION, "m")
    assert negative.caption == "an owl is standing on a rock"
    assert apply_edits(CAPTION, negative.edits) == negative.caption
    assert (negative.kind, negative.filler) == ("object", "llm:m")


def test_no_more_things_and_variations_than_asked_for():
    entries = [entry("bird", name) for name in ("crow", "owl", "duck")]
    entries += [entry("rock", "stump"), entry("standing", "sitting")]
    record = CaptionRecord("1", "x.jpg", CAPTION)
    with serving(lambda prompt: json.dumps(entries)) as served:
        model = load_language_model(name="m", url=served.url, key_variable="NONE")
        conceiver = Conceiver(model, objects=2, variations=2, seed=0)
        (extended,), (told,), _ = conceiver.extend([record])
        assert conceiver.extend([record])[0] == [extended]
    changed = {negative.edits[-1].old for negative in extended.negatives}
    assert len(changed) == 2
    assert all(len([n for n in extended.negatives if n.edits[-1].old == c]) <= 2 for c in changed)
    assert set(told) == set(range(len(extended.negatives)))


def _answer(prompt):
    """What a good model might say of the photos' captions."""
    caption = prompt.rstrip().rpartition("Caption: ")[2]
    others = {"car": "van", "dog": "fox", "cat": "hen", "a": "x"}
    entries = [
        entry(noun, other, f"a friendly {other} in the sun")
        for noun, other in others.items()
        if noun in caption.split()
    ]
    return json.dumps([*entries, entry("unicorn", "horse")])


@pytest.fixture
def config(photos, tmp_path, monkeypatch, pipeline):
    pytest.importorskip("pycocotools", reason="pip install '.[images]'")
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    parts = PartsConfig(
        annotations=(str(photos / "instances.json"),),
        painter=("inpaint",),
        painter_model=str(pipeline),
    )
    paint = PaintConfig(steps=1, side=32, min_change=0)
    return ImagesConfig(parts=parts, paint=paint, image_root=str(photos))


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    pytest.importorskip("diffusers", reason="pip install '.[images]'")
    from tiny_models import save_pipeline

    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "inpaint", "inpaint")


def test_the_painter_is_told_the_description_and_the_caption_has_the_keyword(
    photos, config, tmp_path
):
    captions = [replace(r, negatives=()) for r in read_records(photos / "negatives.jsonl")]
    write_records(tmp_path / "captions.jsonl", captions)
    with serving(_answer) as served:
        config = replace(config, concepts=ConceptsConfig(llm_url=served.url, variations=1))
        report = generate(tmp_path / "captions.jsonl", tmp_path / "out", config)
        asked = len(served.requests)
    assert report.rejected["concept"] == {"not in the caption": len(captions)}
    assert report.language_models == (PartInfo("llm", "tiny-llm"),)
    negatives = {
        (record.id, negative.caption): negative
        for record in read_records(tmp_path / "out" / "images.jsonl")
        for negative in record.negatives
    }
    van = negatives["p1", "a red van on a street"]
    assert van.painter.prompt == "a friendly van in the sun" and van.filler == "llm:tiny-llm"
    assert (tmp_path / "out" / van.image).is_file()
    # All answers are on file: nobody is asked when the pictures are painted again.
    with serving(_answer) as served:
        again = replace(config.concepts, llm_url=served.url, llm="tiny-llm")
        forced = replace(config, concepts=again, force=True)
        assert generate(tmp_path / "captions.jsonl", tmp_path / "out", forced).painted == (
            report.painted
        )
        assert not served.requests and asked == len(captions) + 1


def test_a_dry_run_shows_the_prompt_and_asks_nobody(photos, config, tmp_path, caplog):
    with serving(_answer) as served, caplog.at_level(logging.INFO, logger="ahnpl_cli"):
        wanted = replace(config, concepts=ConceptsConfig(llm_url=served.url), dry_run=True)
        generate(photos / "negatives.jsonl", tmp_path / "out", wanted)
        assert not served.requests
    assert "Caption: a red car on a street" in caplog.text
    assert not (tmp_path / "out").exists()


def test_a_new_caption_is_edited_and_painted_beside_peoples_own(
    photos, config, tmp_path, transformers_folder
):
    concepts = ConceptsConfig(recaption=str(transformers_folder("blip-captions")), variations=1)

    def answer(prompt):
        # Whatever the random captioner says, its first word is changed.
        caption = prompt.rstrip().rpartition("Caption: ")[2]
        return json.dumps([entry(caption.split()[0], "zebra", "a zebra")])

    with serving(answer) as served:
        wanted = replace(config, concepts=replace(concepts, llm_url=served.url), limit=2)
        wanted = replace(wanted, parts=replace(wanted.parts, painter=("recolor",)))
        report = generate(photos / "negatives.jsonl", tmp_path / "out", wanted)
    records = list(read_records(tmp_path / "out" / "images.jsonl"))
    new = [record for record in records if record.id.endswith("-recaption")]
    assert report.captions == 2 and new
    assert [info.name for info in report.language_models] == ["recaption", "llm"]
    for record in new:
        assert record.image.startswith("images/") and record.caption
        assert record.negatives[0].caption.startswith("zebra")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"llm_key": "sk-secret"}, "--llm-key is not the name of an environment variable"),
        ({"llm_url": "http://me:secret@host/v1"}, "--llm-url has a name or password in it"),
    ],
)
def test_secrets_are_refused_and_not_shown(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        ImagesConfig(concepts=ConceptsConfig(**options))
    assert "secret" not in str(error.value)


def test_new_captions_need_a_model_that_edits_them():
    with pytest.raises(ConfigError, match="Name a language model that makes them with --llm"):
        ImagesConfig(concepts=ConceptsConfig(recaption="folder"))
