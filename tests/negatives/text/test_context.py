"""Words beyond a model's context are never changed."""

import open_clip
import pytest

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.text.context import Window, clip_tokens, transformers_tokens

CAPTIONS = [
    "A man with a red helmet on a small moped on a dirt road. ",
    "Don't stop: naïve café, 12345 well-lit rock'n'roll 😀 ___ tea…",
    "SIGNS AND LETTERS; antidisestablishmentarianism, xyzzy!?",
]


@pytest.mark.parametrize("caption", CAPTIONS)
def test_tokens_are_counted_as_open_clip_counts_them(caption):
    tokens = open_clip.get_tokenizer("ViT-B-32")([caption])
    assert clip_tokens()(caption) == int((tokens != 0).sum()) - 2


def test_only_words_that_the_model_reads_are_seen(parse):
    parsed = parse(" ".join(["A man rides a brown horse."] * 20))
    seen = Window(77).visible(parsed.record.caption, parsed.words)
    text = parsed.record.caption
    assert 0 < len(seen) < len(parsed.words)
    # Room is left for words that are longer than those they replace.
    assert clip_tokens()(text[: seen[-1].end]) <= 77 - 2 - 8 < clip_tokens()(text)
    assert Window(10_000).visible(text, parsed.words) == parsed.words


def test_a_short_caption_is_seen_whole(parse):
    parsed = parse("A man rides a horse.")
    assert Window(77, "no such tokenizer").visible("A man rides a horse.", parsed.words)


def test_a_tokenizer_that_is_not_here_is_named(tmp_path):
    with pytest.raises(ModelError, match="no tokenizer"):
        transformers_tokens(str(tmp_path))
