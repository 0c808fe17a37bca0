"""A masked language model of transformers with random weights, and a real small tokenizer."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.candidates import MaskedWord
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers.roberta import RobertaFiller
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.maker import Maker
from ahnpl_cli.negatives.statistics import Statistics

CAPTIONS = ["a red car on a road", "a blue bus near a tree", "two dogs and a man on the grass"] * 5
# Pieces of which "fire truck" is made.
CAPTIONS += ["a fire near a truck"] * 5
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([f" {c}" for c in CAPTIONS], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, SPECIAL, strict=True))
    )
    fast.save_pretrained(folder)
    return len(fast)


@pytest.fixture(scope="module", params=["roberta", "bert"])
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp(request.param)
    size = save_tokenizer(made)
    kind = {
        "roberta": (RobertaConfig, RobertaForMaskedLM),
        "bert": (BertConfig, BertForMaskedLM),
    }[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = kind[0](vocab_size=size, intermediate_size=64, pad_token_id=1, **SIZES)
        kind[1](config).save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def filler(folder):
    return RobertaFiller(str(folder))


MASKED = ["a <mask> car on a road", "two <mask> and a man on the grass", "a red <mask>"]


def test_the_head_at_the_mask_alone_gives_what_the_whole_model_gives(folder, filler):
    """The naive way: one text at a time, every position through the head."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    tokens, scores = filler.top_tokens(MASKED, 5)
    for row, text in enumerate(MASKED):
        encoded = tokenizer(text, return_tensors="pt")
        place = encoded["input_ids"][0].tolist().index(tokenizer.mask_token_id)
        with torch.inference_mode():
            logits = model(**encoded).logits[0, place]
        best = logits.log_softmax(-1).topk(5)
        assert tokens[row].tolist() == best.indices.tolist()
        torch.testing.assert_close(scores[row], best.values, atol=1e-5, rtol=1e-4)


def test_only_whole_words_are_put_in(parse, filler):
    parsed = parse("a red car on a road")
    (ranking,) = filler.rank([MaskedWord(parsed, 2)])
    single = [word for word, _ in ranking if " " not in word]
    assert single and all(word.isalpha() for word in single)
    vocabulary = filler.tokenizer.get_vocab()
    pieces = [filler.tokenizer(f" {word}")["input_ids"] for word in single]
    # Of one piece between the marks of start and end, or of a table of ours.
    assert all(f"Ġ{w}" in vocabulary or len(p) > 3 for w, p in zip(single, pieces, strict=True))
    assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)


def test_no_blanks_give_nothing(filler):
    assert filler.rank([]) == []


def test_the_folder_stands_in_the_records(folder, filler):
    assert filler.name == str(folder)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ModelError) as error:
        RobertaFiller(str(tmp_path))
    hint = "Name a folder with --filler-model, or use --filler corpus."
    assert str(error.value) == f"no masked language model '{tmp_path}' here. {hint}"


def test_of_a_text_too_long_for_the_model_the_surroundings_of_the_mask_count(filler):
    long = "a red car " * 400
    tokens, scores = filler.top_tokens([f"{long}<mask> on a road {long}", "a <mask> car"], 5)
    assert scores.isfinite().all()
    # What lies beyond the model's reach changes nothing.
    again, _ = filler.top_tokens([f"a dog. {long}<mask> on a road {long}", "a <mask> car"], 5)
    assert tokens.tolist() == again.tolist()
    mask = filler.tokenizer.mask_token_id
    for place in (1, 300, 900, 1198):
        encoded = [0, *([9] * 1198), 2]
        encoded[place] = mask
        kept = filler._around_mask(encoded)
        assert len(kept) == filler._longest
        assert (kept[0], kept[-1], kept.count(mask)) == (0, 2, 1)


def words_of(filler, parsed, index):
    (ranking,) = filler.rank([MaskedWord(parsed, index)])
    return [word for word, _ in ranking]


def test_contraries_are_scored_however_unlikely_they_are(parse, filler):
    parsed = parse("a red car on a road")
    (ranking,) = filler.rank([MaskedWord(parsed, 1)])
    scores = dict(ranking)
    # "blue" is a word of the tokenizer, "gray" one of several pieces.
    assert "blue" in scores and "red" not in scores and "car" not in scores
    assert len(filler.tokenizer(" gray", add_special_tokens=False)["input_ids"]) in (2, 3)
    assert "gray" in scores


