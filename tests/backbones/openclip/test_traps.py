"""A model of others is data: nothing of it is run, fetched, or given more memory than it fills."""

import json
import shutil
import socket
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.utils import filter_repo_objects
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip import hub
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.weights import read_weights
from ahnpl_cli.backbones.transformers import named as transformers_hub
from ahnpl_cli.errors import ModelError
from ahnpl_cli.inspection.checkpoint import inspect_checkpoint

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any address but this machine's is an error."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: refuse(None, a))  # type: ignore[arg-type]


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A model of one's own to plant traps in."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


def change(folder: Path, part: str, **values: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    place = config["model_cfg"] if part == "model_cfg" else config["model_cfg"].get(part)
    (config["preprocess_cfg"] if part == "preprocess_cfg" else place).update(values)
    (folder / CONFIG).write_text(json.dumps(config))


def refusal(folder: Path) -> str:
    """What loading says; looking at the folder says the same and does no more."""
    with pytest.raises(ModelError) as caught:
        load_backbone(checkpoint=folder, device="cpu")
    try:
        report = inspect_checkpoint(folder)
    except ModelError:
        return str(caught.value)
    assert [finding.level for finding in report.findings] == ["problem"]
    return str(caught.value)


EVIL = "import pathlib\npathlib.Path({!r}).touch()\nclass Evil: pass\n"


@pytest.mark.parametrize("kwargs", [{"trust_remote_code": True}, {}], ids=["asked for", "auto_map"])
@pytest.mark.parametrize("place", ["evil_token", "../evil_token"], ids=["inside", "beside"])
def test_a_tokenizer_s_python_is_not_run(
    folder: Path, tmp_path: Path, kwargs: dict[str, bool], place: str
) -> None:
    ran = tmp_path / "ran"
    (folder / f"{place}.py").write_text(EVIL.format(str(ran)))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": [f"{place}.Evil", f"{place}.Evil"]}})
    )
    (folder / "config.json").write_text(
        json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": f"{place}.Evil"}})
    )
    change(folder, "text_cfg", hf_tokenizer_name="someone/evil", tokenizer_kwargs=kwargs)
    message = refusal(folder)
    assert "trust_remote_code is not taken" in message or "tokenizer cannot be made" in message
    assert not ran.exists()


