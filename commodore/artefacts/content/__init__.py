"""Artefacts of files that may be anywhere on a host: scripts, documents, archives."""
