"""Encoding a batch in parts changes neither its loss nor its gradient."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.draw import Draw
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.losses.features import Features, TeacherFeatures
from ahnpl_cli.losses.recipes import OBJECTIVES, recipe
from ahnpl_cli.training.batch import Batch, make_batch
from ahnpl_cli.training.build import TrainingParts, build
from ahnpl_cli.training.step import backward, compute_loss, encode

CPU = torch.device("cpu")


def draw_of(built: TrainingParts, count: int = 10) -> Draw:
    return built.data.draw(torch.arange(count).numpy(), seed=0, epoch=0)


def load(built: TrainingParts, draw: Draw) -> Loaded:
    pictures = [built.data.pictures[p] for p in draw.pictures]
    pixels = torch.stack([built.backbone.preprocess(p.load()) for p in pictures])
    return Loaded(pixels, torch.arange(len(pictures)), {})


def batch_of(built: TrainingParts, parts: int = 1, count: int = 10) -> Batch:
    draw = draw_of(built, count)
    return make_batch(built.data, draw, load(built, draw), parts=parts, overhead=4)


def gradients(built: TrainingParts) -> dict[str, Tensor]:
    named = {**dict(built.backbone.module.named_parameters()), "a": built.objective.a}
    found = {name: p.grad.clone() for name, p in named.items() if p.grad is not None}
    for parameter in named.values():
        parameter.grad = None
    return found


def forward_backward(built: TrainingParts, batch: Batch) -> float:
    encoded = encode(built.encoders, batch, CPU, built.teachers)
    made = compute_loss(built.objective, encoded)
    backward(built.encoders, built.objective, encoded, made, device=CPU)
    return made.losses.total.item()


def outcome(built: TrainingParts, batch: Batch) -> tuple[float, dict[str, Tensor]]:
    return forward_backward(built, batch), gradients(built)


@pytest.fixture
def built(make_config: Callable[..., TrainConfig]) -> TrainingParts:
    config = make_config()
    made = build(config, Path(config.output or ""))
    made.objective.margin.fill_(0.03)
    return made


@pytest.fixture
def painted(make_config: Callable[..., TrainConfig]) -> TrainingParts:
    config = make_config(image_negatives="both")
    return build(config, Path(config.output or ""))


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_parts_with_painted_pictures_add_up_to_the_whole(
    painted: TrainingParts, parts: int
) -> None:
    test_parts_add_up_to_the_whole(painted, parts)


def test_parts_with_teachers_add_up_to_the_whole(make_config: Callable[..., TrainConfig]) -> None:
    config = make_config(objective="degla", weight_teacher_similarity=0.5)
    taught = build(config, Path(config.output or ""))
    with torch.no_grad():
        taught.backbone.module.get_parameter("text_projection").mul_(torch.rand(32))
    test_parts_add_up_to_the_whole(taught, 3)


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_parts_add_up_to_the_whole(built: TrainingParts, parts: int) -> None:
    loss, want = outcome(built, batch_of(built))
    again, got = outcome(built, batch_of(built, parts))
    assert again == pytest.approx(loss, rel=1e-6)
    assert want.keys() == got.keys()
    for name, gradient in want.items():
        torch.testing.assert_close(got[name], gradient, atol=1e-5, rtol=1e-4)


def looped_also_true(built: TrainingParts, draw: Draw) -> Tensor:
    """Whether negative k of pair j is a caption, of the whole data, of pair i's image."""
    data = built.data
    every = data.draw(data.rows, seed=0, epoch=0).text
    n, width = draw.valid.shape
    also_true = torch.zeros(n, n, width, dtype=torch.bool)
    for i, j, k in itertools.product(range(n), range(n), range(width)):
        captions = every[data.picture_of == data.picture_of[i]]
        also_true[i, j, k] = bool(draw.valid[j, k] and draw.negative[j, k] in captions)
    assert also_true.any() or not width
    return also_true


