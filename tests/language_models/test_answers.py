"""Answers are kept: a prompt is asked once."""

import pytest
from server import serving

from ahnpl_cli.errors import DataError
from ahnpl_cli.language_models import load_language_model


def load(served, path, name="m"):
    return load_language_model(name=name, url=served.url, key_variable="NONE", answers=path)


def test_a_prompt_is_asked_once_even_by_another_process(tmp_path):
    path = tmp_path / "answers.sqlite"
    with serving(str.upper) as served:
        model = load(served, path)
        assert model.complete(["a", "b", "a"]) == ["A", "B", "A"]
        assert sorted(served.prompts()) == ["a", "b"]
    with serving(str.title) as served:
        assert load(served, path).complete(["b", "c"]) == ["B", "C"]
        assert served.prompts() == ["c"]
        assert load(served, path, name="other").complete(["bb"]) == ["Bb"]


def test_another_file_is_not_taken_for_one_of_answers(tmp_path):
    path = tmp_path / "answers.sqlite"
    path.write_text("something else, and long enough to be looked at" * 100)
    with serving(str.upper) as served, pytest.raises(DataError, match="no file of answers"):
        load(served, path)
