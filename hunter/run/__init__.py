"""Check, apply, verify and undo of a plan."""