def test_a_word_of_several_pieces_has_the_sum_at_as_many_masks(folder, filler, parse):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    parsed = parse("a red car on a road")
    (ranking,) = filler.rank([MaskedWord(parsed, 1)])
    pieces = tokenizer(" gray", add_special_tokens=False)["input_ids"]
    masks = " ".join(["<mask>"] * len(pieces))
    encoded = tokenizer(f"a {masks} car on a road", return_tensors="pt")
    places = (encoded["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    with torch.inference_mode():
        scores = model(**encoded).logits[0].log_softmax(-1)
    expected = sum(scores[at, token].item() for at, token in zip(places, pieces, strict=True))
    assert dict(ranking)["gray"] == pytest.approx(expected, abs=1e-4)


def test_compounds_of_the_same_sort_are_candidates(parse, filler):
    many = parse("two dogs and a car on the grass")
    assert any(" " in word for word in words_of(filler, many, 4))
    # Of a red thing no color is put in, though WordNet has it as a noun.
    assert "red" not in words_of(filler, parse("a car on a road"), 1)


def test_where_no_blank_stands_before_words_without_one_are_put_in(folder, filler, parse):
    parsed = parse("dogs and a man on the grass")
    tokens = filler.tokenizer.get_vocab()
    bare = filler._words[True]
    assert set(bare.values()) <= {word for word in tokens if not word.startswith("Ġ")}
    assert "ing" not in bare.values()
    assert all(word.islower() or word.istitle() for word in words_of(filler, parsed, 0))
    quoted = parse('a sign with "dogs" on it')
    index = [word.lower for word in quoted.words].index("dogs")
    assert MaskedWord(quoted, index).word.start == quoted.record.caption.index("dogs")
    filler.rank([MaskedWord(quoted, index)])


def test_a_literal_mask_is_a_word_like_others(parse, filler):
    text = "a <mask> </s> sign on a red car <mask>"
    parsed = parse(text)
    index = [word.lower for word in parsed.words].index("red")
    shown = filler._masked_text(MaskedWord(parsed, index))
    assert shown == "a mask s sign on a <mask> car mask"
    (ranking,) = filler.rank([MaskedWord(parsed, index)])
    plain = parse("a mask s sign on a red car mask")
    index = [word.lower for word in plain.words].index("red")
    (expected,) = filler.rank([MaskedWord(plain, index)])
    assert ranking == expected


def test_an_order_of_texts_changes_no_score(parse, filler):
    masked = [MaskedWord(parse(text), 1) for text in ("a red car", "a blue bus near a tree")]
    first, second = filler.rank(masked)
    swapped = filler.rank(masked[::-1])
    for ranking, other in ((first, swapped[1]), (second, swapped[0])):
        assert [word for word, _ in ranking] == [word for word, _ in other]
        values = [score for _, score in other]
        assert [score for _, score in ranking] == pytest.approx(values, abs=1e-5)


def score_of(folder, text, words):
    """The naive way: log probabilities of words at as many masks as they have pieces, summed."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    pieces = tokenizer(f" {words}", add_special_tokens=False)["input_ids"]
    encoded = tokenizer(text.format(" ".join(["<mask>"] * len(pieces))), return_tensors="pt")
    places = (encoded["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    with torch.inference_mode():
        scores = model(**encoded).logits[0].log_softmax(-1)
    return sum(scores[at, token].item() for at, token in zip(places, pieces, strict=True))


def test_a_relation_is_scored_in_its_place(parse, folder, filler):
    parsed = parse("a fire truck near a tree on a road")
    start = [word.lower for word in parsed.words].index("near")
    masked = MaskedWord(parsed, start, start, ("on", "on the", "near"))
    assert masked.word.text == "near"
    scores = dict(filler.rank([masked])[0])
    assert set(scores) == {"on", "on the", "near"}
    for words, score in scores.items():
        expected = score_of(folder, "a fire truck {} a tree on a road", words)
        assert score == pytest.approx(expected, abs=1e-4)


def test_relations_are_drawn_by_the_model_that_refills(parse, tagger, filler):
    """What stands in a record is the score of the new relation, at the masks of the old one."""
    options = {"kinds": ["relation"], "top_k": 10, "seed": 0, "per_kind": 2}
    weigh = word_weights("random", 1.0)
    maker = Maker(filler, tagger, weigh=weigh, corpus=Corpus(Statistics()), **options)
    parsed = parse("a red bus near a bench near a car")
    (negatives,) = maker.make([parsed]).negatives
    assert len(negatives) == 2
    # One of each place before a second of any.
    assert len({negative.edits[0].start for negative in negatives}) == 2
    for negative in negatives:
        (edit,) = negative.edits
        place = [word.start for word in parsed.words].index(edit.start)
        masked = MaskedWord(parsed, place, place, (edit.new, edit.old))
        scores = dict(filler.rank([masked])[0])
        assert negative.filler == filler.name
        assert negative.score == pytest.approx(scores[edit.new], abs=1e-3)
