"""Who runs the work that can be cut into pieces: processes of this machine, or another engine."""
