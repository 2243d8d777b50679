"""Readers of the formats that the agent itself must understand: hives with replay, task XML."""
