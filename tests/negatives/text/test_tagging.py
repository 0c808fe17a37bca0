"""What a tagger costs: spaCy's small models need no torch, and torch needs half a gigabyte."""

import subprocess
import sys

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
