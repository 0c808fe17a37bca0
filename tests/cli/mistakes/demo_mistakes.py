"""Wrong invocations of `ahnpl demo`, each answered in one line: what, where, what to do."""

MISTAKES = [
    ("demo --out file", 3, "file: file exists. Choose another place with --output."),
]
