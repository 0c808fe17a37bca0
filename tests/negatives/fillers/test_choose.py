import pytest

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives import fillers
from ahnpl_cli.negatives.fillers import choose_filler

NOWHERE = "no-such-owner/no-such-model-at-all"


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(fillers, "is_offline", lambda: True)


def test_auto_takes_a_folder_with_weights(tmp_path):
    (tmp_path / "model.safetensors").touch()
    choice = choose_filler("auto", str(tmp_path))
    assert (choice.kind, choice.model, choice.revision) == ("roberta", str(tmp_path), None)
    assert choice.why == f"{tmp_path}, found on this disk"


def test_auto_falls_back_on_the_corpus_and_says_why(offline):
    choice = choose_filler("auto", NOWHERE)
    assert (choice.kind, choice.model) == ("corpus", None)
    assert choice.why == (
        f"corpus, since the weights of {NOWHERE} are not here and the hub cannot be reached"
    )


def test_roberta_without_weights_is_an_error_with_the_ways_on(offline):
    with pytest.raises(ModelError) as error:
        choose_filler("roberta", NOWHERE)
    hint = "Connect once, name a folder with --filler-model, or use --filler corpus."
    assert str(error.value) == (
        f"the weights of '{NOWHERE}' are not here and the hub cannot be reached. {hint}"
    )


def test_corpus_asks_nobody(monkeypatch):
    monkeypatch.setattr(fillers, "is_reachable", lambda url: pytest.fail("asked"))
    assert choose_filler("corpus", NOWHERE).kind == "corpus"


def test_a_hub_without_the_model_is_said_in_its_words(monkeypatch):
    def fetch(model):
        raise OSError("404: no such model\nmore about it")

    monkeypatch.setattr(fillers, "is_offline", lambda: False)
    monkeypatch.setattr(fillers, "is_reachable", lambda url: True)
    monkeypatch.setattr(fillers, "_fetch", fetch)
    assert choose_filler("auto", NOWHERE).why == (
        f"corpus, since the weights of {NOWHERE} are not here and the hub gives none "
        "(404: no such model)"
    )


def test_a_folder_without_weights_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(fillers, "is_reachable", lambda url: pytest.fail("asked"))
    assert choose_filler("auto", str(tmp_path)).kind == "corpus"


def test_by_default_the_network_is_never_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(fillers, "_on_disk", lambda model: None)
    monkeypatch.setattr(fillers, "is_reachable", lambda url: pytest.fail("asked"))
    monkeypatch.setattr(fillers, "_fetch", lambda model: pytest.fail("fetched"))
    choice = choose_filler("auto", None)
    assert (choice.kind, choice.model) == ("corpus", None)
    assert choice.why == (
        "corpus, since roberta-base is not on this disk; --filler roberta downloads it"
    )
