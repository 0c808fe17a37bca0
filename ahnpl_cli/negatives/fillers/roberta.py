"""Refills from a masked language model of transformers (the paper's RoBERTa, or any other).

A noun is replaced with the likeliest nouns of its sort and with compounds of our tables; a verb or
an adjective with what contradicts it, each word scored at the mask, however unlikely: of the
likeliest words hardly any is a contrary; a relation with those that captions know between such
nouns. What has several pieces stands at as many masks, and its score is the sum over them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ahnpl_cli.english import plural
from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import MaskedWord, Ranking
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import sorts_of, widened
from ahnpl_cli.negatives.lexicon.tables import contraries, dimensions
from ahnpl_cli.negatives.lexicon.wordnet import Pos

# Masked captions at once; fixed, since the last bits of scores depend on it. On a CPU more would
# not fit its caches: with roberta-base, 128 are a quarter slower than 32.
BATCH, BATCH_CPU = 512, 32
BEST = 256  # words looked at for a masked noun, of all sorts
PIECES = 3  # of a word at most
PHRASE_PIECES = 6  # of a relation at most
_STARTS = ("Ġ", "▁")  # marks of a word's first piece in byte-level BPE and SentencePiece


class _Spelled(NamedTuple):
    """A word and the tokens that spell it."""

    word: str
    tokens: tuple[int, ...]


class RobertaFiller:
    """Ranks words by their probability at the mask.

    The vocabulary head is computed at the mask alone: it costs as much as several layers, and every
    other position's output would be thrown away. Captions of like length go together.

    Args:
        model: name on the Hugging Face hub, or a folder.
        device: where to compute.
        name: what stands in the records; default: the model's name and revision.

    Raises:
        ModelError: no such model here, or it has no mask token.
    """

    scores_phrases = True

    def __init__(self, model: str, device: str = "cpu", *, name: str | None = None) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer
        from transformers.utils import logging

        # Loading takes seconds; the bar that users see is that of their captions.
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            # Nothing of a model's folder is run, and nothing is fetched.
            options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self.tokenizer: Any = AutoTokenizer.from_pretrained(model, **options)
            network: Any = AutoModelForMaskedLM.from_pretrained(model, **options)
        except (OSError, ValueError) as error:
            hint = "Name a folder with --filler-model, or use --filler corpus."
            raise ModelError(f"no masked language model '{model}' here", hint=hint) from error
        if self.tokenizer.mask_token_id is None:
            raise ModelError(f"the tokenizer of '{model}' has no mask token")
        self.network = network.eval().to(device)
        self.device = device
        revision = getattr(network.config, "_commit_hash", None)
        self.name = name or (f"{model}@{revision[:12]}" if revision else model)
        self.network.base_model.register_forward_hook(self._keep_mask)
        self._masks_at: Tensor | None = None
        positions = getattr(network.config, "max_position_embeddings", None)
        # RoBERTa leaves the first two positions unused.
        most = positions - 2 if positions else self.tokenizer.model_max_length
        self._longest = min(most, self.tokenizer.model_max_length)
        # Between words, and where no blank stands before: at the start, behind a quote or a hyphen.
        self._words = {False: self._whole_words(), True: self._bare_words()}
        self._special = [str(token) for token in self.tokenizer.all_special_tokens]
        self._contradicting = functools.lru_cache(maxsize=1 << 12)(self._make_contradicting)
        self._others = functools.lru_cache(maxsize=1 << 12)(self._make_others)

    def _keep_mask(self, module: Any, inputs: Any, output: Any) -> Any:
        """Drop every position but the masks' before the head sees them."""
        assert self._masks_at is not None
        rows = torch.arange(len(output[0]), device=output[0].device).unsqueeze(1)
        kept = output[0][rows, self._masks_at]
        if isinstance(output, tuple):
            return (kept, *output[1:])
        output.last_hidden_state = kept
        return output

    def _whole_words(self) -> dict[int, str]:
        """Token -> word, of the tokens that can stand alone after a space."""
        vocabulary = self.tokenizer.get_vocab()
        marked = any(token.startswith(_STARTS) for token in vocabulary)
        words = {}
        for token, number in vocabulary.items():
            begins = token.startswith(_STARTS) if marked else not token.startswith("##")
            word = token.lstrip("".join(_STARTS)) if marked else token
            if begins and word.isascii() and word.isalpha():
                words[number] = word
        return words

    def _bare_words(self) -> dict[int, str]:
        """The same of the tokens that can stand alone where no blank stands before them."""
        vocabulary = self.tokenizer.get_vocab()
        starts = [mark for mark in _STARTS if any(t.startswith(mark) for t in vocabulary)]
        if not starts:
            return self._whole_words()
        spaced = {word.lower() for word in self._whole_words().values()}
        # "ing" begins no word: only what is a word elsewhere is one here.
        return {
            number: token
            for token, number in vocabulary.items()
            if token.isascii() and token.isalpha() and token.lower() in spaced
        }

    def top_tokens(self, texts: Sequence[str], k: int) -> tuple[Tensor, Tensor]:
        """Return the k likeliest tokens at the mask of each text, and their log probabilities.

        Of a text that is too long for the model, what is around the mask counts.

        Returns:
            Token numbers and log probabilities, both (N, k), on the CPU.
        """
        tokens = torch.empty(len(texts), k, dtype=torch.long)
        scores = torch.empty(len(texts), k)
        for row, log_probs in self._log_probs(texts, 1):
            best = log_probs[0].topk(k)
            tokens[row], scores[row] = best.indices.cpu(), best.values.cpu()
        return tokens, scores

    def _log_probs(self, texts: Sequence[str], masks: int) -> Iterator[tuple[int, Tensor]]:
        """Yield each row with its log probabilities, (masks, vocabulary), in any order."""
        encoded = [self._around_mask(tokens) for tokens in self._encode(texts)]
        order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), i))
        size = BATCH_CPU if self.device == "cpu" else BATCH
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield from zip(rows, self._batch([encoded[i] for i in rows], masks), strict=True)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        tokens: list[list[int]] = self.tokenizer(list(texts), verbose=False)["input_ids"]
        return tokens

    def _around_mask(self, tokens: list[int]) -> list[int]:
        """The tokens, or as many around the mask as the model takes, with first and last."""
        if len(tokens) <= self._longest:
            return tokens
        room = self._longest - 2
        mask = tokens.index(self.tokenizer.mask_token_id)
        start = min(max(mask - room // 2, 1), len(tokens) - 1 - room)
        return [tokens[0], *tokens[start : start + room], tokens[-1]]

    @torch.inference_mode()
    def _batch(self, encoded: list[list[int]], masks: int) -> Tensor:
        batch = self.tokenizer.pad({"input_ids": encoded}, return_tensors="pt").to(self.device)
        is_mask = batch["input_ids"] == self.tokenizer.mask_token_id
        # Stable, so that the masks come first and in their order.
        self._masks_at = (~is_mask).int().argsort(dim=1, stable=True)[:, :masks]
        log_probs: Tensor = self.network(**batch).logits.log_softmax(-1)
        return log_probs

    def rank(self, masked_words: Sequence[MaskedWord]) -> list[Ranking]:
        """Return words for each masked word with their log probabilities, best first."""
        scored: list[list[tuple[str, float]]] = [[] for _ in masked_words]
        is_phrase = any(masked.options for masked in masked_words)
        for masks in range(1, (PHRASE_PIECES if is_phrase else PIECES) + 1):
            wanted = [self._wanted(masked, masks) for masked in masked_words]
            rows = [row for row, words in enumerate(wanted) if words is None or words]
            texts = [self._masked_text(masked_words[row], masks) for row in rows]
            for place, log_probs in self._log_probs(texts, masks) if rows else ():
                row = rows[place]
                words = wanted[row]
                if words is None:
                    scored[row] += self._likeliest(masked_words[row], log_probs[0])
                else:
                    scored[row] += _scores_of(words, log_probs)
        return [sorted(words, key=lambda pair: (-pair[1], pair[0])) for words in scored]

    def _masked_text(self, masked: MaskedWord, masks: int = 1) -> str:
        """The caption with masks in the place of the word."""
        text, word = masked.caption.record.caption, masked.word
        mask = " ".join([str(self.tokenizer.mask_token)] * masks)
        return self._plain(text[: word.start]) + mask + self._plain(text[word.end :])

    def _plain(self, text: str) -> str:
        """A text in which no word is one of the model's own marks, such as a literal `<mask>`."""
        for token in self._special:
            text = text.replace(token, token.strip("<>[]|/"))
        return text

    def _wanted(self, masked: MaskedWord, masks: int) -> Sequence[_Spelled] | None:
        """The words of so many pieces to score at the masks; None for the likeliest."""
        word = masked.word
        is_bare = _is_bare(masked)
        if masked.options:
            return tuple(self._spelled(masked.options, is_bare, masks))
        if masks > PIECES:
            return ()
        if word.pos == "n":
            return self._others(word.lemma, word.tag, is_bare, masks) if masks > 1 else None
        assert word.pos is not None
        return self._contradicting(word.lemma, word.pos, is_bare, masks)

    def _make_contradicting(
        self, lemma: str, pos: Pos, is_bare: bool, masks: int
    ) -> tuple[_Spelled, ...]:
        """Words that contradict a verb or an adjective, of so many pieces."""
        if masks == 1:
            return tuple(
                _Spelled(word, (token,))
                for token, word in self._words[is_bare].items()
                if validity.contradicts(lemma, wordnet.lemma(word.lower(), pos), pos)
            )
        # Verbs would have to be put into the form of the one that is there.
        if pos != "a":
            return ()
        others = contraries("attributes").get(lemma, frozenset())
        return tuple(self._spelled(sorted(others), is_bare, masks))

    def _make_others(self, lemma: str, tag: str, is_bare: bool, masks: int) -> tuple[_Spelled, ...]:
        """Compounds, and nouns of so many pieces, of a noun's sort."""
        sorts = widened(sorts_of(lemma))
        listed = dimensions("sorts")
        others = sorted(word for word in listed if not sorts.isdisjoint(listed[word]))
        forms = others if tag == "NN" else [plural(word) for word in others]
        return tuple(self._spelled(forms, is_bare, masks))

    def _spelled(self, words: Iterable[str], is_bare: bool, masks: int) -> Iterator[_Spelled]:
        """The words that a number of tokens spell."""
        for word in words:
            text = word if is_bare else f" {word}"
            tokens = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(tokens) == masks and self.tokenizer.unk_token_id not in tokens:
                yield _Spelled(word, tuple(tokens))

    def _likeliest(self, masked: MaskedWord, log_probs: Tensor) -> Iterator[tuple[str, float]]:
        """The likeliest words for a noun, as far as they name a thing of its sort."""
        best = log_probs.topk(min(BEST, len(log_probs)))
        sorts = widened(sorts_of(masked.word.lemma))
        words = self._words[_is_bare(masked)]
        for token, score in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            word = words.get(token)
            # "Red" is a noun of WordNet's, and no playhouse.
            if word is not None and not sorts.isdisjoint(_sorts_of_form(word.lower())):
                yield word, score

    def sure_of(self, masked: MaskedWord, word: str) -> bool:
        """Never: a language model's words come with no tags."""
        return False


def _is_bare(masked: MaskedWord) -> bool:
    """Whether no blank stands before a word."""
    start = masked.word.start
    return start == 0 or not masked.caption.record.caption[start - 1].isspace()


def _scores_of(words: Sequence[_Spelled], log_probs: Tensor) -> list[tuple[str, float]]:
    """Words with the sums of their tokens' log probabilities at as many masks."""
    tokens = torch.tensor([word.tokens for word in words], device=log_probs.device)
    places = torch.arange(tokens.shape[1], device=log_probs.device)
    scores = log_probs[places, tokens].sum(1).tolist()
    return [(word.word, score) for word, score in zip(words, scores, strict=True)]


@functools.lru_cache(maxsize=1 << 15)
def _sorts_of_form(word: str) -> frozenset[str]:
    return sorts_of(wordnet.lemma(word, "n"))
