"""Options by name, whatever group they are in, and back again."""

import pytest

from ahnpl_cli.config import EmbedConfig, TrainConfig, flat, from_options
from ahnpl_cli.errors import ConfigError


def test_options_by_name_find_their_groups() -> None:
    config = from_options(TrainConfig, {"lr": 3e-6, "data": "a.jsonl", "weight_contrastive": 0.5})
    assert config.optimizer.lr == 3e-6
    assert config.data == ("a.jsonl",)
    assert config.weights.weight_contrastive == 0.5


def test_what_is_flat_becomes_the_same_configuration() -> None:
    config = from_options(EmbedConfig, {"image_column": "foto", "engine": "ray", "perturb": True})
    assert from_options(EmbedConfig, flat(config)) == config


def test_an_option_that_is_not_there_leads_to_one_that_is() -> None:
    with pytest.raises(ConfigError, match=r"^unknown option 'lrr'\. Did you mean 'lr'\?"):
        from_options(TrainConfig, {"lrr": 1})
