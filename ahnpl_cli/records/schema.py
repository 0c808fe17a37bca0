"""The version of our formats, written into every JSON report."""

SCHEMA = 1
