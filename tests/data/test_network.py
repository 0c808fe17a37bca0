import threading

import pytest

from ahnpl_cli.data import network


def test_a_host_that_never_answers_is_given_up_on_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def hang(*_: object, **__: object) -> None:
        given_up.wait(60)
        raise TimeoutError

    monkeypatch.setattr(network.urllib.request, "urlopen", hang)
    assert not network.is_reachable("https://huggingface.co", patience=0.1)
    given_up.set()
    assert network.PATIENCE < 5


def test_any_answer_is_an_answer_and_a_refusal_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    def forbid(*_: object, **__: object) -> None:
        raise network.urllib.error.HTTPError("https://a.b", 403, "no", {}, None)  # type: ignore[arg-type]

    monkeypatch.setattr(network.urllib.request, "urlopen", refuse)
    assert not network.is_reachable("https://a.b")
    monkeypatch.setattr(network.urllib.request, "urlopen", forbid)
    assert network.is_reachable("https://a.b")
