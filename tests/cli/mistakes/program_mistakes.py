"""Wrong invocations of the program itself, each answered in one line: what, where, what to do."""

USAGE = [
    ("negatvies", 2, "No such command 'negatvies'. Did you mean 'negatives'?"),
    ("--verison", 2, "No such option: --verison (Possible options: --version)"),
]
