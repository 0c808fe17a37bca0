"""Controls without the image, and how far apart captions are kept."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from layouts import WORDS, write_sugarcrepe, write_winoground

from ahnpl_cli.caption_words import words
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import ModelError
from ahnpl_cli.evaluation.blind import fold, unigram
from ahnpl_cli.evaluation.scoring.items import Item


def item(i: int, *texts: str) -> Item:
    return Item(str(i), (ImageRef(Path(f"{i}.jpg")),), texts, ("row",), cluster=str(i))


def test_the_unigram_model_never_sees_the_image_it_scores():
    items = [item(i, f"a dog number {i}", "a cat") for i in range(20)]
    score = unigram(items)
    first = items[0]
    others = [one for one in items if fold(one) != fold(first)]
    counts = Counter(word for one in others for word in words(one.texts[0]))
    total = sum(counts.values()) + len(counts) + 1
    logs = [math.log((counts[word] + 1) / total) for word in ("a", "dog")]
    assert score(first, "A dog") == pytest.approx(sum(logs) / 2)
    assert score(first, "a dog") > score(first, "a cat")


def test_the_longer_caption_wins_where_foils_are_shorter(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    path = root / "sugarcrepe" / "add_obj.json"
    path.write_text(
        path.read_text().replace('"negative_caption": "', '"negative_caption": "and so ')
    )
    report = run("sugarcrepe", root, blind=True)
    rows = {
        name: {row.name: row for row in control.subsets}
        for name, control in report.blind["sugarcrepe"].items()
    }
    assert rows["shorter"]["add_obj"].accuracy == 100
    assert rows["longer"]["add_obj"].accuracy == 0
    assert rows["longer"]["swap_att"].ties == 5  # equally long: a tie, and wrong
    assert set(rows) == {"shorter", "longer", "unigram"}


def test_groups_of_images_have_no_blind_control(tmp_path, run):
    assert run("winoground", write_winoground(tmp_path / "d"), blind=True).blind == {}


def test_similarity_within_and_gap_across_equal_a_plain_mean(tmp_path, run, oracle):
    import json

    root = write_sugarcrepe(tmp_path / "d", n=3)
    found = run("sugarcrepe", root, representation=True).models[0].representation["sugarcrepe"]
    within, across = [], []
    for path in sorted((root / "sugarcrepe").glob("*.json")):
        for r in json.loads(path.read_text()).values():
            image = oracle.image(root / "val2017" / r["filename"])
            true, false = oracle.text(r["caption"]), oracle.text(r["negative_caption"])
            within.append(float(true @ false))
            across.append(float(image @ true) - float(image @ false))
    for name, values in (("intra_modal", within), ("cross_modal_gap", across)):
        assert found[name].value == pytest.approx(sum(values) / len(values), abs=1e-6)
        assert found[name].low < found[name].value < found[name].high
        assert found[name].n == 21


def write_language_model(folder: Path, kind: str) -> Path:
    """Write a tiny model of transformers with random weights and a tokenizer of whole words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        GPT2Config,
        GPT2LMHeadModel,
        PreTrainedTokenizerFast,
    )

    vocabulary = {word: i for i, word in enumerate(("[PAD]", "[UNK]", "[EOS]", *WORDS))}
    words_of = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words_of.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words_of, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]"
    )
    torch.manual_seed(0)
    size = len(vocabulary)
    if kind == "lm":
        config = GPT2Config(
            vocab_size=size, n_positions=16, n_embd=16, n_layer=1, n_head=2, eos_token_id=2
        )
        model = GPT2LMHeadModel(config)
    else:
        config = BertConfig(
            vocab_size=size,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
            num_labels=2,
        )
        model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_models_of_texts_are_controls_too(tmp_path, run):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    root = write_sugarcrepe(tmp_path / "d")
    folders = [write_language_model(tmp_path / kind, kind) for kind in ("lm", "grammar")]
    report = run("sugarcrepe", root, blind=True, blind_model=tuple(map(str, folders)))
    controls = report.blind["sugarcrepe"]
    assert list(controls) == ["shorter", "longer", "unigram", "lm", "grammar"]
    classifier = AutoModelForSequenceClassification.from_pretrained(folders[1]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders[1])
    records = json.loads((root / "sugarcrepe" / "swap_att.json").read_text()).values()
    right = []
    for record in records:
        scores = []
        for text in (record["caption"], record["negative_caption"]):
            with torch.no_grad():
                logits = classifier(**tokenizer(text, return_tensors="pt")).logits[0]
            scores.append(float(logits.log_softmax(-1)[1]))
        right.append(scores[0] > scores[1])
    row = next(row for row in controls["grammar"].subsets if row.name == "swap_att")
    assert row.accuracy == pytest.approx(100 * sum(right) / len(right))


def test_a_folder_that_scores_no_text_is_refused(tmp_path, run, tiny_model_folder):
    folder = tmp_path / "vision"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "vit", "architectures": ["ViTModel"]}')
    with pytest.raises(ModelError, match="scores no text: ViTModel"):
        run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), blind=True, blind_model=(str(folder),))
