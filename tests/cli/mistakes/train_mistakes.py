"""Wrong invocations of `ahnpl train`, each answered in one line: what, where, what to do."""

USAGE = [
    ("train --lrr 1", 2, "No such option: --lrr (Possible options: --lora, --lr)"),
    ("train --lr fast", 2, "Invalid value for '--lr': Input should be a valid number..."),
    ("train --lr -1", 2, "Invalid value for '--lr': Input should be greater than or equal..."),
]
MISTAKES = [
    (
        "train --config missing.toml",
        2,
        "missing.toml: no such file. Check the path.",
    ),
    (
        "train --config broken.toml",
        2,
        "broken.toml: not TOML: Invalid value (at line 1, column 6). Write one option a line, such "
        "as lr = 1e-5.",
    ),
    (
        "train --config unknown.toml",
        2,
        "unknown option in unknown.toml 'lrr'. Did you mean 'lr'? Known: lr...",
    ),
    (
        "train --config type.toml",
        2,
        "type.toml: option lr cannot be 'fast'. See --help for allowed values.",
    ),
    (
        "train --objective anhpl",
        2,
        "unknown objective 'anhpl'. Did you mean 'ahnpl'? Known: clip, negclip, ...",
    ),
    ("train --eval-every 5", 2, "--eval-every needs suites. Add --eval-suites sugarcrepe."),
    (
        "train --data full.jsonl MODEL --accumulate 500",
        2,
        "--accumulate 500 is more than --batch-size 128. Each part needs at least one pair.",
    ),
    (
        "train --data ok.jsonl MODEL",
        3,
        "ok.jsonl: --objective ahnpl needs negatives, and there are none. Make them with: ahnpl "
        "negatives ok.jsonl.",
    ),
    (
        "train --data others.csv MODEL",
        3,
        "others.csv: captions, of which negatives have to be made first. Run: ahnpl negatives "
        "others.csv; then train on negatives.jsonl.",
    ),
    (
        "train --data photos MODEL",
        3,
        "photos: captions, of which negatives have to be made first. Run: ahnpl negatives photos; "
        "then train on negatives.jsonl.",
    ),
    ("train --data folder MODEL", 3, "folder: is a folder, not a file. Check --data."),
    ("train --data list.json MODEL", 3, "list.json:1: ..."),
    (
        "train --data full.jsonl --model ViT-B-23",
        2,
        "unknown model 'ViT-B-23'. Did you mean 'ViT-B-32'? Known: ViT-B-32, ... more.",
    ),
    (
        "train --data full.jsonl --model ViT-B-32",
        2,
        "--model ViT-B-32 needs --pretrained. Its tags: openai, laion400m_e31, ...",
    ),
    (
        "train --data full.jsonl --model RN50 --pretrained laion9b",
        4,
        "--pretrained laion9b is neither a file, a folder nor a tag of RN50. Tags: openai, ...",
    ),
    (
        "train --data full.jsonl --image-root nowhere MODEL",
        3,
        "nowhere/a.png (record 'a'): no such image. It is in another folder: pass --image-root .",
    ),
    (
        "train --data full.jsonl -o file MODEL",
        3,
        "file: a file stands where the run should go. Choose another folder with --output.",
    ),
]
