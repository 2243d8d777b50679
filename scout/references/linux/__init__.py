"""Readers of files that start programs on Linux."""
