"""The kinds of hard negatives, one file or a few kinds that belong together in one.

Which kinds there are, in which order, and where each is made stands in `records/captions.py`.
"""
