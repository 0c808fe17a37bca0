"""Look at examples under models, and at any file we write: what it is and whether it is valid."""