def encoded_one_by_one(
    backbone: Backbone, built: TrainingParts, draw: Draw
) -> tuple[Tensor, Tensor, Tensor]:
    """Features of images, captions and negatives."""
    tokens = draw.tokens or built.data.tokens
    texts = backbone.encode_text(tokens.padded(draw.text))
    negatives = torch.zeros(*draw.valid.shape, backbone.info.embed_dim)
    for i, k in zip(*draw.valid.nonzero(), strict=True):
        text = tokens.padded(draw.negative[i, k : k + 1])
        negatives[i, k] = backbone.encode_text(text)[0]
    pixels = load(built, draw).pixels
    images = pixels[: len(texts)]
    if draw.beside.shape[1]:
        # Columns two by two, the second image behind the first.
        halves = [p[..., 0::2] / 2 + p[..., 1::2] / 2 for p in (images, pixels[len(texts) :])]
        images = torch.cat(halves, dim=-1)
    return backbone.encode_image(images), texts, negatives


def looped_said(built: TrainingParts, draw: Draw, texts: np.ndarray) -> Tensor:
    """Whether a text (N, U) is a unit, in any record, of pair i's image."""
    said = torch.zeros(len(texts), *texts.shape, dtype=torch.bool)
    known: dict[int, set[int]] = {}
    for row in range(len(draw.rows)):
        numbers = {int(number) for number in draw.said[row] if number >= 0}
        # What an image is said to show does not depend on the record.
        assert known.setdefault(int(draw.picture[row]), numbers) == numbers
    for i, j, u in itertools.product(range(len(texts)), range(len(texts)), range(texts.shape[1])):
        said[i, j, u] = int(texts[j, u]) in known[int(draw.picture[i])]
    return said


def texts_of_slots(built: TrainingParts, draw: Draw, texts: np.ndarray) -> Tensor:
    """Features of texts (N, U), zeros where there is none."""
    features = torch.zeros(*texts.shape, built.backbone.info.embed_dim)
    for place in zip(*np.nonzero(texts >= 0), strict=True):
        tokens = (draw.tokens or built.data.tokens).padded(texts[place][None])
        features[place] = built.backbone.encode_text(tokens)[0]
    return features


# Those of matching models are trained in test_matching.py.
DUAL = [name for name in OBJECTIVES if not recipe(name).uses_matching]
TAUGHT = {"teacher": "ema", "weight_teacher_similarity": 0.5, "shift_model": "start"}
CASES = [*({"objective": name} for name in DUAL), {"image_negatives": "both"}, TAUGHT]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_the_cut_at_the_features_is_plain_backpropagation(
    options: dict[str, str], make_config: Callable[..., TrainConfig]
) -> None:
    config = make_config(**options)
    built = build(config, Path(config.output or ""))
    # Teachers begin as the start; from here on the student is another model where it is trained.
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in built.backbone.module.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    loss, got = outcome(built, batch_of(built))

    draw = draw_of(built)
    backbone = built.backbone
    images, captions, negatives = encoded_one_by_one(backbone, built, draw)
    start = load_backbone(checkpoint=config.checkpoint, device="cpu")
    with torch.no_grad():
        seen, read, wrong = encoded_one_by_one(start, built, draw)
    teacher = TeacherFeatures(
        image_features=seen,
        text_features=read,
        negative_features=wrong,
        logit_scale=start.logit_scale.detach(),
    )
    pictures = torch.zeros(10, draw.painted.shape[1], backbone.info.embed_dim)
    for i, k in itertools.product(range(10), range(draw.painted.shape[1])):
        if draw.painted[i, k] >= 0:
            picture = built.data.pictures[draw.painted[i, k]].load()
            pictures[i, k] = backbone.encode_image(backbone.preprocess(picture)[None])[0]
    others = texts_of_slots(built, draw, draw.positive)
    assert others.any() or not built.objective.recipe.uses_positives
    units = texts_of_slots(built, draw, draw.unit)
    assert draw.valid.any() or not built.objective.recipe.uses_negatives
    assert units.any() or not built.objective.recipe.uses_units
    if built.objective.recipe.painted in ("slots", "required"):
        assert pictures.any()
    features = Features(
        image_features=images,
        image_negative_features=pictures,
        image_valid=torch.from_numpy(draw.painted >= 0),
        positive_features=others,
        positive_valid=torch.from_numpy(draw.positive >= 0),
        text_features=captions,
        teachers={"start": teacher, "ema": teacher},
        negative_features=negatives,
        valid=torch.from_numpy(draw.valid),
        logit_scale=backbone.logit_scale,
        # Joined images are all different ones.
        image_ids=torch.from_numpy(draw.rows if draw.tokens else built.data.picture_of[:10]),
        concreteness=torch.from_numpy(draw.concreteness),
        also_true=None if draw.tokens else looped_also_true(built, draw),
        unit_features=units,
        foil_features=texts_of_slots(built, draw, draw.foil),
        unit_valid=torch.from_numpy(draw.unit >= 0),
        unit_true=looped_said(built, draw, draw.unit),
        foil_true=looped_said(built, draw, draw.foil),
    )
    plain = built.objective(features).total
    plain.backward()
    assert plain.item() == pytest.approx(loss, rel=1e-5)
    for name, gradient in gradients(built).items():
        torch.testing.assert_close(got[name], gradient, atol=2e-5, rtol=1e-3)


