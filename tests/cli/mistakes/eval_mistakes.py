"""Wrong invocations of `ahnpl eval`, each answered in one line: what, where, what to do."""

NO_MODEL = (
    "no model named, and no run under runs/. Give --checkpoint FOLDER or --model NAME, or train "
    "one: ahnpl train."
)
MISTAKES = [
    ("eval", 2, "no suite named. See them with: ahnpl eval --list."),
    (
        "eval sugarcrape",
        2,
        "unknown benchmark 'sugarcrape'. Did you mean 'sugarcrepe'? Known: sugarcrepe, ...",
    ),
    ("eval sugarcrepe", 2, NO_MODEL),
    ("eval sugarcrepe --data sc", 2, NO_MODEL),
    (
        "compare a.json",
        2,
        "one report has nothing to be compared with. Name two or more.",
    ),
    (
        "eval sugarcrepe --data folder MODEL",
        5,
        "folder: sugarcrepe not found: looked for add_obj.json swap_att.json ... + val2017/. Get "
        "it from ..., or point --data elsewhere. In one line: ahnpl eval --list sugarcrepe",
    ),
    (
        "eval sugarcrepe --data sc MODEL",
        5,
        "sugarcrepe: 1 image missing: x.jpg (all in results/tiny-sugarcrepe.missing.txt). Put them "
        "where the benchmark's authors say, or score the rest: --allow-missing.",
    ),
    (
        "eval sugarcrepe --data sc --allow-missing MODEL",
        5,
        "sugarcrepe: every image is missing. Check --data.",
    ),
    (
        "eval sugarcrepe --data damaged MODEL",
        5,
        "damaged/sugarcrepe/add_obj.json: not JSON, .... Fetch the file again from its authors.",
    ),
    (
        "compare list.json list.json",
        3,
        "list.json: not a JSON object. Name a results.json that `ahnpl eval` wrote.",
    ),
    (
        "compare gone.json gone.json",
        3,
        "gone.json: no such file. Name a results.json that `ahnpl eval` wrote.",
    ),
]
