"""What a user names becomes a model, or one line that says why not."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from ahnpl_cli.backbones import load, network
from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone, pick_device
from ahnpl_cli.backbones.openclip import hub, named, weights
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.errors import AhnplError, ConfigError, ModelError

Make = Callable[..., OpenClipBackbone]
WAYS = (
    "Connect once and run this again, name a file or folder with --pretrained PATH, or use the "
    "bundled model with --model scenes-tiny."
)
SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def small_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach open_clip a small architecture with both activations, and one with GELU alone."""
    configs = {
        "small": SMALL,
        "small-quickgelu": {**SMALL, "quick_gelu": True},
        "lone": {**SMALL, "embed_dim": 8},
    }
    known = {**open_clip.factory._MODEL_CONFIGS, **configs}
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", known)


@pytest.fixture
def small(small_names: None) -> open_clip.CLIP:
    return open_clip.CLIP(**SMALL).eval()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and no wait for it."""
    monkeypatch.setattr(network, "is_reachable", lambda url: False)


def error(kind: type[AhnplError], **named: object) -> str:
    with pytest.raises(kind) as caught:
        load_backbone(device="cpu", **named)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_run_stands_for_its_newest_checkpoint(tmp_path: Path, make_tiny: Make) -> None:
    save_checkpoint(tmp_path / "ahnpl" / "last", make_tiny(3), extra={})
    (tmp_path / "ahnpl" / "start.json").write_text("{}")
    loaded = load_backbone(checkpoint=tmp_path / "ahnpl", device="cpu")
    assert loaded.info.name == "ahnpl"
    assert loaded.info.weights_sha256 == make_tiny(3).info.weights_sha256


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_a_folder_may_be_given_as_model_or_pretrained(tiny_model_folder: Path, prefix: str) -> None:
    by_model = load_backbone(model=f"{prefix}{tiny_model_folder}", device="cpu")
    by_weights = load_backbone(pretrained=str(tiny_model_folder), device="cpu")
    assert by_model.info == by_weights.info


def test_a_folder_holds_over_the_activation_of_a_name(
    tmp_path: Path, small: open_clip.CLIP, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_file(small.state_dict(), tmp_path / "w.safetensors")
    plain = load_backbone(
        model="small",
        pretrained=str(tmp_path / "w.safetensors"),
        device="cpu",
        force_quick_gelu=False,
    )
    save_checkpoint(tmp_path / "m", plain, extra={})
    loaded = load_backbone(model="small-quickgelu", pretrained=str(tmp_path / "m"), device="cpu")
    assert loaded.info.activation == "gelu"
    assert f"{tmp_path / 'm'} says gelu, which holds over the name small-quickgelu." in caplog.text


def test_a_folder_of_other_towers_than_named_is_refused(tiny_model_folder: Path) -> None:
    message = error(ModelError, model="ViT-B-32-quickgelu", pretrained=str(tiny_model_folder))
    assert message == (
        f"{tiny_model_folder}: this folder does not hold ViT-B-32-quickgelu. "
        "Leave --model out: the folder says what it is."
    )


def test_an_activation_can_be_forced_and_that_is_said(
    tiny_model_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load_backbone(checkpoint=tiny_model_folder, device="cpu", force_quick_gelu=False)
    assert loaded.info.activation == "gelu"
    assert caplog.messages == [
        f"Activation gelu as requested, although {tiny_model_folder} says quick_gelu."
    ]


def test_gelu_and_quick_gelu_are_really_different(tiny_model_folder: Path) -> None:
    texts = ["a cat on a mat"]
    quick = load_backbone(checkpoint=tiny_model_folder, device="cpu")
    plain = load_backbone(checkpoint=tiny_model_folder, device="cpu", force_quick_gelu=False)
    with torch.no_grad():
        gap = quick.encode_text(quick.tokenize(texts)) - plain.encode_text(plain.tokenize(texts))
    assert gap.abs().max() > 1e-5


def test_a_bare_file_that_could_have_either_activation_is_refused(
    tmp_path: Path, small: open_clip.CLIP
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(small.state_dict(), path)
    assert error(ModelError, model="small", pretrained=str(path)) == (
        f"{path}: the file does not say whether small has quick_gelu or gelu. "
        "Name --model small-quickgelu if it was trained from OpenAI's weights; else pass "
        "--no-force-quick-gelu."
    )


@pytest.mark.parametrize(
    ("model", "forced", "activation"),
    [
        ("small-quickgelu", None, "quick_gelu"),
        ("small", True, "quick_gelu"),
        ("small", False, "gelu"),
        ("small-quickgelu", False, "gelu"),
    ],
)
def test_the_name_or_the_option_settles_the_activation_of_a_file(
    tmp_path: Path, small: open_clip.CLIP, model: str, forced: bool | None, activation: str
) -> None:
    path = tmp_path / "negclip.pt"
    torch.save(
        {"epoch": 1, "state_dict": {f"module.{k}": v for k, v in small.state_dict().items()}}, path
    )
    loaded = load_backbone(model=model, pretrained=str(path), device="cpu", force_quick_gelu=forced)
    assert loaded.info.activation == activation
    assert loaded.info.name == f"{model}/negclip"
    expected = "small-quickgelu" if activation == "quick_gelu" else "small"
    assert loaded.info.architecture == expected
    mine = loaded.module.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in small.state_dict().items())


def test_an_architecture_with_one_activation_needs_no_word_on_it(
    tmp_path: Path, small_names: None
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(open_clip.CLIP(**{**SMALL, "embed_dim": 8}).state_dict(), path)
    assert load_backbone(model="lone", pretrained=str(path), device="cpu").info.activation == "gelu"


@pytest.mark.filterwarnings("ignore")
def test_openai_archives_are_read_without_unpickling_and_have_quick_gelu(
    tmp_path: Path, small: open_clip.CLIP, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ViT.pt"
    tokens = torch.zeros(1, 77, dtype=torch.long)
    torch.jit.trace(small, (torch.zeros(1, 3, 32, 32), tokens), check_trace=False).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(weights, "_published_archives", lambda: frozenset({digest}))
    loaded = load_backbone(model="small", pretrained=str(path), device="cpu")
    assert loaded.info.activation == "quick_gelu"
    mine = loaded.module.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in small.state_dict().items())


def test_a_model_of_another_shape_is_refused(tmp_path: Path, small: open_clip.CLIP) -> None:
    path = tmp_path / "w.safetensors"
    save_file(small.state_dict(), path)
    assert error(ModelError, model="ViT-B-32-quickgelu", pretrained=str(path)) == (
        f"{path}: these weights do not fit ViT-B-32-quickgelu: it has 151.3 million numbers, and "
        "they are 0.9 million. Name its architecture with --model."
    )


def test_weights_that_are_nowhere_here_are_refused_at_once_with_three_ways_on(
    offline: None,
) -> None:
    assert error(ModelError, model="ViT-B-32-quickgelu") == (
        "weights 'openai' of ViT-B-32-quickgelu: not on this machine, and huggingface.co cannot "
        f"be reached. {WAYS}"
    )


def test_the_default_model_is_never_downloaded_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(url: str) -> bool:
        raise AssertionError(url)

    monkeypatch.setattr(network, "is_reachable", ask)
    monkeypatch.setattr(hub, "_cached_tag", lambda cfg: None)
    assert error(ModelError) == (
        "weights 'openai' of ViT-B-32-quickgelu: not on this machine. Download it once (about "
        "600 MB) by naming it, --model ViT-B-32-quickgelu --pretrained openai; or name a file or "
        "folder with --pretrained PATH, or use the bundled model with --model scenes-tiny."
    )
    start = ModelSource("start", {"model": "RN50", "pretrained": "openai"}, named=False)
    with pytest.raises(ModelError, match="not on this machine. Nothing is downloaded unless"):
        start.load("cpu")


def test_the_network_is_not_asked_when_the_user_forbade_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(url: str) -> bool:
        raise AssertionError(url)

    monkeypatch.setattr(network, "is_reachable", ask)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    assert error(ModelError, model="hf-hub:someone/clip") == (
        "hf-hub:someone/clip: not on this machine, and HF_HUB_OFFLINE forbids the network. " + WAYS
    )


def test_weights_in_the_hub_cache_are_used_without_the_network(
    tmp_path: Path, small_names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_clip.CLIP(**SMALL)
    file = tmp_path / "open_clip_model.safetensors"
    save_file(model.state_dict(), file)
    cfg = {"hf_hub": "timm/small/", "quick_gelu": True, "mean": (0.5, 0.5, 0.5)}
    monkeypatch.setattr(named, "get_pretrained_cfg", lambda name, tag: cfg)
    monkeypatch.setattr(named, "list_pretrained_tags_by_model", lambda name: ["openai"])
    monkeypatch.setattr(
        network,
        "try_to_load_from_cache",
        lambda repo, name: str(file) if name == file.name else None,
    )
    loaded = load_backbone(model="small", pretrained="openai", device="cpu")
    assert loaded.info.activation == "quick_gelu"
    assert loaded.info.architecture == "small-quickgelu"
    assert loaded.config["preprocess_cfg"]["mean"] == [0.5, 0.5, 0.5]


def test_weights_that_openais_own_package_downloaded_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".cache" / "clip" / "ViT-B-32.pt"
    path.parent.mkdir(parents=True)
    path.touch()
    assert error(ModelError) == f"{path}: not a weight file, or damaged. Get it again."


def test_a_hub_model_in_the_cache_is_read_as_a_folder(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cached(repo: str, name: str) -> str | None:
        path = tiny_model_folder / name
        return str(path) if path.exists() else None

    monkeypatch.setattr(network, "try_to_load_from_cache", cached)
    loaded = load_backbone(model="hf-hub:someone/clip", device="cpu")
    assert (loaded.info.name, loaded.info.source) == ("clip", "hf-hub:someone/clip")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "ViT-B-23"},
            "unknown model 'ViT-B-23'. Did you mean 'ViT-B-32'? Known: ",
        ),
        (
            {"model": "ViT-B-32"},
            "--model ViT-B-32 needs --pretrained. Its tags: openai, ",
        ),
        (
            {"model": "ViT-B-32", "pretrained": "laoin2b"},
            "--pretrained laoin2b is neither a file, a folder nor a tag of ViT-B-32. Tags: ",
        ),
        (
            {"pretrained": "laion2b_e16"},
            "--pretrained laion2b_e16 needs an architecture. "
            "The papers' is --model ViT-B-32-quickgelu.",
        ),
        (
            {"model": "ViT-B-32-quickgelu", "pretrained": "none/there.pt"},
            "none/there.pt: no such file. Check --pretrained.",
        ),
        (
            {"checkpoint": "none/there"},
            "none/there: no such folder. Name a folder such as runs/ahnpl/last.",
        ),
        (
            {"checkpoint": "a", "pretrained": "b"},
            "--checkpoint and --pretrained both name weights. Give one.",
        ),
        (
            {"model": "scenes-tiny", "pretrained": "openai"},
            "--model scenes-tiny brings its weights. Leave --pretrained out.",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(options: dict[str, str], message: str) -> None:
    assert error(AhnplError, **options).startswith(message)


def test_a_file_given_as_checkpoint_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.touch()
    assert error(ModelError, checkpoint=path) == (
        f"{path}: a checkpoint is a folder, and this is a file. "
        "Give a weight file as --pretrained, with its architecture as --model."
    )


def test_a_folder_without_weights_is_named(tmp_path: Path, tiny_model_folder: Path) -> None:
    text = (tiny_model_folder / "open_clip_config.json").read_text()
    (tmp_path / "open_clip_config.json").write_text(text)
    assert error(ModelError, checkpoint=tmp_path) == (
        f"{tmp_path}: a model without weights. Get it again."
    )


def test_loading_leaves_the_root_logger_alone(tiny_model_folder: Path) -> None:
    before = list(logging.getLogger().handlers)
    load_backbone(checkpoint=tiny_model_folder, device="cpu")
    assert logging.getLogger().handlers == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_here_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        pick_device("cuda")
    assert str(caught.value) == "--device cuda is not on this machine. Use --device auto."
    assert pick_device("auto") in ("cpu", "mps")


def test_the_papers_weights_are_looked_for_where_open_clip_has_them() -> None:
    from open_clip.pretrained import get_pretrained_cfg

    known = get_pretrained_cfg(load.PAPERS_MODEL, load.PAPERS_TAG)
    assert known["hf_hub"] == load.PAPERS_REPOSITORY + "/"
    assert known["url"].endswith("/" + load.PAPERS_FILE)
