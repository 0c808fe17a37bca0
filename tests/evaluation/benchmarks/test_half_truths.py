"""Half-truths as published, and built of any captions.

The plain loop is `summarize` of `scripts/evaluate_half_truth.py` in kargibora/CS-CLIP: HT is
anchor > half-truth, COR is full truth > anchor > half-truth, ties wrong.
"""

import json

import pytest
from layouts import WORDS, accuracy, draw
from suite_layouts import write_half_truths

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.half_truths import build, content_words, cut

CAPTIONS = {
    "a.jpg": ["A man rides a wave on a surfboard.", "Someone in the sea."],
    "b.jpg": ["A black dog sleeps on a sofa", "The dog is asleep."],
    "c.jpg": ["Two people walk along a beach, with an umbrella.", "Two people and the sea."],
    "d.jpg": ["A cat looks at the camera with a hat", "A cat on a surfboard."],
    "e.jpg": ["Bananas.", "A bunch of bananas"],
}


def flat():
    rows = []
    for image, captions in CAPTIONS.items():
        rows += [(f"{image}-{k}", image, caption) for k, caption in enumerate(captions)]
    return rows


def percent(values):
    return 100 * sum(values) / len(values)


def test_both_shares_equal_those_of_the_authors_loop(tmp_path, run, oracle):
    pytest.importorskip("pyarrow")
    root = write_half_truths(tmp_path / "d")
    report = run("half-truths", root)
    shares = {"half_truth": [], "order": [], "full_over_half": []}
    kinds = []
    for source in ("coco_qwen", "coco_mistral"):
        of_source = {"half_truth": [], "order": []}
        lines = (root / "half-truths" / "coco_mistral.jsonl").read_text().splitlines()
        for i, line in enumerate(lines):
            row = json.loads(line)
            anchor = row["anchor"]
            if source == "coco_qwen":
                from layouts import sentence

                anchor = sentence((source, i), 3)
            image = oracle.image(root / "drawn" / f"{source}_{i}.jpg")
            short, full, half = (
                oracle.score(image, text)
                for text in (anchor, f"{anchor} on a table", f"{anchor} on a horse")
            )
            shares["half_truth"].append(short > half)
            shares["order"].append(full > short > half)
            shares["full_over_half"].append(full > half)
            of_source["half_truth"].append(short > half)
            kinds.append(row["triplet_type"])
        found = accuracy(report, "half-truths", f"half_truth / {source}")
        assert found == pytest.approx(percent(of_source["half_truth"]))
    for measure, values in shares.items():
        assert accuracy(report, "half-truths", measure) == pytest.approx(percent(values))
        entities = [ok for ok, kind in zip(values, kinds, strict=True) if kind == "entity"]
        found = accuracy(report, "half-truths", f"{measure} / entity")
        assert found == pytest.approx(percent(entities))
    # The mean over three sources keeps its name only where all three are here.
    headline = report.models[0].suites["half-truths"].headline
    assert headline == "macro_3_half_truth_partial"


@pytest.mark.parametrize(
    ("caption", "anchor", "detail"),
    [
        ("A man rides a wave on a surfboard.", "A man rides a wave", "on a surfboard"),
        ("Two people walk along a beach, with hats", "Two people walk along a beach", "with hats"),
        ("A cat on top of a car", None, None),
        ("A bunch of bananas", None, None),
        ("Something to look at", None, None),
    ],
)
def test_a_caption_is_cut_before_its_last_preposition(caption, anchor, detail):
    parts = cut(caption)
    if anchor is None:
        assert parts is None
    else:
        assert (parts.anchor, " ".join(parts.detail)) == (anchor, detail)


def test_a_built_half_truth_is_as_long_as_the_truth_and_says_what_no_caption_says():
    built = build(flat())
    assert built
    for key, image, (short, full, half) in built:
        assert full.startswith(short) and half.startswith(short) and full != half
        assert len(full.split()) == len(half.split())
        said = content_words(" ".join(CAPTIONS[image]).split())
        detail = half.removeprefix(short).split()
        assert not content_words(detail) & said, key
    # "on a surfboard" is said of d.jpg, so no half-truth of d.jpg may deny it by another's words.
    of_image = {image: texts for _, image, texts in built}
    assert "surfboard" not in of_image.get("d.jpg", ("", "", ""))[2]


def test_what_is_built_does_not_depend_on_the_order_of_the_captions():
    assert sorted(build(flat())) == sorted(build(flat()[::-1]))


def write_captions(root, n=12):
    """Write a COCO file of captions that all end in a place."""
    places = ("on a sofa", "on a beach", "on a horse", "on a plate")
    images = []
    annotations = []
    for i in range(n):
        draw(root / "val2017" / f"{i:012d}.jpg", ("half", i))
        images.append({"id": i, "file_name": f"{i:012d}.jpg"})
        caption = f"a {WORDS[i % 5]} animal of the {WORDS[i]} zoo {places[i % 4]}"
        annotations.append({"image_id": i, "id": i, "caption": caption})
    (root / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return root / "coco.json"


def test_half_truths_are_built_of_captions_and_length_gives_nothing_away(tmp_path, run):
    path = write_captions(tmp_path)
    report = run("half-truths", tmp_path, captions=str(path), blind=True)
    suite = report.models[0].suites["half-truths"]
    assert suite.headline == "order" and suite.subsets[0].n == 12
    notes = report.suites["half-truths"].notes
    assert notes[0].startswith("built of 12 captions by rule: 12 half-truths, that nobody has")
    blind = report.blind["half-truths"]
    shares = {
        control: {row.name: row.accuracy for row in blind[control].subsets}
        for control in ("shorter", "longer")
    }
    # Who likes short texts wins HT, and who likes long ones its opposite; neither wins the order.
    assert shares["shorter"]["half_truth"] == 100.0 and shares["longer"]["half_truth"] == 0.0
    for control in ("shorter", "longer"):
        assert shares[control]["order"] == 0.0 and shares[control]["full_over_half"] == 0.0
    by_hand = report.suites["half-truths"].files
    assert list(by_hand) == [str(path)]


def test_captions_without_a_detail_are_refused(tmp_path, run):
    path = tmp_path / "bare.jsonl"
    path.write_text('{"id": "a", "image": "a.png", "caption": "a dog"}\n')
    with pytest.raises(BenchmarkError, match="no half-truth can be built of these captions"):
        run("half-truths", tmp_path, captions=str(path))
