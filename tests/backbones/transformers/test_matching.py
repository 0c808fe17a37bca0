"""Pairs are scored as transformers scores them, with each picture encoded once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image

from ahnpl_cli.backbones.load import head_of
from ahnpl_cli.backbones.matching import load_matcher, match
from ahnpl_cli.errors import ModelError

Folder = Callable[[str], Path]
TEXTS = ["a cat", "two dogs on a mat", "a red cube"]
CLASSES = {"blip": "BlipForImageTextRetrieval", "blip2": "Blip2ForImageTextRetrieval"}


@pytest.fixture
def pictures() -> list[Image.Image]:
    size = (-2, -1.5, 1, 1.5)
    return [Image.effect_mandelbrot((40 + 9 * i, 33), size, 40 + i).convert("RGB") for i in (0, 1)]


def pair(folder: Path, image: Image.Image, text: str, head: str) -> float:
    """The score of one pair by transformers' own forward."""
    model = getattr(transformers, CLASSES[folder.name.removeprefix("tiny-")])
    model = model.from_pretrained(folder, local_files_only=True).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    inputs = {
        **processor(images=image, return_tensors="pt"),
        **tokenizer(text, return_tensors="pt"),
    }
    inputs.pop("token_type_ids", None)
    itm = head == "itm"
    with torch.no_grad():
        if folder.name == "tiny-blip":
            scores = model(**inputs, use_itm_head=itm).itm_score[0]
        else:
            scores = model(**inputs, use_image_text_matching_head=itm).logits_per_image[0]
    return float(scores[1] - scores[0]) if itm else float(scores)


@pytest.mark.parametrize("head", ["itm", "itc"])
@pytest.mark.parametrize("kind", ["blip", "blip2"])
def test_scores_are_those_of_transformers_forward(
    kind: str, head: str, transformers_folder: Folder, pictures: list[Image.Image]
) -> None:
    folder = transformers_folder(kind)
    matcher = load_matcher(f"{head}:{folder}")
    images = [pictures[0], pictures[0], pictures[1]]
    scores = match(matcher, images, TEXTS, batch_size=2)
    expected = [pair(folder, i, t, head) for i, t in zip(images, TEXTS, strict=True)]
    torch.testing.assert_close(scores, torch.tensor(expected), atol=1e-5, rtol=0)
    assert len(set(scores.tolist())) == 3
    assert matcher.info["architecture"] == CLASSES[kind]
    assert matcher.info["head"] == head


def test_each_distinct_picture_is_encoded_once(
    transformers_folder: Folder, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = load_matcher(f"itm:{transformers_folder('blip')}")
    encoded: list[int] = []
    encode = matcher.encode_images
    counted = lambda images: (encoded.append(len(images)), encode(images))[1]  # noqa: E731
    monkeypatch.setattr(matcher, "encode_images", counted)
    images = [pictures[0], pictures[1]] * 5
    many = match(matcher, images, ["a cat"] * 10)
    assert encoded == [2]
    assert torch.equal(many[:2], many[2:4])


def test_the_likelihood_of_a_caption_is_the_sum_over_its_tokens_and_its_end(
    transformers_folder: Folder, pictures: list[Image.Image]
) -> None:
    folder = transformers_folder("blip-captions")
    scores = match(load_matcher(f"caption:{folder}"), [pictures[0]] * 2, ["ab", "ba"])
    model = transformers.BlipForConditionalGeneration.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    pixels = processor(images=pictures[0], return_tensors="pt")["pixel_values"]
    for text, score in zip(("ab", "ba"), scores.tolist(), strict=True):
        words = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens, total = [5], 0.0  # 5 begins a caption, 3 ends it
        for token in [*words, 3]:
            with torch.no_grad():
                logits = model(pixel_values=pixels, input_ids=torch.tensor([tokens])).logits
            total += float(logits[0, -1].log_softmax(-1)[token])
            tokens.append(token)
        assert score == pytest.approx(total, abs=1e-4)


def test_a_name_says_its_head() -> None:
    assert head_of("itm:Salesforce/blip-itm-base-coco") == "itm"
    assert head_of("caption:x") == "caption"
    assert head_of("transformers:x") is None
    assert head_of("ViT-B-32") is None
    assert head_of(None) is None


@pytest.mark.parametrize(
    ("head", "kind", "message"),
    [
        ("itm", "clip", "a clip has no itm head. BLIP's and BLIP-2's retrieval models have one."),
        ("caption", "clip", "a clip does not write texts about pictures"),
        ("itm", "blip-captions", "weights of BlipForImageTextRetrieval are not in it"),
    ],
)
def test_a_model_without_the_head_is_refused_in_one_line(
    head: str, kind: str, message: str, transformers_folder: Folder
) -> None:
    with pytest.raises(ModelError) as caught:
        load_matcher(f"{head}:{transformers_folder(kind)}")
    assert message in str(caught.value)
