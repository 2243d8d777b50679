"""Decoders that find encoded values in a text. Each module has `extract(text) -> Iterator[Decoded]`, in the order of the text."""
