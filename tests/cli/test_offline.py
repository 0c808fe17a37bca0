"""No command reaches the network on its own; loopback and Unix sockets are nobody's business."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from huggingface_hub import constants
from typer.testing import CliRunner

from ahnpl_cli.cli.app import COMMANDS, app

LOCAL = ("127.0.0.1", "::1", "localhost", socket.gethostname())
Call = Callable[..., tuple[Result, list[str]]]
# What each command does with its defaults, or as near to them as takes seconds.
CALLS = {
    "demo": ["demo", "--help"],
    "negatives": ["negatives", "w/captions.jsonl", "--limit", "3"],
    "images": ["images", "n.jsonl", "--image-root", "w", "--dry-run"],
    "embed": ["embed", "w/captions.jsonl", "--dry-run"],
    "train": ["train", "--data", "w/captions.jsonl", "--device", "cpu", "--dry-run"],
    "eval": ["eval", "sugarcrepe", "--data", "w"],
    "compare": ["compare", "a.json", "b.json"],
    "runs": ["runs"],
    "frontier": ["frontier", "runs/none"],
    "export": ["export", "model", "--to", "openai", "-o", "exported"],
    "inspect": ["inspect", "model"],
    "scenes": ["scenes", "again", "--train", "2", "--test", "0", "--workers", "0"],
    "clean": ["clean"],
    "docs": ["docs"],
}


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path) -> Call:
    """Runs a command where nothing is cached; gives its result and the hosts it asked for."""
    asked: list[str] = []
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in LOCAL:
            asked.append(str(address[0]))
            raise OSError("no network in this test")
        connect(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None and host not in LOCAL:
            asked.append(str(host))
            raise OSError("no network in this test")
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AHNPL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[Result, list[str]]:
        asked.clear()
        return CliRunner().invoke(app, list(arguments)), list(asked)

    run("scenes", "w", "--train", "6", "--test", "2", "--workers", "0")
    shutil.copy("w/captions.jsonl", "n.jsonl")
    # A model whose text tower is another's on the Hub: looking at it must not go and see.
    model = Path(shutil.copytree(tiny_model_folder, "model"))
    config = (model / "open_clip_config.json").read_text()
    named = config.replace('"text_cfg": {', '"text_cfg": {"hf_model_name": "someone/tower", ')
    (model / "open_clip_config.json").write_text(named)
    return run


def test_every_command_is_called() -> None:
    assert list(CALLS) == list(COMMANDS)


@pytest.mark.parametrize("command", CALLS)
def test_no_command_reaches_the_network_unasked(call: Call, command: str) -> None:
    result, asked = call(*CALLS[command])
    assert asked == []
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_name_on_the_command_line_may_reach_it(call: Call) -> None:
    result, asked = call("embed", "w/captions.jsonl", "--dry-run", "--model", "hf-hub:someone/clip")
    assert asked
    assert result.exit_code == 4
