"""A server that speaks as OpenAI's does: asked side by side, again when busy, never elsewhere."""

import pytest
from server import serving

from ahnpl_cli.errors import ModelError
from ahnpl_cli.language_models import endpoint as endpoints
from ahnpl_cli.language_models import json_answer, load_language_model
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


def test_an_answer_is_asked_for_by_schema_and_without_where_none_is_known(echo):
    schema = {"type": "object"}
    model = endpoint(echo)
    assert model.complete(["ab"], schema) == ["ba"]
    form = echo.requests[-1][2]["response_format"]
    assert form["json_schema"]["schema"] == schema
    echo.takes_schema = False
    assert model.complete(["cd", "ef"], schema) == ["dc", "fe"]
    before = len(echo.requests)
    assert model.complete(["gh"], schema) == ["hg"]
    # It is not tried again.
    assert len(echo.requests) == before + 1
    assert "response_format" not in echo.requests[-1][2]


def test_the_seed_is_sent(echo):
    model = load_language_model(name="m", url=echo.url, key_variable=KEY, seed=7)
    model.complete(["ab"])
    assert echo.requests[-1][2]["seed"] == 7 and model.seed == 7


@pytest.mark.parametrize(
    ("raw", "length", "message"),
    [
        ([b"no JSON"], None, "no answer .Expecting value"),
        ([b"[" * 10**6], None, "no answer"),
        ([b'{"choices": ['], 500, "no answer"),
        ([b'{"choices": [{"message": {}}]}'], None, "an answer without a message"),
        ([b"[]"], None, "an answer without a message"),
    ],
    ids=["text", "deep", "cut off", "no content", "a list"],
)
def test_what_is_no_answer_is_one_line(echo, raw, length, message):
    model = endpoint(echo)
    echo.raw, echo.length = raw, length
    with pytest.raises(ModelError, match=message):
        model.complete(["ab"])


def test_what_a_server_says_is_text_or_nothing(echo):
    echo.raw = [b'{"choices": [{"message": {"content": {"a": 1}}}]}']
    assert endpoint(echo).complete(["ab"]) == [""]


def test_an_answer_without_end_is_not_read(echo, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_BYTES", 10**5)
    echo.raw = [b" " * 10**4] * 100
    with pytest.raises(ModelError, match="an answer of more than 100,000 bytes"):
        endpoint(echo).complete(["ab"])


def test_an_answer_in_drops_ends(echo):
    model = Endpoint(echo.url, "m", KEY, first_wait=0.01, slowest=0.2)
    echo.raw, echo.pause = [b" "] * 50, 0.05
    with pytest.raises(ModelError, match="took more than 0.2 seconds"):
        model.complete(["ab"])


@pytest.mark.parametrize("key", ["sec\nret", "sécret", "sec\x00ret"])
def test_a_key_that_no_header_can_hold_is_told_and_not_shown(echo, monkeypatch, key):
    # A NUL cannot be in the environment, but in what Python is told of it.
    monkeypatch.setattr(endpoints.os, "environ", {KEY: key})
    with pytest.raises(ModelError, match=f"the key in {KEY} holds a character") as error:
        endpoint(echo)
    assert key not in str(error.value) and "sec" not in str(error.value)
    assert echo.requests == []


def test_a_key_with_a_line_end_is_sent_without(echo, monkeypatch):
    monkeypatch.setenv(KEY, "secret\n")
    endpoint(echo).complete(["ab"])
    assert echo.requests[-1][1] == "Bearer secret"


def test_a_name_that_steers_a_terminal_is_spelled_out():
    with serving(str) as served:
        served.raw = [b'{"data": [{"id": "a\\u001b[31m' + b"x" * 500 + b'"}]}']
        model = endpoint(served, None)
    assert model.model.startswith("a\\x1b[31mx") and len(model.model) < 210


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ('Sure! {"words": ["a"]} Anything else?', {"words": ["a"]}),
        ("{}", {}),
        ("[1]", None),
        ("none", None),
        ('{"words": [', None),
        ("{" * 5000 + "}" * 5000, None),
        ('{"a": ' + "1" * 9000 + "}", None),
        ('{"a": "' + "x" * 30_000 + '"}', None),
    ],
    ids=["talk", "empty", "list", "text", "half", "deep", "digits", "long"],
)
def test_of_an_answer_only_json_of_a_sensible_size_is_taken(answer, content):
    assert json_answer(answer, dict) == content
