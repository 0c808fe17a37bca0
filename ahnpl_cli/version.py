"""The version of the package, in a leaf: nearly everything that is written names it."""

__version__ = "0.1.0"
