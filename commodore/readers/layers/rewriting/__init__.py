"""Decoders that change a text in place. Each module has `LANGUAGES` and `rewrite(text) -> (text, number of changes)`."""