def test_identical_texts_are_encoded_once_and_each_bucket_has_its_own_length(
    built: TrainingParts,
) -> None:
    batch = batch_of(built)
    rows = [tuple(r[r != 0].tolist()) for bucket in batch.parts[0].buckets for r in bucket]
    assert len(rows) == len(set(rows))
    lengths = [bucket.shape[1] for bucket in batch.parts[0].buckets]
    assert len(lengths) > 1
    assert lengths == sorted(set(lengths))
    for bucket in batch.parts[0].buckets:
        assert bucket[:, -1].any()


def test_only_valid_negatives_are_encoded(built: TrainingParts) -> None:
    batch = batch_of(built)
    texts = sum(len(bucket) for bucket in batch.parts[0].buckets)
    valid = int(batch.index.valid.sum())
    assert texts <= 10 + valid < 10 * (1 + len(built.data.kinds))
    assert (batch.index.negative[~batch.index.valid] == -1).all()


def test_a_broken_image_leaves_its_pair_out(built: TrainingParts) -> None:
    draw = draw_of(built, 4)
    loaded = load(built, draw)
    kept = torch.tensor([0, 1, 3])
    broken = Loaded(loaded.pixels[kept], kept, {2: "broken"})
    batch = make_batch(built.data, draw, broken)
    assert len(batch.index.text) == 3
    assert batch.index.image_ids.tolist() == built.data.picture_of[[0, 1, 3]].tolist()


def test_a_broken_picture_of_a_negative_leaves_its_text(painted: TrainingParts) -> None:
    draw = draw_of(painted)
    loaded = load(painted, draw)
    whole = make_batch(painted.data, draw, loaded).index
    (shown,) = (draw.painted[3] >= 0).nonzero()
    number = draw.painted[3, shown[0]]
    place = 10 + int((draw.painted_once == number).argmax())
    rest = torch.tensor([p for p in range(len(draw.pictures)) if p != place])
    broken = make_batch(painted.data, draw, Loaded(loaded.pixels[rest], rest, {place: "x"})).index
    assert torch.equal(broken.valid, whole.valid)
    # Records 3 and 5 share their pictures.
    lost = (whole.painted >= 0) & (broken.painted < 0)
    assert (draw.painted[lost.numpy()] == number).all()
    assert lost.any(1).nonzero().flatten().tolist() == [3, 5]
    scalars, texts = torch.tensor([1.0]), torch.zeros(99, 2)
    values = torch.arange(float(len(rest)))[:, None].expand(-1, 2)
    read = broken.features(values, texts, scalars)
    numbers = torch.from_numpy(draw.pictures)[rest]
    assert numbers[read.image_features[:, 0].long()].tolist() == draw.picture.tolist()
    kept = broken.painted >= 0
    seen = numbers[read.image_negative_features[kept][:, 0].long()]
    assert seen.tolist() == draw.painted[kept.numpy()].tolist()


def test_each_picture_of_a_negative_is_encoded_once(painted: TrainingParts) -> None:
    draw = draw_of(painted)
    slots = int((draw.painted >= 0).sum())
    assert len(draw.painted_once) < slots
    assert len(batch_of(painted).parts[0].images) == 10 + len(draw.painted_once)


def test_dropout_drops_the_same_when_a_part_is_encoded_again(built: TrainingParts) -> None:
    for block in built.backbone.module.transformer.resblocks:
        block.attn.dropout = 0.5
    batch = batch_of(built, parts=2)
    torch.manual_seed(1)
    seen = []

    def remember(module: object, inputs: object, output: tuple[Tensor, ...]) -> None:
        seen.append(output[1].detach().clone())

    built.encoders.register_forward_hook(remember)
    forward_backward(built, batch)
    cached, replayed = seen[:2], seen[2:]
    for one, other in zip(cached, replayed, strict=True):
        torch.testing.assert_close(one, other)
