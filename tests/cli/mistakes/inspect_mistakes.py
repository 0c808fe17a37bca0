"""Wrong invocations of `ahnpl inspect`, each answered in one line: what, where, what to do."""

INSPECTABLE = (
    "Name an image with captions, a negatives.jsonl, a folder of embeddings, a checkpoint or run "
    "folder, or a results.json."
)
USAGE = [
    ("inspect --examples 0", 2, "Invalid value for '--examples': Input should be greater..."),
]
MISTAKES = [
    (
        "inspect --html-path full.jsonl",
        2,
        "--html-path full.jsonl is not the name of a page. Write a name that ends in .html.",
    ),
    (
        "inspect --neighbors x full.jsonl",
        2,
        "full.jsonl: --neighbors goes with embeddings. Name a folder that `ahnpl embed` wrote.",
    ),
    (
        "inspect --checkpoint nope",
        4,
        "nope: no such folder. Name a folder such as runs/ahnpl/last.",
    ),
    ("inspect gone.jsonl", 3, "gone.jsonl: no such file or folder. Check the path."),
    ("inspect empty.jsonl", 3, "empty.jsonl: an empty file. Make it again, or name another."),
    ("inspect x.txt", 3, f"x.txt: not a file that we know. {INSPECTABLE}"),
    ("inspect list.json", 3, f"list.json: not a file that we know. {INSPECTABLE}"),
    ("inspect folder", 3, f"folder: not an ahnpl output folder. {INSPECTABLE}"),
    (
        "inspect a.png one-caption",
        2,
        'a.png: an image takes two captions or more. Write ahnpl inspect IMAGE "its caption" '
        '"another caption".',
    ),
    (
        "inspect broken.png one two MODEL",
        3,
        "broken.png: cannot be decoded (not an image). Name another image.",
    ),
    (
        "inspect full.jsonl caption",
        2,
        "full.jsonl: negatives take no captions. Captions go with an image: ahnpl inspect IMAGE "
        "CAPTION CAPTION.",
    ),
]
