"""The case directory: what it holds and how it is read. The engine fills it."""
