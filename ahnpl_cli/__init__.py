"""Hard negatives, fine-tuning and benchmarks for compositional CLIP models."""

__version__ = "0.1.0"
