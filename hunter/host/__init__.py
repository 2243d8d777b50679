"""The examined host: a mounted root, the live system or an archive, and what it is."""
