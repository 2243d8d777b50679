"""Verifying and listing an archive."""
