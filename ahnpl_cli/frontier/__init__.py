"""Weights between a start and a run: what of the gain can be had for what is kept."""
