"""The query language: Lucene syntax, its meaning per field type, and its translation for the index."""
