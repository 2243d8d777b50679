"""Suspicious files: what is known of a file from all datasets, and the reasons for and against it, with their weights."""
