"""Models: the protocol, the open_clip adapter, checkpoints, and encoding at speed."""
