"""A server that speaks as OpenAI's does: asked side by side, again when busy, never elsewhere."""

import pytest
from server import serving

from ahnpl_cli.errors import ModelError
from ahnpl_cli.language_models import load_language_model
from ahnpl_cli.language_models.endpoint import Endpoint

KEY = "TEST_LLM_KEY"


@pytest.fixture
def echo():
    with serving(lambda prompt: prompt[::-1]) as served:
        yield served


def endpoint(served, model="m"):
    return Endpoint(served.url, model, KEY, first_wait=0.01)


def test_answers_come_in_the_order_of_the_prompts(echo, monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    prompts = [f"prompt {number}" for number in range(20)]
    assert endpoint(echo).complete(prompts) == [prompt[::-1] for prompt in prompts]
    assert sorted(echo.prompts()) == sorted(prompts)
    path, key, body = echo.requests[0]
    assert path == "/v1/chat/completions" and key == "Bearer secret"
    assert (body["model"], body["temperature"], body["seed"]) == ("m", 0, 0)


def test_without_a_name_the_servers_first_model_is_taken(echo):
    model = load_language_model(name=None, url=echo.url + "/", key_variable=KEY)
    assert model.info.model == "tiny-llm"
    assert echo.requests[0][:2] == ("/v1/models", None)


def test_a_busy_server_is_asked_again(echo):
    echo.failures = [429, 503]
    assert endpoint(echo).complete(["ab"]) == ["ba"]
    assert len(echo.requests) == 3


def test_a_server_that_stays_busy_is_one_line(echo):
    echo.failures = [503] * 9
    with pytest.raises(ModelError, match="refused with 503"):
        endpoint(echo).complete(["ab"])
    assert len(echo.requests) == 4


def test_a_wrong_key_is_told_at_once_and_not_shown(echo, monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    echo.failures = [401]
    with pytest.raises(ModelError, match=f"refused with 401.*the key in {KEY}") as error:
        endpoint(echo).complete(["ab"])
    assert len(echo.requests) == 1 and "secret" not in str(error.value)


def test_a_key_that_a_server_repeats_is_not_shown(monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    with serving(str) as served:
        served.failures = [401]
        served.failure = "wrong key: secret"
        with pytest.raises(ModelError, match=r"wrong key: \*\*\*"):
            endpoint(served).complete(["ab"])


def test_the_key_is_not_sent_elsewhere(echo):
    echo.failures = [302]
    with pytest.raises(ModelError, match="refused with 302"):
        endpoint(echo).complete(["ab"])


def test_no_server_is_one_line():
    dead = Endpoint("http://127.0.0.1:9/v1", "m", KEY, first_wait=0.01)
    with pytest.raises(ModelError, match="no answer.*Is the server running"):
        dead.complete(["ab"])
    with pytest.raises(ModelError, match="is no address of a server"):
        Endpoint("localhost:8000", "m", KEY)
