"""Artefacts of the Windows registry."""
