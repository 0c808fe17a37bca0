"""A small random causal model of transformers, answering in batches."""

import pytest
import torch
import transformers
from tiny_models import clip_tokenizer

from ahnpl_cli.errors import ModelError
from ahnpl_cli.language_models.local import LocalModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny-llm"
    tokenizer = clip_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=128,
            n_embd=32,
            n_layer=2,
            n_head=2,
            # Wide, so that the end of a text is not all it says.
            initializer_range=1.0,
            bos_token_id=len(tokenizer) - 2,
            eos_token_id=len(tokenizer) - 1,
        )
        transformers.GPT2LMHeadModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_batch_answers_as_one_call_a_prompt(folder):
    model = LocalModel(str(folder), batch_size=3, longest_answer=12)
    prompts = ["a", "a cat on a mat", "two dogs", "a"]
    answers = model.complete(prompts)
    assert answers == [model.complete([prompt])[0] for prompt in prompts]
    assert answers[0] == answers[3] and any(answers)
    assert model.info.model == str(folder)


def test_an_answer_does_not_repeat_the_prompt(folder):
    model = LocalModel(str(folder), longest_answer=4)
    (answer,) = model.complete(["a cat on a mat"])
    assert "cat on a mat" not in answer and len(answer.replace(" ", "")) <= 4


def test_a_chat_model_is_asked_as_it_was_taught(folder, tmp_path):
    import shutil

    copy = tmp_path / "chat"
    shutil.copytree(folder, copy)
    tokenizer = transformers.AutoTokenizer.from_pretrained(copy)
    tokenizer.chat_template = "USER {{ messages[0]['content'] }} BOT"
    tokenizer.save_pretrained(copy)
    model = LocalModel(str(copy), longest_answer=4)
    assert model._as_chat("hello") == "USER hello BOT"
    assert len(model.complete(["hello"])) == 1


def test_what_completes_no_text_is_one_line(transformers_folder, tmp_path):
    with pytest.raises(ModelError, match="a siglip completes no text"):
        LocalModel(str(transformers_folder("siglip")))
    with pytest.raises(ModelError, match="no such folder"):
        LocalModel(str(tmp_path / "gone"))
