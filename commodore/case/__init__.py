"""The case directory: partitions by collection, written by one run each, read as a whole through `reader`."""
