"""Registry hives: where a hive is mounted, its keys by one normalised path, and the fields of a record about a key or value."""
