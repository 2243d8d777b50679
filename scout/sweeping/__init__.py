"""Sweep a host for what is known: YARA rules and indicators in files, memory, connections. Only what matches is reported."""
