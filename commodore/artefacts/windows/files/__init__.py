"""Windows files outside the registry and the event logs."""
