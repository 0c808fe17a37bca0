"""What is known of open_clip without importing it is what it says itself."""

from pathlib import Path

import open_clip
import pytest
from open_clip.pretrained import _PRETRAINED

from ahnpl_cli.backbones import load
from ahnpl_cli.backbones.load import check_device
from ahnpl_cli.backbones.openclip import known
from ahnpl_cli.errors import ConfigError, ModelError


def test_architectures_and_tags_are_those_of_open_clip() -> None:
    assert known.architectures() == open_clip.list_models()
    assert known.tag_table() == {name: list(tags) for name, tags in _PRETRAINED.items()}


@pytest.mark.parametrize(
    ("model", "pretrained"),
    [
        ("ViT-B-32", "laion2b_s34b_b79k"),
        ("ViT-B/32", "LAION400M-E31"),
        ("ViT-B-32-quickgelu", "laion2b_s34b_b79k"),
        ("hf-hub:timm/ViT-B-16-SigLIP", None),
        (None, None),
    ],
)
def test_what_may_be_there_is_left_to_open_clip(model: str | None, pretrained: str | None) -> None:
    known.check_named(model, pretrained)


def test_a_tag_of_another_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="nor a tag of RN50"):
        known.check_named("RN50", "laion2b_s34b_b79k")


def test_a_version_that_keeps_its_tables_elsewhere_is_asked_when_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_folder", lambda: tmp_path)
    for read in (known.architectures, known.tag_table):
        monkeypatch.setattr(known, read.__name__, read.__wrapped__)
    known.check_named("ViT-B-23", None)


def test_a_gpu_is_missed_only_where_no_driver_shows_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_GPU_DRIVERS", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr("sys.platform", "linux")
    for device in ("auto", "cpu"):
        check_device(device)
    for device in ("cuda", "cuda:1", "mps"):
        with pytest.raises(ConfigError, match=f"--device {device} is not on this machine"):
            check_device(device)
    (tmp_path / "nvidiactl").touch()
    check_device("cuda")
