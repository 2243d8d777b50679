"""The index of a case: built from its records, searched by the query room."""
