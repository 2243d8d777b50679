"""Windows logs."""
