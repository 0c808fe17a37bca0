"""Wrong invocations of `ahnpl embed`, each answered in one line: what, where, what to do."""

WAYS_ON = (
    "Connect once and run this again, name a file or folder with --pretrained PATH, or use the "
    "bundled model with --model scenes-tiny."
)
MISTAKES = [
    ("embed gone.jsonl MODEL", 3, "gone.jsonl: no such file. Check the path."),
    (
        "embed no-image.jsonl MODEL",
        3,
        "gone.png (record 'a'): no such image. Check --image-root, or leave them out with "
        "--on-error skip.",
    ),
    (
        "embed broken.jsonl MODEL",
        3,
        "broken.png: cannot be decoded (not an image). Replace the file, or pass --on-error skip.",
    ),
    (
        "embed empty.txt MODEL",
        3,
        "empty.txt: holds nothing to embed. Give captions, a folder of images, or a .txt "
        "file with a text a line.",
    ),
    (
        "embed ok.jsonl --perturb MODEL",
        2,
        "--perturb needs images, captions and negatives. Make negatives first: ahnpl negatives "
        "captions.jsonl.",
    ),
    (
        "embed ok.jsonl -o file MODEL",
        3,
        "file: file exists. Choose another place with --output.",
    ),
    (
        "embed ok.jsonl --checkpoint nope",
        4,
        "nope: no such folder. Name a folder such as runs/ahnpl/last.",
    ),
    (
        "embed ok.jsonl --model ViT-B-23",
        2,
        "unknown model 'ViT-B-23'. Did you mean 'ViT-B-32'? Known: ViT-B-32, ... more.",
    ),
    (
        "embed ok.jsonl --model ViT-B-32-quickgelu",
        4,
        "weights 'openai' of ViT-B-32-quickgelu: not on this machine, and HF_HUB_OFFLINE forbids "
        f"the network. {WAYS_ON}",
    ),
    (
        "embed ok.jsonl --model ViT-B-32 --pretrained plain.pt",
        4,
        "plain.pt: the file does not say whether ViT-B-32 has quick_gelu or gelu. Name --model "
        "ViT-B-32-quickgelu if it was trained from OpenAI's weights; else ...",
    ),
]
