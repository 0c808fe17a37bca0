"""What is exported is read by the programs it is for, and gives the checkpoint's features."""

import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
import transformers
from PIL import Image
from typer.testing import CliRunner

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.transformers.clip_names import to_openai, to_transformers
from ahnpl_cli.cli.app import app
from ahnpl_cli.config import ExportConfig
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.exporting.run import export

TEXTS = ["a cat", "two dogs, asleep"]
OPENAI = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="module")
def openai_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that OpenAI's code could build: heads of 64."""
    backbone = OpenClipBackbone(
        open_clip.CLIP(**OPENAI).eval(),
        config={
            "model_cfg": OPENAI,
            "preprocess_cfg": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
        },
        tokenizer=open_clip.SimpleTokenizer(context_length=77),
        name="openai",
        architecture="custom",
        source="random",
    )
    folder = tmp_path_factory.mktemp("models") / "openai"
    save_checkpoint(folder, backbone, extra={"recipe": "ahnpl"})
    return folder


def features(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    backbone = load_backbone(checkpoint=folder, device="cpu")
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        texts = backbone.encode_text(backbone.tokenize(TEXTS))
        return backbone.encode_image(pixels), texts


def test_names_go_there_and_back(openai_folder: Path) -> None:
    weights = load_backbone(checkpoint=openai_folder, device="cpu").module.state_dict()
    moved, homeless = to_transformers(weights)
    assert homeless == []
    back = to_openai(moved)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_a_folder_for_transformers_is_a_clip_model_with_the_same_features(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    report = export(tiny_model_folder, ExportConfig(output=str(tmp_path / "out")))
    assert max(report.parity.values()) < 1e-5
    model = transformers.CLIPModel.from_pretrained(tmp_path / "out", local_files_only=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "out")
    images, texts = features(tiny_model_folder)
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")["input_ids"]
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = model(input_ids=tokens, pixel_values=pixels)
    torch.testing.assert_close(output.text_embeds, texts, atol=1e-5, rtol=0)
    torch.testing.assert_close(output.image_embeds, images, atol=1e-5, rtol=0)
    # torchvision and PIL round differently when they resize, by less than one of 255 levels here.
    picture = Image.linear_gradient("L").convert("RGB")
    ours = load_backbone(checkpoint=tiny_model_folder, device="cpu").preprocess(picture)
    theirs = processor(images=picture, return_tensors="pt")["pixel_values"][0]
    assert (ours - theirs).abs().max() < 1.5 / 255 / 0.25


def test_the_card_says_what_is_known_and_leaves_the_license_to_the_user(
    openai_folder: Path, tmp_path: Path
) -> None:
    export(openai_folder, ExportConfig(output=str(tmp_path / "out")))
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "\n# license: to be chosen by you" in card
    assert "| recipe | ahnpl |" in card
    assert "| activation | quick_gelu |" in card
    assert "| text_features |" in card


@pytest.mark.parametrize("kind", ["open_clip", "clip", "siglip"])
def test_onnx_graphs_take_any_batch_and_length(
    kind: str,
    tiny_model_folder: Path,
    transformers_folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    folder = tiny_model_folder if kind == "open_clip" else transformers_folder(kind)
    report = export(folder, ExportConfig(to="onnx", output=str(tmp_path / "out")))
    assert len(report.parity) == (4 if kind == "siglip" else 8)
    assert max(report.parity.values()) < 1e-4
    # By onnxruntime alone, with the tokenizer that lies beside the graphs.
    images, texts = features(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)
    says = json.loads((tmp_path / "out" / "export.json").read_text())
    padding = True if says["dynamic_length"] else "max_length"
    tokens = tokenizer(TEXTS, padding=padding, return_tensors="np")["input_ids"]
    text = runtime.InferenceSession(tmp_path / "out" / "text.onnx")
    (found,) = text.run(["text_features"], {"input_ids": tokens})
    torch.testing.assert_close(torch.from_numpy(found), texts, atol=1e-4, rtol=0)
    image = runtime.InferenceSession(tmp_path / "out" / "image.onnx")
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).numpy()
    (found,) = image.run(["image_features"], {"pixel_values": pixels})
    torch.testing.assert_close(torch.from_numpy(found), images, atol=1e-4, rtol=0)


def test_a_state_dict_in_openais_names_loads_as_a_weight_file(
    openai_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Through another form and back: transformers' names, then OpenAI's.
    export(openai_folder, ExportConfig(output=str(tmp_path / "hf")))
    report = export(tmp_path / "hf", ExportConfig(to="openai", output=str(tmp_path / "out")))
    assert max(report.parity.values()) < 1e-5
    state = torch.load(tmp_path / "out" / "clip.pt", weights_only=True)
    before = load_backbone(checkpoint=openai_folder, device="cpu").module.state_dict()
    assert all(torch.equal(state[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("to", "kind", "message"),
    [
        ("openai", "open_clip", "OpenAI's code takes attention heads of 64, and this model has"),
        ("openai", "siglip", "OpenAI's names have no place for a sigmoid model's bias"),
        ("transformers", "sigmoid", "transformers' CLIPModel cannot hold it. Only CLIP with a ViT"),
        ("onnx", "siglip2", "images of SigLIP 2 NaFlex have shapes of their own"),
        ("peft", "open_clip", "holds no low-rank factors. The newest checkpoint, last, of a run"),
    ],
)
def test_what_has_no_such_form_is_refused_in_one_line_and_leaves_nothing(
    to: str,
    kind: str,
    message: str,
    tiny_model_folder: Path,
    sigmoid_model_folder: Path,
    transformers_folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    folders = {"open_clip": tiny_model_folder, "sigmoid": sigmoid_model_folder}
    folder = folders.get(kind) or transformers_folder(kind)
    with pytest.raises((ModelError, ConfigError)) as caught:
        export(folder, ExportConfig(to=to, output=str(tmp_path / "out")))
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_the_check_and_does_not_overwrite(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    arguments = ["export", str(tiny_model_folder), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "text_features" in done.stdout
    assert "model.safetensors" in done.stdout
    evaluation = "ahnpl eval aro valse sugarcrepe --model transformers:"
    assert f"Next: {evaluation}{tmp_path / 'out'}" in done.stderr
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {tmp_path / 'out'}: ")
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    theirs = ["export", str(tiny_model_folder), "-o", str(tmp_path / "mine"), "--force"]
    assert CliRunner().invoke(app, theirs).exit_code == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()
