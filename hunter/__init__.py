"""HUNTER removes malware and its persistence: plan, check, apply, verify, undo."""
