"""One pure function per equation; `objective.py` alone holds state.

Every loss returns one value per image-caption pair, (N,), and the objective takes their mean. The
papers print sums over the batch; the mean (ours) keeps weights and learning rate independent of
the batch size. A pair without a valid negative gives 0.
"""
