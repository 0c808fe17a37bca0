"""What a tagger costs: no torch, which is half a gigabyte, and nothing that it has done before."""

import subprocess
import sys

from ahnpl_cli.english import load_spacy
from ahnpl_cli.negatives.text.words import UNUSED, Tagger

CODE = """
import sys
from ahnpl_cli.negatives.text.words import Tagger

tagged = Tagger().tag(["a brown dog"])[0]
assert tagged.tags == ("DT", "JJ", "NN"), tagged
print("torch" in sys.modules)
import torch
print(torch.ones(2).sum().item())
"""


def test_a_tagger_loads_no_torch_and_leaves_it_to_those_who_need_it():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "2.0"]


def test_each_distinct_token_of_a_batch_is_embedded_once_and_gets_the_same_tags():
    captions = [
        f"A {adjective} {noun} is {verb} near the {other}."
        for adjective, noun, verb, other in zip(
            ("brown", "old", "well-known", "2nd") * 20,
            ("dog", "man", "New York cab", "cats", "café") * 16,
            ("sleeping", "parked", "left", "not here") * 20,
            ("bus", "t-shirt", "river bank") * 26,
            strict=False,
        )
    ]
    tagger = Tagger()
    (once,) = [
        layer.layers[0]
        for layer in tagger.nlp.get_pipe("tok2vec").model.layers[0].layers
        if layer.layers and layer.layers[0].name == "distinct rows"
    ]
    embedded = []
    inner = once.layers[0]
    forward = inner._func
    inner._func = lambda model, rows, is_train: (
        embedded.append(len(rows)) or forward(model, rows, is_train)
    )
    plain = load_spacy(None, UNUSED)
    tagged = tagger.tag(captions)
    for text, doc in zip(tagged, plain.pipe(captions), strict=True):
        assert text.words == tuple(token.text for token in doc)
        assert text.tags == tuple(token.tag_ for token in doc)
    assert sum(embedded) < sum(len(text.words) for text in tagged) / 5
