"""Wrong invocations of `ahnpl scenes`, each answered in one line: what, where, what to do."""

USAGE = [
    ("scenes out --train -1", 2, "Invalid value for '--train': Input should be greater..."),
    ("scenes out --test many", 2, "Invalid value for '--test': Input should be a valid..."),
]
MISTAKES = [
    ("scenes file", 3, "file: file exists. Choose another place with --output."),
]
