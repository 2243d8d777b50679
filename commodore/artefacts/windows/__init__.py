"""Artefacts of Windows hosts."""
