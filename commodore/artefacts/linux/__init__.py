"""Artefacts of Linux hosts."""
