"""Weight files of others are read, never unpickled, and a bad one is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ahnpl_cli.backbones.openclip.weights import is_torchscript, read_weights
from ahnpl_cli.errors import ModelError

WEIGHTS = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_read_by_name(tmp_path: Path, suffix: str, prefix: str) -> None:
    path = tmp_path / f"w{suffix}"
    named = {prefix + name: value for name, value in WEIGHTS.items()}
    save_file(named, path) if suffix == ".safetensors" else torch.save(named, path)
    found = read_weights(path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)
    assert not is_torchscript(path)


def test_a_training_checkpoint_gives_its_model(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": WEIGHTS, "optimizer": {"lr": 0.1}}, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt").keys() == WEIGHTS.keys()


def test_a_file_that_holds_code_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.pt"
    torch.save({"state_dict": WEIGHTS, "trap": Trap()}, path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value) == (
        f"{path}: contains pickled objects, which are not loaded. "
        "Where you trust it, load it with torch and save its state_dict as safetensors."
    )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path}: not a weight file, or damaged. Get it again."


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("w.pt", "w.safetensors"):
        with pytest.raises(ModelError) as caught:
            read_weights(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: no such file"


def test_a_file_without_tensors_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"w\.pt: holds no weights$"):
        read_weights(tmp_path / "w.pt")
