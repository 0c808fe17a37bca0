"""A small random causal model of transformers, answering in batches."""

import pytest
import torch
import transformers
from tiny_models import clip_tokenizer

from ahnpl_cli.backbones.transformers.language_model import LocalModel
from ahnpl_cli.errors import ModelError


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


def naive_mean(folder, text):
    """One token after the other, without batches."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    total, before = 0.0, [tokenizer.bos_token_id]
    for token in tokens:
        with torch.inference_mode():
            logits = model(torch.tensor([before])).logits[0, -1]
        total += logits.log_softmax(-1)[token].item()
        before.append(token)
    return total / len(tokens)


def test_likelihoods_are_those_of_each_text_alone(folder):
    model = LocalModel(str(folder), batch_size=2)
    texts = ["a cat on a mat", "a", "two dogs run"]
    means = model.mean_log_likelihoods(texts)
    assert means == pytest.approx([naive_mean(folder, text) for text in texts], abs=1e-4)
    assert model.mean_log_likelihoods(["", "a"])[0] == 0.0


def test_a_text_beyond_its_places_ends_no_run(folder):
    model = LocalModel(str(folder), longest_answer=12)
    long = "a " * 500
    assert model.complete([long, "a"])[0] == ""
    assert model.complete([long, "a"])[1] == model.complete(["a"])[0]
    assert model.mean_log_likelihoods([long])[0] < 0
