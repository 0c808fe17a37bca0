"""Answers are kept: a prompt is asked once."""

import pytest
from server import serving

from ahnpl_cli.errors import DataError, ModelError
from ahnpl_cli.language_models import load_language_model
from ahnpl_cli.language_models.answers import AT_ONCE, Remembering


def load(served, path, name="m", seed=0):
    return load_language_model(
        name=name, url=served.url, key_variable="NONE", seed=seed, answers=path
    )


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


def test_another_seed_asks_again(tmp_path):
    path = tmp_path / "answers.sqlite"
    with serving(str.upper) as served:
        load(served, path).complete(["a"])
        load(served, path, seed=1).complete(["a"])
        assert served.prompts() == ["a", "a"]


def test_of_two_that_share_a_file_the_first_answer_counts_for_both(tmp_path):
    path = tmp_path / "answers.sqlite"
    other = None

    def answer(prompt):
        # While this one asks, another process has had its answer kept.
        if other is not None and prompt == "a":
            other._keep(["a"], ["first"])
        return "second"

    with serving(answer) as served:
        model = load(served, path)
        # SQLite's connections belong to a thread; the server answers in its own.
        other = Remembering(model._model, path, any_thread=True)
        assert model.complete(["a", "b"]) == ["first", "second"]
        assert model.complete(["a"]) == ["first"]


def test_what_was_answered_before_a_failure_is_kept(tmp_path):
    path = tmp_path / "answers.sqlite"
    prompts = [str(number) for number in range(AT_ONCE + 1)]
    with serving(str) as served:
        model = load(served, path)
        model._model._first_wait = 0.01
        real = model._model.complete

        def failing(asked, schema=None):
            if prompts[-1] in asked:
                raise ModelError("gone")
            return real(asked, schema)

        model._model.complete = failing
        with pytest.raises(ModelError, match="gone"):
            model.complete(prompts)
        assert len(served.prompts()) == AT_ONCE
        model._model.complete = real
        assert model.complete(prompts) == prompts
        assert len(served.prompts()) == AT_ONCE + 1


def test_half_a_surrogate_pair_is_kept_as_a_question_mark(tmp_path):
    with serving(lambda prompt: "a\ud800") as served:
        assert load(served, tmp_path / "a.sqlite").complete(["x"]) == ["a?"]
