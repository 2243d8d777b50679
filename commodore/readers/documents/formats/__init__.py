"""Formats of documents. Each module has `NAME`, `MAGIC`, `ENDINGS` and `read(data, document)`.

`read` leaves `document.format` empty for other files.
"""