class Archive(torch.nn.Module):
    """TorchScript that creates a file while it is loaded."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        file = torch.from_file(state[0], shared=True, size=8, dtype=torch.uint8)
        file.fill_(33)  # What is not used is not run.
        self.training = state[1] and bool(file[0] == 33)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore")
def test_torchscript_of_others_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "written"
    path = tmp_path / "w.pt"
    torch.jit.script(Archive(str(target))).save(str(path))
    torch.jit.load(str(path))
    assert target.exists()  # The trap works.
    target.unlink()

    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert "not one of OpenAI's, and loading one runs its code" in str(caught.value)
    assert "convert it first: python -c" in str(caught.value)
    (folder / WEIGHTS).unlink()
    shutil.copy(path, folder / "open_clip_pytorch_model.bin")
    assert "loading one runs its code" in refusal(folder)
    assert not target.exists()


class Pickled:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_in_the_place_of_weights_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({"state_dict": Pickled(tmp_path / "ran")}, folder / "open_clip_pytorch_model.bin")
    assert "contains pickled objects, which are not loaded" in refusal(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("vision_cfg", {"timm_model_name": "hf-hub:evil/x"}, "is not a model of timm"),
        ("vision_cfg", {"timm_model_name": "evil/x"}, "is not a model of timm"),
        ("text_cfg", {"hf_model_name": "someone/never-cached"}, "not on this machine"),
        ("text_cfg", {"hf_model_name": "/tmp/evil"}, "is not a name of the Hub"),
        ("text_cfg", {"hf_model_name": "../evil"}, "is not a name of the Hub"),
        ("text_cfg", {"hf_tokenizer_name": 3}, "is not a name of the Hub"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}}, "bpe_path is not taken"),
        ("text_cfg", {"tokenizer_kwargs": {"clean": "nope"}}, "the tokenizer cannot be made"),
        ("model_cfg", {"embed_dim": 2_000_000}, "whole number from 1 to 65,536"),
        ("model_cfg", {"embed_dim": 65_536, "text_cfg": {"width": 65_536}}, "do not fit"),
        ("text_cfg", {"vocab_size": 4_000_000}, "million numbers, and they"),
        ("text_cfg", {"layers": 100_000}, "whole number from 1 to 256"),
        ("vision_cfg", {"layers": 256, "width": 4096}, "million numbers, and they"),
        ("vision_cfg", {"head_width": 2.5}, "whole number"),
        ("vision_cfg", {"head_width": 10**19}, "whole number"),
        ("vision_cfg", {"image_size": 10**9}, "whole number"),
        ("vision_cfg", {"image_size": 4096, "patch_size": 1}, "million numbers, and they"),
        ("model_cfg", {"text_cfg": 1}, "not a JSON object"),
        ("model_cfg", {"vision_cfg": "x"}, "not a JSON object"),
        ("vision_cfg", {"timm_model_name": "nonexistent"}, "cannot build this architecture"),
        ("preprocess_cfg", {"mean": [1, 2]}, "mean: not three numbers"),
        ("preprocess_cfg", {"mean": [1, 2, [3]]}, "mean: not three usable numbers"),
        ("preprocess_cfg", {"std": [0, 0, 0]}, "std: not three usable numbers"),
        ("preprocess_cfg", {"interpolation": "1"}, "interpolation: none of bicubic"),
        ("preprocess_cfg", {"mode": {}}, "mode: none of RGB"),
        ("preprocess_cfg", {"size": "x"}, "size: x is not a whole number"),
    ],
)
def test_a_configuration_reaches_no_network_and_no_memory_beyond_its_weights(
    folder: Path, part: str, values: dict[str, Any], message: str
) -> None:
    change(folder, part, **values)
    assert message in refusal(folder)


def test_the_name_of_a_cached_repository_fetches_exact_files_alone() -> None:
    assert not [name for name in hub._SMALL if "*" in name or name.endswith(".py")]


def test_of_a_transformers_repository_no_code_is_fetched() -> None:
    strange = ["evil_token.py", "tokenizer.py", "weights.bin", "other.json", "evil.safetensors"]
    fetched = [*filter_repo_objects(strange, allow_patterns=transformers_hub._FILES)]
    assert fetched == []
    usual = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "vocab.json"]
    assert [*filter_repo_objects(usual, allow_patterns=transformers_hub._FILES)] == usual


def test_weights_for_a_larger_image_are_resized_and_that_is_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(folder, "vision_cfg", image_size=48)
    change(folder, "preprocess_cfg", size=48)
    load_backbone(checkpoint=folder, device="cpu")
    (message,) = [m for m in caplog.messages if "positions" in m]
    assert "The image tower's table of positions was resized from 17 to 37" in message


def test_weights_that_are_not_finite_are_named(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["ln_final.bias"][3] = float("nan")
    save_file(weights, folder / WEIGHTS)
    assert "1 tensors hold NaN or infinity, the first is ln_final.bias" in refusal(folder)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_what_compiling_puts_before_names_is_cut_off(folder: Path, prefix: str) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file({prefix + name: value for name, value in weights.items()}, folder / WEIGHTS)
    loaded = load_backbone(checkpoint=folder, device="cpu").module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())


def test_a_tokenizer_or_a_configuration_is_part_of_what_a_cache_is_keyed_by(
    folder: Path, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    before = load_backbone(checkpoint=folder, device="cpu").info
    change(folder, "text_cfg", tokenizer_kwargs={"clean": "canonicalize"})
    after = load_backbone(checkpoint=folder, device="cpu").info
    assert before.weights_sha256 == after.weights_sha256
    assert before.encoder_sha256 != after.encoder_sha256


VALUES = st.sampled_from(
    [None, True, -1, 0, 2.5, 10**9, 10**30, "x", "", [], [1], {}, {"a": 1}, float("inf"), "../x"]
)


@settings(max_examples=60, deadline=None, database=None)
@given(place=st.floats(0, 1, exclude_max=True), value=VALUES)
def test_a_configuration_of_anything_is_one_error_or_a_model(
    tiny_model_folder: Path, place: float, value: object
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(tiny_model_folder, Path(temporary) / "m"))
        config = json.loads((folder / CONFIG).read_text())
        places = [(config, name) for name in config]
        for part in config.values():
            places += [(part, name) for name in part]
            places += [
                (inner, n) for inner in part.values() if isinstance(inner, dict) for n in inner
            ]
        owner, name = places[int(place * len(places))]
        owner[name] = value
        (folder / CONFIG).write_text(json.dumps(config))
        try:
            backbone = load_backbone(checkpoint=folder, device="cpu")
        except ModelError as error:
            assert "\n" not in error.what
            return
        image = backbone.preprocess(Image.new("RGB", (9, 7)))
        assert torch.isfinite(backbone.encode_image(image.unsqueeze(0))).all()
        assert torch.isfinite(backbone.encode_text(backbone.tokenize(["a cat"]))).all()


def test_the_guard_can_fail() -> None:
    with pytest.raises(AssertionError, match="connects to"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        socket.create_connection(("192.0.2.1", 80), timeout=1)
