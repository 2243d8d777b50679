"""Artefacts of the registry."""
