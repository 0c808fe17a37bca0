"""Checkpoints as other programs read them, each checked against the model it was made from."""
