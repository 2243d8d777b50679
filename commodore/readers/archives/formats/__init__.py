"""Formats of archives. Each module has `NAME`, `MAGIC` and `read(stream, budget, name) -> Iterator[Entry]`."""
