"""Real classes of diffusers and transformers with small random weights, saved as published ones."""

from pathlib import Path
from typing import Any

import torch
import transformers

LETTERS = [chr(code) for code in range(33, 127)]
TOWER = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4}


def clip_tokenizer() -> Any:
    """CLIP's tokenizer with one token a letter."""
    pieces = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    vocab = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def _text_model(size: int) -> Any:
    config = transformers.CLIPTextConfig(
        **TOWER,
        num_hidden_layers=2,
        vocab_size=size,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
        projection_dim=32,
    )
    return transformers.CLIPTextModel(config)


def _safety_checker() -> Any:
    """Finds fault with every picture."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    config = transformers.CLIPConfig(
        vision_config={**TOWER, "num_hidden_layers": 1, "image_size": 32, "patch_size": 8},
        text_config={**TOWER, "num_hidden_layers": 1},
        projection_dim=32,
    )
    checker = StableDiffusionSafetyChecker(config)
    # A similarity to any unwanted concept of more than -1 counts: all of them.
    torch.nn.init.constant_(checker.concept_embeds_weights, -1.0)
    torch.nn.init.constant_(checker.special_care_embeds_weights, -1.0)
    return checker


def save_pipeline(folder: Path, kind: str, *, checked: bool = False) -> Path:
    """Save a Stable Diffusion of `text`, `inpaint` or `instruct`; `checked` blacks all out."""
    import diffusers

    channels = {"text": 4, "inpaint": 9, "instruct": 8}[kind]
    classes = {
        "text": diffusers.StableDiffusionPipeline,
        "inpaint": diffusers.StableDiffusionInpaintPipeline,
        "instruct": diffusers.StableDiffusionInstructPix2PixPipeline,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = clip_tokenizer()
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=(16, 32),
            layers_per_block=1,
            sample_size=16,
            in_channels=channels,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            norm_num_groups=4,
        )
        vae = diffusers.AutoencoderKL(
            block_out_channels=(8, 16, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=4,
        )
        checker = _safety_checker() if checked else None
        extractor = transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        )
        pipeline = classes[kind](
            vae=vae,
            text_encoder=_text_model(len(tokenizer)),
            tokenizer=tokenizer,
            unet=unet,
            scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
            safety_checker=checker,
            feature_extractor=extractor if checked else None,
            requires_safety_checker=checked,
        )
    pipeline.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\nA test.\n")
    return folder


def save_clipseg(folder: Path) -> Path:
    """Save a CLIPSeg."""
    tokenizer = clip_tokenizer()
    size = len(tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.CLIPSegConfig(
            text_config={
                **TOWER,
                "num_hidden_layers": 2,
                "vocab_size": size,
                "bos_token_id": size - 2,
                "eos_token_id": size - 1,
            },
            vision_config={**TOWER, "num_hidden_layers": 3, "image_size": 32, "patch_size": 8},
            projection_dim=32,
            extract_layers=[0, 1],
            reduce_dim=16,
            decoder_num_attention_heads=4,
            decoder_intermediate_size=32,
        )
        model = transformers.CLIPSegForImageSegmentation(config)
    image = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    model.save_pretrained(folder)
    transformers.CLIPSegProcessor(image, tokenizer).save_pretrained(folder)
    return folder


def save_owlv2(folder: Path) -> Path:
    """Save an OWLv2, a zero-shot detector."""
    tokenizer = clip_tokenizer()
    size = len(tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.Owlv2Config(
            text_config={
                **TOWER,
                "num_hidden_layers": 2,
                "vocab_size": size,
                "max_position_embeddings": 32,
                "bos_token_id": size - 2,
                "eos_token_id": size - 1,
            },
            vision_config={**TOWER, "num_hidden_layers": 2, "image_size": 32, "patch_size": 8},
            projection_dim=32,
        )
        model = transformers.Owlv2ForObjectDetection(config)
    image = transformers.Owlv2ImageProcessor(size={"height": 32, "width": 32})
    model.save_pretrained(folder)
    tokenizer.model_max_length = 32
    transformers.Owlv2Processor(image, tokenizer).save_pretrained(folder)
    return folder


def save_grounding_dino(folder: Path) -> Path:
    """Save a Grounding DINO, a zero-shot detector."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    vocab = [*pieces, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = transformers.BertTokenizer(
        vocab={piece: i for i, piece in enumerate(vocab)}, model_max_length=64
    )
    layers = {
        f"{part}_{name}": number
        for part in ("encoder", "decoder")
        for name, number in (("layers", 2), ("ffn_dim", 32), ("attention_heads", 2))
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.GroundingDinoConfig(
            backbone_config=transformers.SwinConfig(
                image_size=64,
                embed_dim=8,
                depths=[1, 1, 1, 1],
                num_heads=[1, 1, 1, 1],
                out_features=["stage2", "stage3", "stage4"],
            ),
            text_config={
                "model_type": "bert",
                "hidden_size": 16,
                "num_attention_heads": 2,
                "num_hidden_layers": 1,
                "intermediate_size": 16,
                "vocab_size": len(vocab),
                "max_position_embeddings": 64,
            },
            d_model=32,
            num_queries=5,
            max_text_len=64,
            **layers,
        )
        model = transformers.GroundingDinoForObjectDetection(config)
    model.save_pretrained(folder)
    image = transformers.GroundingDinoImageProcessor(size={"height": 128, "width": 128})
    transformers.GroundingDinoProcessor(image, tokenizer).save_pretrained(folder)
    return folder


def save_sam2(folder: Path) -> Path:
    """Save a SAM 2, which turns boxes into masks."""
    widths = [16, 32, 64, 128]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "num_attention_heads": 1,
        "image_size": [128, 128],
        "blocks_per_stage": [1, 1, 1, 1],
        "embed_dim_per_stage": widths,
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [4, 4, 4, 4],
        "window_positional_embedding_background_size": [4, 4],
        "global_attention_blocks": [],
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.Sam2Config(
            vision_config={
                "backbone_config": backbone,
                "backbone_channel_list": widths[::-1],
                "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
                "fpn_hidden_size": 32,
            },
            prompt_encoder_config={"hidden_size": 32, "image_size": 128, "mask_input_channels": 4},
            mask_decoder_config={
                "hidden_size": 32,
                "mlp_dim": 64,
                "num_attention_heads": 4,
                "iou_head_hidden_dim": 32,
            },
        )
        model = transformers.Sam2Model(config)
    model.save_pretrained(folder)
    image = transformers.Sam2ImageProcessor(
        size={"height": 128, "width": 128}, mask_size={"height": 32, "width": 32}
    )
    transformers.Sam2Processor(image, target_size=128).save_pretrained(folder)
    return folder


def save_sam3(folder: Path) -> Path:
    """Save a SAM 3, which finds phrases and gives masks."""
    tokenizer = clip_tokenizer()
    size = len(tokenizer)
    tokenizer.model_max_length = 32
    layers = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.Sam3Config(
            vision_config={
                "backbone_config": {
                    "model_type": "sam3_vit_model",
                    **layers,
                    "num_hidden_layers": 2,
                    "image_size": 112,
                    "pretrain_image_size": 112,
                    "window_size": 4,
                    "global_attn_indexes": [1],
                },
                "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
                "fpn_hidden_size": 32,
            },
            text_config={
                **layers,
                "num_hidden_layers": 1,
                "projection_dim": 32,
                "vocab_size": size,
                "max_position_embeddings": 32,
                "bos_token_id": size - 2,
                "eos_token_id": size - 1,
            },
            geometry_encoder_config={**layers, "num_layers": 1},
            detr_encoder_config={**layers, "num_layers": 1},
            detr_decoder_config={**layers, "num_layers": 1, "num_queries": 4},
            mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
        )
        model = transformers.Sam3Model(config)
    model.save_pretrained(folder)
    image = transformers.Sam3ImageProcessor(size={"height": 112, "width": 112})
    transformers.Sam3Processor(image, tokenizer).save_pretrained(folder)
    return folder
