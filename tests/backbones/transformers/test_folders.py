"""Folders of transformers load with the features that transformers gives, and without guessing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.data.inputs import Pixels, stack
from ahnpl_cli.errors import AhnplError, ConfigError, ModelError

Folder = Callable[[str], Path]
KINDS = ["clip", "siglip", "siglip2"]
TEXTS = ["a cat", "a red cube left of a blue ball", ""]


def picture(width: int, height: int) -> Image.Image:
    return Image.effect_mandelbrot((width, height), (-2, -1.5, 1, 1.5), 100).convert("RGB")


@pytest.fixture
def copy(transformers_folder: Folder, tmp_path: Path) -> Callable[[str], Path]:
    """Gives a folder that a test may change."""

    def copied(kind: str) -> Path:
        folder = tmp_path / kind
        shutil.copytree(transformers_folder(kind), folder)
        return folder

    return copied


def load(folder: Path, **options: object) -> TransformersBackbone:
    backbone = load_backbone(model=str(folder), device="cpu", **options)
    assert isinstance(backbone, TransformersBackbone)
    return backbone


def edit(folder: Path, change: Callable[[dict], None], file: str = "config.json") -> None:
    config = json.loads((folder / file).read_text())
    change(config)
    (folder / file).write_text(json.dumps(config))


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_transformers(kind: str, transformers_folder: Folder) -> None:
    folder = transformers_folder(kind)
    backbone = load(folder)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    pictures = [picture(70, 50), picture(40, 90), picture(32, 32)]
    tokens = tokenizer(TEXTS, padding="max_length", truncation=True, return_tensors="pt")
    with torch.no_grad():
        inputs = processor(images=pictures, return_tensors="pt")
        expected = model(input_ids=tokens["input_ids"], **inputs)
        texts = backbone.encode_text(backbone.tokenize(TEXTS))
        images = backbone.encode_image(stack([backbone.preprocess(p) for p in pictures]))
    torch.testing.assert_close(texts, expected.text_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(images, expected.image_embeds, atol=1e-5, rtol=0)
    logits = backbone.logit_scale * texts @ images.T
    bias = 0 if backbone.logit_bias is None else backbone.logit_bias
    torch.testing.assert_close(logits + bias, expected.logits_per_text, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_says_what_it_is(kind: str, transformers_folder: Folder) -> None:
    backbone = load(transformers_folder(kind))
    info = backbone.info
    assert info.name == f"tiny-{kind}"
    assert info.context_length == {"clip": 77}.get(kind, 48)
    assert info.embed_dim == {"clip": 24}.get(kind, 32)
    assert info.activation == {"clip": "quick_gelu"}.get(kind, "gelu_pytorch_tanh")
    assert backbone.library == ("transformers", transformers.__version__)
    assert backbone.loss_family == {"clip": "softmax"}.get(kind, "sigmoid")


def test_clip_reads_texts_at_their_own_length_and_siglip_says_that_it_does_not(
    transformers_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    clip = load(transformers_folder("clip"))
    assert clip.tokenize(["a cat"]).shape == (1, 4)
    with torch.no_grad():
        clip.encode_text(clip.tokenize(TEXTS))
    assert caplog.messages == []
    siglip = load(transformers_folder("siglip"))
    with torch.no_grad():
        siglip.encode_text(siglip.tokenize(TEXTS))
        siglip.encode_text(siglip.tokenize(TEXTS))
    assert caplog.messages == [
        "The text tower of tiny-siglip is not causal: texts are padded to 48 tokens, which is slow."
    ]


def test_padding_with_the_end_of_text_changes_no_feature(copy: Folder) -> None:
    folder = copy("clip")
    with torch.no_grad():
        before = load(folder).encode_text(load(folder).tokenize(TEXTS))
        edit(folder, lambda c: c.update(pad_token="!"), "tokenizer_config.json")
        after = load(folder).encode_text(load(folder).tokenize(TEXTS))
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_save_is_read_by_transformers(
    kind: str, transformers_folder: Folder, tmp_path: Path
) -> None:
    backbone = load(transformers_folder(kind))
    save_checkpoint(tmp_path / "saved", backbone, extra={"recipe": "clip"})
    model = transformers.AutoModel.from_pretrained(tmp_path / "saved", local_files_only=True)
    expected = load_file(transformers_folder(kind) / "model.safetensors")
    state = model.state_dict()
    assert all(torch.equal(state[name], weight) for name, weight in expected.items())
    assert load(tmp_path / "saved").info.architecture == type(model).__name__
    transformers.AutoTokenizer.from_pretrained(tmp_path / "saved", local_files_only=True)


def test_naflex_images_keep_their_shape(transformers_folder: Folder) -> None:
    backbone = load(transformers_folder("siglip2"))
    wide: Pixels = backbone.preprocess(picture(90, 30))
    assert isinstance(wide, dict)
    assert sorted(wide) == ["pixel_attention_mask", "pixel_values", "spatial_shapes"]
    height, width = wide["spatial_shapes"].tolist()
    assert width > height
    assert int(wide["pixel_attention_mask"].sum()) == height * width


def test_a_name_may_be_a_folder_behind_the_librarys_prefix(transformers_folder: Folder) -> None:
    named = load_backbone(model=f"transformers:{transformers_folder('clip')}", device="cpu")
    assert named.info == load(transformers_folder("clip")).info


def test_an_activation_can_be_forced_and_that_is_said(
    transformers_folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = transformers_folder("clip")
    assert load(folder, force_quick_gelu=False).info.activation == "gelu"
    assert caplog.messages[0] == f"Activation gelu as asked, although {folder} says quick_gelu."


def message(kind: type[AhnplError], model: str, **options: str) -> str:
    with pytest.raises(kind) as caught:
        load_backbone(model=model, device="cpu", **options)
    return str(caught.value)


def test_weights_that_are_missing_are_not_made_up(copy: Folder) -> None:
    folder = copy("clip")
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert message(ModelError, str(folder)) == (
        f"{folder}: 1 weights of CLIPModel are not in it, such as text_projection.weight. "
        "Is it the model that config.json names?"
    )


def test_weights_of_another_shape_are_refused(copy: Folder) -> None:
    folder = copy("clip")
    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert message(ModelError, str(folder)).startswith(f"{folder}: its weights cannot be read (")


def test_weights_that_would_be_unpickled_are_refused(copy: Folder) -> None:
    folder = copy("clip")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert message(ModelError, str(folder)) == (
        f"{folder}: its weights would have to be unpickled. "
        "Where you trust it, load it with transformers and call save_pretrained."
    )


def test_a_folder_with_code_of_its_own_does_not_run_it(copy: Folder, tmp_path: Path) -> None:
    folder = copy("clip")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (folder / "trap.py").write_text(trap)
    maps = {"AutoTokenizer": ["trap.T", None], "AutoModel": "trap.M", "AutoConfig": "trap.C"}
    edit(folder, lambda c: c.update(auto_map=maps))
    edit(folder, lambda c: c.update(auto_map=maps), "tokenizer_config.json")
    maps_image = {"AutoImageProcessor": "trap.I"}
    edit(folder, lambda c: c.update(auto_map=maps_image), "preprocessor_config.json")
    load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_that_ends_texts_otherwise_is_refused(copy: Folder) -> None:
    folder = copy("clip")
    edit(folder, lambda c: c["text_config"].update(eos_token_id=5))
    assert message(ModelError, str(folder)) == (
        f"{folder}: config.json ends texts with token 5, and the tokenizer with 49407. "
        "Mend text_config.eos_token_id of config.json."
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '{"model_type": "bert"}',
            ": a bert is no dual encoder that we know. Known are clip, siglip, siglip2.",
        ),
        ("{}", "/config.json: no model_type of transformers. Is it a folder that transformers"),
        ("[", "/config.json: not JSON"),
    ],
)
def test_another_folder_is_refused_in_one_line(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert message(ModelError, str(tmp_path)).startswith(f"{tmp_path}{expected}")


def test_a_name_that_cannot_be_had_names_the_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert message(ModelError, "transformers:someone/clip").startswith(
        "transformers:someone/clip: not on this machine, and HF_HUB_OFFLINE forbids the network."
    )
    assert message(ConfigError, "transformers:") == (
        "transformers: without a name. Write transformers:NAME or a folder."
    )
    assert message(ConfigError, "transformers:a/b", pretrained="openai") == (
        "--model transformers:a/b brings its weights. Leave --pretrained out."
    )
