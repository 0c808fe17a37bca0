"""Text hard negatives (AHNPL 3.1)."""
