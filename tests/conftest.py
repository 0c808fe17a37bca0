"""Fixtures that every part may use: a real open_clip model, small enough to make in a moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone

TINY_MODEL = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TINY_PREPROCESS = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


def _make_tiny(seed: int = 0) -> OpenClipBackbone:
    """An open_clip model with random weights, the same ones for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = open_clip.CLIP(**TINY_MODEL).eval()
    return OpenClipBackbone(
        module,
        config={"model_cfg": TINY_MODEL, "preprocess_cfg": TINY_PREPROCESS},
        tokenizer=open_clip.SimpleTokenizer(context_length=77),
        name="tiny",
        architecture="custom",
        source="random",
    )


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., OpenClipBackbone]:
    """Gives a tiny model with random weights for a seed."""
    return _make_tiny


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip folder with a tiny model; do not write into it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, _make_tiny(), extra={})
    return folder


@pytest.fixture(scope="session")
def sigmoid_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip folder with a tiny SigLIP: sigmoid loss, text tower without a causal mask."""
    text = {**TINY_MODEL["text_cfg"], "no_causal_mask": True, "pool_type": "last"}
    sizes = {"context_length": 32, "proj_bias": True}
    config = {
        **TINY_MODEL,
        "custom_text": True,
        "quick_gelu": False,
        "init_logit_bias": -10.0,
        "text_cfg": {**text, **sizes},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        arguments = {name: value for name, value in config.items() if name != "custom_text"}
        module = open_clip.CustomTextCLIP(**arguments).eval()
    backbone = OpenClipBackbone(
        module,
        config={"model_cfg": config, "preprocess_cfg": TINY_PREPROCESS},
        tokenizer=open_clip.SimpleTokenizer(context_length=32),
        name="tiny-sigmoid",
        architecture="custom",
        source="random",
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-sigmoid"
    save_checkpoint(folder, backbone, extra={})
    return folder


@pytest.fixture
def tiny_backbone(tiny_model_folder: Path) -> OpenClipBackbone:
    """The tiny model, loaded afresh: a test may train it."""
    backbone = load_backbone(checkpoint=tiny_model_folder, device="cpu")
    assert isinstance(backbone, OpenClipBackbone)
    return backbone


def _clip_tokenizer() -> transformers.CLIPTokenizer:
    """CLIP's own vocabulary, which open_clip brings; padded as OpenAI's folders say, by the end."""
    simple = open_clip.SimpleTokenizer()
    return transformers.CLIPTokenizer(
        vocab=simple.encoder,
        merges=list(simple.bpe_ranks),
        bos_token="<start_of_text>",
        eos_token="<end_of_text>",
        unk_token="<end_of_text>",
        pad_token="<end_of_text>",
        model_max_length=77,
    )


def _letter_tokenizer(*, pad: str, length: int) -> transformers.PreTrainedTokenizerFast:
    """One token a letter, and an end; SigLIP pads with it, SigLIP 2 with a token of its own."""
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = {token: i for i, token in enumerate(["<pad>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="right",
        model_max_length=length,
    )


_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
_SIZE = {"height": 32, "width": 32}
_LETTERS = {"vocab_size": 97, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1}


def _transformers_parts(kind: str) -> tuple[Any, Any, Any]:
    """A model with random weights, its tokenizer and its image processor."""
    layers = {**_TOWER, "num_hidden_layers": 2}
    vision = {**layers, "image_size": 32, "patch_size": 8}
    if kind == "clip":
        text = {**layers, "vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407}
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
        image = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_SIZE)
        return transformers.CLIPModel(config), _clip_tokenizer(), image
    text = {**layers, **_LETTERS, "max_position_embeddings": 48, "projection_size": 32}
    if kind == "siglip":
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        image = transformers.SiglipImageProcessor(size=_SIZE)
        return transformers.SiglipModel(config), _letter_tokenizer(pad="</s>", length=48), image
    patches = {**layers, "patch_size": 8, "num_patches": 16}
    config = transformers.Siglip2Config(text_config=text, vision_config=patches)
    image = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    return transformers.Siglip2Model(config), _letter_tokenizer(pad="<pad>", length=48), image


def _word_tokenizer() -> transformers.BertTokenizer:
    """BERT's tokenizer with one token a letter, as BLIP has it with 30,524 pieces."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *letters]
    vocabulary = [*pieces, *(f"##{letter}" for letter in letters)]
    return transformers.BertTokenizer(
        vocab={piece: i for i, piece in enumerate(vocabulary)}, model_max_length=64
    )


def _matching_parts(kind: str) -> tuple[Any, ...]:
    """A tiny BLIP or BLIP-2 that matches, or a BLIP that writes captions, with its parts."""
    layers = {**_TOWER, "num_hidden_layers": 2}
    vision = {**layers, "image_size": 32, "patch_size": 8}
    tokenizer, image = _word_tokenizer(), transformers.BlipImageProcessor(size=_SIZE)
    sizes = {**layers, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    if kind == "blip2":
        queries = {**sizes, "encoder_hidden_size": 32}
        config = transformers.Blip2Config(
            vision_config=vision,
            qformer_config={**queries, "use_qformer_text_input": True},
            num_query_tokens=4,
            image_text_hidden_size=16,
        )
        return transformers.Blip2ForImageTextRetrieval(config), tokenizer, image
    ends = {"bos_token_id": 5, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3}
    text = {**sizes, **ends, "encoder_hidden_size": 32, "projection_dim": 16}
    config = transformers.BlipConfig(
        text_config=text, vision_config=vision, image_text_hidden_size=16
    )
    if kind == "blip":
        return transformers.BlipForImageTextRetrieval(config), tokenizer, image
    model = transformers.BlipForConditionalGeneration(config)
    return model, transformers.BlipProcessor(image, tokenizer)


@pytest.fixture(scope="session")
def transformers_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a folder, as transformers writes it, of a tiny model with random weights.

    Dual encoders: clip, siglip, siglip2; matchers: blip, blip2, blip-captions.
    """
    written: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in written:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                make = _matching_parts if kind.startswith("blip") else _transformers_parts
                parts = make(kind)
            written[kind] = tmp_path_factory.mktemp("models") / f"tiny-{kind}"
            for part in parts:
                part.save_pretrained(written[kind])
        return written[kind]

    return folder_of
