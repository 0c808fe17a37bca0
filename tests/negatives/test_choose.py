import time

import pytest

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.fillers import choose
from ahnpl_cli.negatives.fillers.choose import choose_filler, hub_answers

NOWHERE = "no-such-owner/no-such-model-at-all"


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_auto_takes_a_folder_with_weights(tmp_path):
    (tmp_path / "model.safetensors").touch()
    choice = choose_filler("auto", str(tmp_path))
    assert (choice.kind, choice.model, choice.revision) == ("roberta", str(tmp_path), None)
    assert choice.why == f"filler: {tmp_path}, found on this disk"


def test_auto_falls_back_on_the_corpus_and_says_why(offline):
    choice = choose_filler("auto", NOWHERE)
    assert (choice.kind, choice.model) == ("corpus", None)
    assert choice.why == (
        f"filler: corpus, since the weights of {NOWHERE} are not here and the hub cannot be reached"
    )


def test_roberta_without_weights_is_an_error_with_the_ways_on(offline):
    with pytest.raises(ModelError) as error:
        choose_filler("roberta", NOWHERE)
    hint = "Connect once, name a folder with --filler-model, or use --filler corpus."
    assert str(error.value) == f"the weights of '{NOWHERE}' cannot be had. {hint}"


def test_corpus_asks_nobody(monkeypatch):
    monkeypatch.setattr(choose, "hub_answers", lambda model: pytest.fail("asked"))
    assert choose_filler("corpus", NOWHERE).kind == "corpus"


def test_a_network_that_never_answers_is_given_up_in_time(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(choose, "_ask", lambda model: time.sleep(2) or True)
    monkeypatch.setattr(choose, "PATIENCE", 0.1)
    start = time.monotonic()
    assert not hub_answers(NOWHERE)
    assert time.monotonic() - start < 1.5
    assert choose.PATIENCE < 5
