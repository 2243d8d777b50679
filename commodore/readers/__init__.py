"""Readers of formats, shared by artefacts: hives, text lines, times, event logs, command lines."""
