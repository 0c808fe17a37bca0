"""Encoding a batch in parts changes neither its loss nor its gradient."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.dataset import open_picture
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.recipes import OBJECTIVES
from ahnpl_cli.training.batch import Batch, make_batch
from ahnpl_cli.training.build import TrainingParts, build
from ahnpl_cli.training.step import forward_backward
from ahnpl_cli.training.trainer import Trainer

CPU = torch.device("cpu")


def load(setup: TrainingParts, rows: Tensor) -> Loaded:
    pictures = [setup.data.pictures[p] for p in setup.data.picture_of[rows.numpy()]]
    pixels = torch.stack([setup.backbone.preprocess(open_picture(p)) for p in pictures])
    return Loaded(pixels, torch.arange(len(rows)), {})


def batch_of(setup: TrainingParts, parts: int = 1, count: int = 10) -> Batch:
    rows = torch.arange(count)
    return make_batch(
        setup.data, rows.numpy(), load(setup, rows), seed=0, epoch=0, parts=parts, overhead=4
    )


def gradients(setup: TrainingParts) -> dict[str, Tensor]:
    named = {**dict(setup.backbone.module.named_parameters()), "a": setup.objective.a}
    found = {name: p.grad.clone() for name, p in named.items() if p.grad is not None}
    for parameter in named.values():
        parameter.grad = None
    return found


def outcome(setup: TrainingParts, batch: Batch) -> tuple[float, dict[str, Tensor]]:
    made = forward_backward(setup.towers, setup.objective, batch, device=CPU)
    return made.losses.total.item(), gradients(setup)


@pytest.fixture
def setup(make_config: Callable[..., TrainConfig]) -> TrainingParts:
    config = make_config()
    made = build(config, config.output)
    Trainer(made, config)  # puts the model into training mode
    made.objective.margin.fill_(0.03)
    return made


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_parts_add_up_to_the_whole(setup: TrainingParts, parts: int) -> None:
    loss, want = outcome(setup, batch_of(setup))
    again, got = outcome(setup, batch_of(setup, parts))
    assert again == pytest.approx(loss, rel=1e-6)
    assert want.keys() == got.keys()
    for name, gradient in want.items():
        torch.testing.assert_close(got[name], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_cut_at_the_features_is_plain_backpropagation(
    objective: str, make_config: Callable[..., TrainConfig]
) -> None:
    config = make_config(objective=objective)
    setup = build(config, config.output)
    loss, got = outcome(setup, batch_of(setup))

    rows = torch.arange(10)
    draw = setup.data.draw(rows.numpy(), seed=0, epoch=0)
    tokens = setup.data.tokens.padded(draw.text)
    backbone, width = setup.backbone, len(setup.data.kinds)
    negatives = torch.zeros(10, width, backbone.info.embed_dim)
    for i in range(10):
        for k in range(width):
            if draw.valid[i, k]:
                text = setup.data.tokens.padded(draw.negative[i, k : k + 1])
                negatives[i, k] = backbone.encode_text(text)[0]
    features = Features(
        image_features=backbone.encode_image(load(setup, rows).pixels),
        text_features=backbone.encode_text(tokens),
        negative_features=negatives,
        valid=torch.from_numpy(draw.valid),
        logit_scale=backbone.logit_scale,
        image_ids=torch.from_numpy(setup.data.picture_of[:10]),
        concreteness=torch.from_numpy(draw.concreteness),
    )
    plain = setup.objective(features).total
    plain.backward()
    assert plain.item() == pytest.approx(loss, rel=1e-5)
    for name, gradient in gradients(setup).items():
        torch.testing.assert_close(got[name], gradient, atol=2e-5, rtol=1e-3)


def test_identical_texts_are_encoded_once_and_each_bucket_has_its_own_length(
    setup: TrainingParts,
) -> None:
    batch = batch_of(setup)
    rows = [tuple(r[r != 0].tolist()) for bucket in batch.parts[0].buckets for r in bucket]
    assert len(rows) == len(set(rows))
    lengths = [bucket.shape[1] for bucket in batch.parts[0].buckets]
    assert len(lengths) > 1
    assert lengths == sorted(set(lengths))
    for bucket in batch.parts[0].buckets:
        assert bucket[:, -1].any()


def test_only_valid_negatives_are_encoded(setup: TrainingParts) -> None:
    batch = batch_of(setup)
    texts = sum(len(bucket) for bucket in batch.parts[0].buckets)
    valid = int(batch.index.valid.sum())
    assert texts <= 10 + valid < 10 * (1 + len(setup.data.kinds))
    assert (batch.index.negative[~batch.index.valid] == -1).all()


def test_a_broken_image_leaves_its_pair_out(setup: TrainingParts) -> None:
    rows = torch.arange(4)
    loaded = load(setup, rows)
    kept = torch.tensor([0, 1, 3])
    broken = Loaded(loaded.pixels[kept], kept, {2: "broken"})
    batch = make_batch(setup.data, rows.numpy(), broken, seed=0, epoch=0)
    assert len(batch.index.text) == 3
    assert batch.index.image_ids.tolist() == setup.data.picture_of[[0, 1, 3]].tolist()


def test_dropout_drops_the_same_when_a_part_is_encoded_again(setup: TrainingParts) -> None:
    for block in setup.backbone.module.transformer.resblocks:
        block.attn.dropout = 0.5
    batch = batch_of(setup, parts=2)
    torch.manual_seed(1)
    seen = []

    def remember(module: object, inputs: object, output: tuple[Tensor, ...]) -> None:
        seen.append(output[1].detach().clone())

    setup.towers.register_forward_hook(remember)
    forward_backward(setup.towers, setup.objective, batch, device=CPU)
    cached, replayed = seen[:2], seen[2:]
    for one, other in zip(cached, replayed, strict=True):
        torch.testing.assert_close(one, other)
